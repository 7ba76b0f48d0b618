//! Every developer task: `cargo xtask <task>`. Each sets up what it needs first, and does again only what has changed.

mod adapters;
mod alone;
mod arrows;
mod audit;
mod bench;
mod bench_gpu;
mod bench_peers;
mod bench_report;
mod browser;
mod check;
mod cluster;
mod demo;
mod drill;
mod fuzz;
mod golden;
mod gpu_kit;
mod links;
mod model;
mod pkg;
mod repo;
mod reproduce;
mod run;
mod screenshots;
mod setup;
mod soak;
mod stamp;
mod suites;
mod synth;
mod test;
mod train;
mod verdict;
mod wasm;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Lunette's developer tasks. Results go to stdout, progress to stderr.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything and serve the demo page
    Demo {
        /// Serve at this port [default: the first free one from 5173]
        #[arg(long)]
        port: Option<u16>,
        /// A model to serve beside the page, which is fetched first: `qwen2.5-coder-1.5b`, or another that `fetch-model` knows
        #[arg(long, value_name = "NAME")]
        judge: Option<String>,
        /// Do not open the page in a browser
        #[arg(long)]
        no_open: bool,
    },
    /// Judge one built-in example in a headless browser and print the verdict
    Verdict {
        #[arg(long, value_enum, default_value = "webgpu")]
        backend: verdict::Backend,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Run every check and every test
    Test(test::Options),
    /// Check formatting, spelling, lints and documentation
    Check,
    /// Check what the project depends on: licences, sources, known vulnerabilities
    Audit(audit::Options),
    /// Write the npm package's API reference into target/docs
    Docs,
    /// Build the wasm module and the npm package
    Build {
        /// Without link-time optimization: quick to build, slower to run
        #[arg(long)]
        dev: bool,
    },
    /// Build the package from two folders, and see that both are the same to the byte
    Reproduce,
    /// Plant faults on purpose, and see that the tests notice each
    Drill,
    /// Judge at random among faults of all kinds, and look after each minute whether anything is left over
    Soak(soak::Options),
    /// Give every reader of files inputs that are made to do harm
    Fuzz(fuzz::Options),
    /// Measure speed and memory
    Bench(bench::Options),
    /// Write a model of random weights with the shapes of a published one
    Synth(synth::Options),
    /// Fetch a model into models/, once, and print its path
    FetchModel {
        /// Which one
        #[arg(default_value = model::DEFAULT, long_help = format!("Which one:\n{}", model::list()))]
        name: String,
    },
    /// Build what a machine with a GPU and little else needs to check and measure, in pieces that travel
    GpuKit(gpu_kit::Options),
    /// Compute the values of llama.cpp that tests compare ours with
    Golden(golden::Options),
    /// Take the pictures of the demo page that the README shows
    Screenshots,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Demo { port, judge, no_open } => demo::serve(port, judge.as_deref(), !no_open),
        Task::Drill => drill::drill(),
        Task::Soak(options) => soak::soak(&options),
        Task::Verdict { backend, json } => verdict::verdict(backend, json),
        Task::Test(options) => {
            return if test::test(&options) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Task::Check => check::check(),
        Task::Audit(options) => audit::audit(&options),
        Task::Docs => pkg::reference(),
        Task::Build { dev } => pkg::build(if dev { wasm::Profile::Dev } else { wasm::Profile::Release }),
        Task::Reproduce => reproduce::check(),
        Task::Fuzz(options) => fuzz::fuzz(&options),
        Task::Bench(options) => bench::bench(&options),
        Task::Synth(options) => synth::synth(&options),
        Task::FetchModel { name } => model::fetch_named(&name).map(|model| println!("{}", model.display())),
        Task::GpuKit(options) => gpu_kit::kit(&options),
        Task::Golden(options) => golden::generate(&options),
        Task::Screenshots => screenshots::take(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
