//! Samples into medians; medians into Markdown tables and JSON.

use crate::run::Run;
use crate::say;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// One reading.
#[derive(Clone)]
pub struct Sample {
    pub name: String,
    pub backend: String,
    pub adapter: String,
    pub unit: String,
    pub value: f64,
}

impl Sample {
    /// From a line that a benchmark printed.
    pub fn parse(line: &str) -> Result<Sample> {
        let object: Value = serde_json::from_str(line).with_context(|| format!("not a sample: {line}"))?;
        let text = |key: &str| {
            let text = object[key].as_str().map(str::to_owned);
            text.with_context(|| format!("a sample without \"{key}\": {line}"))
        };
        Ok(Sample {
            name: text("name")?,
            backend: text("backend")?,
            adapter: text("adapter")?,
            unit: text("unit")?,
            value: object["value"].as_f64().with_context(|| format!("a sample without a value: {line}"))?,
        })
    }
}

/// Samples of the same thing.
struct Measurement {
    part: String,
    of: Sample,
    values: Vec<f64>,
}

#[derive(Default)]
pub struct Report {
    measurements: Vec<Measurement>,
}

impl Report {
    pub fn add(&mut self, part: &str, samples: Vec<Sample>) {
        for sample in samples {
            let same = |m: &&mut Measurement| {
                let of = &m.of;
                m.part == part
                    && (&of.name, &of.backend, &of.adapter, &of.unit)
                        == (&sample.name, &sample.backend, &sample.adapter, &sample.unit)
            };
            match self.measurements.iter_mut().find(same) {
                Some(measurement) => measurement.values.push(sample.value),
                None => {
                    let values = vec![sample.value];
                    self.measurements.push(Measurement { part: part.into(), of: sample, values });
                }
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.measurements.is_empty()
    }

    /// On stdout, a table for each part.
    pub fn print(&self, model: &Path) {
        println!("{}, {}, load {}, commit {}", date(), machine(), load(), commit());
        println!("model {}", file_name(model));
        let mut parts: Vec<&str> = Vec::new();
        for m in &self.measurements {
            if !parts.contains(&&m.part[..]) {
                parts.push(&m.part);
            }
        }
        for part in parts {
            println!("\n### {part}\n");
            let rows = self.measurements.iter().filter(|m| m.part == part).map(Measurement::row).collect();
            table(["measurement", "backend", "median", "min – max", "unit", "n"], rows);
        }
    }

    pub fn write(&self, path: &Path, model: &Path) -> Result<()> {
        let measurements: Vec<Value> = self.measurements.iter().map(Measurement::json).collect();
        let all = json!({
            "date": date(),
            "machine": machine(),
            "load": load(),
            "commit": commit(),
            "model": file_name(model),
            "measurements": measurements,
        });
        let text = serde_json::to_string_pretty(&all)? + "\n";
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
        say!("written to {}", path.display());
        Ok(())
    }
}

impl Measurement {
    fn spread(&self) -> (f64, f64) {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        (least, self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    fn row(&self) -> [String; 6] {
        let (min, max) = self.spread();
        let backend = match (&self.of.backend[..], &self.of.adapter[..]) {
            (backend, "") => backend.to_owned(),
            (backend, adapter) => format!("{backend} ({adapter})"),
        };
        [
            self.of.name.clone(),
            backend,
            short(median(&self.values)),
            format!("{} – {}", short(min), short(max)),
            self.of.unit.clone(),
            self.values.len().to_string(),
        ]
    }

    fn json(&self) -> Value {
        let (min, max) = self.spread();
        json!({
            "part": self.part,
            "name": self.of.name,
            "backend": self.of.backend,
            "adapter": self.of.adapter,
            "median": median(&self.values),
            "min": min,
            "max": max,
            "unit": self.of.unit,
            "reps": self.values.len(),
        })
    }
}

/// Of at least one value.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 }
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Markdown that is also legible as it stands.
fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) {
    let width =
        |column: usize| rows.iter().map(|row| &row[column][..]).chain([head[column]]).map(length).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} |"));
        println!("|{}", cells.collect::<String>());
    };
    line(head);
    println!("|{}", widths.map(|width| "-".repeat(width + 2) + "|").concat());
    for row in &rows {
        line(std::array::from_fn(|column| &row[column][..]));
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn date() -> String {
    Run::new("date").args(["-u", "+%F"]).probe().unwrap_or_default()
}

/// The last commit, with a mark where the tree has changed since.
fn commit() -> String {
    Run::new("git").args(["describe", "--always", "--dirty"]).probe().unwrap_or_default()
}

/// Processor, cores and memory, where Linux says them.
fn machine() -> String {
    let field = |file: &str, key: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").and_then(|text| {
        let kib: f64 = text.split_whitespace().next()?.parse().ok()?;
        Some(format!(", {:.0} GiB", kib / f64::from(1 << 20)))
    });
    format!("{processor}, {cores} cores{}", memory.unwrap_or_default())
}

/// How busy the machine is at the end: above the number of cores, figures of wall time are worth little.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Sample, median, short};

    #[test]
    fn medians_and_digits() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!([1234.5, 99.96, 12.34, 0.126].map(short), ["1234", "100", "12.3", "0.13"]);
    }

    #[test]
    fn a_sample_needs_all_its_fields() {
        let line = r#"{"name":"load","backend":"wasm","adapter":"","unit":"ms","value":12}"#;
        assert_eq!(Sample::parse(line).unwrap().value, 12.0);
        assert!(Sample::parse(&line.replace("\"ms\"", "null")).is_err());
        assert!(Sample::parse("ready").is_err());
    }
}
