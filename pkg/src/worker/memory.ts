/** The end of the module's import of its memory: a name with its length, and the kind of a memory. */
const IMPORT = [6, ...new TextEncoder().encode("memory"), 2];
/** The flags that follow: a maximum is given, and the memory is shared. */
const OWN = 1;
const SHARED = 3;

/**
 * The module as threads need it: with shared memory. As it is published it takes a memory of its own, so that it runs, and is
 * compiled while it arrives, on pages without cross-origin isolation.
 *
 * @throws {Error} when the bytes are no such module.
 */
export function shareable(bytes: Uint8Array<ArrayBuffer>): {
  bytes: Uint8Array<ArrayBuffer>;
  memory: WebAssembly.Memory;
} {
  const pattern = [...IMPORT, OWN];
  let at = bytes.indexOf(IMPORT[0] ?? 0);
  while (at >= 0 && !pattern.every((byte, i) => bytes[at + i] === byte)) at = bytes.indexOf(IMPORT[0] ?? 0, at + 1);
  if (at < 0) throw new Error("the module does not import a memory");
  const flags = at + IMPORT.length;
  const [initial, next] = leb128(bytes, flags + 1);
  const [maximum] = leb128(bytes, next);
  const memory = createMemory(initial, maximum);
  bytes[flags] = SHARED;
  return { bytes, memory };
}

/** A shared memory of at most `maximum` pages. Some systems reserve them all at once, and have less. */
function createMemory(initial: number, maximum: number): WebAssembly.Memory {
  for (let most = maximum; ; most >>>= 1) {
    try {
      return new WebAssembly.Memory({ initial, maximum: most, shared: true });
    } catch (error) {
      if (most / 2 < initial) throw error;
    }
  }
}

/** Reads a number, seven bits a byte. Returns it with the place after it. */
function leb128(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}
