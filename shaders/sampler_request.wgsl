// The sampler's request for a row of logits: what is to be read of it. A whole row is copied without it. Included.
const REQUESTS_TOKEN: u32 = 1u;

struct SamplerRequest {
    kind: u32,
    // Where in `results` the answer goes.
    out: u32,
    // 1 / temperature; 0: always the likeliest.
    sharpness: f32,
    top_k: u32,
    top_p: f32,
    min_p: f32,
    random: u32,
    // How many of the likeliest tokens are wanted too.
    top: u32,
}
