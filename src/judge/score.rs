//! Absolute scoring: a response is given a place on a described scale.

use super::distribution::{LabelProbabilities, label_probabilities};
use super::{ScoreRubric, Template};
use crate::engine::{Engine, GenerateOptions, Generation, Sequence, Timing, Usage};
use crate::tokenizer::Message;
use crate::{Control, Error, Result};
use serde::{Deserialize, Serialize};
use web_time::Instant;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreTask {
    /// The instruction that was answered.
    pub input: String,
    /// The answer to be judged.
    pub response: String,
    /// An answer that would have the highest score.
    #[serde(default)]
    pub reference: Option<String>,
    /// Passages that the answer should rest on.
    #[serde(default)]
    pub context: Option<Passages>,
    pub rubric: ScoreRubric,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Passages {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct JudgeOptions {
    /// Reason before the verdict. Without: one prefill, no decoding.
    pub critique: bool,
    /// Most tokens of a critique.
    pub max_tokens: usize,
    pub temperature: f32,
    pub seed: u64,
}

impl Default for JudgeOptions {
    fn default() -> Self {
        JudgeOptions { critique: true, max_tokens: 512, temperature: 0.0, seed: 0 }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoreVerdict {
    /// The likeliest score.
    pub score: i64,
    /// Σ p·s over the scale, p normalized to the scale.
    pub expected: f64,
    /// The probability of each score, from the full vocabulary's softmax at the verdict's position.
    #[serde(serialize_with = "as_object")]
    pub distribution: Vec<(i64, f64)>,
    /// The probability that lies outside the scale.
    pub outside: f64,
    pub critique: Option<String>,
    pub usage: Usage,
    pub timing: Timing,
}

fn as_object<S: serde::Serializer>(pairs: &[(i64, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(score, p)| (score.to_string(), p)))
}

/// The markers of Selene's answer format: what a reply begins with, and what its verdict follows.
const REASONING: &str = "**Reasoning:**";
const RESULT: &str = "**Result:**";

/// Scores a response; the critique, if asked for, is given to `on_text` as it is written.
pub async fn score(
    engine: &Engine,
    task: &ScoreTask,
    options: &JudgeOptions,
    on_text: &mut dyn FnMut(&str),
    control: &dyn Control,
) -> Result<ScoreVerdict> {
    let start = Instant::now();
    let levels = task.rubric.levels()?;
    let message = [Message::user(prompt(task, &levels)?)];
    let mut sequence = engine.sequence();

    let critique = match options.critique {
        true => Some(criticize(engine, &mut sequence, &message, options, on_text, control).await?),
        false => None,
    };
    let answer = match &critique {
        Some(critique) => format!("{REASONING} {}\n\n{RESULT} ", critique.text),
        None => format!("{RESULT} "),
    };
    let labels = levels
        .iter()
        .map(|(score, _)| engine.chat_prompt(&message, &format!("{answer}{score}")))
        .collect::<Result<Vec<_>>>()?;
    let read = label_probabilities(engine, &mut sequence, &labels, control).await?;
    verdict(&levels, read, critique, crate::engine::milliseconds(start))
}

/// Writes the reasoning. It ends at the result marker, at the end of the turn, or at `max_tokens`.
async fn criticize(
    engine: &Engine,
    sequence: &mut Sequence,
    message: &[Message],
    options: &JudgeOptions,
    on_text: &mut dyn FnMut(&str),
    control: &dyn Control,
) -> Result<Generation> {
    let prompt = engine.chat_prompt(message, REASONING)?;
    // The verdict's few tokens must fit behind the critique.
    const VERDICT_ROOM: usize = 16;
    let room = engine.context_length().saturating_sub(prompt.len() + VERDICT_ROOM);
    if room == 0 {
        return Err(Error::ContextOverflow {
            tokens: prompt.len() + VERDICT_ROOM,
            limit: engine.context_length(),
        });
    }
    let options = GenerateOptions {
        max_tokens: options.max_tokens.min(room),
        temperature: options.temperature,
        seed: options.seed,
        stop: vec!["**Result".into(), "**Reasoning".into()],
        ..Default::default()
    };
    let mut leading = true;
    let mut trimmed = |text: &str| {
        let text = if leading { text.trim_start() } else { text };
        if !text.is_empty() {
            leading = false;
            on_text(text);
        }
    };
    let mut critique = engine.generate_from(sequence, &prompt, &options, &mut trimmed, control).await?;
    critique.text = critique.text.trim().to_string();
    Ok(critique)
}

/// The judge's whole instruction with the task's texts in their places.
fn prompt(task: &ScoreTask, levels: &[(i64, &str)]) -> Result<String> {
    let (Some(lowest), Some(highest)) = (levels.first(), levels.last()) else {
        return Err(Error::Internal("a rubric without levels".into()));
    };
    let (lowest, highest) = (lowest.0.to_string(), highest.0.to_string());
    let described: Vec<String> =
        levels.iter().map(|(score, text)| format!("Score {score}: {text}")).collect();
    let (described, input) = (described.join("\n"), input(task));
    let mut values = vec![
        ("user_input", input.as_str()),
        ("assistant_response", &task.response),
        ("rubric_objective", &task.rubric.objective),
        ("rubric_levels", &described),
        ("lowest_score", &lowest),
        ("highest_score", &highest),
    ];
    match &task.reference {
        None => Template(include_str!("templates/score.txt")).render(&values),
        Some(reference) => {
            values.push(("reference_response", reference));
            Template(include_str!("templates/score-with-reference.txt")).render(&values)
        }
    }
}

/// The instruction, with the passages before it where there are any: Selene was trained to find them there.
fn input(task: &ScoreTask) -> String {
    let passages: &[String] = match &task.context {
        None => &[],
        Some(Passages::One(passage)) => std::slice::from_ref(passage),
        Some(Passages::Many(passages)) => passages,
    };
    let mut input: String = passages.iter().map(|passage| format!("Context:\n{passage}\n\n")).collect();
    input.push_str(&task.input);
    input
}

fn verdict(
    levels: &[(i64, &str)],
    read: LabelProbabilities,
    critique: Option<Generation>,
    total_ms: f64,
) -> Result<ScoreVerdict> {
    let distribution: Vec<(i64, f64)> = levels.iter().map(|l| l.0).zip(read.probabilities).collect();
    let inside: f64 = distribution.iter().map(|(_, p)| p).sum();
    // A verdict is never made of nothing: such a model is broken.
    if !(inside.is_finite() && inside > 0.0) {
        return Err(Error::InvalidModel("its logits are not numbers".into()));
    }
    let likeliest = distribution
        .iter()
        .fold((0, f64::NEG_INFINITY), |best, &(s, p)| if p > best.1 { (s, p) } else { best });
    let decode_ms = critique.as_ref().map_or(0.0, |c| c.timing.decode_ms);
    Ok(ScoreVerdict {
        score: likeliest.0,
        expected: distribution.iter().map(|&(s, p)| s as f64 * p).sum::<f64>() / inside,
        distribution,
        outside: read.outside,
        usage: match &critique {
            Some(critique) => critique.usage,
            None => Usage {
                prompt_tokens: read.prompt_tokens,
                cached_tokens: read.cached_tokens,
                completion_tokens: 0,
            },
        },
        critique: critique.map(|c| c.text),
        timing: Timing { prefill_ms: total_ms - decode_ms, decode_ms, total_ms },
    })
}
