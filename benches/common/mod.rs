//! What the native benchmarks share.

#![allow(dead_code)]

use std::process::exit;

/// Prints a sample, one JSON object a line on stdout; `cargo xtask bench` gathers them into medians.
pub fn sample(name: &str, backend: &str, adapter: &str, unit: &str, value: f64) {
    let line = serde_json::json!({
        "name": name, "backend": backend, "adapter": adapter, "unit": unit, "value": value,
    });
    println!("{line}");
}

/// Whether `--name` is among the arguments.
pub fn flag(name: &str) -> bool {
    std::env::args().any(|argument| argument == format!("--{name}"))
}

/// Ends the program where `--hardware` is asked for, and the adapter is none.
pub fn adapter_wanted(adapter: &str, software: bool) {
    if flag("hardware") && software {
        fail(&format!(
            "the only Vulkan adapter here is {adapter}, a program on the CPU; run this on a machine with a GPU and its \
             Vulkan driver, or without --hardware to measure the software adapter"
        ));
    }
}

/// The value of `--name` as a number.
pub fn number(name: &str, default: usize) -> usize {
    list(name, &[default])[0]
}

/// The value of `--name` as numbers with commas between.
pub fn list(name: &str, default: &[usize]) -> Vec<usize> {
    let Some(text) = text(name) else { return default.to_vec() };
    let numbers: Option<Vec<usize>> = text.split(',').map(|n| n.parse().ok()).collect();
    numbers.unwrap_or_else(|| fail(&format!("--{name} takes numbers with commas between, not \"{text}\"")))
}

/// The value of `--name`.
pub fn text(name: &str) -> Option<String> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|a| *a == format!("--{name}"))?;
    Some(arguments.get(at + 1).cloned().unwrap_or_else(|| fail(&format!("--{name} lacks its value"))))
}

pub fn fail(message: &str) -> ! {
    eprintln!("error: {message}");
    exit(1)
}
