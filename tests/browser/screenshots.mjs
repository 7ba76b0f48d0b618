// node screenshots.mjs FOLDER: every view of the demo page, with real verdicts of the default model, narrow and wide, light
// and dark; and the pictures that go with the page: its card and its icons.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { root } from "./lib.mjs";
import { browser, server } from "./session.mjs";
import { judge, JUDGED, load, openTab, part, visit } from "./visitor.mjs";

const WIDTHS = [390, 1440];
const HEIGHT = 900;
/** Limit of a picture's size: everybody who clones the repository downloads it. */
const MOST_BYTES = 150_000;
const folder = process.argv[2];
if (!folder) throw new Error("name the folder for the pictures");

/** Palette images are enough for a page with few colours. */
async function save(png, path) {
  const { size } = await sharp(png).png({ palette: true, quality: 80, effort: 10, compressionLevel: 9 }).toFile(path);
  if (size > MOST_BYTES) throw new Error(`${path} has ${size} bytes`);
  console.error(`▸ ${path}`);
}

async function everyWay(page, name, { fullPage = true } = {}) {
  for (const width of WIDTHS) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height: HEIGHT });
      await page.emulateMedia({ colorScheme });
      await page.evaluate(() => document.fonts.ready);
      await save(await page.screenshot({ fullPage }), join(folder, `${name}-${width}-${colorScheme}.png`));
    }
  }
}

async function dialog(page, id) {
  await part(page, id).click();
  await page.getByRole("dialog").waitFor();
  await everyWay(page, id, { fullPage: false });
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** The first example of a tab, judged. */
async function verdict(page, tab, options) {
  await openTab(page, tab);
  console.error(`▸ judging the example of ${tab}`);
  await judge(page, options);
  await everyWay(page, tab);
}

async function views() {
  const { page } = await visit();
  await part(page, "plan").first().filter({ hasText: "This machine can hold it" }).waitFor({ timeout: 60_000 });
  await everyWay(page, "load");
  await load(page);
  await verdict(page, "score", { critique: true });
  await verdict(page, "classify");
  await verdict(page, "compare");
  await verdict(page, "rank");
  await evaluation(page);
  await openTab(page, "score");
  await dialog(page, "library");
  await dialog(page, "privacy");
}

/** The tab that evaluates a data set: its data, its agreement, and a label. */
async function evaluation(page) {
  await part(page, "tab-evaluate").click();
  await part(page, "example-data").first().click();
  await part(page, "preview").waitFor();
  await everyWay(page, "data");
  console.error("▸ judging the example of evaluate");
  await part(page, "evaluate-button").click();
  await part(page, "run-status").filter({ hasText: "Every row is judged." }).waitFor({ timeout: JUDGED });
  await part(page, "agreement-words").waitFor();
  await everyWay(page, "evaluate");
  await part(page, "view-label").click();
  await part(page, "label-again").check();
  await part(page, "choice").nth(3).click();
  await part(page, "reveal").waitFor();
  await everyWay(page, "label");
}

/** The social card and the icons. */
async function attire() {
  const publicFolder = join(root, "www/public");
  const { origin, files } = await server();
  const font = (style) =>
    readdirSync(join(root, "www/dist/assets")).find((file) => file.includes(`latin-opsz-${style}-`));
  const card = readFileSync(join(root, "tests/browser/social.html"), "utf8")
    .replace("FONT", `${origin}/assets/${font("normal")}`)
    .replace("ITALIC", `${origin}/assets/${font("italic")}`);
  files.set("social.html", card);
  const page = await (await browser()).newPage({ viewport: { width: 1200, height: 630 } });
  await page.goto(`${origin}/files/social.html`);
  await page.evaluate(() => document.fonts.ready);
  await save(await page.screenshot(), join(publicFolder, "social.png"));
  const icon = readFileSync(join(publicFolder, "icon.svg"));
  for (const size of [192, 512]) {
    await save(await sharp(icon, { density: 300 }).resize(size).toBuffer(), join(publicFolder, `icon-${size}.png`));
  }
}

try {
  await attire();
  await views();
} finally {
  await (await browser()).close();
  (await server()).close();
}
