import { openRows } from "lunette";
import { faultOf } from "../../data/faults";
import type { Fault } from "../../data/faults";
import { RowList } from "../data/row-list";
import type { ColumnMap } from "../data/rows";

/** Rows between two updates of the page while a file is read. */
const STEP = 2000;

/** The data that is judged, as it was read from its file. */
export class Dataset {
  file = $state.raw<Blob>();
  name = $state("");
  /** As "csv". */
  format = $state("");
  /** In words, as "columns". */
  shape = $state("");
  /** Which columns a field was read from, in words. */
  columns = $state.raw<Record<string, string>>({});
  /** The columns of the file. */
  names = $state.raw<string[]>([]);
  /** What the user maps. */
  map = $state.raw<ColumnMap>({});
  rows = $state.raw(new RowList());
  reading = $state(false);
  /** Rows read so far. */
  read = $state(0);
  fault = $state.raw<Fault>();

  /** Whether two responses are compared. */
  readonly pair = $derived(this.rows.firstGood(1).some(({ responseA }) => responseA !== undefined));

  #turn = 0;

  /** Only the result of the latest call counts. */
  async open(file: Blob, name: string, map: ColumnMap = {}): Promise<void> {
    const turn = ++this.#turn;
    this.reading = true;
    this.read = 0;
    this.fault = undefined;
    try {
      const opened = await openRows(file, { name, map });
      const rows = new RowList();
      for await (const row of opened) {
        rows.push(row);
        if (rows.length % STEP === 0) this.read = rows.length;
        if (turn !== this.#turn) return;
      }
      if (turn !== this.#turn) return;
      const { format, shape, columns, names } = opened;
      Object.assign(this, { file, name, map, format, shape, columns, names, rows });
    } catch (error) {
      if (turn === this.#turn) this.fault = faultOf(error);
    } finally {
      if (turn === this.#turn) this.reading = false;
    }
  }

  /** Reads a field from another column, or from none. */
  async assign(field: string, column: string): Promise<void> {
    if (this.file === undefined) return;
    await this.open(this.file, this.name, { ...this.map, [field]: column === "" ? [] : [column] });
  }

  clear(): void {
    this.#turn++;
    Object.assign(this, { file: undefined, name: "", map: {}, rows: new RowList(), reading: false, fault: undefined });
  }
}
