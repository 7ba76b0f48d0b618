/** The end of the module's import of its memory: a name with its length, and the kind of a memory. */
const IMPORT = [6, ...new TextEncoder().encode("memory"), 2];
/** The flags that follow: a maximum is given, and the memory is shared. */
const OWN = 1;
const SHARED = 3;

/**
 * Makes the module one that takes shared memory, and the memory that it needs. As it is published it takes a memory of its own, so
 * that it runs, and is compiled while it arrives, on pages without cross-origin isolation.
 *
 * @param bytes the module, of which one byte is changed.
 * @returns `undefined` where the system has no such memory. Then nothing is changed.
 * @throws {Error} when the bytes are no such module.
 */
export function sharedMemory(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Memory | undefined {
  const pattern = [...IMPORT, OWN];
  let at = bytes.indexOf(IMPORT[0] ?? 0);
  while (at >= 0 && !pattern.every((byte, i) => bytes[at + i] === byte)) at = bytes.indexOf(IMPORT[0] ?? 0, at + 1);
  if (at < 0) throw new Error("the module does not import a memory");
  const flags = at + IMPORT.length;
  const [initial, next] = leb128(bytes, flags + 1);
  const [maximum] = leb128(bytes, next);
  const memory = create(initial, maximum);
  if (memory !== undefined) bytes[flags] = SHARED;
  return memory;
}

/** A shared memory of at most `maximum` pages. Some systems reserve them all at once, and have less. */
function create(initial: number, maximum: number): WebAssembly.Memory | undefined {
  for (let most = maximum; most >= initial; most = Math.floor(most / 2)) {
    try {
      return new WebAssembly.Memory({ initial, maximum: most, shared: true });
    } catch {
      // Less may do.
    }
  }
  return undefined;
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
