import { afterEach, describe, expect, it, vi } from "vitest";
import { requestSubgroups } from "../src/worker/webgpu.js";

function adapterClass(...features: string[]) {
  const requested = vi.fn<(descriptor?: GPUDeviceDescriptor) => void>();
  class GPUAdapter {
    readonly features = new Set(features);
    requestDevice(descriptor?: GPUDeviceDescriptor): Promise<string> {
      requested(descriptor);
      return Promise.resolve("device");
    }
  }
  vi.stubGlobal("GPUAdapter", GPUAdapter);
  return { adapter: new GPUAdapter(), requested };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("requestSubgroups", () => {
  it("does nothing where there is no WebGPU", () => {
    expect(() => {
      requestSubgroups(true);
    }).not.toThrow();
  });

  it("asks for subgroups beside what was asked for", async () => {
    const { adapter, requested } = adapterClass("subgroups", "shader-f16");
    requestSubgroups(true);
    expect(await adapter.requestDevice({ label: "a", requiredFeatures: ["shader-f16"] })).toBe("device");
    expect(requested).toHaveBeenLastCalledWith({ label: "a", requiredFeatures: ["shader-f16", "subgroups"] });
    await adapter.requestDevice();
    expect(requested).toHaveBeenLastCalledWith({ requiredFeatures: ["subgroups"] });
  });

  it("leaves an adapter alone that has none", async () => {
    const { adapter, requested } = adapterClass();
    requestSubgroups(true);
    await adapter.requestDevice({ label: "a" });
    expect(requested).toHaveBeenLastCalledWith({ label: "a" });
  });

  it("wraps once, and can be switched at every load", async () => {
    const { adapter, requested } = adapterClass("subgroups");
    requestSubgroups(true);
    requestSubgroups(true);
    requestSubgroups(false);
    await adapter.requestDevice({ label: "a" });
    expect(requested).toHaveBeenLastCalledWith({ label: "a" });
    requestSubgroups(true);
    await adapter.requestDevice();
    expect(requested).toHaveBeenCalledTimes(2);
    expect(requested).toHaveBeenLastCalledWith({ requiredFeatures: ["subgroups"] });
  });
});
