import { Client } from "../wire/client.js";
import { connect } from "./engine.js";
import * as inputs from "../wire/inputs.js";
import { describeBeside, describeSource, withChatTemplate } from "./source.js";
import { opened } from "./handle.js";
import type { LoadOptions, LoadPlan, ModelSource } from "../types/index.js";

/**
 * The memory and storage that a load with these options would take, and whether this machine has them. Only the file's header
 * is downloaded (some megabytes, most of them vocabulary), with the adapters and the head, and a later load reuses it.
 *
 * @throws {LunetteError} as {@link Engine.load}, except for a model that does not fit: that is the plan's verdict, not an
 * error.
 */
export async function planLoad(model: ModelSource, options: LoadOptions = {}): Promise<LoadPlan> {
  const given = inputs.loadOptions(options, "options");
  const { worker, cache = true, sha256, signal } = given;
  const from = await opened(model);
  const source = describeSource(from, sha256);
  const client = new Client(await connect(worker));
  try {
    const settings = withChatTemplate(from, inputs.engineOptions(given, "options"));
    const beside = await describeBeside(from, given);
    return await client.call("plan", [source, settings, { cache, ...beside }], { signal });
  } finally {
    void client.dispose();
  }
}
