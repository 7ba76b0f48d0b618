// One Chromium with a profile on the disk, as users have it: its storage is not in memory.

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
  // A browser that failed to start needs no close.
  await made?.then((context) => context.close()).catch(() => {});
});
