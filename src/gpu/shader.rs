//! The sources of the kernels, and the little that WGSL lacks: includes.
//!
//! - `//!include name` is replaced by `shaders/name.wgsl`, once.
//! - `//!include $role` by the file that the kernel plays that role with: `$dequant`, `$kv`.
//! - `//!const NAME` by `const NAME: u32 = …;`, for the sizes of private arrays, which no `override` can give.
//! - `//!enable name` becomes WGSL's `enable name;` at the top of the source, in a browser; natively naga knows the
//!   extension from the device's features and refuses the directive.
//!
//! A dequantizer (`dequant_*.wgsl`) binds the planes of a matrix (see [`super::repack`]) at 8 to 10, the grid of its type
//! (see [`super::grids`]) at 11, and provides
//! - `GROUP`: how many elements share a scale (8, 16 or 32; rows hold whole groups),
//! - `group_scale(g)`: (d, m) of the g-th group of the matrix, whose weights are `d q + m`,
//! - `group8(i)`: the quants q of elements 8 i .. 8 i + 8 of the matrix;
//! - `packed_group8(i)`: the same as signed bytes of two words, where [`super::decide::packs`] says so.

use crate::quant::BlockType;
use std::fmt::Write;

macro_rules! shaders {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../shaders/", $name, ".wgsl")))),*]
    };
}

/// Every file of `shaders/`, by name.
const FILES: &[(&str, &str)] = shaders! {
    "add" "attention_merge" "attention_thread" "attention_tile" "dequant_bf16" "dequant_f16" "dequant_f32"
    "dequant_iq4_nl" "dequant_iq4_xs" "dequant_q2_k" "dequant_q3_k" "dequant_q4_0" "dequant_q4_1"
    "dequant_iq1_s" "dequant_iq1_m" "dequant_iq2_xxs" "dequant_iq2_xs" "dequant_iq2_s" "dequant_iq3_xxs"
    "dequant_iq3_s" "dequant_tq1_0" "dequant_tq2_0" "dequant_mxfp4" "block_d" "grid" "grid_signs" "grid_iq1"
    "grid_iq2" "grid_iq3" "dequant_q4_k" "dequant_q5_0" "dequant_q5_1" "dequant_q5_k" "dequant_q6_k"
    "dequant_q8_0" "group8" "embed" "fifth_bits" "epilogue" "kv_f16" "kv_f16_software" "kv_f32" "kv_store"
    "codebook" "gemm" "gemv_thread" "gemm_thread" "gemv" "logit_keys" "barrier_none" "barrier_workgroup"
    "nibbles" "gather_rows" "quantize_activations" "probe_copy" "probe_fma" "dot_f32" "dot_packed"
    "sampler_request" "gather_logprobs" "logit_partials" "logit_row" "sampler" "reduce_shared"
    "reduce_subgroups" "rms_norm" "rms_norm_workgroup" "rope" "rope_store" "scales_k" "shape" "kv_splits"
    "activations" "bounded_tanh" "glu" "choose" "scale" "soft_cap"
};

/// The file that dequantizes a block type.
pub(super) const fn dequantizer(block_type: BlockType) -> &'static str {
    match block_type {
        BlockType::F32 => "dequant_f32",
        BlockType::F16 => "dequant_f16",
        BlockType::Q4_0 => "dequant_q4_0",
        BlockType::Q4_1 => "dequant_q4_1",
        BlockType::BF16 => "dequant_bf16",
        BlockType::Q5_0 => "dequant_q5_0",
        BlockType::Q5_1 => "dequant_q5_1",
        BlockType::Q8_0 => "dequant_q8_0",
        BlockType::Q2_K => "dequant_q2_k",
        BlockType::Q3_K => "dequant_q3_k",
        BlockType::Q4_K => "dequant_q4_k",
        BlockType::Q5_K => "dequant_q5_k",
        BlockType::Q6_K => "dequant_q6_k",
        BlockType::IQ4_NL => "dequant_iq4_nl",
        BlockType::IQ4_XS => "dequant_iq4_xs",
        BlockType::IQ1_S => "dequant_iq1_s",
        BlockType::IQ1_M => "dequant_iq1_m",
        BlockType::IQ2_XXS => "dequant_iq2_xxs",
        BlockType::IQ2_XS => "dequant_iq2_xs",
        BlockType::IQ2_S => "dequant_iq2_s",
        BlockType::IQ3_XXS => "dequant_iq3_xxs",
        BlockType::IQ3_S => "dequant_iq3_s",
        BlockType::TQ1_0 => "dequant_tq1_0",
        BlockType::TQ2_0 => "dequant_tq2_0",
        BlockType::MXFP4 => "dequant_mxfp4",
    }
}

