// Sums over a workgroup of LANES threads with subgroups of any size from 4 on.
// Within each subgroup by subgroupAdd, then over the subgroups through shared memory, with one barrier. Included by a
// kernel that has `//!const LANES` (a power of two) and `//!const TOKENS`.
//!enable subgroups
var<workgroup> partials: array<vec4<f32>, TOKENS * (LANES / 4u)>;
var<workgroup> subgroups: u32;

// All threads of the workgroup call this once; afterwards each may ask for a `total`.
fn reduce(sums: ptr<function, array<vec4<f32>, TOKENS>>, lane: u32) {
    // A subgroup holds consecutive threads. Counted rather than asked for: it may be larger than the workgroup.
    let first = subgroupMin(lane);
    let members = subgroupAdd(1u);
    for (var t = 0u; t < TOKENS; t++) {
        let sum = subgroupAdd((*sums)[t]);
        if (lane == first) {
            partials[t * (LANES / 4u) + first / members] = sum;
        }
    }
    if (lane == 0u) {
        subgroups = LANES / members;
    }
    workgroupBarrier();
}

fn total(t: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    for (var s = 0u; s < subgroups; s++) {
        sum += partials[t * (LANES / 4u) + s];
    }
    return sum;
}
