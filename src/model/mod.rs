//! Models: one page of equations over the ops of a backend, and a table of what tells architectures apart; loading streams
//! the weights there.

mod adapter;
mod architecture;
mod beside;
mod config;
mod header;
mod incoming;
mod load;
#[cfg(not(target_arch = "wasm32"))]
mod merge;
mod ops;
mod output;
mod rope;
mod tensors;
pub mod transformer;

pub use adapter::{Adapter, Adapters, Chosen};
pub use architecture::{ARCHITECTURES, Architecture};
pub use config::{Config, LayerConfig};
pub use header::{parse_header, read_header};
pub use incoming::Incoming;
pub use load::{Phase, Progress, Room, allocate, fill, load, outline};
#[cfg(not(target_arch = "wasm32"))]
pub use merge::{Recipe, merge};
pub use ops::{
    Activation, Attention, BackendInfo, CHUNK_BLOCKS, KvShape, KvType, Ops, Row, Runner, Step, WeightStore,
};
pub use output::{
    Draw, MOST_GATHERED, MOST_TOP, Output, OutputKind, Reader, Reading, Sampled, log_sum_exp, not_numbers,
};
pub use rope::{RopeStyle, Rotation};
pub use tensors::check_tensors;
pub use transformer::{Adapted, Layer, Linear, Model};
