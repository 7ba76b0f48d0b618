// One Chromium with a profile on the disk, as its users have it: its storage holds a model without being held in memory.

import { after } from "node:test";
import { launchWithProfile } from "../lib.mjs";
import { temporary } from "../tarball.mjs";

let made;

/** A new page of it. */
export async function newPage() {
  made ??= launchWithProfile(temporary("chromium-profile"));
  return (await made).newPage();
}

after(async () => {
  // What failed to start needs no end.
  await made?.then((context) => context.close()).catch(() => {});
});
