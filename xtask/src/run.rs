//! Running other programs: their output streams to stderr, so that stdout holds results only.

use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A line of progress for the person who waits.
#[macro_export]
macro_rules! say {
    ($($arg:tt)*) => { eprintln!("▸ {}", format_args!($($arg)*)) };
}

/// A command that describes itself when it fails.
pub struct Run {
    command: Command,
    line: String,
}

impl Run {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let line = program.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.current_dir(super::repo::path(""));
        Self { command, line }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.line += &format!(" {}", arg.as_ref().to_string_lossy());
        self.command.arg(arg);
        self
    }

    pub fn args<S: AsRef<OsStr>>(self, args: impl IntoIterator<Item = S>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs to the end; a non-zero exit is an error.
    pub fn run(mut self) -> Result<()> {
        self.command.stdout(Stdio::from(std::io::stderr()));
        let status = self.command.status().with_context(|| format!("could not start `{}`", self.line))?;
        self.succeeded(status)
    }

    /// Runs to the end with stdout captured, stderr streamed.
    pub fn output(mut self) -> Result<String> {
        self.command.stderr(Stdio::inherit());
        let output = self.command.output().with_context(|| format!("could not start `{}`", self.line))?;
        self.succeeded(output.status)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs to the end with stdout captured, stderr streamed. Returns whether it exited with 0, and what it printed.
    pub fn outcome(mut self) -> Result<(bool, String)> {
        self.command.stderr(Stdio::inherit());
        let output = self.command.output().with_context(|| format!("could not start `{}`", self.line))?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// Runs to the end; every line of stdout is shown and handed to `each`. Returns whether it exited with 0.
    pub fn lines(self, mut each: impl FnMut(&str)) -> Result<bool> {
        self.filtered(|line| {
            each(line);
            true
        })
    }

    /// The same, but shows only the lines that `each` wants shown.
    pub fn filtered(mut self, mut each: impl FnMut(&str) -> bool) -> Result<bool> {
        self.command.stdout(Stdio::piped());
        let mut child = self.command.spawn().with_context(|| format!("could not start `{}`", self.line))?;
        let stdout = child.stdout.take().context("stdout was not piped")?;
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.with_context(|| format!("reading the output of `{}`", self.line))?;
            let line = String::from_utf8_lossy(&line);
            if each(&line) {
                eprintln!("{line}");
            }
        }
        Ok(child.wait()?.success())
    }

    /// Starts it and returns; the caller waits.
    pub fn spawn(mut self) -> Result<Child> {
        self.command.stdout(Stdio::from(std::io::stderr()));
        self.command.spawn().with_context(|| format!("could not start `{}`", self.line))
    }

    /// What the program prints, or nothing when it is absent or fails.
    pub fn probe(mut self) -> Option<String> {
        let output = self.command.stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn succeeded(&self, status: ExitStatus) -> Result<()> {
        if !status.success() {
            bail!("`{}` failed ({status})", self.line);
        }
        Ok(())
    }
}

/// The first of `names` found on PATH.
pub fn which(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    names
        .iter()
        .find_map(|name| std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file()))
}

/// PATH with `dirs` in front.
pub fn path_with(dirs: &[PathBuf]) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = dirs.iter().cloned().chain(std::env::split_paths(&path));
    std::env::join_paths(all).context("a tool's folder has a name that PATH cannot hold")
}

/// The cargo that runs us.
pub fn cargo() -> Run {
    Run::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
