//! How many rows fit into the model's context at the same time.
//!
//! Admission control. The engine preempts calls that do not fit together, and their work is lost. So rows wait here
//! until there is room for all that they may grow to.

use futures::lock::Mutex;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

pub struct Room {
    capacity: usize,
    used: Cell<usize>,
    /// Held by the row that waits: the others wait behind it.
    turn: Mutex<()>,
    waiting: RefCell<Option<Waker>>,
}

/// A row's tokens, until it is dropped.
pub struct Place<'a> {
    room: &'a Room,
    tokens: usize,
}

impl Room {
    pub fn new(capacity: usize) -> Room {
        Room { capacity, used: Cell::new(0), turn: Mutex::new(()), waiting: RefCell::default() }
    }

    /// Waits until `tokens` fit; what is larger than the whole waits until it is alone.
    pub async fn take(&self, tokens: usize) -> Place<'_> {
        let tokens = tokens.min(self.capacity);
        let _turn = self.turn.lock().await;
        poll_fn(|context| {
            if self.used.get() + tokens > self.capacity {
                self.waiting.replace(Some(context.waker().clone()));
                return Poll::Pending;
            }
            self.used.set(self.used.get() + tokens);
            Poll::Ready(())
        })
        .await;
        Place { room: self, tokens }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.room.used.set(self.room.used.get() - self.tokens);
        if let Some(waker) = self.room.waiting.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;

    #[test]
    fn what_runs_together_fits() {
        let room = Room::new(10);
        let most = Cell::new(0);
        let row = |tokens: usize| {
            let (room, most) = (&room, &most);
            async move {
                let _place = room.take(tokens).await;
                most.set(most.get().max(room.used.get()));
                let mut pauses = tokens;
                poll_fn(|context| {
                    context.waker().wake_by_ref();
                    pauses -= 1;
                    if pauses == 0 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            }
        };
        pollster::block_on(join_all([3, 4, 5, 25, 1, 10, 2, 2, 2, 9].map(row)));
        assert_eq!((room.used.get(), most.get()), (0, 10));
    }
}
