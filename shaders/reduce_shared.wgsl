// Sums over a workgroup of LANES threads without subgroups: a tree in shared memory, log₂ LANES barriers for all of
// TOKENS sums together. Included by a kernel that has `//!const LANES` (a power of two) and `//!const TOKENS`.
var<workgroup> partials: array<vec4<f32>, TOKENS * LANES>;

// All threads of the workgroup call this once; afterwards each may ask for a `total`.
fn reduce(sums: ptr<function, array<vec4<f32>, TOKENS>>, lane: u32) {
    for (var t = 0u; t < TOKENS; t++) {
        partials[t * LANES + lane] = (*sums)[t];
    }
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            for (var t = 0u; t < TOKENS; t++) {
                partials[t * LANES + lane] += partials[t * LANES + lane + half];
            }
        }
    }
    workgroupBarrier();
}

fn total(t: u32) -> vec4<f32> {
    return partials[t * LANES];
}
