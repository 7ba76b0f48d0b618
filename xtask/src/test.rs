//! Every test there is, as a list of timed steps.

use crate::run::{Run, cargo};
use crate::setup::{browser as chrome, dawn, drivers, firefox, node, webkit};
use crate::wasm::Profile;
use crate::{adapters, alone, browser, check, cluster, fuzz, golden, model, pkg, repo, say, suites, train};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use std::time::{Duration, Instant};

#[derive(Args)]
pub struct Options {
    /// While working: a wasm module without link-time optimization, and short reference prompts only
    #[arg(long)]
    quick: bool,
    /// Run only these steps (what they build on is still built)
    #[arg(long, value_enum)]
    only: Vec<Step>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Step {
    /// Tools, browser, driver, model
    Setup,
    /// The wasm module, the npm package and the page
    Build,
    /// Formatting, lints, documentation
    Check,
    /// A clone with nothing beside it has all that the tests need
    Alone,
    /// `cargo test`, on the CPU and on a Vulkan driver
    Native,
    /// The examples for Spark and Slurm, over two shards
    Cluster,
    /// Inputs that are made to do harm, for a minute
    Fuzz,
    /// The npm package's own tests
    Package,
    /// The built package under the libraries that its adapters are for
    Adapters,
    /// The built package and page in headless Chromium
    Browser,
    /// The packed package as users have it: in example apps, in Node, in Firefox
    Packed,
    /// The training of judges, in Python; only where asked for, since PyTorch takes minutes to install
    Train,
}

const STEPS: [Step; 12] = [
    Step::Setup,
    Step::Build,
    Step::Check,
    Step::Alone,
    Step::Native,
    Step::Cluster,
    Step::Fuzz,
    Step::Package,
    Step::Adapters,
    Step::Browser,
    Step::Packed,
    Step::Train,
];

/// Tests, counted by their runners.
#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Of those that were skipped, with the reason that their runner gives.
    reasons: Vec<String>,
}

struct Outcome {
    step: Step,
    took: Duration,
    count: Count,
    error: Option<String>,
}

/// Runs the steps, shows a table of them, and ends with the line `N passed, N failed`. Returns whether all is well.
pub fn test(options: &Options) -> bool {
    let chosen = |step: &Step| {
        // Training needs no browser, no driver and no Node.
        let needed = matches!(step, Step::Setup) && options.only != [Step::Train]
            || matches!(step, Step::Build) && options.only.iter().any(|only| needs_build(*only));
        let usual = options.only.is_empty() && *step != Step::Train;
        usual || options.only.contains(step) || needed
    };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in STEPS.into_iter().filter(chosen) {
        say!("test: {}", name(step));
        let start = Instant::now();
        let mut count = Count::default();
        let broken = |step: Step| outcomes.iter().any(|past| past.step == step && past.error.is_some());
        let result = if needs_build(step) && broken(Step::Build) {
            Err(anyhow::anyhow!("not run, since the build failed"))
        } else {
            run(step, options.quick, &mut count)
        };
        let error = result.err().map(|error| format!("{error:#}"));
        if let Some(error) = &error {
            eprintln!("error: {}: {error}", name(step));
            // A step that broke outside of its counted tests is one failure.
            count.failed = count.failed.max(1);
        }
        outcomes.push(Outcome { step, took: start.elapsed(), count, error });
    }
    report(&outcomes)
}

