//! The flags of the commands.

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use lunette::engine::{Backend, DEFAULT_BATCH};
use lunette::judge::{Defence, JudgeOptions, Method, Schedule, ThinkingChoice, Truncate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Args)]
pub struct MergeAdapterArguments {
    /// The GGUF file of the model; of a split one the first [default: the environment's LUNETTE_MODEL]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// The LoRA adapter, as llama.cpp's converter writes it
    #[arg(long, value_name = "FILE")]
    pub adapter: PathBuf,
    /// What the adapter adds is multiplied by this
    #[arg(long, value_name = "SCALE", default_value_t = 1.0, allow_negative_numbers = true)]
    pub adapter_scale: f32,
    /// How the matrices are stored: as those of the model, or all anew
    #[arg(long, value_enum, default_value = "same")]
    pub quantization: Stored,
    /// Where to; a file that is there already is not replaced
    pub out: PathBuf,
    /// Say nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

/// How a merged model is stored.
#[derive(Clone, Copy, ValueEnum)]
pub enum Stored {
    Same,
    F16,
    #[value(name = "q8_0")]
    Q8,
    #[value(name = "q4_k_m")]
    Q4KM,
}

#[derive(Args)]
pub struct PromptArguments {
    /// What the rows are: tasks, or conversations with `messages`
    #[arg(value_enum)]
    pub task: Asked,
    #[command(flatten)]
    pub model: ModelArguments,
    /// What to judge by, as YAML or JSON; a row's own `rubric` (compare: `criteria`) comes first
    #[arg(long, value_name = "FILE")]
    pub rubric: Option<PathBuf>,
    /// Fields of a row that its line repeats
    #[arg(long, value_name = "NAME,…", default_value = "id", value_delimiter = ',', value_parser = kept)]
    pub keep: Vec<String>,
    #[command(flatten)]
    pub reading: ReadingArguments,
    /// Orders in which the rubric's levels or labels are listed, each with a prompt of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub rubric_orders: usize,
    #[command(flatten)]
    pub pairs: PairArguments,
    /// Text for people, with control tokens in ⟦double brackets⟧, in place of JSON lines
    #[arg(long)]
    pub plain: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Asked {
    Score,
    Classify,
    Compare,
    Chat,
}

#[derive(Args)]
pub struct ScoreArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// Orders in which the rubric's levels are listed, each with a reading of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub rubric_orders: usize,
    /// End with code 3 if any row's score is lower
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    pub fail_below: Option<f64>,
}

#[derive(Args)]
pub struct ClassifyArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// Orders in which the rubric's labels are listed, each with a reading of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub rubric_orders: usize,
    /// End with code 3 if any row has this label (can be given several times)
    #[arg(long, value_name = "LABEL")]
    pub fail_on: Vec<String>,
}

#[derive(Args)]
pub struct CompareArguments {
    #[command(flatten)]
    pub run: RunArguments,
    #[command(flatten)]
    pub pairs: PairArguments,
    /// End with code 3 if any row has this winner (can be given several times)
    #[arg(long, value_name = "WINNER", value_parser = ["a", "b", "tie"])]
    pub fail_on: Vec<String>,
}

#[derive(Args)]
pub struct RankArguments {
    #[command(flatten)]
    pub run: RunArguments,
    #[command(flatten)]
    pub pairs: PairArguments,
    /// Which responses are compared: every pair, or rounds in which responses of similar strength meet
    #[arg(long, value_enum, default_value = "all")]
    pub schedule: Meetings,
    /// Rounds of a Swiss schedule [default: as many as most likely find the best]
    #[arg(long, value_name = "N")]
    pub rounds: Option<usize>,
}

#[derive(Args)]
pub struct RankTableArguments {
    /// Draws of each player against an opponent that all have in common; more of them pull the strengths together
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub prior: f64,
    /// Resamples of the table for the confidence intervals; 0: no intervals
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub resamples: usize,
    /// Repeats the resamples
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// How two responses are compared.
#[derive(Args, Clone, Copy, Default)]
pub struct PairArguments {
    /// Judge only the order given: half the work, and the position of a response counts
    #[arg(long)]
    pub one_order: bool,
    /// Where the two orders disagree, call it a tie
    #[arg(long, conflicts_with = "one_order")]
    pub ties: bool,
    /// `pairwise`: both responses in one prompt, in both orders; `pointwise`: each alone, so that none stands first [default: as
    /// the adapter was trained, else pairwise]
    #[arg(long, value_enum)]
    pub method: Option<MethodName>,
}

impl PairArguments {
    pub fn set(&self, options: &mut JudgeOptions) {
        (options.both_orders, options.ties) = (!self.one_order, self.ties);
        options.method = self.method.map(Method::from);
    }
}

#[derive(Debug, Clone, Copy, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MethodName {
    Pairwise,
    Pointwise,
}

impl From<MethodName> for Method {
    fn from(name: MethodName) -> Method {
        match name {
            MethodName::Pairwise => Method::Pairwise,
            MethodName::Pointwise => Method::Pointwise,
        }
    }
}

