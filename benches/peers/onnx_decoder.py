"""python onnx_decoder.py MODEL.gguf OUT.onnx 4|8

Makes an ONNX decoder of a Llama GGUF file, in the operators that exports for transformers.js have. With 4 bits every
product is a MatMulNBits in blocks of 32, requantized from the dequantized weights, and activations are int8; with 8 it is
onnxruntime's dynamic int8 quantization, the default of transformers.js on wasm. For speed alone: the quality is lower.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from gguf import GGUFReader
from gguf.quants import dequantize
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
BLOCK = 32
CONTEXT = 2048


class Graph:
    """Nodes and constants, as they are added."""

    def __init__(self, bits: int):
        self.bits = bits
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], outputs: list[str] | str, domain: str = "", **attributes) -> str:
        outputs = [outputs] if isinstance(outputs, str) else outputs
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, domain=domain, **attributes))
        return outputs[0]

    def linear(self, x: str, name: str, w: np.ndarray) -> str:
        """x Wᵀ, with w `[out, in]`."""
        if self.bits == 8:
            return self.node("MatMul", [x, self.constant(name, w.T)], f"{name}.y")
        out, inner = w.shape
        blocks = w.reshape(out, inner // BLOCK, BLOCK)
        # Symmetric around 8: the element of the greatest magnitude becomes 0.
        extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(2, keepdims=True), 2)[..., 0]
        scale = np.where(extreme == 0, 1, extreme / -8)
        quants = np.clip(np.round(blocks / scale[..., None]) + 8, 0, 15).astype(np.uint8)
        packed = self.constant(f"{name}.q", quants[..., 0::2] | quants[..., 1::2] << 4)
        scales = self.constant(f"{name}.s", scale.astype(np.float32).reshape(-1))
        shape = {"N": out, "K": inner, "bits": 4, "block_size": BLOCK, "accuracy_level": 4}
        return self.node("MatMulNBits", [x, packed, scales], f"{name}.y", MICROSOFT, **shape)


def halves(w: np.ndarray, heads: int) -> np.ndarray:
    """GGUF pairs neighbours for the rotation of Q and K; the attention operator pairs the halves of a head."""
    return w.reshape(heads, -1, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def build(model: Path, bits: int) -> onnx.ModelProto:
    reader = GGUFReader(model)
    value = lambda key: reader.fields[f"llama.{key}"].contents()
    layers, width = value("block_count"), value("embedding_length")
    heads, kv_heads = value("attention.head_count"), value("attention.head_count_kv")
    head = width // heads
    norm = {"epsilon": float(value("attention.layer_norm_rms_epsilon"))}
    weights = {t.name: dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors}
    g = Graph(bits)

    # Embeddings in int8 with a scale a row, by plain operators, which every backend has.
    embedding = weights["token_embd.weight"]
    scale = np.abs(embedding).max(1, keepdims=True) / 127
    rows = g.node("Gather", [g.constant("embedding", np.round(embedding / scale).astype(np.int8)), "input_ids"], "row8")
    rows = g.node("Cast", [rows], "row", to=TensorProto.FLOAT)
    scales = g.node("Gather", [g.constant("embedding.scale", scale.astype(np.float32)), "input_ids"], "row.scale")
    x = g.node("Mul", [rows, scales], "x")

    angles = np.arange(CONTEXT)[:, None] * float(value("rope.freq_base")) ** (-np.arange(0, head, 2) / head)[None]
    cosines, sines = g.constant("cos", np.cos(angles).astype(np.float32)), g.constant("sin", np.sin(angles).astype(np.float32))
    one, last = g.constant("one", np.array([1])), g.constant("last", np.array([-1]))
    lengths = g.node("Sub", [g.node("ReduceSum", ["attention_mask", one], "held", keepdims=0), one], "before")
    lengths = g.node("Cast", [lengths], "lengths", to=TensorProto.INT32)
    total = g.node("Gather", [g.node("Shape", ["attention_mask"], "shape"), g.constant("axis", np.array(1))], "total64")
    total = g.node("Cast", [total], "total", to=TensorProto.INT32)

    tensor = helper.make_tensor_value_info
    g.inputs += [tensor("input_ids", TensorProto.INT64, ["b", "s"]), tensor("attention_mask", TensorProto.INT64, ["b", "t"])]
    g.outputs += [tensor("logits", TensorProto.FLOAT, ["b", 1, embedding.shape[0]])]

    residual = None
    for i in range(layers):
        w = lambda part: weights[f"blk.{i}.{part}.weight"]
        normed = lambda part, x, at: add_norm(g, residual, x, g.constant(f"{at}.w", w(part)), at, norm)
        h, residual = normed("attn_norm", x, f"{i}.attention")
        q = g.linear(h, f"{i}.q", halves(w("attn_q"), heads))
        k = g.linear(h, f"{i}.k", halves(w("attn_k"), kv_heads))
        v = g.linear(h, f"{i}.v", w("attn_v"))
        past = [f"past_key_values.{i}.{part}" for part in ("key", "value")]
        present = [f"present.{i}.{part}" for part in ("key", "value")]
        g.inputs += [tensor(name, TensorProto.FLOAT, ["b", kv_heads, "past", head]) for name in past]
        g.outputs += [tensor(name, TensorProto.FLOAT, ["b", kv_heads, "t", head]) for name in present]
        a = g.node(
            "GroupQueryAttention", [q, k, v, *past, lengths, total, cosines, sines], [f"{i}.a", *present], MICROSOFT,
            num_heads=heads, kv_num_heads=kv_heads, do_rotary=1, rotary_interleaved=0, scale=head**-0.5,
        )  # fmt: skip
        o = g.linear(a, f"{i}.o", w("attn_output"))
        h, residual = normed("ffn_norm", o, f"{i}.mlp")
        gate, up = g.linear(h, f"{i}.gate", w("ffn_gate")), g.linear(h, f"{i}.up", w("ffn_up"))
        silu = g.node("Mul", [gate, g.node("Sigmoid", [gate], f"{i}.sigmoid")], f"{i}.silu")
        x = g.linear(g.node("Mul", [silu, up], f"{i}.m"), f"{i}.down", w("ffn_down"))

    h, _ = add_norm(g, residual, x, g.constant("norm.w", weights["output_norm.weight"]), "final", norm)
    # Of the last position alone.
    h = g.node("Gather", [h, last], "h", axis=1)
    logits = g.linear(h, "output", weights.get("output.weight", embedding))
    g.node("Identity", [logits], "logits")
    graph = helper.make_graph(g.nodes, "decoder", g.inputs, g.outputs, g.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)], ir_version=9)


def add_norm(g: Graph, residual: str | None, x: str, w: str, at: str, norm: dict) -> tuple[str, str]:
    """norm(residual + x), and the sum."""
    if residual is None:
        return g.node("SimplifiedLayerNormalization", [x, w], at, axis=-1, stash_type=1, **norm), x
    g.node("SkipSimplifiedLayerNormalization", [residual, x, w], [at, "", "", f"{at}.sum"], MICROSOFT, **norm)
    return at, f"{at}.sum"


def main() -> None:
    model, out, bits = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    decoder = build(model, bits)
    if bits == 4:
        onnx.save(decoder, out)
        return
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        floats = Path(folder) / "float.onnx"
        onnx.save(decoder, floats)
        options = {"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT}
        quantize_dynamic(floats, out, weight_type=QuantType.QUInt8, op_types_to_quantize=["MatMul"], extra_options=options)


main()
