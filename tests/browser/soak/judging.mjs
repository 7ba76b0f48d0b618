// What a soak asks of a judge, and what must come of it. Runs in pages and in Node alike, so it imports nothing.

/** A repeatable source of numbers from 0 to below 1. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Short prompts: the tiny models read bytes. */
const template = (responses) => ({
  userTemplate: `{user_input}\n${responses}\n{rubric_objective}`,
  reasoningMarker: "Why:",
  resultMarker: "So:",
});
const ONE = "{assistant_response}";
const TWO = "{assistant_response_a}\n{assistant_response_b}";

const texts = [
  "A lunette is a small window above a door.",
  "A lunette.",
  "Windows let light in. ".repeat(6),
  "Ein kleines Fenster über einer Tür — 窓 🪟",
];
const input = "Say what a lunette is.";

/** Tasks with the method that takes them. Some share what their prompts begin with, some nothing. */
export const TASKS = [
  ...texts.map((response) => [
    "score",
    { input, response, rubric: { objective: "Right?", scale: { 1: "no", 2: "in part", 3: "yes" } } },
    { critique: false, template: template(`{rubric_levels}\n${ONE}`) },
  ]),
  ...texts.map((response, i) => [
    "classify",
    { input: `${i}: ${input}`, response, rubric: { objective: "True?", labels: { Yes: "it is", No: "it is not" } } },
    { critique: false, template: template(`{rubric_labels}\n${ONE}`), rubricOrders: 2 },
  ]),
  ...texts.map((responseA, i) => [
    "compare",
    { input, responseA, responseB: texts[(i + 1) % texts.length], criteria: "Which is right?" },
    { critique: false, template: template(TWO) },
  ]),
  ...texts.map((response) => [
    "score",
    { input, response, rubric: { objective: "Good?", scale: { 0: "no", 1: "yes" } } },
    { maxTokens: 12, template: template(`{rubric_levels}\n${ONE}`) },
  ]),
];

/** What of a verdict must repeat. */
export const essence = ({ score, label, winner, critique, distribution, probabilityA, outside }) => ({
  said: [score ?? label ?? winner, critique],
  numbers: [...Object.values(distribution ?? { a: probabilityA }), outside],
});

/** A judge, one at a time, and every call that has not settled yet. */
export class Desk {
  judge;
  /** Of promises that have not settled, what was asked. */
  open = new Map();
  counts = { verdicts: 0, aborted: 0 };
  #lunette;
  #goldens;
  #model;

  /** @param goldens of each model and backend, the essence of each of `TASKS`. */
  constructor(lunette, goldens = {}) {
    this.#lunette = lunette;
    this.#goldens = goldens;
  }

  /** Watches a promise until it settles. */
  watch(what, promise) {
    const key = {};
    this.open.set(key, what);
    return promise.finally(() => this.open.delete(key));
  }

  async load(source, options, model = source) {
    await this.dispose();
    this.judge = await this.watch(`load ${source}`, this.#lunette.Judge.load(source, options));
    this.#model = model;
  }

  async dispose() {
    const judge = this.judge;
    this.judge = undefined;
    if (judge) await this.watch("dispose", judge.dispose());
  }

  ask(task, more = {}) {
    const [method, given, options] = TASKS[task];
    return this.watch(`${method} ${task}`, this.judge[method](given, { ...options, ...more }));
  }

  /** The essence of every task, one after the other. */
  async goldens() {
    const found = [];
    for (const task of TASKS.keys()) found.push(essence(await this.ask(task)));
    return found;
  }

  /**
   * Tasks that overlap, of which some are aborted in the middle. Returns what is wrong: verdicts that are not the serial ones,
   * and errors that are no abort.
   */
  async burst(draw) {
    const goldens = (backend) => this.#goldens[`${this.#model} ${backend}`];
    const asked = Array.from({ length: 1 + Math.floor(draw() * 12) }, () => Math.floor(draw() * TASKS.length));
    const found = asked.map(async (task) => {
      const aborter = draw() < 0.3 ? new AbortController() : undefined;
      if (aborter) setTimeout(() => aborter.abort(), draw() * 60);
      try {
        const verdict = essence(await this.ask(task, aborter && { signal: aborter.signal }));
        this.counts.verdicts += 1;
        // A device that was lost too often may have left the call to the other backend.
        const either = [goldens(this.judge.info.backend), goldens("wasm")];
        const off = Math.min(...either.map((golden) => distance(verdict, golden[task])));
        return off < MOST
          ? undefined
          : `task ${task}: ${JSON.stringify(verdict)} in place of ${JSON.stringify(either[0][task])}`;
      } catch (error) {
        if (error.code !== "aborted" || !aborter) return `task ${task}: ${error.code}: ${error.message}`;
        this.counts.aborted += 1;
        return undefined;
      }
    });
    return (await Promise.all(found)).filter(Boolean);
  }
}

/** How far a probability may be from the serial one: batches are summed in another order. */
const MOST = 1e-5;

function distance(one, other) {
  if (String(one.said) !== String(other.said)) return Infinity;
  return Math.max(...one.numbers.map((number, i) => Math.abs(number - other.numbers[i])));
}
