//! A comparison of runs as templates read it.

use super::view::words;
use super::{DISAGREEMENTS, SCRIPT, SHOWN, STYLE, render, script_hash};
use crate::eval::comparison::{ComparedFigure, ComparedSection, Comparison, Flip};
use crate::eval::paired::{Difference, Test, TestMethod};
use crate::{Error, Result};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

/// Characters of an input, enough to know the row by.
const BEGINNING: usize = 160;

impl Comparison {
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| Error::Internal(format!("a comparison as JSON: {e}")))
    }

    /// Figures side by side and the rows that are furthest apart, in GitHub's Markdown.
    pub fn to_markdown(&self) -> Result<String> {
        let context = context! { comparison => View::of(self, DISAGREEMENTS) };
        render("comparison.md", include_str!("comparison.md"), context)
    }

    /// One file that needs no network.
    pub fn to_html(&self) -> Result<String> {
        let context = context! {
            comparison => View::of(self, SHOWN), most => SHOWN,
            style => STYLE, script => SCRIPT, script_hash => script_hash(),
        };
        render("comparison.html", include_str!("comparison.html"), context)
    }
}

#[derive(Serialize)]
struct View<'a> {
    confidence: String,
    runs: &'a [String],
    sections: Vec<SectionView<'a>>,
}

#[derive(Serialize)]
struct SectionView<'a> {
    section: &'a ComparedSection,
    figures: Vec<FigureView<'a>>,
    flips: Vec<FlipView<'a>>,
}

#[derive(Serialize)]
struct FlipView<'a> {
    #[serde(flatten)]
    flip: &'a Flip,
    beginning: String,
}

#[derive(Serialize)]
struct FigureView<'a> {
    name: &'static str,
    hint: &'static str,
    figure: &'a ComparedFigure,
    /// The other runs against the first.
    against: Vec<DifferenceView<'a>>,
}

#[derive(Serialize)]
struct DifferenceView<'a> {
    difference: &'a Difference,
    method: &'static str,
    /// "better", "worse", or empty where chance explains it.
    change: &'static str,
}

impl<'a> View<'a> {
    fn of(comparison: &'a Comparison, most: usize) -> Value {
        let level = 1.0 - comparison.settings.confidence;
        let section = |section: &'a ComparedSection| SectionView {
            section,
            figures: (0..section.figures.len()).map(|at| FigureView::of(section, at, level)).collect(),
            flips: section.flips.iter().take(most).map(FlipView::of).collect(),
        };
        Value::from(Serde(View {
            confidence: ((comparison.settings.confidence * 1000.0).round() / 10.0).to_string(),
            runs: &comparison.runs,
            sections: comparison.sections.iter().map(section).collect(),
        }))
    }
}

impl<'a> FlipView<'a> {
    fn of(flip: &'a Flip) -> FlipView<'a> {
        let mut beginning: String = flip.input.chars().take(BEGINNING).collect();
        if beginning.len() < flip.input.len() {
            beginning.push('…');
        }
        FlipView { flip, beginning }
    }
}

impl<'a> FigureView<'a> {
    fn of(section: &'a ComparedSection, at: usize, level: f64) -> FigureView<'a> {
        let figure = &section.figures[at];
        let (name, hint) = words(figure.metric);
        let of_run = |differences: &'a Vec<Difference>| DifferenceView::of(&differences[at], level);
        FigureView { name, hint, figure, against: section.against.iter().map(of_run).collect() }
    }
}

impl<'a> DifferenceView<'a> {
    fn of(difference: &'a Difference, level: f64) -> DifferenceView<'a> {
        let significant = |test: &Test| test.corrected < level;
        let change = match (difference.first, difference.second, difference.test.filter(significant)) {
            (Some(first), Some(second), Some(_)) if difference.metric.is_worse(first, second) => "worse",
            (Some(_), Some(_), Some(_)) => "better",
            _ => "",
        };
        let method = match difference.test.map(|test| test.method) {
            Some(TestMethod::McNemar) => "McNemar",
            Some(TestMethod::Bootstrap) => "bootstrap",
            None => "",
        };
        DifferenceView { difference, method, change }
    }
}
