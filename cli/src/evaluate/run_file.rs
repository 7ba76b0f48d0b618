//! `run.json`: what a run was asked for, so that its shards find each other and its report can be made again.

use super::spec::{Judged, Spec};
use super::survey::Survey;
use super::unwritable;
use crate::exit::Stop;
use crate::task::Task;
use lunette::engine::ModelInfo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const NAME: &str = "run.json";
const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFile {
    pub version: u32,
    pub model: Value,
    pub rubrics: Vec<RunRubric>,
    /// A hash of all rows and labels.
    pub data: String,
    /// Rows of all shards.
    pub rows: u64,
    pub shard: [u64; 2],
    pub seed: u64,
    /// The systems that are the judge itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRubric {
    pub name: String,
    pub task: String,
    /// Of all that verdicts depend on but for the row.
    pub hash: String,
    pub rubric: Value,
    pub weight: f64,
    pub threshold: Option<f64>,
    pub pass: Vec<String>,
}

impl RunFile {
    pub fn new(spec: &Spec, survey: &Survey, info: &ModelInfo, hashes: Vec<String>) -> RunFile {
        let rubric = |(Judged { name, task, weight, threshold, pass }, hash): (&Judged, String)| RunRubric {
            name: name.clone(),
            task: Task::name(task).into(),
            hash,
            rubric: task.rubric(),
            weight: *weight,
            threshold: *threshold,
            pass: pass.clone(),
        };
        RunFile {
            version: VERSION,
            // Not the device: shards may run on different ones.
            model: json!({ "name": info.name, "quantization": info.quantization }),
            rubrics: spec.rubrics.iter().zip(hashes).map(rubric).collect(),
            data: survey.digest.clone(),
            rows: survey.rows,
            shard: [spec.shard.index, spec.shard.count],
            seed: spec.reading.seed,
            own: spec.own.clone(),
        }
    }

    pub fn write(&self, folder: &Path) -> Result<(), Stop> {
        let path = folder.join(NAME);
        let text = serde_json::to_string_pretty(self).map_err(|e| Stop::Fault(e.to_string()))?;
        fs::write(&path, text + "\n").map_err(|e| unwritable(&path, &e.to_string()))
    }

    pub fn read(folder: &Path) -> Result<RunFile, Stop> {
        let path = folder.join(NAME);
        let text = fs::read_to_string(&path)
            .map_err(|e| unwritable(&path, &format!("{e}; it is written by `lunette evaluate`")))?;
        let file: RunFile = serde_json::from_str(&text).map_err(|e| unwritable(&path, &e.to_string()))?;
        match file.version {
            VERSION => Ok(file),
            other => Err(unwritable(
                &path,
                &format!("it has the version {other}, and this program reads {VERSION}"),
            )),
        }
    }
}
