//! `eval.yaml`: what `lunette evaluate` is asked for, in a file.

use super::arguments::Asked;
use crate::arguments::{DefenceName, MethodName};
use crate::exit::Stop;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What to evaluate. Paths are relative to this file. Every field can be given as a flag of `lunette evaluate` as well; a flag
/// comes first.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EvalFile {
    /// The rows: JSONL, JSON (an array of objects, or an object with such an array), CSV or TSV.
    pub data: Option<PathBuf>,
    /// The format of the data; recognized where not given.
    pub format: Option<FormatName>,
    /// Which columns are what: `input`, `response`, `responseA`, `responseB`, `reference`, `context`, `rubric`, `criteria`,
    /// `id`, `group`, `slice`, and who wrote the responses: `system`, or `systemA` and `systemB`. Several columns are joined; a
    /// path such as `response.text` leads into objects.
    pub map: BTreeMap<String, Columns>,
    /// The columns with people's labels: one, one for each rater, or by rubric.
    pub labels: Option<LabelColumns>,
    /// What labels of the data mean: `{0: a, 1: b}`.
    pub label_values: BTreeMap<String, Word>,
    pub task: Option<Asked>,
    /// What to judge by; each row's own where not given.
    pub rubrics: Vec<RubricEntry>,
    /// Only the first rows of the data.
    pub limit: Option<u64>,
    /// The folder of the run.
    pub out: Option<PathBuf>,
    /// Only each N-th row, from row I on, as `I/N`.
    pub shard: Option<String>,
    /// Figures of the report that must not be lower: `{kappa: 0.6, clarity.spearman: 0.5}`; also `overall` and `passRate`.
    pub fail_under: BTreeMap<String, f64>,
    /// Figures that must not be higher.
    pub fail_over: BTreeMap<String, f64>,
    /// Bias probes to run: `all`, or names such as `verbosity` and `position`.
    pub probes: Option<Columns>,
    /// The systems of the data that are the judge itself: the report tells whether it prefers its own responses.
    pub own: Option<Columns>,
    /// The GGUF file of the model; the environment's LUNETTE_MODEL where not given.
    pub model: Option<PathBuf>,
    pub backend: Option<BackendName>,
    /// Tokens that the model holds at once.
    pub context: Option<usize>,
    /// A file with a Jinja chat template, in place of the model's own.
    pub chat_template: Option<PathBuf>,
    /// A LoRA adapter for the model, to judge with: a GGUF file.
    pub adapter: Option<PathBuf>,
    /// What the adapter adds is multiplied by this; 1 where not given.
    pub adapter_scale: Option<f32>,
    /// The day that a chat template may print, as YYYY-MM-DD.
    pub date: Option<String>,
    /// Rows judged at the same time, 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    pub batch: Option<usize>,
    /// Whether to reason before the verdict; true where not given.
    pub critique: Option<bool>,
    /// Most tokens of a critique.
    pub max_tokens: Option<usize>,
    /// `off`, `auto`, or the most tokens of a thought.
    pub thinking: Option<Word>,
    pub temperature: Option<f32>,
    /// Repeats what is drawn, and the report's intervals.
    pub seed: Option<u64>,
    /// Critiques drawn for each row.
    pub samples: Option<usize>,
    /// `selene`, `rubric-first`, or a YAML file.
    pub template: Option<String>,
    /// Several templates: each is a run, and they are compared.
    pub templates: Vec<String>,
    /// Several judges: each is a run, and they are compared.
    pub judges: Vec<JudgeEntry>,
    /// Against responses that are out for a better verdict: `mark`, `remind`.
    pub defences: Vec<DefenceName>,
    /// What to shorten where a row is too long.
    pub truncate: Option<TruncateName>,
    /// Orders in which a rubric's levels or labels are listed.
    pub rubric_orders: Option<usize>,
    /// Compare: how; as the adapter was trained where not given, else pairwise.
    pub method: Option<MethodName>,
    /// Compare: whether to judge both orders; true where not given.
    pub both_orders: Option<bool>,
    /// Compare: where the two orders disagree, call it a tie.
    pub ties: Option<bool>,
    /// Rows with an error do not change the exit code.
    pub allow_errors: Option<bool>,
}

/// A judge by a name of its own. What it leaves out is that of the evaluation.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JudgeEntry {
    pub name: String,
    /// The GGUF file of the model.
    pub model: Option<PathBuf>,
    /// A LoRA adapter for it.
    pub adapter: Option<PathBuf>,
    pub adapter_scale: Option<f32>,
    pub backend: Option<BackendName>,
    /// A file with a Jinja chat template, in place of the model's own.
    pub chat_template: Option<PathBuf>,
    /// Tokens that the model holds at once.
    pub context: Option<usize>,
}

