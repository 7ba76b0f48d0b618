// node screenshots.mjs FOLDER: the demo page with a verdict, narrow and wide, light and dark.

import { join } from "node:path";
import { launch, startServer } from "./lib.mjs";
import { scoreExample } from "./visitor.mjs";

const WIDTHS = [390, 1440];
const HEIGHT = 900;
const folder = process.argv[2];
if (!folder) throw new Error("name the folder for the pictures");

const server = await startServer();
const browser = await launch();
try {
  const page = await browser.newPage({ reducedMotion: "reduce" });
  page.on("pageerror", (error) => console.error(`[browser] ${error.message}`));
  await page.goto(server.origin);
  console.error("▸ loading the default model and scoring the example");
  await scoreExample(page);
  for (const width of WIDTHS) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height: HEIGHT });
      await page.emulateMedia({ colorScheme });
      await page.evaluate(() => document.fonts.ready);
      const path = join(folder, `page-${width}-${colorScheme}.png`);
      await page.screenshot({ path, fullPage: true });
      console.error(`▸ ${path}`);
    }
  }
} finally {
  await browser.close();
  server.close();
}