/// The model, and how it is loaded.
#[derive(Args)]
pub struct ModelArguments {
    /// The GGUF file of the model; of a split one the first [default: the environment's LUNETTE_MODEL]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Where to run: `auto` takes a hardware GPU if there is one
    #[arg(long, value_enum, default_value = "auto")]
    pub backend: Where,
    /// Tokens that the model holds at once [default: its own length, at most 8192]
    #[arg(long, value_name = "TOKENS")]
    pub context: Option<usize>,
    /// Threads of the CPU backend [default: as many as the machine runs at once]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// A Jinja chat template, in place of the file's own or for a file without one
    #[arg(long, value_name = "FILE")]
    pub chat_template: Option<PathBuf>,
    /// A LoRA adapter for the model, to judge with: a GGUF file as llama.cpp's converter writes it
    #[arg(long, value_name = "FILE")]
    pub adapter: Option<PathBuf>,
    /// The day that a chat template may print, as YYYY-MM-DD [default: always the same, so that verdicts repeat]
    #[arg(long, value_name = "DATE")]
    pub date: Option<String>,
}

/// What all tasks have in common.
#[derive(Args)]
pub struct RunArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// What to judge by, as YAML or JSON; a row's own `rubric` (compare, rank: `criteria`) comes first
    #[arg(long, value_name = "FILE")]
    pub rubric: Option<PathBuf>,
    #[command(flatten)]
    pub rows: RowArguments,
    #[command(flatten)]
    pub reading: ReadingArguments,
}

#[derive(Args)]
pub struct RewardArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// The head of a reward model for this model: a GGUF file
    #[arg(long, value_name = "FILE")]
    pub head: PathBuf,
    #[command(flatten)]
    pub rows: RowArguments,
    /// A goal of the head that responses shall come near to, with how much it counts where there are several (below 0: to be
    /// shunned) [default: all of the head's alike]
    #[arg(long, value_name = "NAME[=WEIGHT]", value_parser = weighted)]
    pub goal: Vec<(String, f32)>,
    /// A Q below this is a fall
    #[arg(long, value_name = "Q", default_value_t = 0.0, allow_negative_numbers = true)]
    pub threshold: f32,
    /// First tokens of a response in which nothing counts as a fall
    #[arg(long, value_name = "TOKENS", default_value_t = 5)]
    pub ignore: usize,
    /// Add the texts of the response's tokens and the Q of each
    #[arg(long)]
    pub trace: bool,
    /// End with code 3 if the reward of any row's response, or of the best of its responses, is lower
    #[arg(long, value_name = "REWARD", allow_negative_numbers = true)]
    pub fail_below: Option<f64>,
}

/// Which rows are answered, and how.
#[derive(Args)]
pub struct RowArguments {
    /// Rows judged at the same time, 1 to 64; with 1, a row's line does not depend on other rows to the last bit
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BATCH, value_parser = batch())]
    pub batch: usize,
    /// Judge only each N-th row, from row I on: 0/2 and 1/2 together are the whole
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    pub shard: Shard,
    /// Write to this file, and skip the rows that it answers already
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// Fields of a row that its line repeats
    #[arg(long, value_name = "NAME,…", default_value = "id", value_delimiter = ',', value_parser = kept)]
    pub keep: Vec<String>,
    /// Add what differs from run to run: times, and how much was cached
    #[arg(long)]
    pub timing: bool,
    /// Rows with an error do not change the exit code
    #[arg(long)]
    pub allow_errors: bool,
    /// Show progress even where stderr is no terminal
    #[arg(long, conflicts_with = "quiet")]
    pub progress: bool,
    /// Say nothing on stderr but why a run ends early
    #[arg(long)]
    pub quiet: bool,
}

/// How a verdict is reached.
#[derive(Args, Serialize)]
pub struct ReadingArguments {
    /// Read the verdict at once: one pass over the prompt, nothing written
    #[arg(long)]
    pub no_critique: bool,
    /// Most tokens of a critique
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub max_tokens: usize,
    /// Whether a model that can think does so before it answers: `off`, `auto` (where it always thinks, and a critique is
    /// wanted), or the most tokens of a thought
    #[arg(long, value_name = "off|auto|N", default_value = "auto", value_parser = thinking)]
    pub thinking: ThinkingChoice,
    /// 0: the likeliest critique; above: critiques are drawn
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    pub temperature: f32,
    /// Repeats what is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Critiques drawn for each row, each with a verdict of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub samples: usize,
    /// `selene`, `rubric-first` (shares most where one rubric is used on many rows), or a YAML file
    #[arg(long, value_name = "NAME|FILE", default_value = "selene")]
    pub template: String,
    /// What the adapter adds is multiplied by this
    #[arg(long, value_name = "SCALE", default_value_t = 1.0, allow_negative_numbers = true)]
    pub adapter_scale: f32,
    /// Against responses that are out for a better verdict: `mark` begins each of their lines with a bar, `remind` says behind them
    /// that only the rubric counts
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_enum)]
    pub defences: Vec<DefenceName>,
    /// What to shorten where a row is too long for the model [default: nothing, it is an error]
    #[arg(long, value_name = "FIELD")]
    pub truncate: Option<Cut>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DefenceName {
    Mark,
    Remind,
}

