//! Errors of the device outside any call, kept until the next call can return them.

use crate::{Error, Result};
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared;
use std::sync::{Arc, Mutex, MutexGuard};

/// The first fault of a device. The device's callbacks set it; every call checks it.
#[derive(Clone)]
pub(super) struct Fault {
    state: Arc<Mutex<State>>,
    /// Ready once the device is lost.
    lost: Shared<oneshot::Receiver<()>>,
}

struct State {
    first: Option<Error>,
    /// Present until the device is lost.
    tell: Option<oneshot::Sender<()>>,
    destroyed: bool,
    /// Whether the device was given back, so that its loss is no fault.
    closed: bool,
}

impl Fault {
    pub(super) fn new() -> Fault {
        let (tell, lost) = oneshot::channel();
        let state = State { first: None, tell: Some(tell), destroyed: false, closed: false };
        Fault { state: Arc::new(Mutex::new(state)), lost: lost.shared() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The first fault stays, unless a graver one comes: errors that follow from a lost device or a missing buffer
    /// explain less.
    pub(super) fn set(&self, error: Error) {
        let gravity = |error: &Error| match error {
            Error::DeviceLost(_) => 2,
            Error::OutOfMemory(_) => 1,
            _ => 0,
        };
        let mut state = self.state();
        if state.closed || state.first.as_ref().is_some_and(|known| gravity(&error) <= gravity(known)) {
            return;
        }
        log::error!("GPU: {error}");
        let tell = if matches!(error, Error::DeviceLost(_)) { state.tell.take() } else { None };
        state.first = Some(error);
        drop(state);
        // Wakes the waiting calls.
        tell.map(|tell| tell.send(()));
    }

    /// The device is lost, by a fault of its own or because somebody destroyed it.
    pub(super) fn lose(&self, why: String, destroyed: bool) {
        // Whichever of the two is heard of first.
        let mut state = self.state();
        state.destroyed |= destroyed && !matches!(state.first, Some(Error::DeviceLost(_)));
        drop(state);
        self.set(Error::DeviceLost(why));
    }

    pub(super) fn was_destroyed(&self) -> bool {
        self.state().destroyed
    }

    pub(super) fn check(&self) -> Result<()> {
        match &self.state().first {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Forgets a lack of memory that a call has returned: the device is there, and the next call may need less.
    pub(super) fn forgive(&self) {
        self.state().first.take_if(|error| matches!(error, Error::OutOfMemory(_)));
    }

    /// From here on nothing counts as a fault: the device was given back.
    pub(super) fn close(&self) {
        self.state().closed = true;
    }

    /// Ready once the device is lost.
    pub(super) fn lost(&self) -> Shared<oneshot::Receiver<()>> {
        self.lost.clone()
    }
}

/// An error of WebGPU in our terms; `what` says what was being done.
pub(super) fn translate(error: &wgpu::Error, what: &str) -> Error {
    match error {
        wgpu::Error::OutOfMemory { .. } => Error::OutOfMemory(format!("it ran out of memory for {what}")),
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            Error::Internal(format!("{what}: {description}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_fault_stays_and_a_lack_of_memory_passes() {
        let fault = Fault::new();
        let lost = || Error::DeviceLost("gone".into());
        let full = || Error::OutOfMemory("full".into());
        fault.set(Error::Internal("first".into()));
        fault.set(full());
        fault.set(Error::Internal("second".into()));
        assert_eq!(fault.check(), Err(full()));
        assert!(fault.lost().now_or_never().is_none());
        fault.forgive();
        assert_eq!(fault.check(), Ok(()));
        fault.set(lost());
        fault.set(full());
        fault.forgive();
        assert_eq!(fault.check(), Err(lost()));
        assert!(fault.lost().now_or_never().is_some());
    }

    #[test]
    fn a_device_that_was_given_back_has_no_faults() {
        let fault = Fault::new();
        fault.close();
        fault.set(Error::DeviceLost("given back".into()));
        assert_eq!(fault.check(), Ok(()));
    }
}
