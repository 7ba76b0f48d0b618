//! The flags of `lunette evaluate` and `merge-runs`. Each can stand in the file as well; a flag comes first.

use crate::arguments::{Cut, DefenceName, PairArguments, Shard, Where, batch, thinking};
use clap::{Args, ValueEnum};
use lunette::eval::dataset::Format;
use lunette::judge::ThinkingChoice;
use std::path::PathBuf;

#[derive(Args, Clone, Default)]
pub struct EvaluateArguments {
    /// What to evaluate, as YAML; paths in it are relative to it
    #[arg(value_name = "EVAL.YAML")]
    pub file: Option<PathBuf>,
    /// The rows: JSONL, JSON, CSV or TSV
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// The format of the data [default: recognized]
    #[arg(long, value_enum)]
    pub format: Option<DataFormat>,
    /// Which columns are what, such as input=question,response=answer [default: by their names and shape]
    #[arg(long, value_name = "FIELD=COLUMN,…")]
    pub map: Option<String>,
    /// The columns with people's labels: human, several raters as r1+r2, or by rubric clarity=human_clarity
    #[arg(long, value_name = "[RUBRIC=]COLUMN,…")]
    pub labels: Option<String>,
    /// What a label of the data means, such as 0=a or good=Yes (can be given several times)
    #[arg(long, value_name = "FOUND=MEANT")]
    pub label_value: Vec<String>,
    /// What is asked of each row
    #[arg(long, value_enum)]
    pub task: Option<Asked>,
    /// What to judge by, as YAML or JSON (can be given several times) [default: each row's own]
    #[arg(long, value_name = "[NAME=]FILE")]
    pub rubric: Vec<String>,
    /// How much a rubric counts in a row's overall score
    #[arg(long, value_name = "NAME=W")]
    pub weight: Vec<String>,
    /// The lowest score that passes a rubric
    #[arg(long, value_name = "NAME=SCORE")]
    pub threshold: Vec<String>,
    /// Only the first rows of the data
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// The folder of the run: a run that was broken off goes on there [default: evaluation]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Judge only each N-th row, from row I on; `lunette merge-runs` joins the runs
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// End with code 4 if a figure of the report is lower or not defined, such as kappa=0.6 or clarity.spearman=0.5
    #[arg(long, value_name = "[RUBRIC.]FIGURE=X")]
    pub fail_under: Vec<String>,
    /// The same of figures that should be low, such as meanAbsoluteError=1
    #[arg(long, value_name = "[RUBRIC.]FIGURE=X")]
    pub fail_over: Vec<String>,
    /// Change rows as a fair judge would not mind, and measure what that does: `all`, or names such as verbosity,position
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub probes: Vec<String>,
    /// The systems of the data that are the judge itself: the report tells whether it prefers its own responses
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub own: Vec<String>,
    /// The GGUF file of the model [default: the environment's LUNETTE_MODEL]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Where to run [default: auto]
    #[arg(long, value_enum)]
    pub backend: Option<Where>,
    /// Tokens that the model holds at once [default: its own length, at most 8192]
    #[arg(long, value_name = "TOKENS")]
    pub context: Option<usize>,
    /// Threads of the CPU backend [default: as many as the machine runs at once]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// A Jinja chat template, in place of the file's own
    #[arg(long, value_name = "FILE")]
    pub chat_template: Option<PathBuf>,
    /// A LoRA adapter for the model, to judge with
    #[arg(long, value_name = "FILE")]
    pub adapter: Option<PathBuf>,
    /// What the adapter adds is multiplied by this [default: 1]
    #[arg(long, value_name = "SCALE", allow_negative_numbers = true)]
    pub adapter_scale: Option<f32>,
    /// The day that a chat template may print
    #[arg(long, value_name = "DATE")]
    pub date: Option<String>,
    /// Rows judged at the same time [default: 16]; with 1, results are the same to the last bit however they are divided
    #[arg(long, value_name = "N", value_parser = batch())]
    pub batch: Option<usize>,
    /// Read the verdict at once, without a critique
    #[arg(long)]
    pub no_critique: bool,
    /// Most tokens of a critique [default: 512]
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<usize>,
    /// Whether a model that can think does so [default: auto]
    #[arg(long, value_name = "off|auto|N", value_parser = thinking)]
    pub thinking: Option<ThinkingChoice>,
    /// 0: the likeliest critique; above: critiques are drawn [default: 0]
    #[arg(long, value_name = "T")]
    pub temperature: Option<f32>,
    /// Repeats what is drawn, and the report's intervals [default: 0]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Critiques drawn for each row [default: 1]
    #[arg(long, value_name = "N")]
    pub samples: Option<usize>,
    /// `selene`, `rubric-first`, or a YAML file [default: selene]; given several times, each is a run, and they are compared
    #[arg(long, value_name = "NAME|FILE")]
    pub template: Vec<String>,
    /// A judge by a name and its GGUF file; given several times, each is a run, and they are compared
    #[arg(long, value_name = "NAME=FILE", conflicts_with = "model")]
    pub judge: Vec<String>,
    /// An earlier run on the same rows: a figure that is significantly worse than there ends with code 4
    #[arg(long, value_name = "FOLDER")]
    pub baseline: Option<PathBuf>,
    /// Against responses that are out for a better verdict: `mark` begins each of their lines with a bar, `remind` says behind them
    /// that only the rubric counts
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_enum)]
    pub defences: Vec<DefenceName>,
    /// What to shorten where a row is too long [default: nothing, it is an error]
    #[arg(long, value_name = "FIELD")]
    pub truncate: Option<Cut>,
    /// Orders in which a rubric's levels or labels are listed [default: 1]
    #[arg(long, value_name = "N")]
    pub rubric_orders: Option<usize>,
    #[command(flatten)]
    pub pairs: PairArguments,
    /// Rows with an error do not change the exit code
    #[arg(long)]
    pub allow_errors: bool,
    /// Show how the data is read, and end
    #[arg(long)]
    pub preview: bool,
    /// Print the JSON schema of EVAL.YAML, and end
    #[arg(long)]
    pub schema: bool,
    /// Show progress even where stderr is no terminal
    #[arg(long, conflicts_with = "quiet")]
    pub progress: bool,
    /// Say nothing on stderr but why a run ends early
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Args)]
pub struct CompareRunsArguments {
    /// The folders of finished runs on the same rows; the others are held against the first
    #[arg(value_name = "FOLDER", required = true, num_args = 2..)]
    pub runs: Vec<PathBuf>,
    /// Where to write the comparison as JSON, Markdown and HTML [default: only stdout]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// End with code 4 if a figure is significantly worse than in the first run
    #[arg(long)]
    pub fail_on_drop: bool,
}

#[derive(Args)]
pub struct MergeArguments {
    /// The folders of all shards of a run
    #[arg(value_name = "FOLDER", required = true)]
    pub runs: Vec<PathBuf>,
    /// The folder of the whole
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// As of `lunette evaluate`
    #[arg(long, value_name = "[RUBRIC.]FIGURE=X")]
    pub fail_under: Vec<String>,
    /// As of `lunette evaluate`
    #[arg(long, value_name = "[RUBRIC.]FIGURE=X")]
    pub fail_over: Vec<String>,
    /// Rows with an error do not change the exit code
    #[arg(long)]
    pub allow_errors: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DataFormat {
    Jsonl,
    Json,
    Csv,
    Tsv,
}

impl From<DataFormat> for Format {
    fn from(format: DataFormat) -> Format {
        match format {
            DataFormat::Jsonl => Format::Jsonl,
            DataFormat::Json => Format::Json,
            DataFormat::Csv => Format::Csv,
            DataFormat::Tsv => Format::Tsv,
        }
    }
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    Score,
    Classify,
    Compare,
}