impl From<DefenceName> for Defence {
    fn from(name: DefenceName) -> Defence {
        match name {
            DefenceName::Mark => Defence::Mark,
            DefenceName::Remind => Defence::Remind,
        }
    }
}

#[derive(Args)]
pub struct InspectArguments {
    #[arg(value_name = "FILE")]
    pub model: PathBuf,
    /// Tokens to count the KV cache for [default: as many as would be loaded]
    #[arg(long, value_name = "TOKENS")]
    pub context: Option<usize>,
    /// Open the device that it would run on, and say whether it fits there
    #[arg(long)]
    pub plan: bool,
    /// Where it would run, for --plan
    #[arg(long, value_enum, default_value = "auto", requires = "plan")]
    pub backend: Where,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Where {
    Auto,
    Gpu,
    Cpu,
}

impl From<Where> for Backend {
    fn from(backend: Where) -> Backend {
        match backend {
            Where::Auto => Backend::Auto,
            Where::Gpu => Backend::Webgpu,
            Where::Cpu => Backend::Wasm,
        }
    }
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
pub enum Cut {
    Response,
    Context,
}

impl From<Cut> for Truncate {
    fn from(cut: Cut) -> Truncate {
        match cut {
            Cut::Response => Truncate::Response,
            Cut::Context => Truncate::Context,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
pub enum Meetings {
    All,
    Swiss,
}

impl From<Meetings> for Schedule {
    fn from(meetings: Meetings) -> Schedule {
        match meetings {
            Meetings::All => Schedule::All,
            Meetings::Swiss => Schedule::Swiss,
        }
    }
}

/// Rows `index`, `index + count`, `index + 2·count`, … of the input, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    pub index: u64,
    pub count: u64,
}

impl Shard {
    pub fn holds(&self, row: u64) -> bool {
        row % self.count == self.index
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, count)) if index < count => Ok(Shard { index, count }),
            Some((_, 0)) | None => Err("a shard is written as 0/4: the first of four".into()),
            Some((_, count)) => Err(format!(
                "shards are counted from 0: the first of {count} is 0/{count}, the last {}/{count}",
                count - 1
            )),
        }
    }
}

/// As many rows as the engine takes sequences.
pub fn batch() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=64)
}

pub fn thinking(value: &str) -> Result<ThinkingChoice, String> {
    match (value, value.parse()) {
        ("off", _) => Ok(ThinkingChoice::Off),
        ("auto", _) => Ok(ThinkingChoice::Auto),
        (_, Ok(budget @ 1..)) => Ok(ThinkingChoice::MaxTokens(budget)),
        _ => Err("it is `off`, `auto`, or a number of tokens above 0".into()),
    }
}

fn weighted(goal: &str) -> Result<(String, f32), String> {
    let Some((name, weight)) = goal.rsplit_once('=') else { return Ok((goal.into(), 1.0)) };
    match weight.parse() {
        Ok(weight) if f32::is_finite(weight) => Ok((name.into(), weight)),
        _ => Err(format!("{weight:?} is no number: a goal is written as NAME or NAME=0.5")),
    }
}

/// Fields of a line that are not a row's.
const OWN: [&str; 4] = ["hash", "verdict", "error", "prompts"];

fn kept(name: &str) -> Result<String, String> {
    match OWN.contains(&name) {
        true => Err(format!("`{name}` is a field of the line itself: give the row's another name")),
        false => Ok(name.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thought_has_a_limit_or_a_name() {
        let choices = [
            ("off", ThinkingChoice::Off),
            ("auto", ThinkingChoice::Auto),
            ("40", ThinkingChoice::MaxTokens(40)),
        ];
        for (text, choice) in choices {
            assert_eq!(thinking(text), Ok(choice));
        }
        for text in ["on", "0", "-1", "1.5", ""] {
            assert!(thinking(text).is_err_and(|why| why.contains("auto")), "{text}");
        }
    }

    #[test]
    fn goals_have_weights() {
        assert_eq!(weighted("kind"), Ok(("kind".into(), 1.0)));
        assert_eq!(weighted("a=b=-0.5"), Ok(("a=b".into(), -0.5)));
        assert!(weighted("kind=very").is_err_and(|why| why.contains("very")));
    }

    #[test]
    fn shards_divide_the_rows() {
        let shards: Vec<Shard> = ["0/3", "1/3", "2/3"].iter().map(|text| text.parse().unwrap()).collect();
        for row in 0..20 {
            assert_eq!(shards.iter().filter(|shard| shard.holds(row)).count(), 1, "row {row}");
        }
        for (text, why) in [("3/3", "2/3"), ("1", "0/4"), ("a/b", "0/4"), ("0/0", "0/4"), ("-1/2", "0/4")] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
