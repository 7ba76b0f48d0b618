// Bandwidth probe: y = x, as fast as memory can be read and written: what other kernels are held against.
//
// x, y: [N] entries of four f32. Grid: x and y together count workgroups; a thread owns an entry.
override N: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = (group.y * groups.x + group.x) * 256u + lane;
    if (i < N) {
        y[i] = x[i];
    }
}
