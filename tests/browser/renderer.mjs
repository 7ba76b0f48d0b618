// The memory of the process that holds a page and its workers, as Linux counts it.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const MIB = 2 ** 20;

/** The renderers of the browsers that this process has started. */
function renderers() {
  const parents = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const text = read(pid, "stat");
    // Behind the program's name, which may hold anything: state, parent, …
    if (text) parents.set(pid, text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
  }
  const isOurs = (pid) => pid === String(process.pid) || (parents.has(pid) && isOurs(parents.get(pid)));
  return [...parents.keys()].filter((pid) => isOurs(pid) && /--type=renderer/.test(read(pid, "cmdline") ?? ""));
}

function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

/** MiB of a line of a process's status: `VmRSS`, what is resident now, or `VmHWM`, the most that was. */
function resident(pid, line) {
  const kib = new RegExp(`^${line}:\\s+(\\d+)`, "m").exec(read(pid, "status") ?? "")?.[1];
  return (Number(kib ?? 0) * 1024) / MIB;
}

/**
 * Watches the process of a page from now on. What is resident now is not counted: the browser's own code, and an empty page.
 */
export function watchRenderer() {
  const before = new Map(renderers().map((pid) => [pid, resident(pid, "VmRSS")]));
  // Makes what is resident now the most that was.
  for (const pid of before.keys()) writeFileSync(`/proc/${pid}/clear_refs`, "5");
  const least = Math.min(...before.values());
  /** Of the largest: a browser keeps an empty one in reserve. */
  const most = (line) => Math.max(...renderers().map((pid) => resident(pid, line) - (before.get(pid) ?? least)));
  return { now: () => most("VmRSS"), peak: () => most("VmHWM") };
}
