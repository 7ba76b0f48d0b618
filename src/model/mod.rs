//! Models: an architecture is a page of equations over the ops of a backend; loading streams its weights there.

mod architecture;
mod config;
mod header;
mod incoming;
mod llama;
mod load;
mod ops;
mod output;

pub use architecture::{ARCHITECTURES, Architecture};
pub use config::Config;
pub use header::{parse_header, read_header};
pub use incoming::Incoming;
pub use llama::{Layer, Llama};
pub use load::{Phase, Progress, Room, allocate, check_tensors, fill, load, outline};
pub use ops::{BackendInfo, CHUNK_BLOCKS, KvShape, KvType, Ops, RopeStyle, Row, Runner, Step, WeightStore};
pub use output::{
    Draw, MOST_GATHERED, MOST_TOP, Output, OutputKind, Reader, Reading, Sampled, log_sum_exp, not_numbers,
};
