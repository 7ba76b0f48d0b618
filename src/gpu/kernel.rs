//! Kernels, and the pipelines compiled from them.

use super::Gpu;
use super::decide::Sum;
use super::fault::translate;
use super::shader::{Parts, source};
use crate::{Error, Result};
use std::collections::HashMap;

/// How a shader binds a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Access {
    Uniform,
    Read,
    Write,
}

/// A shader with everything that is fixed about it: one pipeline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kernel {
    /// The file in `shaders/`.
    pub shader: &'static str,
    pub parts: Parts,
    /// Values of its `override` declarations.
    pub overrides: Vec<(&'static str, f64)>,
}

impl Kernel {
    pub(super) fn new(shader: &'static str) -> Kernel {
        Kernel { shader, parts: Parts::default(), overrides: Vec::new() }
    }

    /// Fills `//!include $role`.
    pub(super) fn role(mut self, role: &'static str, file: &'static str) -> Kernel {
        self.parts.roles.push((role, file));
        self
    }

    /// Fills `//!const NAME`.
    pub(super) fn constant(mut self, name: &'static str, value: usize) -> Kernel {
        self.parts.constants.push((name, value as u32));
        self
    }

    /// What a kernel that sums over workgroups needs.
    pub(super) fn sum(self, sum: Sum) -> Kernel {
        self.role("reduce", sum.reduce).constant("LANES", sum.lanes).constant("TOKENS", sum.count)
    }

    pub(super) fn set(mut self, name: &'static str, value: usize) -> Kernel {
        self.overrides.push((name, value as f64));
        self
    }

    pub(super) fn set_f32(mut self, name: &'static str, value: f32) -> Kernel {
        self.overrides.push((name, f64::from(value)));
        self
    }
}

/// A kernel's place in [`Pipelines`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PipelineId(usize);

/// All kernels of a runner, each once; compiled together after they are known.
pub(super) struct Pipelines {
    gpu: Gpu,
    kernels: Vec<(Kernel, Vec<(u32, Access)>)>,
    compiled: Vec<wgpu::ComputePipeline>,
    layouts: HashMap<Vec<(u32, Access)>, (wgpu::BindGroupLayout, wgpu::PipelineLayout)>,
    modules: HashMap<(&'static str, Parts), wgpu::ShaderModule>,
}

impl Pipelines {
    pub(super) fn new(gpu: &Gpu) -> Pipelines {
        let gpu = gpu.clone();
        Pipelines {
            gpu,
            kernels: Vec::new(),
            compiled: Vec::new(),
            layouts: HashMap::new(),
            modules: HashMap::new(),
        }
    }

    /// The pipeline of `kernel`, whose buffers are bound as `bindings` says; compiled later, by [`Pipelines::compile`].
    pub(super) fn add(&mut self, kernel: Kernel, bindings: Vec<(u32, Access)>) -> PipelineId {
        let entry = (kernel, bindings);
        let known = self.kernels.iter().position(|k| *k == entry);
        PipelineId(known.unwrap_or_else(|| {
            self.kernels.push(entry);
            self.kernels.len() - 1
        }))
    }

    pub(super) fn get(&self, id: PipelineId) -> Option<&wgpu::ComputePipeline> {
        self.compiled.get(id.0)
    }

    /// Whether a kernel of this shader is among them.
    pub(super) fn uses(&self, shader: &str) -> bool {
        self.kernels.iter().any(|(kernel, _)| kernel.shader == shader)
    }

    pub(super) fn shader(&self, id: PipelineId) -> &'static str {
        self.kernels[id.0].0.shader
    }

    /// The shader with what it includes, and its shape where it has one.
    pub(super) fn describe(&self, id: PipelineId) -> String {
        let kernel = &self.kernels[id.0].0;
        let mut words = vec![kernel.shader.to_string()];
        words.extend(kernel.parts.roles.iter().map(|(_, file)| file.to_string()));
        words.extend(kernel.parts.constants.iter().map(|(name, value)| format!("{name}={value}")));
        words.extend(kernel.overrides.iter().map(|(name, value)| format!("{name}={value}")));
        words.join(" ")
    }

    /// Where the buffers of a kernel go.
    pub(super) fn bind_group_layout(&mut self, id: PipelineId) -> wgpu::BindGroupLayout {
        let bindings = self.kernels[id.0].1.clone();
        self.layout(bindings).0.clone()
    }

    fn layout(&mut self, bindings: Vec<(u32, Access)>) -> &(wgpu::BindGroupLayout, wgpu::PipelineLayout) {
        let device = &self.gpu.device;
        self.layouts.entry(bindings).or_insert_with_key(|bindings| {
            let entries: Vec<_> = bindings.iter().map(|&(binding, access)| entry(binding, access)).collect();
            let group = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: None,
                entries: &entries,
            });
            let pipeline = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&group)],
                immediate_size: 0,
            });
            (group, pipeline)
        })
    }

    /// Compiles whatever is not compiled yet; `progress(done, total)`.
    pub(super) async fn compile(&mut self, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
        let total = self.kernels.len() as u64;
        while self.compiled.len() < self.kernels.len() {
            let (kernel, bindings) = self.kernels[self.compiled.len()].clone();
            let scope = self.gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
            let pipeline = self.pipeline(&kernel, bindings);
            let error = self.gpu.answered(Box::pin(scope.pop())).await?;
            if let Some(error) = error {
                return Err(translate(&error, &format!("shader {}", kernel.shader)));
            }
            self.compiled.push(pipeline?);
            self.gpu.check()?;
            progress(self.compiled.len() as u64, total);
        }
        Ok(())
    }

    fn pipeline(&mut self, kernel: &Kernel, bindings: Vec<(u32, Access)>) -> Result<wgpu::ComputePipeline> {
        let key = (kernel.shader, kernel.parts.clone());
        if !self.modules.contains_key(&key) {
            let text = source(kernel.shader, &kernel.parts)
                .map_err(|what| Error::Internal(format!("missing {what}")))?;
            let descriptor = wgpu::ShaderModuleDescriptor {
                label: Some(kernel.shader),
                source: wgpu::ShaderSource::Wgsl(text.into()),
            };
            let module = if self.gpu.capabilities.software {
                // Unrolled loops gain nothing there, and compilers for the CPU take minutes for them.
                self.gpu.device.create_shader_module(descriptor)
            } else {
                let checks = wgpu::ShaderRuntimeChecks::unchecked();
                // SAFETY: the shaders are our own, and what they index with is validated before a step. Checks of every
                // index and counters in every loop, which keep compilers from unrolling it, cost a GEMM a quarter of its
                // speed.
                unsafe { self.gpu.device.create_shader_module_trusted(descriptor, checks) }
            };
            self.modules.insert(key.clone(), module);
        }
        let layout = self.layout(bindings).1.clone();
        Ok(self.gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.shader),
            layout: Some(&layout),
            module: &self.modules[&key],
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &kernel.overrides,
                // No kernel reads workgroup memory that it has not written.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        }))
    }
}

fn entry(binding: u32, access: Access) -> wgpu::BindGroupLayoutEntry {
    let ty = match access {
        Access::Uniform => wgpu::BufferBindingType::Uniform,
        Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
        Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
    };
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    }
}
