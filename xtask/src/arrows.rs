//! Whether imports in src/ point one way: down the table in src/lib.rs between modules, and in no circle among the files of
//! one. It reads the `use` lines; tests are left out.

use crate::repo;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Graph = BTreeMap<String, BTreeSet<String>>;

pub fn check() -> Result<()> {
    let src = repo::path("src");
    let order = order(&fs::read_to_string(src.join("lib.rs"))?);
    let mut wrong = Vec::new();
    for (height, module) in order.iter().enumerate() {
        let files = files(&src, module)?;
        for (file, text) in &files {
            for other in named(text, "crate::").into_iter().filter_map(|path| path.into_iter().next()) {
                if order.iter().position(|name| *name == other).is_some_and(|at| at < height) {
                    wrong.push(format!("{module}/{file} imports crate::{other}, which stands above it"));
                }
            }
        }
        let graph: Graph = files.iter().map(|(file, text)| (file.clone(), siblings(text, &files))).collect();
        wrong.extend(circle(&graph).map(|circle| format!("{module}: {}", circle.join(" → "))));
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => bail!("imports that do not point one way:\n{}", wrong.join("\n")),
    }
}

/// The modules of the table in lib.rs, from the top.
fn order(text: &str) -> Vec<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | ")?.split('`').nth(1));
    rows.map(str::to_owned).collect()
}

/// The files of a module but its mod.rs, by their names, without their tests.
fn files(src: &Path, module: &str) -> Result<BTreeMap<String, String>> {
    let folder = src.join(module);
    let mut files = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|ending| ending == "rs") && name != "mod" {
            let text = fs::read_to_string(&path)?;
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            files.insert(name, code);
        }
    }
    Ok(files)
}

/// The files beside it that a file imports from.
fn siblings(text: &str, files: &BTreeMap<String, String>) -> BTreeSet<String> {
    let first = named(text, "super::").into_iter().filter_map(|path| path.into_iter().next());
    first.filter(|name| files.contains_key(name)).collect()
}

/// The paths behind `prefix` in `use` lines at the start of a line, braces taken apart one level deep.
fn named(text: &str, prefix: &str) -> Vec<Vec<String>> {
    let words = format!("use {prefix}");
    let mut paths = Vec::new();
    for (at, found) in text.match_indices(&words) {
        let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let before = &text[line_start..at];
        if !(before.is_empty() || before == "pub " || before.starts_with("pub(")) {
            continue;
        }
        let rest = text[at + found.len()..].split(';').next().unwrap_or_default();
        let parts = match rest.strip_prefix('{') {
            Some(list) => top_level(list.trim_end_matches('}')),
            None => vec![rest.to_owned()],
        };
        paths.extend(parts.iter().map(|part| part.split("::").map(|name| name.trim().to_owned()).collect()));
    }
    paths
}

/// The parts of a list between commas that are in no braces.
fn top_level(list: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// A circle, its first file repeated at the end.
fn circle(graph: &Graph) -> Option<Vec<String>> {
    fn visit(
        graph: &Graph,
        at: &str,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|name| name == at) {
            return Some(path[start..].iter().cloned().chain([at.to_owned()]).collect());
        }
        if !done.insert(at.to_owned()) {
            return None;
        }
        path.push(at.to_owned());
        let found = graph[at].iter().find_map(|next| visit(graph, next, path, done));
        path.pop();
        found
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| visit(graph, start, &mut Vec::new(), &mut done))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        let names = |list: &[&str]| list.iter().map(|name| name.to_string()).collect();
        edges.iter().map(|(from, to)| (from.to_string(), names(to))).collect()
    }

    #[test]
    fn circles_are_found() {
        let straight = graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]);
        assert_eq!(circle(&straight), None);
        let round = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]);
        assert_eq!(circle(&round), Some(vec!["b".into(), "c".into(), "b".into()]));
    }

    #[test]
    fn imports_are_read() {
        let text = "use super::a::{B, C};\npub(super) use super::{d::{E, F}, g};\n// use super::x;\nuse super::\n    h;\n";
        let first: Vec<String> = named(text, "super::").into_iter().map(|path| path[0].clone()).collect();
        assert_eq!(first, ["a", "d", "g", "h"]);
    }

    #[test]
    fn the_table_is_read_from_the_top() {
        assert_eq!(
            order("//! | `js` | x | y |\n//! | [`judge`] | `engine` | z |\n//! text\n"),
            ["js", "judge"]
        );
    }
}
