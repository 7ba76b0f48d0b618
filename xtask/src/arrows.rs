//! Whether imports in src/ point one way: down the table in src/lib.rs between modules, and in no circle among the files of
//! a folder. It reads every path that begins with `crate` or `super`, in `use` lines and elsewhere; what a folder's mod.rs
//! re-exports counts as an import of the file that has it. Tests and comments are left out.

use crate::repo;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Graph = BTreeMap<String, BTreeSet<String>>;

/// A folder of files: what each says, and what the file says that they are the parts of.
struct Folder {
    /// Its path under src/.
    name: String,
    parent: String,
    files: BTreeMap<String, String>,
}

pub fn check() -> Result<()> {
    let src = repo::path("src");
    let order = order(&fs::read_to_string(src.join("lib.rs"))?);
    let mut wrong = Vec::new();
    for (height, module) in order.iter().enumerate() {
        for folder in folders(&src, module)? {
            let texts = folder.files.iter().chain([(&folder.name, &folder.parent)]);
            for (file, text) in texts {
                for other in first_names(text, "crate::") {
                    if order.iter().position(|name| *name == other).is_some_and(|at| at < height) {
                        wrong.push(format!("{module}: {file} imports crate::{other}, which stands above it"));
                    }
                }
            }
            wrong.extend(
                circle(&folder.graph()).map(|files| format!("{}: {}", folder.name, files.join(" → "))),
            );
        }
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

/// The folder of a module, and those within it.
fn folders(src: &Path, module: &str) -> Result<Vec<Folder>> {
    let path = src.join(module);
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let beside = path.with_extension("rs");
    let parent = if beside.exists() { beside } else { path.join("mod.rs") };
    if !parent.exists() {
        // It holds data.
        return Ok(Vec::new());
    }
    let mut folder = Folder { name: module.into(), parent: code(&parent)?, files: BTreeMap::new() };
    let mut inner = Vec::new();
    for entry in fs::read_dir(&path).with_context(|| format!("listing {}", path.display()))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            inner.extend(folders(src, &format!("{module}/{name}"))?);
        } else if path.extension().is_some_and(|ending| ending == "rs") && name != "mod" {
            folder.files.insert(name, code(&path)?);
        }
    }
    // What the files of an inner folder import from here, the file does that they are the parts of.
    for part in &inner {
        let Some(name) = part.name.strip_prefix(module).and_then(|name| name.strip_prefix('/')) else {
            continue;
        };
        let outward = part.files.values().map(|text| only_outward(text)).collect::<String>();
        if !name.contains('/') {
            let text = folder.files.entry(name.to_owned()).or_insert_with(|| part.parent.clone());
            text.push_str(&outward);
        }
    }
    inner.insert(0, folder);
    Ok(inner)
}

/// What a file says but for its tests and comments.
fn code(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(without_comments(text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()))
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Its paths that leave the folder, as a file beside the folder would write them.
fn only_outward(text: &str) -> String {
    let starts = text.match_indices("super::super::").map(|(at, _)| at);
    starts
        .map(|at| {
            format!("{}\n", text[at + "super::".len()..].split_inclusive(';').next().unwrap_or_default())
        })
        .collect()
}

impl Folder {
    /// The files beside it that each file imports from.
    fn graph(&self) -> Graph {
        let exported = exports(&self.parent, &self.files);
        let siblings = |text: &str| {
            let inside = format!("crate::{}::", self.name.replace('/', "::"));
            let named = first_names(text, "super::").into_iter().chain(first_names(text, &inside));
            let files = named.filter_map(|name| match self.files.contains_key(&name) {
                true => Some(name),
                false => exported.get(&name).cloned(),
            });
            files.collect::<BTreeSet<String>>()
        };
        let edges = self.files.iter().map(|(file, text)| {
            let mut others = siblings(text);
            // What it takes of itself by way of mod.rs is no import.
            others.remove(file);
            (file.clone(), others)
        });
        edges.collect()
    }
}

/// The names that a mod.rs re-exports, each with the file that has it.
fn exports(parent: &str, files: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for statement in parent.split(';') {
        let Some((_, path)) = statement.split_once("use ") else { continue };
        let Some((file, items)) = path.trim().split_once("::") else { continue };
        if !files.contains_key(file) {
            continue;
        }
        let list = items.trim().trim_start_matches('{').trim_end_matches('}');
        for item in top_level(list) {
            let name = item.rsplit(" as ").next().unwrap_or_default().trim().to_owned();
            names.insert(name, file.to_owned());
        }
    }
    names
}

/// The first names of all paths behind `prefix`; braces are taken apart one level deep.
fn first_names(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &text[at + prefix.len()..];
        let parts = match rest.strip_prefix('{') {
            Some(list) => top_level(&list[..closing(list)]),
            None => vec![rest.to_owned()],
        };
        names.extend(parts.iter().map(|part| {
            part.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
        }));
    }
    names
}

/// Where the brace closes that was opened before the text.
fn closing(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
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

    fn folder(parent: &str, files: &[(&str, &str)]) -> Folder {
        let files = files.iter().map(|(name, text)| (name.to_string(), without_comments(text))).collect();
        Folder { name: "folder".into(), parent: parent.into(), files }
    }

    #[test]
    fn imports_are_read_wherever_they_stand() {
        let text = "use super::a::{B, C};\npub(super) use super::{d::{E, F}, g};\n// use super::x;\nuse super::\n    h;\n\
                    fn f() -> super::i::J { crate::super::y() }\n#[serde(with = \"super::k::l\")]\n";
        let names = first_names(&without_comments(text), "super::");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "d", "g", "h", "i", "k"]);
    }

    #[test]
    fn circles_by_way_of_mod_rs_are_found() {
        let round = folder(
            "mod a;\nmod b;\npub use a::{One, Two as Second};\npub use b::Three;\n",
            &[("a", "use super::Three;"), ("b", "fn f() -> super::Second {}")],
        );
        assert_eq!(circle(&round.graph()), Some(vec!["a".into(), "b".into(), "a".into()]));
        let absolute = folder("", &[("a", "use crate::folder::b::Three;"), ("b", "use super::a;")]);
        assert!(circle(&absolute.graph()).is_some());
        let straight =
            folder("pub use a::One;\npub use b::Three;\n", &[("a", "use super::Three;"), ("b", "")]);
        assert_eq!(circle(&straight.graph()), None);
    }

    #[test]
    fn inner_folders_import_for_the_file_that_they_are_part_of() {
        assert_eq!(
            only_outward("use super::super::x::Y;\nuse super::z;\nfn f() { super::super::w() }"),
            "super::x::Y;\nsuper::w() }\n"
        );
    }

    #[test]
    fn the_table_is_read_from_the_top() {
        assert_eq!(
            order("//! | `js` | x | y |\n//! | [`judge`] | `engine` | z |\n//! text\n"),
            ["js", "judge"]
        );
    }
}
