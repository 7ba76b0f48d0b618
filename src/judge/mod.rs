//! The judge: tasks in, verdicts with their probability distributions out.

mod distribution;
mod rubric;
mod score;
mod template;

pub use distribution::LabelProbabilities;
pub use rubric::ScoreRubric;
pub use score::{JudgeOptions, Passages, ScoreTask, ScoreVerdict, score};
pub use template::Template;
