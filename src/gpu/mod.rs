//! (soon)
use crate::model::*;
use crate::quant::BlockType;
use crate::{Control, Error, Result};
use futures::future::LocalBoxFuture;
pub struct GpuOptions {
    pub disable: Vec<String>,
    pub kv_type: KvType,
    pub default_limits: bool,
}
pub struct Gpu;
impl Gpu {
    pub async fn request(_: &GpuOptions) -> Result<Gpu> {
        Err(Error::NoGpu("soon".into()))
    }
    pub fn is_software(&self) -> bool {
        true
    }
    pub fn adapter_name(&self) -> String {
        String::new()
    }
}
pub struct GpuStore;
impl GpuStore {
    pub fn new(_: &Gpu) -> GpuStore {
        GpuStore
    }
}
impl WeightStore for GpuStore {
    type Weight = ();
    fn allocate(&mut self, _: &str, _: BlockType, _: usize, _: usize) -> Result<()> {
        Ok(())
    }
    fn write(&mut self, _: &mut (), _: usize, _: &[u8]) -> Result<()> {
        Ok(())
    }
}
pub struct GpuRunner;
impl GpuRunner {
    pub async fn new(_: Gpu, _: Llama<()>, _: KvShape, _: &mut dyn FnMut(u64, u64)) -> Result<GpuRunner> {
        Ok(GpuRunner)
    }
}
impl Runner for GpuRunner {
    fn forward<'a>(&'a mut self, _: &'a Step, _: &'a dyn Control) -> LocalBoxFuture<'a, Result<Vec<f32>>> {
        Box::pin(async { Ok(vec![]) })
    }
    fn max_rows(&self) -> usize {
        1
    }
    fn backend(&self) -> BackendInfo {
        BackendInfo { backend: String::new(), adapter: String::new(), capabilities: vec![], gpu_bytes: 0 }
    }
}
