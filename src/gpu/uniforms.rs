//! Constant uniforms: the shapes of the dispatches that share a pipeline.

use super::Gpu;
use super::buffer::Buffer;
use wgpu::BufferUsages as Usage;

/// The uniforms of a runner, each once.
pub(super) struct Uniforms {
    gpu: Gpu,
    known: Vec<(Vec<u32>, Buffer)>,
}

impl Uniforms {
    pub(super) fn new(gpu: &Gpu) -> Uniforms {
        Uniforms { gpu: gpu.clone(), known: Vec::new() }
    }

    /// A buffer that holds `words`, padded with zeros to whole fours.
    pub(super) fn get(&mut self, words: &[usize]) -> Buffer {
        let mut words: Vec<u32> = words.iter().map(|&word| word as u32).collect();
        words.resize(words.len().next_multiple_of(4), 0);
        if let Some((_, buffer)) = self.known.iter().find(|(known, _)| *known == words) {
            return buffer.clone();
        }
        let (buffer, scope) =
            self.gpu.buffer("uniforms", words.len() as u64 * 4, Usage::UNIFORM | Usage::COPY_DST);
        self.gpu.defer(scope);
        if !self.gpu.rehearses {
            self.gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&words));
        }
        self.known.push((words, buffer.clone()));
        buffer
    }
}
