//! Rotary position embeddings (Su et al. 2021) and the ways to stretch them over longer texts.

use crate::gguf::{Header, Metadata, Value};
use crate::{Error, Result};
use std::f64::consts::PI;

/// Which of a rotary pair's elements sit side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeStyle {
    /// Pairs (2i, 2i+1), as GGUF stores Llama.
    Interleaved,
    /// Pairs (i, i + n/2) of the n elements that are rotated, as GPT-NeoX and Qwen.
    Halves,
}

/// A rotation of heads by their row's position.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// Radians a position, one for each pair; elements of a head behind the last pair stay as they are.
    pub frequencies: Vec<f32>,
    /// What cosine and sine are multiplied by.
    pub amplitude: f32,
    pub style: RopeStyle,
    pub head_dim: usize,
}

/// Factors that a file gives as tensors: each angle is divided by its own.
pub const FACTORS: &str = "rope_freqs.weight";
/// LongRoPE's (Ding et al. 2024), for contexts longer than the model was first trained for, and for others.
pub const LONG_FACTORS: &str = "rope_factors_long.weight";
pub const SHORT_FACTORS: &str = "rope_factors_short.weight";

/// What a file says of its rotation.
pub struct RopeMetadata<'a> {
    pub meta: &'a Metadata,
    /// `llama.rope` and the like.
    pub prefix: String,
    pub context_length: usize,
}

impl RopeMetadata<'_> {
    fn number(&self, key: &str, default: f64) -> f64 {
        self.meta.f64(&format!("{}.{key}", self.prefix)).unwrap_or(default)
    }

    /// The base of the angles, or that of layers with a window.
    pub fn base(&self) -> f64 {
        self.number("freq_base", 10_000.0)
    }

    pub fn base_of_windows(&self, default: f64) -> f64 {
        self.number("freq_base_swa", default)
    }

    /// Positions that the model was trained for before its angles were stretched.
    pub fn original_context(&self) -> f64 {
        self.number("scaling.original_context_length", self.context_length as f64)
    }

    /// θᵢ = base^(−2i / n), slowed down where the file says so: all alike (linear), or by how often each turns over the
    /// original context (YaRN, Peng et al. 2023). Factors that are tensors are applied when these arrive.
    pub fn scaled(&self, base: f64, rotary: usize) -> Result<(Vec<f32>, f32)> {
        let kind = self.meta.get(&format!("{}.scaling.type", self.prefix)).and_then(Value::as_str);
        let factor = self.number("scaling.factor", self.number("scale_linear", 1.0));
        let factor = if factor == 0.0 || kind == Some("none") { 1.0 } else { factor };
        let amplitude = self.number("scaling.attn_factor", 1.0);
        if !(factor > 0.0 && factor.is_finite() && amplitude > 0.0 && amplitude.is_finite()) {
            return Err(Error::InvalidModel(format!("its rope scale is {factor}, by {amplitude}")));
        }
        let slow = |theta: f64, _: usize| theta / factor;
        match kind {
            None | Some("none" | "linear") => Ok((angles(base, rotary, slow)?, amplitude as f32)),
            // The factors are the scale.
            Some("longrope") => Ok((angles(base, rotary, slow)?, amplitude as f32)),
            Some("yarn") => {
                let turn = self.yarn(base, rotary);
                let mixed = |theta: f64, i: usize| {
                    let kept = turn(i);
                    theta / factor * (1.0 - kept) + theta * kept
                };
                let stretched = amplitude * (1.0 + 0.1 * factor.max(1.0).ln());
                Ok((angles(base, rotary, mixed)?, stretched as f32))
            }
            Some(other) => Err(Error::InvalidModel(format!("its rope scaling \"{other}\" is not supported"))),
        }
    }

    /// For the i-th pair how much of its angle YaRN keeps: all where it turns more than `beta_fast` times over the
    /// original context, nothing where less than `beta_slow` times, linearly between.
    fn yarn(&self, base: f64, rotary: usize) -> impl Fn(usize) -> f64 {
        let n = rotary as f64;
        let pair_of =
            |turns: f64| n * (self.original_context() / (turns * 2.0 * PI)).ln() / (2.0 * base.ln());
        let low = pair_of(self.number("scaling.yarn_beta_fast", 32.0)).floor().max(0.0);
        let high = pair_of(self.number("scaling.yarn_beta_slow", 1.0)).ceil().min(n - 1.0);
        move |i| 1.0 - ((i as f64 - low) / (high - low).max(0.001)).clamp(0.0, 1.0)
    }
}

/// The angles of the pairs of `rotary` elements, without any scaling.
pub fn unscaled(base: f64, rotary: usize) -> Result<Vec<f32>> {
    angles(base, rotary, |theta, _| theta)
}

fn angles(base: f64, rotary: usize, scale: impl Fn(f64, usize) -> f64) -> Result<Vec<f32>> {
    let theta = |i: usize| base.powf(-2.0 * i as f64 / rotary as f64);
    let angles: Vec<f32> = (0..rotary / 2).map(|i| scale(theta(i), i) as f32).collect();
    // A tiny scale makes infinite angles of finite numbers.
    match base > 1.0 && base.is_finite() && angles.iter().all(|angle| angle.is_finite()) {
        true => Ok(angles),
        false => {
            Err(Error::InvalidModel(format!("its rope base is {base}, and its angles are not all finite")))
        }
    }
}

impl Rotation {
    /// Divides each angle by its own factor, out of the tensor `name`.
    pub fn divide(&mut self, factors: &[f32], name: &str) -> Result<()> {
        let usable =
            factors.len() == self.frequencies.len() && factors.iter().all(|f| f.is_finite() && *f > 0.0);
        self.frequencies.iter_mut().zip(factors).for_each(|(angle, factor)| *angle /= factor);
        match usable && self.frequencies.iter().all(|angle| angle.is_finite()) {
            true => Ok(()),
            false => Err(Error::InvalidModel(format!("tensor \"{name}\" has unusable values"))),
        }
    }
}

/// The tensor whose factors apply, if a file has one, for a context of `context` positions.
pub fn factors(header: &Header, long: bool) -> Option<&'static str> {
    let of_length = if long { LONG_FACTORS } else { SHORT_FACTORS };
    [FACTORS, of_length].into_iter().find(|name| header.tensor(name).is_some())
}
