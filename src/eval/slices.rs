//! The rows of a rubric by their kind.

use super::figure::figures;
use super::report::Slice;
use super::row::Graded;
use super::sample::Sample;
use super::settings::Settings;
use crate::Result;
use std::collections::BTreeMap;

/// A column with more values is no kind of rows: it tells them apart.
const MOST: usize = 50;
/// Rows that name no kind, where others do.
const OTHERS: &str = "others";

/// Figures of each kind, in the order of the first rows; or why there are none.
pub(super) fn slices(sample: &Sample, settings: &Settings) -> Result<(Vec<Slice>, Option<String>)> {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kinds: Vec<(&str, Vec<&Graded>)> = Vec::new();
    for row in &sample.rows {
        let name = row.slice.as_deref().unwrap_or(OTHERS);
        let place = *found.entry(name).or_insert(kinds.len());
        if place == kinds.len() {
            kinds.push((name, Vec::new()));
        }
        kinds[place].1.push(row);
    }
    match kinds.len() {
        0 | 1 => Ok((Vec::new(), None)),
        2..=MOST => {
            let slices = kinds.into_iter().map(|(name, rows)| slice(name, rows, sample, settings));
            Ok((slices.collect::<Result<_>>()?, None))
        }
        many => {
            let why = format!("The rows are of {many} slices: more than {MOST} are not told apart.");
            Ok((Vec::new(), Some(why)))
        }
    }
}

fn slice(name: &str, rows: Vec<&Graded>, whole: &Sample, settings: &Settings) -> Result<Slice> {
    // With the labels of the whole, so that figures of all slices mean the same.
    let sample = Sample::with(whole.labels.clone(), rows, settings)?;
    Ok(Slice { name: name.to_string(), counts: sample.counts(), figures: figures(&sample, settings) })
}

#[cfg(test)]
mod tests {
    use crate::eval::{Graded, Metric, Report, Settings};
    use serde_json::json;

    fn report(slice: impl Fn(usize) -> Option<String>) -> Report {
        let row = |i: usize| {
            // Of the even rows all are right, of the odd ones half.
            let answer = if i % 4 == 1 { "No" } else { "Yes" };
            let mut row = json!({ "id": i.to_string(), "task": "classify", "human": ["Yes"],
                "verdict": { "label": answer, "distribution": { "Yes": 0.5, "No": 0.5 } } });
            if let Some(slice) = slice(i) {
                row["slice"] = json!(slice);
            }
            row
        };
        let rows: Vec<Graded> = serde_json::from_value((0..120).map(row).collect()).unwrap();
        Report::of(rows, &Settings { resamples: 200, ..Settings::default() }).unwrap()
    }

    #[test]
    fn each_kind_has_figures_of_its_own() {
        let report = report(|i| (i % 2 == 1).then(|| "odd".into()));
        let slices = &report.sections[0].slices;
        let found: Vec<_> = slices
            .iter()
            .map(|slice| {
                let accuracy = slice.figures.iter().find(|figure| figure.metric == Metric::Accuracy).unwrap();
                (slice.name.as_str(), slice.counts.rows, accuracy.value.unwrap())
            })
            .collect();
        assert_eq!(found, [("others", 60, 1.0), ("odd", 60, 0.5)]);
        assert!(report.to_markdown().unwrap().contains("| odd | 60 | 0.500 |"));
        assert!(report.to_html().unwrap().contains("By slice"));
        assert!(report.to_csv().starts_with("rubric,id,cluster,slice,"));
    }

    #[test]
    fn one_kind_and_too_many_are_none() {
        assert!(report(|_| Some("all".into())).sections[0].slices.is_empty());
        let many = report(|i| Some(i.to_string()));
        assert!(many.sections[0].slices.is_empty());
        assert!(many.sections[0].notes.iter().any(|note| note.contains("120 slices")));
    }
}
