//! Set-up: what a fresh machine lacks is installed when it is first needed.

pub mod apt;
pub mod browser;
pub mod dawn;
pub mod drivers;
pub mod firefox;
pub mod llama;
pub mod node;
pub mod python;
pub mod tools;
pub mod webkit;
