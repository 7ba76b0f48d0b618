import { describe, expect, it, vi } from "vitest";
import { parseRubric, parseTemplate } from "../src/index.js";
import { realWasm } from "./real-wasm.js";

vi.mock("../src/wasm.js", () => ({ loadWasm: realWasm }));

describe("parseRubric", () => {
  it.each([
    ["objective: o\nscale:\n  1: bad\n  2: good", { objective: "o", scale: { 1: "bad", 2: "good" } }],
    [
      '{"criteria": "o", "score1_description": "bad", "score2_description": "good"}',
      { objective: "o", scale: { 1: "bad", 2: "good" } },
    ],
    ["objective: o\nlabels: {Yes: y, No: n}", { objective: "o", labels: { Yes: "y", No: "n" } }],
    ["objective: o", "o"],
  ])("reads %j", async (yaml, rubric) => {
    expect(await parseRubric(yaml)).toEqual(rubric);
  });

  it.each(["", "objective: o\nscale: {1: a}", "objective: [", "- 1"])("refuses %j", async (yaml) => {
    await expect(parseRubric(yaml)).rejects.toMatchObject({ name: "LunetteError", code: "invalid-argument" });
  });
});

describe("parseTemplate", () => {
  it("gives what the option `template` takes", async () => {
    expect(await parseTemplate("user_template: '{user_input}'\nresult_marker: 'Grade:'")).toEqual({
      userTemplate: "{user_input}",
      reasoningMarker: "**Reasoning:**",
      resultMarker: "Grade:",
    });
  });

  it("names what is wrong", async () => {
    await expect(parseTemplate("user_tempalte: x")).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining("user_tempalte") as string,
    });
  });
});
