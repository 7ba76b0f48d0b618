//! Ctrl-C, and how a run notices it between two steps.

use crate::exit::{Exit, Stop};
use futures::future::LocalBoxFuture;
use futures::task::AtomicWaker;
use lunette::Control;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

/// Whether the user wants the run to end.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<State>);

#[derive(Default)]
struct State {
    raised: AtomicBool,
    waker: AtomicWaker,
}

impl Interrupt {
    /// Installs the handler: Ctrl-C and SIGTERM end the run after a complete line, the second one at once.
    pub fn listen() -> Result<Interrupt, Stop> {
        let interrupt = Interrupt::default();
        let state = interrupt.0.clone();
        ctrlc::set_handler(move || {
            if state.raised.swap(true, Ordering::SeqCst) {
                std::process::exit(Exit::Interrupted as i32);
            }
            state.waker.wake();
        })
        .map_err(|e| Stop::Fault(format!("signals cannot be listened to: {e}")))?;
        Ok(interrupt)
    }

    /// Waits for it.
    pub async fn raised(&self) {
        poll_fn(|context| {
            self.0.waker.register(context.waker());
            if self.aborted() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await
    }
}

impl Control for Interrupt {
    fn aborted(&self) -> bool {
        self.0.raised.load(Ordering::SeqCst)
    }

    /// Lets the other rows go on, so that they share the next forward pass.
    fn pause(&self) -> LocalBoxFuture<'_, ()> {
        let mut yielded = false;
        Box::pin(poll_fn(move |context| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }
}
