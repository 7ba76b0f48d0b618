// The tarball: its size, its content, and whether tools can resolve its exports.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { root } from "../lib.mjs";
import { minutes, quick } from "../session.mjs";
import { installed, tarball } from "../tarball.mjs";

/** Limits in bytes. Visitors download the wasm file with Brotli; BENCHMARKS.md has the figures. */
const LIMITS = { tarball: 2_400_000, wasmBrotli: 1_420_000 };

/** Findings for CommonJS and TypeScript's oldest resolution, which do not support ES modules with `exports`. */
const NOT_MEANT = ["NoResolution:node10", "CJSResolvesToESM:node16-cjs"];

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;

test("the tarball and the wasm file are small", minutes(5), async (t) => {
  const { size } = await tarball();
  const wasm = readFileSync(join(await installed(), "wasm/lunette_bg.wasm"));
  t.diagnostic(`tarball ${megabytes(size)} of at most ${megabytes(LIMITS.tarball)}`);
  t.diagnostic(`wasm ${megabytes(wasm.length)}, gzip -9 ${megabytes(gzipSync(wasm, { level: 9 }).length)}`);
  assert.ok(size <= LIMITS.tarball, `the tarball has ${size} bytes`);
  // A build for quick iteration is not optimized for size.
  if (quick) return;
  const brotli = brotliCompressSync(wasm, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: wasm.length } }).length;
  t.diagnostic(`wasm, Brotli 11 ${megabytes(brotli)} of at most ${megabytes(LIMITS.wasmBrotli)}`);
  assert.ok(brotli <= LIMITS.wasmBrotli, `the wasm file has ${brotli} bytes in Brotli`);
});

test("it holds what it should, and nothing else", minutes(2), async () => {
  const { files } = await tarball();
  const paths = files.map(({ path }) => path);
  for (const path of [
    "README.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "wasm/hash.js",
    "wasm/lunette.js",
    "wasm/lunette_bg.wasm",
  ]) {
    assert.ok(paths.includes(path), path);
  }
  const other = paths.filter((path) => !/^(dist|src|wasm)\/|^(package\.json|README\.md|LICENSE-\w+)$/.test(path));
  assert.deepEqual(other, []);
});

test("nothing in it says where it was built", minutes(2), async () => {
  const { files } = await tarball();
  const cargo = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
  for (const { path } of files) {
    const file = readFileSync(join(await installed(), path));
    for (const folder of [cargo, root]) assert.ok(!file.includes(folder), `${path} names ${folder}`);
  }
});

test("source maps lead to sources that are there", minutes(2), async () => {
  const { files } = await tarball();
  const paths = new Set(files.map(({ path }) => path));
  const maps = [...paths].filter((path) => path.endsWith(".js.map"));
  assert.ok(maps.length > 20);
  for (const map of maps) {
    const { sources } = JSON.parse(readFileSync(join(await installed(), map), "utf8"));
    for (const source of sources) {
      const path = join(map, "..", source);
      assert.ok(paths.has(path), `${map} names ${path}`);
    }
  }
});

test("publint has nothing to say", minutes(2), async () => {
  const { messages, pkg } = await publint({ pkgDir: await installed(), strict: true, pack: false });
  assert.deepEqual(
    messages.map((message) => formatMessage(message, pkg)),
    [],
  );
});

test("the types are found wherever the code is", minutes(2), async () => {
  const bytes = new Uint8Array(readFileSync((await tarball()).path));
  const { types, problems } = await checkPackage(createPackageFromTarballData(bytes), {
    excludeEntrypoints: ["./lunette_bg.wasm", "./package.json"],
  });
  assert.equal(types.kind, "included");
  const found = problems.map(({ kind, resolutionKind, ...where }) => ({ name: `${kind}:${resolutionKind}`, where }));
  assert.deepEqual(
    found.filter(({ name }) => !NOT_MEANT.includes(name)),
    [],
  );
});
