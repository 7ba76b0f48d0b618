// The package as users get it: packed by npm and installed from the tarball. All browser tests use it.

import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const MINUTES = 10;

let workshop;

/** A temporary folder, removed when the process ends. */
export function temporary(name) {
  if (!workshop) {
    workshop = mkdtempSync(join(tmpdir(), "lunette-packed-"));
    process.once("exit", () => rmSync(workshop, { recursive: true, force: true, maxRetries: 5 }));
  }
  return join(workshop, name);
}

/** Runs a program and returns its output. If it fails, the output is part of the error. */
export async function run(program, args, cwd, env = {}) {
  try {
    const options = { cwd, env: { ...process.env, ...env }, timeout: MINUTES * 60_000, maxBuffer: 64 << 20 };
    return (await promisify(execFile)(program, args, options)).stdout;
  } catch (error) {
    const line = [program, ...args].join(" ");
    throw new Error(`\`${line}\` failed in ${cwd}\n${error.stdout}\n${error.stderr}`, { cause: error });
  }
}

/** npm without anything that a test does not need. */
export const npm = (args, cwd) =>
  run("npm", [...args, "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--silent"], cwd, {
    npm_config_update_notifier: "false",
  });

let packed;

/** What `npm publish` would upload: its `path`, `size` in bytes, and `files` as `{ path, size }`. */
export function tarball() {
  return (packed ??= pack());
}

async function pack() {
  const folder = join(root, "pkg");
  for (const built of ["dist", "wasm"]) {
    if (!existsSync(join(folder, built))) throw new Error(`pkg/${built} is missing; run \`cargo xtask build\` first`);
  }
  // npm runs no scripts here, so that the build under test is packed as it is.
  for (const name of ["LICENSE-APACHE", "LICENSE-MIT"]) cpSync(join(root, name), join(folder, name));
  const [report] = JSON.parse(await npm(["pack", "--json", "--pack-destination", scratch()], folder));
  return { path: join(scratch(), report.filename), size: report.size, files: report.files };
}

const scratch = () => dirname(temporary("x"));

/** A fresh project with the tarball installed; with what `example` holds, if one is named. Returns its folder. */
export async function project(name, example) {
  const folder = temporary(name);
  if (example) {
    const from = join(root, "examples", example);
    const filter = (path) => !["node_modules", "dist", "out", ".next"].includes(basename(path));
    cpSync(from, folder, { recursive: true, filter });
  } else {
    cpSync(join(root, "examples/node/package.json"), join(folder, "package.json"));
  }
  await npm(["install", (await tarball()).path], folder);
  return folder;
}

let installation;

/** The folder of the installed package; LUNETTE_INSTALLED names one where there is no npm. */
export function installed() {
  if (process.env.LUNETTE_INSTALLED) return Promise.resolve(process.env.LUNETTE_INSTALLED);
  return (installation ??= project("installed").then((folder) => join(folder, "node_modules/lunette")));
}
