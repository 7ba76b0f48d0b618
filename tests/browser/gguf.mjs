// A small writer of GGUF v3. The tests need valid files, and files with one fault.

const VERSION = 3;
const ALIGNMENT = 32;
export const F32 = 0;
/** A block type that Lunette does not support: it needs a scale outside of its blocks. */
export const NVFP4 = 40;

const [UINT32, INT32, FLOAT32, STRING, ARRAY, UINT64] = [4, 5, 6, 8, 9, 10];

/** A metadata value with its type. */
export const u32 = (value) => ({ type: UINT32, value });
export const i32 = (value) => ({ type: INT32, value });
export const f32 = (value) => ({ type: FLOAT32, value });
export const string = (value) => ({ type: STRING, value });
export const array = (of, values) => ({ type: ARRAY, value: values.map((value) => of(value)), of: of(0).type });

const bytes = {
  [UINT32](value) {
    const out = Buffer.alloc(4);
    out.writeUInt32LE(value);
    return out;
  },
  [INT32](value) {
    const out = Buffer.alloc(4);
    out.writeInt32LE(value);
    return out;
  },
  [UINT64](value) {
    const out = Buffer.alloc(8);
    out.writeBigUInt64LE(BigInt(value));
    return out;
  },
  [FLOAT32](value) {
    const out = Buffer.alloc(4);
    out.writeFloatLE(value);
    return out;
  },
  [STRING](value) {
    const text = Buffer.from(String(value));
    return Buffer.concat([bytes[UINT64](text.length), text]);
  },
};

function valueBytes({ type, value, of }) {
  if (type !== ARRAY) return bytes[type](value);
  return Buffer.concat([bytes[UINT32](of), bytes[UINT64](value.length), ...value.map(valueBytes)]);
}

/**
 * The bytes of a file. `tensors` are `{ name, shape, type?, offset?, around? }` (shape innermost first, as GGUF has it), all
 * of pseudo-random F32 values close to `around`, which is 0; `counts` overrides what the header says of their number.
 */
export function gguf(metadata, tensors, { magic = "GGUF", counts = {} } = {}) {
  const align = (n) => Math.ceil(n / ALIGNMENT) * ALIGNMENT;
  const entries = Object.entries(metadata);
  const parts = [
    Buffer.from(magic, "latin1"),
    bytes[UINT32](VERSION),
    bytes[UINT64](counts.tensors ?? tensors.length),
    bytes[UINT64](counts.metadata ?? entries.length),
  ];
  for (const [key, value] of entries) {
    parts.push(bytes[STRING](key), bytes[UINT32](value.type), valueBytes(value));
  }
  let end = 0;
  for (const { name, shape, type = F32, offset } of tensors) {
    parts.push(bytes[STRING](name), bytes[UINT32](shape.length), ...shape.map(bytes[UINT64]));
    parts.push(bytes[UINT32](type), bytes[UINT64](offset ?? end));
    end = align(end + 4 * elements(shape));
  }
  const head = Buffer.concat(parts);
  const data = Buffer.alloc(end);
  let state = 1;
  let start = 0;
  for (const { shape, around = 0 } of tensors) {
    const size = align(4 * elements(shape));
    for (let i = start; i < start + size; i += 4) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      data.writeFloatLE(around + (state / 2 ** 32 - 0.5) / 8, i);
    }
    start += size;
  }
  return { head: head.length, file: Buffer.concat([head, Buffer.alloc(align(head.length) - head.length), data]) };
}

const elements = (shape) => shape.reduce((a, b) => a * b, 1);

// The smallest Llama that is one: a block (or several, for a larger file), two heads, a vocabulary of single bytes. 256 wide, so
// that a block of any type would fill a row, where nothing else is asked for.
const [WIDTH, HEADS] = [256, 2];
/** Of `tokenizer.ggml.token_type`. */
const [NORMAL, CONTROL] = [1, 3];

/** What a file says of its tokens, of which those from `control` on are no text. */
export const vocabulary = (pre, tokens, control, merges) => ({
  "llama.vocab_size": u32(tokens.length),
  "tokenizer.ggml.model": string("gpt2"),
  "tokenizer.ggml.pre": string(pre),
  "tokenizer.ggml.tokens": array(string, tokens),
  "tokenizer.ggml.token_type": array(
    i32,
    tokens.map((_, id) => (id < control ? NORMAL : CONTROL)),
  ),
  "tokenizer.ggml.merges": array(string, merges),
});

/** Its metadata: the byte-level alphabet of GPT-2, one merge, and a token that ends the turn. */
export function tinyMetadata(blocks = 1, width = WIDTH) {
  const printable = (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let stand_in = 256;
  const alphabet = Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : stand_in++));
  const tokens = [...alphabet, "th", "<|end|>"];
  return {
    "general.architecture": string("llama"),
    "general.name": string("tiny"),
    "llama.context_length": u32(64),
    "llama.embedding_length": u32(width),
    "llama.block_count": u32(blocks),
    "llama.feed_forward_length": u32(width),
    "llama.attention.head_count": u32(HEADS),
    "llama.attention.head_count_kv": u32(HEADS),
    "llama.attention.layer_norm_rms_epsilon": f32(1e-5),
    "llama.rope.dimension_count": u32(width / HEADS),
    "llama.rope.freq_base": f32(10000),
    ...vocabulary("gpt-2", tokens, tokens.length - 1, ["t h"]),
    "tokenizer.ggml.bos_token_id": u32(tokens.length - 1),
    "tokenizer.ggml.eos_token_id": u32(tokens.length - 1),
  };
}

/** Its tensors; the embedding serves as the output matrix too. */
export function tinyTensors(blocks = 1, width = WIDTH, tokens = tinyMetadata()["tokenizer.ggml.tokens"].value.length) {
  const square = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
  const block = (i) => [
    { name: `blk.${i}.attn_norm.weight`, shape: [width] },
    { name: `blk.${i}.ffn_norm.weight`, shape: [width] },
    ...square.map((name) => ({ name: `blk.${i}.${name}.weight`, shape: [width, width] })),
  ];
  return [
    { name: "token_embd.weight", shape: [width, tokens] },
    ...Array.from({ length: blocks }, (_, i) => block(i)).flat(),
    { name: "output_norm.weight", shape: [width] },
  ];
}

/** A model that can judge: with room for a prompt, and norms that let signals through. `chatTemplate`: `null` for none. */
export function tinyJudge({ chatTemplate = CHAT_TEMPLATE, blocks = 1 } = {}) {
  const metadata = { ...tinyMetadata(blocks), "llama.context_length": u32(4096) };
  if (chatTemplate !== null) metadata["tokenizer.chat_template"] = string(chatTemplate);
  const tensors = tinyTensors(blocks).map((tensor) =>
    tensor.name.includes("norm") ? { ...tensor, around: 1 } : tensor,
  );
  return gguf(metadata, tensors).file;
}

export const CHAT_TEMPLATE =
  "{% for m in messages %}{{ m.role }}: {{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
