import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Meter } from "../src/worker/meter.js";
import type { Progress } from "../src/types/index.js";

describe("Meter", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  const told = () => {
    const events: Progress[] = [];
    const meter = new Meter((progress) => events.push(progress));
    return { meter, loaded: () => events.map(({ loaded }) => loaded) };
  };

  it("tells the first at once and of those that come soon after only the last", () => {
    const { meter, loaded } = told();
    for (const bytes of [1, 2, 3]) meter.bytes("download", bytes, 9);
    expect(loaded()).toEqual([1]);
    vi.advanceTimersByTime(100);
    expect(loaded()).toEqual([1, 3]);
    vi.advanceTimersByTime(1000);
    expect(loaded()).toEqual([1, 3]);
  });

  it("tells the end at once, and nothing older after it", () => {
    const { meter, loaded } = told();
    for (const bytes of [1, 2, 9]) meter.bytes("download", bytes, 9);
    expect(loaded()).toEqual([1, 9]);
    vi.advanceTimersByTime(1000);
    expect(loaded()).toEqual([1, 9]);
  });
});
