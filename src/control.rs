//! Control of a long call from outside: it can be cancelled, and yields to its thread.

use crate::{Error, Result};
use futures::future::LocalBoxFuture;

/// Checked between the steps of every long call.
pub trait Control {
    fn aborted(&self) -> bool;

    /// Lets other work of this thread run: in a browser, the message that says "abort".
    fn pause(&self) -> LocalBoxFuture<'_, ()>;
}

/// Never aborts and never pauses.
pub struct Uninterrupted;

impl Control for Uninterrupted {
    fn aborted(&self) -> bool {
        false
    }

    fn pause(&self) -> LocalBoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A place where a call may be cancelled.
pub async fn checkpoint(control: &dyn Control) -> Result<()> {
    control.pause().await;
    if control.aborted() { Err(Error::Aborted) } else { Ok(()) }
}