fn name(step: Step) -> String {
    step.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn needs_build(step: Step) -> bool {
    matches!(step, Step::Check | Step::Package | Step::Adapters | Step::Browser | Step::Packed)
}

fn run(step: Step, quick: bool, count: &mut Count) -> Result<()> {
    match step {
        Step::Setup => {
            node::node()?;
            chrome::chrome()?;
            firefox::firefox()?;
            webkit::webkit()?;
            drivers::vulkan()?;
            model::fetch()?;
            ["pkg", "www", "tests/browser"].into_iter().try_for_each(node::packages)?;
            adapters::packages()
        }
        Step::Build => {
            pkg::build(if quick { Profile::Dev } else { Profile::Release })?;
            pkg::page()
        }
        Step::Check => check::check(),
        Step::Alone => alone::check(&mut || count.passed += 1),
        Step::Native => {
            let command = cargo().args(["test", "--workspace", "--no-fail-fast"]);
            let command = drivers::vulkan()?
                .into_iter()
                .fold(command, |command, (key, driver)| command.env(key, driver));
            let command =
                suites::variables()?.into_iter().fold(command, |run, (key, path)| run.env(key, path));
            counted(command.env("LUNETTE_MODEL", model::fetch()?), count)
        }
        Step::Cluster => counted(cluster::tests()?, count),
        Step::Fuzz => fuzz::smoke(&mut |held| match held {
            true => count.passed += 1,
            false => count.failed += 1,
        }),
        Step::Package => counted(node::npm("pkg").args(["test"]), count),
        Step::Adapters => counted(adapters::tests()?, count),
        Step::Browser => {
            let models = golden::tiny_models(&repo::target())?;
            let script = browser::script("index.mjs")?.env("LUNETTE_ARCHITECTURES", models);
            counted(if quick { script.env("LUNETTE_QUICK", "1") } else { script }, count)
        }
        Step::Packed => {
            webkit::webkit()?;
            let script = browser::script("packed.mjs")?.env("FIREFOX", firefox::firefox()?);
            let script = match dawn::driver()? {
                Some(driver) => script.env("LUNETTE_DAWN_DRIVER", driver),
                None => script,
            };
            counted(if quick { script.env("LUNETTE_QUICK", "1") } else { script }, count)
        }
        Step::Train => counted(train::tests()?, count),
    }
}

fn counted(command: Run, count: &mut Count) -> Result<()> {
    let success = command.lines(|line| count.add(&plain(line)))?;
    if count.failed > 0 {
        bail!("{} failed", count.failed);
    }
    if !success {
        bail!("its tests passed, but the test program failed");
    }
    if count.passed == 0 {
        bail!("no test was counted");
    }
    Ok(())
}

/// A line without its colours.
fn plain(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

impl Count {
    /// Adds what a test runner's summary line says: cargo's, node's, vitest's or pytest's.
    fn add(&mut self, line: &str) {
        let line = line.trim();
        self.reasons.extend(skipped(line));
        let parts: Vec<&str> = if let Some(rest) = line.strip_prefix("test result:") {
            // test result: ok. 5 passed; 0 failed; 1 ignored; …
            rest.split(['.', ';']).collect()
        } else if let Some(rest) = line.strip_prefix("Tests ").or_else(|| line.strip_prefix("Tests\t")) {
            // Tests  1 failed | 12 passed (13)
            rest.split(['|', '(']).collect()
        } else if let Some(rest) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) {
            // ℹ pass 12
            let words: Vec<_> = rest.split(' ').collect();
            if let [kind, number] = words[..] {
                self.tally(number, kind);
            }
            return;
        } else if let Some((counts, _)) = pytest(line) {
            // 12 passed, 1 skipped in 3.21s
            counts.split(',').collect()
        } else {
            return;
        };
        for part in parts {
            let words: Vec<_> = part.split_whitespace().collect();
            if let [number, kind] = words[..] {
                self.tally(number, kind);
            }
        }
    }

    fn tally(&mut self, number: &str, kind: &str) {
        let Ok(number) = number.parse::<u64>() else { return };
        match kind {
            "passed" | "pass" => self.passed += number,
            // node counts a test that ran into its time limit, or was cut short, apart.
            "failed" | "fail" | "cancelled" => self.failed += number,
            "ignored" | "skipped" | "todo" => self.skipped += number,
            _ => {}
        }
    }
}

/// The counts and the time of pytest's last line, which may stand between rows of `=`.
fn pytest(line: &str) -> Option<(&str, &str)> {
    let (counts, took) = line.trim_matches(['=', ' ']).split_once(" in ")?;
    let seconds = took.split_once('s')?.0.parse::<f64>().is_ok();
    (seconds && counts.starts_with(|first: char| first.is_ascii_digit())).then_some((counts, took))
}

/// The test that a runner's line says was skipped, and why: cargo's, node's or vitest's.
fn skipped(line: &str) -> Option<String> {
    // test plan::large ... ignored, takes 6 GB of memory
    if let Some((name, rest)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ignored")) {
        return Some(format!("{name}: {}", rest.trim_start_matches(", ")));
    }
    // ﹣ in Node, on WebGPU (0.2ms) # there is no driver
    let rest = line.strip_prefix('﹣').or_else(|| line.strip_prefix('↓'))?;
    Some(rest.trim().replace(" # ", ": "))
}

fn report(outcomes: &[Outcome]) -> bool {
    println!("\n{:<10} {:>8} {:>8} {:>8} {:>8}", "step", "time", "passed", "failed", "skipped");
    let mut total = Count::default();
    for Outcome { step, took, count, error } in outcomes {
        let Count { passed, failed, skipped, .. } = count;
        let (minutes, seconds) = (took.as_secs() / 60, took.as_secs() % 60);
        let error = error.as_deref().unwrap_or_default();
        println!(
            "{:<10} {:>8} {passed:>8} {failed:>8} {skipped:>8}  {error}",
            name(*step),
            format!("{minutes}:{seconds:02}")
        );
        total.passed += passed;
        total.failed += failed;
        total.skipped += skipped;
        total.reasons.extend_from_slice(&count.reasons);
    }
    let seconds: u64 = outcomes.iter().map(|outcome| outcome.took.as_secs()).sum();
    println!("\n{}:{:02} in all; {} skipped", seconds / 60, seconds % 60, total.skipped);
    total.reasons.iter().for_each(|reason| println!("skipped: {reason}"));
    let failed: Vec<_> = outcomes.iter().filter(|o| o.error.is_some()).map(|o| name(o.step)).collect();
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    failed.is_empty()
}

#[cfg(test)]
mod tests {
    use super::{Count, plain};

    #[test]
    fn counts_what_runners_print() {
        let table = [
            (
                "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
                (5, 0, 1),
            ),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out", (3, 2, 0)),
            ("      Tests  1 failed | 12 passed | 3 skipped (16)", (12, 1, 3)),
            ("      Tests  4 passed (4)", (4, 0, 0)),
            (
                "\x1b[2m      Tests \x1b[22m \x1b[1m\x1b[32m94 passed\x1b[39m\x1b[22m\x1b[90m (94)\x1b[39m",
                (94, 0, 0),
            ),
            (" Test Files  2 passed (2)", (0, 0, 0)),
            ("ℹ pass 7", (7, 0, 0)),
            ("# cancelled 2", (0, 2, 0)),
            ("# fail 1", (0, 1, 0)),
            ("ℹ duration_ms 1234.5", (0, 0, 0)),
            ("running 5 tests", (0, 0, 0)),
            ("12 passed in 3.21s", (12, 0, 0)),
            ("=== 1 failed, 4 passed, 2 skipped, 6 warnings in 440.74s (0:07:20) ===", (4, 1, 2)),
            ("3 passed in a row", (0, 0, 0)),
        ];
        for (line, (passed, failed, skipped)) in table {
            let mut count = Count::default();
            count.add(&plain(line));
            assert_eq!((count.passed, count.failed, count.skipped), (passed, failed, skipped), "{line}");
        }
    }

    #[test]
    fn says_why_tests_were_skipped() {
        for (line, reason) in [
            ("test large ... ignored, takes 6 GB of memory", Some("large: takes 6 GB of memory")),
            ("test large ... ok", None),
            ("  ﹣ on WebGPU (0.18ms) # no driver", Some("on WebGPU (0.18ms): no driver")),
            ("✔ skipped bytes (0.1ms)", None),
        ] {
            let mut count = Count::default();
            count.add(line);
            assert_eq!(count.reasons.first().map(String::as_str), reason, "{line}");
        }
    }
}
