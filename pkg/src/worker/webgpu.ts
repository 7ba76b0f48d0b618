interface Adapter {
  readonly features: ReadonlySet<string>;
  requestDevice: (this: Adapter, descriptor?: GPUDeviceDescriptor) => Promise<GPUDevice>;
}

const wrapped = new WeakSet<Adapter>();
let wanted = false;

/**
 * Requests the feature "subgroups" for every device of this thread whose adapter has it, or stops doing so. wgpu's web
 * backend does not know the feature, so it never requests it.
 */
export function requestSubgroups(enabled: boolean): void {
  wanted = enabled;
  const adapter = (globalThis as { GPUAdapter?: { prototype: Adapter } }).GPUAdapter?.prototype;
  if (adapter === undefined || wrapped.has(adapter)) return;
  wrapped.add(adapter);
  const original = adapter.requestDevice;
  adapter.requestDevice = function (descriptor) {
    if (!wanted || !this.features.has("subgroups")) return original.call(this, descriptor);
    const features = new Set<GPUFeatureName>(descriptor?.requiredFeatures).add("subgroups");
    return original.call(this, { ...descriptor, requiredFeatures: [...features] });
  };
}
