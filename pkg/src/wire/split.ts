import { LunetteError } from "./errors.js";

/** The names that llama.cpp's `gguf-split` gives to the parts of a file. */
const PART = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** The most parts that are accepted, so that a name cannot cause thousands of requests. */
const MOST_PARTS = 1000;

/** The part number in the name of a split file; `undefined` for a file that is not split. */
export function partOf(name: string): { stem: string; part: number; parts: number } | undefined {
  const [, stem, part, parts] = PART.exec(name) ?? [];
  if (stem === undefined) return undefined;
  const found = { stem, part: Number(part), parts: Number(parts) };
  if (found.part < 1 || found.part > found.parts || found.parts > MOST_PARTS) {
    throw new LunetteError(
      "invalid-argument",
      `"${name}" is not the name of a part of a split file: its numbers are not valid.`,
    );
  }
  return found;
}

/** The addresses of all parts, from the address of the first. A file that is not split has one. */
export function partUrls(first: string): string[] {
  const url = new URL(first);
  const [, folder = "", name = ""] = /^(.*\/)?([^/]*)$/.exec(url.pathname) ?? [];
  const found = partOf(name);
  if (found === undefined) return [first];
  if (found.part !== 1) {
    throw new LunetteError(
      "invalid-argument",
      `${first} is part ${found.part} of a split file. Give the address of the first part; the others are found by name.`,
    );
  }
  return Array.from({ length: found.parts }, (_, index) => {
    url.pathname = `${folder}${partName(found, index + 1)}`;
    return url.href;
  });
}

/** The parts of a split file, sorted by the numbers in their names. Files with other names keep their order. */
export function partBlobs(blobs: readonly Blob[]): Blob[] {
  const named = blobs.map((blob) => ({ blob, found: partOf((blob as Partial<File>).name ?? "") }));
  const first = named[0]?.found;
  if (first === undefined || named.some(({ found }) => found === undefined)) return [...blobs];
  return Array.from({ length: first.parts }, (_, index) => {
    const name = partName(first, index + 1);
    const match = named.find(({ blob }) => (blob as File).name === name);
    if (match === undefined) {
      throw new LunetteError(
        "invalid-argument",
        `The model is split into ${first.parts} files, and ${name} is not among those given. Choose all of them.`,
      );
    }
    return match.blob;
  });
}

function partName({ stem, parts }: { stem: string; parts: number }, part: number): string {
  const five = (number: number) => String(number).padStart(5, "0");
  return `${stem}-${five(part)}-of-${five(parts)}.gguf`;
}
