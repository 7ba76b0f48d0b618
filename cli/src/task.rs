//! From a row's fields to its verdict.

use crate::arguments::Meetings;
use crate::exit::Stop;
use lunette::Error;
use lunette::judge::{
    ClassRubric, ClassTask, CompareTask, Judge, JudgeOptions, Kind, Passages, RankTask, RenderedPrompt,
    Rubric, ScoreRubric, ScoreTask,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is asked of every row, with the rubric for those that bring none.
#[derive(Debug)]
pub enum Task {
    Score(Option<ScoreRubric>),
    Classify(Option<ClassRubric>),
    Compare(Option<String>),
    Rank { criteria: Option<String>, schedule: Meetings, rounds: Option<usize> },
}

/// Why a row has no verdict.
#[derive(Debug)]
pub enum Failure {
    /// The row, or what it asks for, is wrong: the others go on.
    Row { code: &'static str, message: String },
    /// Nothing can be judged any more.
    Run(Stop),
}

#[derive(Deserialize)]
struct ScoreRow {
    input: String,
    response: String,
    reference: Option<String>,
    context: Option<Passages>,
    rubric: Option<ScoreRubric>,
}

#[derive(Deserialize)]
struct ClassRow {
    input: String,
    response: String,
    reference: Option<String>,
    context: Option<Passages>,
    rubric: Option<ClassRubric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CompareRow {
    input: String,
    response_a: String,
    response_b: String,
    reference: Option<String>,
    context: Option<Passages>,
    criteria: Option<String>,
}

#[derive(Deserialize)]
struct RankRow {
    input: String,
    responses: Vec<String>,
    reference: Option<String>,
    context: Option<Passages>,
    criteria: Option<String>,
}

impl Task {
    pub fn score(rubric: Option<Rubric>) -> Result<Task, Stop> {
        match rubric {
            None => Ok(Task::Score(None)),
            Some(Rubric::Score(rubric)) => Ok(Task::Score(Some(rubric))),
            Some(other) => Err(unfit(&other, "`lunette score` needs one with a `scale`")),
        }
    }

    pub fn classify(rubric: Option<Rubric>) -> Result<Task, Stop> {
        match rubric {
            None => Ok(Task::Classify(None)),
            Some(Rubric::Class(rubric)) => Ok(Task::Classify(Some(rubric))),
            Some(other) => Err(unfit(&other, "`lunette classify` needs one with `labels`")),
        }
    }

    pub fn compare(rubric: Option<Rubric>) -> Result<Task, Stop> {
        Ok(Task::Compare(criteria(rubric)?))
    }

    pub fn rank(rubric: Option<Rubric>, schedule: Meetings, rounds: Option<usize>) -> Result<Task, Stop> {
        if rounds.is_some() && schedule == Meetings::All {
            return Err(Stop::Fault("`--rounds` is for `--schedule swiss`: all pairs need no rounds".into()));
        }
        Ok(Task::Rank { criteria: criteria(rubric)?, schedule, rounds })
    }

    pub fn name(&self) -> &'static str {
        match self {
            Task::Score(_) => "score",
            Task::Classify(_) => "classify",
            Task::Compare(_) => "compare",
            Task::Rank { .. } => "rank",
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Task::Score(_) => Kind::Score,
            Task::Classify(_) => Kind::Class,
            Task::Compare(_) | Task::Rank { .. } => Kind::Compare,
        }
    }

    /// Sequences that a row has in the model at the same time.
    pub fn sequences(&self, options: &JudgeOptions) -> usize {
        let orders = if options.both_orders { 2 } else { 1 };
        // As many comparisons of a ranking are under way.
        const COMPARISONS: usize = 8;
        options.samples.saturating_mul(match self {
            Task::Score(_) | Task::Classify(_) => options.rubric_orders,
            Task::Compare(_) => orders,
            Task::Rank { .. } => COMPARISONS * orders,
        })
    }

    /// The rubric for rows without one and whatever else is asked, as it counts for the verdicts.
    pub fn rubric(&self) -> Value {
        let rubric = match self {
            Task::Score(rubric) => serde_json::to_value(rubric),
            Task::Classify(rubric) => serde_json::to_value(rubric),
            Task::Compare(criteria) => serde_json::to_value(criteria),
            Task::Rank { criteria, schedule, rounds } => serde_json::to_value((criteria, schedule, rounds)),
        };
        rubric.unwrap_or_default()
    }

    /// The verdict on a row.
    pub async fn judge(&self, judge: &Judge<'_>, fields: Map<String, Value>) -> Result<Value, Failure> {
        match self {
            Task::Score(rubric) => plain(judge.score(&score_task(fields, rubric)?).await),
            Task::Classify(rubric) => plain(judge.classify(&class_task(fields, rubric)?).await),
            Task::Compare(criteria) => plain(judge.compare(&compare_task(fields, criteria)?).await),
            Task::Rank { criteria, schedule, rounds } => {
                let row: RankRow = fields_of(fields)?;
                let criteria = own_or(row.criteria, criteria, "criteria")?;
                let RankRow { input, responses, reference, context, .. } = row;
                let (schedule, rounds) = ((*schedule).into(), *rounds);
                let task = RankTask { input, responses, criteria, reference, context, schedule, rounds };
                plain(judge.rank(&task).await)
            }
        }
    }

    /// What the judge would read of a row: several prompts where it is read in several orders.
    pub fn prompts(
        &self,
        judge: &Judge<'_>,
        fields: Map<String, Value>,
    ) -> Result<Vec<RenderedPrompt>, Failure> {
        Ok(match self {
            Task::Score(rubric) => judge.score_prompts(&score_task(fields, rubric)?)?,
            Task::Classify(rubric) => judge.classify_prompts(&class_task(fields, rubric)?)?,
            Task::Compare(criteria) => judge.compare_prompts(&compare_task(fields, criteria)?)?,
            Task::Rank { .. } => {
                return Err(Failure::in_row("a ranking has no prompt before its first verdict"));
            }
        })
    }
}

fn score_task(fields: Map<String, Value>, given: &Option<ScoreRubric>) -> Result<ScoreTask, Failure> {
    let ScoreRow { input, response, reference, context, rubric } = fields_of(fields)?;
    Ok(ScoreTask { input, response, reference, context, rubric: own_or(rubric, given, "rubric")? })
}

fn class_task(fields: Map<String, Value>, given: &Option<ClassRubric>) -> Result<ClassTask, Failure> {
    let ClassRow { input, response, reference, context, rubric } = fields_of(fields)?;
    Ok(ClassTask { input, response, reference, context, rubric: own_or(rubric, given, "rubric")? })
}

fn compare_task(fields: Map<String, Value>, given: &Option<String>) -> Result<CompareTask, Failure> {
    let CompareRow { input, response_a, response_b, reference, context, criteria } = fields_of(fields)?;
    let criteria = own_or(criteria, given, "criteria")?;
    Ok(CompareTask { input, response_a, response_b, criteria, reference, context })
}

/// What makes a response the better one: any rubric's objective.
fn criteria(rubric: Option<Rubric>) -> Result<Option<String>, Stop> {
    match rubric {
        None => Ok(None),
        Some(Rubric::Criteria(criteria)) => Ok(Some(criteria)),
        Some(other) => Err(unfit(&other, "a comparison needs one with nothing but an `objective`")),
    }
}

fn unfit(rubric: &Rubric, needed: &str) -> Stop {
    let found = match rubric {
        Rubric::Score(_) => "a scale, which is for `lunette score`",
        Rubric::Class(_) => "labels, which are for `lunette classify`",
        Rubric::Criteria(_) => "only an objective, which is for `lunette compare` and `rank`",
    };
    Stop::Fault(format!("the rubric has {found}: {needed}"))
}

impl Failure {
    pub fn in_row(message: impl Into<String>) -> Failure {
        Failure::Row { code: "invalid-row", message: message.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        use Error::{Aborted, DeviceLost, NoGpu, OutOfMemory, Source};
        match error {
            Aborted | DeviceLost(_) | NoGpu(_) | OutOfMemory(_) | Source(_) => Failure::Run(error.into()),
            _ => Failure::Row { code: error.code(), message: error.to_string() },
        }
    }
}

pub fn fields_of<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(fields)).map_err(|e| Failure::in_row(e.to_string()))
}

fn own_or<T: Clone>(own: Option<T>, given: &Option<T>, name: &str) -> Result<T, Failure> {
    own.or_else(|| given.clone()).ok_or_else(|| {
        Failure::in_row(format!("missing field `{name}`: the row has none, and `--rubric` gives none"))
    })
}

pub fn plain(verdict: lunette::Result<impl Serialize>) -> Result<Value, Failure> {
    serde_json::to_value(verdict?).map_err(|e| Error::Internal(e.to_string()).into())
}