/// What a shader's directives stand for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Parts {
    /// (role, file) for `//!include $role`.
    pub roles: Vec<(&'static str, &'static str)>,
    /// (name, value) for `//!const NAME`.
    pub constants: Vec<(&'static str, u32)>,
}

/// The WGSL of the shader `name`; `Err` names what is missing.
pub(super) fn source(name: &str, parts: &Parts) -> Result<String, String> {
    let (mut out, mut included) = (String::new(), Vec::new());
    expand(name, parts, &mut out, &mut included)?;
    Ok(enable(out, cfg!(target_arch = "wasm32")))
}

/// Moves what the files want enabled to the top, or drops it.
fn enable(text: String, in_browser: bool) -> String {
    const ENABLE: &str = "//!enable ";
    if !text.contains(ENABLE) {
        return text;
    }
    let (wanted, code): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with(ENABLE));
    let mut out = String::new();
    for name in wanted.iter().filter(|_| in_browser).filter_map(|line| line.strip_prefix(ENABLE)) {
        let _ = writeln!(out, "enable {name};");
    }
    out + &code.join("\n") + "\n"
}

fn expand(name: &str, parts: &Parts, out: &mut String, included: &mut Vec<String>) -> Result<(), String> {
    if included.iter().any(|n| n == name) {
        return Ok(());
    }
    included.push(name.to_string());
    let text = FILES
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, text)| *text)
        .ok_or_else(|| format!("shader {name}"))?;
    for line in text.lines() {
        if let Some(wanted) = line.strip_prefix("//!include ") {
            let file = match wanted.strip_prefix('$') {
                Some(role) => find(&parts.roles, role).ok_or_else(|| format!("{name}: role {role}"))?,
                None => wanted,
            };
            expand(file, parts, out, included)?;
        } else if let Some(constant) = line.strip_prefix("//!const ") {
            let value =
                find(&parts.constants, constant).ok_or_else(|| format!("{name}: constant {constant}"))?;
            let _ = writeln!(out, "const {constant}: u32 = {value}u;");
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    Ok(())
}

fn find<T: Copy>(pairs: &[(&'static str, T)], name: &str) -> Option<T> {
    pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_are_expanded_once_and_roles_filled() {
        let parts = Parts { roles: vec![("dequant", "dequant_q5_k")], constants: vec![] };
        let text = source("embed", &parts).unwrap();
        assert_eq!(text.matches("fn low_nibbles").count(), 1);
        assert_eq!(text.matches("struct Group8").count(), 1);
        assert!(!text.contains("//!"));
    }

    #[test]
    fn extensions_are_enabled_at_the_top_in_a_browser() {
        let parts = Parts {
            roles: vec![("reduce", "reduce_subgroups")],
            constants: vec![("LANES", 64), ("TOKENS", 1)],
        };
        let native = source("rms_norm_workgroup", &parts).unwrap();
        assert!(!native.contains("enable subgroups"));
        let text = enable("a\n//!enable subgroups\nb\n".into(), true);
        assert_eq!(text, "enable subgroups;\na\nb\n");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(source("embed", &Parts::default()).unwrap_err().contains("dequant"));
        assert!(source("nothing", &Parts::default()).unwrap_err().contains("nothing"));
    }
}
