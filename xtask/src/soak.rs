//! A browser and a Node process that judge for as long as they are told, among faults.

use crate::browser;
use crate::wasm::Profile;
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub struct Options {
    /// It stops by itself after so many
    #[arg(long, default_value_t = 3)]
    minutes: u32,
    /// Of what is drawn; the timing of faults differs from run to run all the same
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

pub fn soak(options: &Options) -> Result<()> {
    browser::prepare(Profile::Release, false)?;
    browser::script("soak.mjs")?
        .args(["--minutes", &options.minutes.to_string(), "--seed", &options.seed.to_string()])
        .run()
}
