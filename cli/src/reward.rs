//! What a row is worth to a reward model.

use crate::arguments::RewardArguments;
use crate::exit::Stop;
use crate::interrupt::Interrupt;
use crate::task::{Failure, fields_of, plain};
use lunette::reward::{
    GoalChoice, Head, Kept, RewardManyTask, RewardModel, RewardOptions, RewardTask, RewardVerdict, order,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

pub struct Rewarding {
    pub head: Head,
    options: RewardOptions,
    /// Whether a line has the Q of each token.
    trace: bool,
}

#[derive(Deserialize)]
struct RewardRow {
    input: String,
    response: Option<String>,
    responses: Option<Vec<String>>,
}

/// Of a row with several responses.
#[derive(Serialize)]
struct Choice<'a> {
    order: Vec<usize>,
    #[serde(flatten)]
    kept: Kept,
    rewards: &'a [RewardVerdict],
}

impl Rewarding {
    /// Reads the head.
    pub fn new(arguments: &RewardArguments) -> Result<Rewarding, Stop> {
        if arguments.model.adapter.is_some() {
            return Err(Stop::Fault("a head has an adapter of its own: leave out `--adapter`".into()));
        }
        let goal = match &arguments.goal[..] {
            [] => GoalChoice::All,
            goals => GoalChoice::Mixed(goals.iter().cloned().collect()),
        };
        let RewardArguments { threshold, ignore, trace, .. } = *arguments;
        let (head, options) = (head(&arguments.head)?, RewardOptions { goal, threshold, ignore });
        options.check(&head)?;
        Ok(Rewarding { head, options, trace })
    }

    /// What of it changes verdicts, for a line's hash.
    pub fn settings(&self) -> impl Serialize {
        let RewardOptions { goal, threshold, ignore } = &self.options;
        json!([self.head.adapter().sha256(), goal, threshold, ignore, self.trace])
    }

    /// The reward of a row's response, or of each of its responses, with which is the best.
    pub async fn answer(
        &self,
        model: &RewardModel,
        fields: Map<String, Value>,
        control: &Interrupt,
    ) -> Result<Value, Failure> {
        let mut verdict = match fields_of(fields)? {
            RewardRow { input, response: Some(response), responses: None } => {
                let task = RewardTask { input, response };
                plain(model.reward(&task, &self.options, control).await)?
            }
            RewardRow { input, response: None, responses: Some(responses) } => {
                let task = RewardManyTask { input, responses };
                let rewards = model.rewards(&task, &self.options, control).await?;
                let kept = Kept::of(rewards.iter().map(|verdict| &verdict.trace));
                plain(Ok(Choice { order: order(&rewards), kept, rewards: &rewards }))?
            }
            _ => return Err(Failure::in_row("it needs either `response` or `responses`")),
        };
        if !self.trace {
            without_trace(&mut verdict);
        }
        Ok(verdict)
    }
}

fn head(path: &PathBuf) -> Result<Head, Stop> {
    let read = crate::run::adapter(path, "--head")?;
    Head::of(read).map_err(|error| Stop::Fault(format!("--head {}: {error}", path.display())))
}

fn without_trace(verdict: &mut Value) {
    let Some(fields) = verdict.as_object_mut() else { return };
    match fields.get_mut("rewards").and_then(Value::as_array_mut) {
        Some(rewards) => rewards.iter_mut().for_each(without_trace),
        None => ["tokens", "q"].iter().for_each(|name| {
            fields.shift_remove(*name);
        }),
    }
}
