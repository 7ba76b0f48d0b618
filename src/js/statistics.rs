//! What needs no model: free functions on verdicts that are there already.

use super::convert::{argument, plain, thrown};
use crate::Result;
use crate::judge::{
    Calibration, CalibrationOptions, ClassBallot, PairwiseResult, PreferenceBallot, RankOptions, ScoreBallot,
    combine_classes, combine_preferences, combine_scores, fit_calibration, rank_results,
};
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// Bradley–Terry strengths of a table of `{ a, b, winner }` or `{ a, b, probabilityA }`.
#[wasm_bindgen(js_name = rankResults)]
pub fn rank_table(results: JsValue, options: JsValue) -> Result<JsValue, JsValue> {
    let ranked = || {
        rank_results(
            &argument::<Vec<PairwiseResult>>(results, "results")?,
            &argument::<RankOptions>(options, "options")?,
        )
    };
    given(ranked())
}

#[wasm_bindgen(js_name = fitCalibration)]
pub fn fit(predictions: Vec<f64>, labels: Vec<f64>, options: JsValue) -> Result<JsValue, JsValue> {
    let fitted =
        || fit_calibration(&predictions, &labels, &argument::<CalibrationOptions>(options, "options")?);
    given(fitted())
}

/// The calibrated score of an expected score.
#[wasm_bindgen(js_name = applyCalibration)]
pub fn apply(map: JsValue, expected: f64) -> Result<f64, JsValue> {
    argument::<Calibration>(map, "map").and_then(|map| map.apply(expected)).map_err(thrown)
}

#[wasm_bindgen(js_name = combineScores)]
pub fn scores(verdicts: JsValue) -> Result<JsValue, JsValue> {
    given(argument::<Vec<ScoreBallot>>(verdicts, "verdicts").and_then(|ballots| combine_scores(&ballots)))
}

#[wasm_bindgen(js_name = combineClasses)]
pub fn classes(verdicts: JsValue) -> Result<JsValue, JsValue> {
    given(argument::<Vec<ClassBallot>>(verdicts, "verdicts").and_then(|ballots| combine_classes(&ballots)))
}

#[wasm_bindgen(js_name = combinePreferences)]
pub fn preferences(verdicts: JsValue) -> Result<JsValue, JsValue> {
    given(
        argument::<Vec<PreferenceBallot>>(verdicts, "verdicts")
            .and_then(|ballots| combine_preferences(&ballots)),
    )
}

fn given<T: Serialize>(result: Result<T>) -> Result<JsValue, JsValue> {
    result.and_then(|value| plain(&value)).map_err(thrown)
}
