//! What `cargo xtask test` fetched of other projects, by the environment variables that it sets.

use std::path::PathBuf;

/// The file that `variable` names; of a folder its name. A test that needs it fails without.
pub fn peers(variable: &str) -> Vec<u8> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    let path = path.unwrap_or_else(|| {
        panic!("{variable} is not set: `cargo xtask test --only native` fetches what it names")
    });
    match path.is_dir() {
        true => path.into_os_string().into_encoded_bytes(),
        false => std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    }
}

/// Holds docs/SUPPORT.md to what a test found: each row stands in it.
pub fn is_in_the_docs(rows: &[String]) {
    let path = super::root().join("docs/SUPPORT.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let missing: Vec<&String> = rows.iter().filter(|row| !text.lines().any(|line| line == **row)).collect();
    assert!(
        missing.is_empty(),
        "docs/SUPPORT.md lacks {} of these rows:\n{}",
        missing.len(),
        rows.join("\n")
    );
}
