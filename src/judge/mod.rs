//! The judge: tasks in, verdicts with their probability distributions out.
//!
//! A task's texts and its rubric become the fields of a template (`field`, `template`, `defence`), a reading of the rendered prompt
//! gives a thought, a critique and a distribution over the labels (`thinking`, `reading`, `distribution`), and one or
//! more readings become a verdict (`verdict`, `score`, `compare`, `pointwise`, `rank`). `prompt` shows what the model would be given.
//! `suspicion` names what in the texts asks for care. What needs no model stands beside it: rankings (`ranking`, `bradley_terry`, `schedule`), panels of several judges
//! (`panel`), calibration to people's labels (`calibration`, `isotonic`).

mod bradley_terry;
mod calibration;
mod compare;
mod defence;
mod distribution;
mod field;
mod isotonic;
mod level;
mod options;
mod panel;
mod pointwise;
mod prompt;
mod rank;
mod ranking;
mod reading;
mod result;
mod rubric;
mod schedule;
mod score;
mod serialize;
mod suspicion;
mod task;
mod template;
mod texts;
mod thinking;
mod verdict;

pub use calibration::{
    Agreement, CalibrationOptions, CalibrationReport, FEWEST_LABELS, Fit, fit_calibration,
};
pub use compare::{OrderVerdict, PreferenceVerdict, Winner};
pub use defence::Defence;
pub use isotonic::Calibration;
pub use level::Level;
pub use options::{JudgeOptions, Kind, Method, TemplateChoice, Truncate};
pub use panel::{
    ClassBallot, Disagreement, Distribution, PanelClass, PanelPreference, PanelScore, PreferenceBallot,
    ScoreBallot, combine_classes, combine_preferences, combine_scores,
};
pub use prompt::RenderedPrompt;
pub use rank::{Comparison, RankVerdict};
pub use ranking::{MOST_PLAYERS, MOST_RESULTS, RankOptions, Ranking, Standing, rank_results};
pub use result::PairwiseResult;
pub use rubric::{ClassRubric, Rubric, ScoreRubric};
pub use schedule::{Round, Swiss, all_pairs, default_rounds};
pub use score::{ClassVerdict, ScoreVerdict};
pub use suspicion::Warning;
pub use task::{ClassManyTask, ClassTask, CompareTask, RankTask, Schedule, ScoreManyTask, ScoreTask};
pub use template::Template;
pub use texts::Passages;
pub use thinking::{AUTO_TOKENS, TextPart, ThinkingChoice};
pub use verdict::{ReadingReport, Reliability};

use crate::engine::Engine;
use crate::{Control, Result};
use reading::Reader;
use std::cell::RefCell;
use thinking::Plan;

/// Given the number of a verdict and the next piece of its thought or critique.
type OnText<'a> = Box<dyn Fn(usize, TextPart, &str) + 'a>;

/// A model that judges, for the length of a call.
pub struct Judge<'a> {
    engine: &'a Engine,
    options: &'a JudgeOptions,
    on_text: OnText<'a>,
    control: &'a dyn Control,
}

impl<'a> Judge<'a> {
    /// `on_text` is given thoughts and critiques piece by piece as they are written, with the number of the verdict that
    /// each belongs to. Where a verdict has several readings, the first is heard.
    pub fn new(
        engine: &'a Engine,
        options: &'a JudgeOptions,
        on_text: &'a mut dyn FnMut(usize, TextPart, &str),
        control: &'a dyn Control,
    ) -> Judge<'a> {
        let on_text = RefCell::new(on_text);
        let on_text = Box::new(move |i, part, text: &str| (on_text.borrow_mut())(i, part, text));
        Judge { engine, options, on_text, control }
    }

    fn reader(&self, kind: Kind) -> Result<Reader<'_>> {
        self.options.check(kind)?;
        let template = self.options.template.template(kind)?;
        Ok(Reader {
            engine: self.engine,
            options: self.options,
            plan: Plan::new(self.options.thinking, self.options.critique, &template, self.engine)?,
            template,
            on_text: &*self.on_text,
            control: self.control,
        })
    }
}
