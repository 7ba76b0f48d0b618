//! The command line.

use crate::arguments::{
    ClassifyArguments, CompareArguments, InspectArguments, MergeAdapterArguments, PromptArguments,
    RankArguments, RankTableArguments, RewardArguments, ScoreArguments,
};
use crate::evaluate::arguments::{CompareRunsArguments, EvaluateArguments, MergeArguments};
use crate::evaluate::parquet::ParquetArguments;
use clap::{Parser, Subcommand};

/// An LLM judge in the terminal: rows as JSON lines on stdin, verdicts as JSON lines on stdout, in the same order.
///
/// Exit codes: 0 every row has a verdict; 1 some rows have an error instead; 2 the run could not begin or go on;
/// 3 a verdict is what --fail-below or --fail-on names; 4 a figure is not what --fail-under or --fail-over asks for;
/// 130 interrupted; 141 nobody reads the output.
#[derive(Parser)]
#[command(name = "lunette", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Give each response a place on a scale; rows have `input` and `response`
    Score(ScoreArguments),
    /// Give each response one of several labels; rows have `input` and `response`
    Classify(ClassifyArguments),
    /// Say which of two responses is better; rows have `input`, `responseA` and `responseB`
    Compare(CompareArguments),
    /// Rank several responses by comparing them in pairs; rows have `input` and `responses`
    Rank(RankArguments),
    /// Reward each response by a reward model, which reads no rubric; rows have `input` and `response`, or `responses` of which
    /// the best is wanted
    Reward(RewardArguments),
    /// Rank players from results of pairs that there are already; rows have `a`, `b` and `winner` or `probabilityA`
    RankTable(RankTableArguments),
    /// Judge a data set, and report how far the judge agrees with people
    Evaluate(Box<EvaluateArguments>),
    /// Join the shards of an evaluation to the run that a single process would have made
    MergeRuns(MergeArguments),
    /// Hold runs of other judges, templates or versions against the first one, on the rows that all judged
    CompareRuns(CompareRunsArguments),
    /// Show what the model would be given to read for each row, as text and as tokens; nothing is judged
    Prompt(PromptArguments),
    /// Write a model with a LoRA adapter merged into its weights, as a GGUF file that other engines load too
    Merge(MergeAdapterArguments),
    /// Say what a model file holds, and what it needs; only its header is read
    Inspect(InspectArguments),
    /// The process that decodes a Parquet file
    #[command(hide = true)]
    ParquetLines(ParquetArguments),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
