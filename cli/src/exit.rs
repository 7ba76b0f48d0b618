//! Exit codes.

use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every row has a verdict.
    Done = 0,
    /// Some rows have an error in place of a verdict; or a file was inspected that cannot be run.
    Failed = 1,
    /// The run could not begin, or could not go on. What was written before is complete.
    Broken = 2,
    /// Every row has a verdict, and one of them is what `--fail-below` or `--fail-on` names.
    Gated = 3,
    /// Every row has a verdict, and a figure of the report is not what `--fail-under` or `--fail-over` asks for.
    Lower = 4,
    /// By Ctrl-C or a request to terminate: 128 + SIGINT.
    Interrupted = 130,
    /// Nobody reads the output any more: 128 + SIGPIPE, as the shell says of other tools.
    Unread = 141,
}

impl Exit {
    /// The first that is not fine, of two runs one after the other.
    pub fn or(self, next: Exit) -> Exit {
        if self == Exit::Done { next } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a run ends before its rows do.
#[derive(Debug)]
pub enum Stop {
    Interrupted,
    Unread,
    /// With what the user can do about it.
    Fault(String),
}

impl Stop {
    /// Prints the message, if there is one, and returns the exit code.
    pub fn report(self) -> Exit {
        match self {
            Stop::Interrupted => Exit::Interrupted,
            Stop::Unread => Exit::Unread,
            Stop::Fault(why) => {
                eprintln!("lunette: {why}");
                Exit::Broken
            }
        }
    }
}

impl From<lunette::Error> for Stop {
    fn from(error: lunette::Error) -> Stop {
        use lunette::Error::{Aborted, NoGpu, OutOfMemory};
        // The library speaks of its own options.
        let here = match error {
            Aborted => return Stop::Interrupted,
            NoGpu(_) => " (Here: `--backend cpu` or `--backend auto`.)",
            OutOfMemory(_) => " (Here: `--context` and `--backend cpu`.)",
            _ => "",
        };
        Stop::Fault(format!("{error}{here}"))
    }
}