/// A rubric: in a file of its own, or here.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RubricEntry {
    /// How results and report call it; that of the file where not given.
    pub name: Option<String>,
    /// A rubric in YAML or JSON, in place of the fields below.
    pub file: Option<PathBuf>,
    /// What is judged.
    pub objective: Option<String>,
    /// Score: what each score means.
    pub scale: Option<Map<String, Value>>,
    /// Classify: what each label means.
    pub labels: Option<Map<String, Value>>,
    /// How much it counts in a row's overall score; 1 where not given.
    pub weight: Option<f64>,
    /// Score: the lowest score that passes.
    pub threshold: Option<f64>,
    /// Classify: the labels that pass.
    pub pass: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FormatName {
    Jsonl,
    Json,
    Csv,
    Tsv,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackendName {
    Auto,
    Gpu,
    Cpu,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TruncateName {
    Response,
    Context,
}

/// One name or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Columns {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LabelColumns {
    All(Columns),
    ByRubric(BTreeMap<String, Columns>),
}

/// A word, which YAML may take for a number or a truth.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Word {
    Text(String),
    Whole(i64),
    Number(f64),
    Truth(bool),
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Word::Text(text) => f.write_str(text),
            Word::Whole(number) => write!(f, "{number}"),
            Word::Number(number) => write!(f, "{number}"),
            Word::Truth(truth) => write!(f, "{truth}"),
        }
    }
}

impl From<Columns> for Vec<String> {
    fn from(columns: Columns) -> Vec<String> {
        match columns {
            Columns::One(name) => vec![name],
            Columns::Several(names) => names,
        }
    }
}

/// More than anybody writes by hand.
const MOST: u64 = 4 << 20;

impl EvalFile {
    pub fn open(path: &Path) -> Result<EvalFile, Stop> {
        let failed = |what: String| Stop::Fault(format!("{}: {what}", path.display()));
        let length = fs::metadata(path).map_err(|e| failed(e.to_string()))?.len();
        if length > MOST {
            return Err(failed(format!(
                "it has {length} bytes, so it is no such file; `--data` names the rows"
            )));
        }
        EvalFile::parse(&fs::read_to_string(path).map_err(|e| failed(e.to_string()))?).map_err(failed)
    }

    /// Fails with the path of the field that is wrong.
    fn parse(text: &str) -> Result<EvalFile, String> {
        let value: Value = serde_saphyr::from_str(text).map_err(|e| format!("it is no YAML: {e}"))?;
        match value {
            Value::Null => return Ok(EvalFile::default()),
            Value::Object(_) => {}
            _ => return Err("it has to have fields, such as `data: rows.csv`".into()),
        }
        serde_path_to_error::deserialize(value).map_err(|e| match e.path().to_string() {
            path if path == "." => e.into_inner().to_string(),
            path => format!("`{path}`: {}", e.into_inner()),
        })
    }

    /// For editors, which then complete and check the file.
    pub fn schema() -> Result<String, Stop> {
        let schema = schemars::schema_for!(EvalFile);
        serde_json::to_string_pretty(&schema).map_err(|e| Stop::Fault(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_wrong_are_named() {
        for (text, why) in [
            ("modle: x", "modle"),
            ("rubrics: [{objective: o}, {weight: heavy}]", "rubrics[1].weight"),
            ("batch: many", "batch"),
            ("task: rate", "task"),
            ("map: {input: [1]}", "map.input"),
            ("failUnder: {kappa: high}", "failUnder.kappa"),
            ("data: *a", "YAML"),
            ("- data", "fields"),
        ] {
            let error = EvalFile::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn all_of_it_is_read() {
        let file = EvalFile::parse(
            "data: rows.csv\nlabels: {clarity: [r1, r2]}\nlabelValues: {0: a, 1: b}\nthinking: 40\nrubrics:\n  - name: clarity\n    objective: o\n    scale: {1: bad, 2: good}\n",
        )
        .unwrap();
        assert_eq!(file.label_values["0"].to_string(), "a");
        assert_eq!(file.thinking.unwrap().to_string(), "40");
        assert_eq!(file.rubrics[0].scale.as_ref().unwrap()["1"], "bad");
        assert!(EvalFile::parse("").is_ok());
    }

    /// Editors take it from the repository.
    #[test]
    fn the_schema_is_beside_the_program() {
        let schema = format!("{}\n", EvalFile::schema().unwrap());
        assert_eq!(
            schema,
            include_str!("../../eval.schema.json"),
            "write `lunette evaluate --schema` to cli/eval.schema.json"
        );
    }
}
