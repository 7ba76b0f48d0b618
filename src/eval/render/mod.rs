//! What a report is shown as. Each rendering is made of the report alone, so that one that was kept as JSON can be
//! shown again. Texts of the data are escaped by the kind of the rendering, not by its template: none can be forgotten.

mod comparison;
mod csv;
mod escape;
mod view;

use super::report::{Report, VERSION};
use crate::{Error, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, context};
use sha2::{Digest, Sha256};
use view::View;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// The rows that a Markdown report shows: it is read in a pull request.
const DISAGREEMENTS: usize = 10;
/// Those that an HTML report shows. A browser would take long over more; the other files have them all.
const SHOWN: usize = 5000;

impl Report {
    /// The source of all other renderings.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| Error::Internal(format!("a report as JSON: {e}")))
    }

    /// Reads what [`Report::to_json`] wrote.
    pub fn from_json(text: &str) -> Result<Report> {
        let report: Report = serde_json::from_str(text)
            .map_err(|e| Error::InvalidArgument(format!("this is no report of an evaluation: {e}")))?;
        report.known()
    }

    /// Refuses a layout that is another version's.
    pub fn known(self) -> Result<Report> {
        match self.version {
            VERSION => Ok(self),
            other => Err(Error::InvalidArgument(format!(
                "the report has layout {other}, but this version of Lunette reads {VERSION}: evaluate again"
            ))),
        }
    }

    /// Figures and the greatest disagreements, in GitHub's Markdown.
    pub fn to_markdown(&self) -> Result<String> {
        let context = context! { report => View::of(self), rows => View::rows(self, DISAGREEMENTS) };
        render("report.md", include_str!("report.md"), context)
    }

    /// Thresholds as test cases that fail, rows without a verdict as ones with an error. Figures are properties.
    pub fn to_junit(&self) -> Result<String> {
        let context = context! { report => View::of(self), rows => View::outcomes(self) };
        render("junit.xml", include_str!("junit.xml"), context)
    }

    /// The rows as a table with a header.
    pub fn to_csv(&self) -> String {
        csv::table(&self.rows)
    }

    /// One file that needs no network: figures, charts, and the rows, the greatest disagreement first; of more than 5000
    /// those that come first.
    pub fn to_html(&self) -> Result<String> {
        let context = context! {
            report => View::of(self), rows => View::rows(self, SHOWN), most => SHOWN,
            style => STYLE, script => SCRIPT, script_hash => script_hash(),
        };
        render("report.html", include_str!("report.html"), context)
    }
}

fn script_hash() -> String {
    BASE64_STANDARD.encode(Sha256::digest(SCRIPT))
}

fn render(name: &'static str, template: &'static str, context: minijinja::Value) -> Result<String> {
    let failed = |e: minijinja::Error| Error::Internal(format!("{name}: {e}"));
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(failed)?;
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(escape::kind);
    environment.set_formatter(escape::format);
    environment.add_filter("figure", view::figure);
    environment.add_template(name, template).map_err(failed)?;
    environment.get_template(name).and_then(|template| template.render(context)).map_err(failed)
}
