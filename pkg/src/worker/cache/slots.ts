/** Small named texts. */
export interface Texts {
  /** `undefined` where there is none. */
  read(name: string): Promise<string | undefined>;
  write(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
}

const SUFFIXES = [".0.json", ".1.json"] as const;

/**
 * Crash-safe records. Each has two files, which are written in turn: a crash during a write leaves the other one, which is one
 * version older. JSON that was cut off does not parse, so the newest version that parses is whole.
 */
export class Slots {
  /** The number of each record's last version, once known. */
  readonly #versions = new Map<string, number>();

  constructor(private readonly texts: Texts) {}

  /** The names of records among the names of files. */
  static names(files: readonly string[]): string[] {
    const names = files.flatMap((file) => {
      const suffix = SUFFIXES.find((suffix) => file.endsWith(suffix));
      return suffix === undefined ? [] : [file.slice(0, -suffix.length)];
    });
    return [...new Set(names)];
  }

  /** The names of files of data, which end in `suffix`, that have no record. */
  static strays(files: readonly string[], suffix: string): string[] {
    const recorded = new Set(Slots.names(files));
    const data = files.filter((file) => file.endsWith(suffix)).map((file) => file.slice(0, -suffix.length));
    return data.filter((name) => !recorded.has(name));
  }

  async read(name: string): Promise<unknown> {
    const found = await Promise.all(SUFFIXES.map((suffix) => this.#readSlot(name + suffix)));
    const [newest] = found.filter((slot) => slot !== undefined).sort((a, b) => b.version - a.version);
    this.#versions.set(name, newest?.version ?? 0);
    return newest?.record;
  }

  async write(name: string, record: unknown): Promise<void> {
    if (!this.#versions.has(name)) await this.read(name);
    const version = (this.#versions.get(name) ?? 0) + 1;
    const suffix = SUFFIXES[version % 2] ?? SUFFIXES[0];
    await this.texts.write(name + suffix, JSON.stringify({ version, record }));
    this.#versions.set(name, version);
  }

  async remove(name: string): Promise<void> {
    this.#versions.delete(name);
    for (const suffix of SUFFIXES) await this.texts.remove(name + suffix);
  }

  async #readSlot(file: string): Promise<{ version: number; record: unknown } | undefined> {
    try {
      const slot: unknown = JSON.parse((await this.texts.read(file)) ?? "null");
      if (typeof slot !== "object" || slot === null || !("version" in slot) || !("record" in slot)) return undefined;
      return Number.isSafeInteger(slot.version) ? { version: slot.version as number, record: slot.record } : undefined;
    } catch {
      // A record that was cut off or cannot be read counts as absent.
      return undefined;
    }
  }
}
