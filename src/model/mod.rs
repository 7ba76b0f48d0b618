//! Models: an architecture is a page of equations over the ops of a backend; loading streams its weights there.

mod config;
mod incoming;
mod llama;
mod load;
mod ops;
mod readout;

pub use config::Config;
pub use incoming::Incoming;
pub use llama::{Layer, Llama};
pub use load::{
    Phase, Progress, Room, allocate, check_tensors, fill, load, outline, parse_header, read_header,
};
pub use ops::{BackendInfo, CHUNK_BLOCKS, KvShape, KvType, Ops, RopeStyle, Row, Runner, Step, WeightStore};
pub use readout::{
    Draw, MOST_GATHERED, MOST_TOP, Output, Reader, Reading, Readout, Sampled, log_sum_exp, not_numbers,
};

/// Values of `general.architecture` that can be run.
pub const ARCHITECTURES: [&str; 1] = ["llama"];
