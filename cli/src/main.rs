//! `lunette`: the judge in the terminal. JSON lines in, JSON lines out.

mod arguments;
mod command;
mod evaluate;
mod exit;
mod gate;
mod inspect;
mod interrupt;
mod line;
mod merge;
mod need;
mod past;
mod progress;
mod prompt;
mod reward;
mod room;
mod rows;
mod run;
mod table;
mod task;

use arguments::{
    ClassifyArguments, CompareArguments, RankArguments, RewardArguments, RunArguments, ScoreArguments,
};
use clap::Parser;
use command::{Arguments, Command};
use exit::{Exit, Stop};
use gate::Gate;
use lunette::judge::JudgeOptions;
use reward::Rewarding;
use run::{Asked, Judging, Run};
use std::process::ExitCode;
use task::Task;

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Score(arguments) => score(arguments),
        Command::Classify(arguments) => classify(arguments),
        Command::Compare(arguments) => compare(arguments),
        Command::Rank(arguments) => rank(arguments),
        Command::Reward(arguments) => reward(arguments),
        Command::RankTable(arguments) => table::rank(&arguments),
        Command::Evaluate(arguments) => evaluate::evaluate(*arguments),
        Command::MergeRuns(arguments) => evaluate::merge::merge(&arguments),
        Command::CompareRuns(arguments) => evaluate::compare::compare(&arguments),
        Command::Prompt(arguments) => prompt::show(arguments),
        Command::Merge(arguments) => merge::merge(&arguments),
        Command::Inspect(arguments) => inspect::inspect(&arguments),
        Command::ParquetLines(arguments) => evaluate::parquet::print(&arguments),
    };
    done.unwrap_or_else(Stop::report).into()
}

fn score(ScoreArguments { run: arguments, rubric_orders, fail_below }: ScoreArguments) -> Result<Exit, Stop> {
    let task = Task::score(run::rubric(arguments.rubric.as_deref())?)?;
    judge(arguments, task, Gate::below(fail_below), |options| options.rubric_orders = rubric_orders)
}

fn classify(
    ClassifyArguments { run: arguments, rubric_orders, fail_on }: ClassifyArguments,
) -> Result<Exit, Stop> {
    let task = Task::classify(run::rubric(arguments.rubric.as_deref())?)?;
    judge(arguments, task, Gate::on(fail_on), |options| options.rubric_orders = rubric_orders)
}

fn compare(CompareArguments { run: arguments, pairs, fail_on }: CompareArguments) -> Result<Exit, Stop> {
    let task = Task::compare(run::rubric(arguments.rubric.as_deref())?)?;
    judge(arguments, task, Gate::on(fail_on), |options| pairs.set(options))
}

fn rank(RankArguments { run: arguments, pairs, schedule, rounds }: RankArguments) -> Result<Exit, Stop> {
    let task = Task::rank(run::rubric(arguments.rubric.as_deref())?, schedule, rounds)?;
    judge(arguments, task, Gate::Open, |options| pairs.set(options))
}

fn judge(
    RunArguments { model, rows, reading, .. }: RunArguments,
    task: Task,
    gate: Gate,
    set: impl Fn(&mut JudgeOptions),
) -> Result<Exit, Stop> {
    let (mut options, template) = run::options(&reading)?;
    set(&mut options);
    let judging = Judging { task, options, template, reading };
    Run { asked: Asked::Judging(Box::new(judging)), gate, model, rows }.run()
}

fn reward(arguments: RewardArguments) -> Result<Exit, Stop> {
    let asked = Asked::Rewarding(Rewarding::new(&arguments)?);
    Run { asked, gate: Gate::below(arguments.fail_below), model: arguments.model, rows: arguments.rows }.run()
}
