//! Links between the repository's documents, and to its files.

use crate::repo;
use crate::run::Run;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// Every relative link of a tracked Markdown file leads to a file.
pub fn check() -> Result<()> {
    let listed = Run::new("git").args(["ls-files", "-z", "*.md"]).output()?;
    let mut dead = Vec::new();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let file = repo::path(name);
        let text = fs::read_to_string(&file).with_context(|| format!("reading {name}"))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let lost = relative(&text).filter(|link| !folder.join(link).exists());
        dead.extend(lost.map(|link| format!("{name}: {link}")));
    }
    ensure!(dead.is_empty(), "these links lead to no file:\n{}", dead.join("\n"));
    Ok(())
}

/// The files that a text links to, without their anchors.
fn relative(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let files = targets.filter_map(|target| target.split('#').next());
    files.filter(|file| !file.is_empty() && !file.contains(':') && !file.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    #[test]
    fn finds_relative_links() {
        let text =
            "[a](docs/a.md), ![b](b.png) and [c](c.md#part); not [d](https://d.example/d.md) or [e](#e).";
        assert_eq!(super::relative(text).collect::<Vec<_>>(), ["docs/a.md", "b.png", "c.md"]);
    }
}
