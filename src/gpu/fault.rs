//! What went wrong on the device outside any call: kept until the next call can return it.

use crate::{Error, Result};
use std::sync::{Arc, Mutex};

/// The first fault of a device. The device's callbacks set it, every call looks at it.
#[derive(Clone, Default)]
pub(super) struct Fault(Arc<Mutex<Option<Error>>>);

impl Fault {
    /// The first fault stays, but for a graver one: what follows from a lost device or a missing buffer explains less.
    pub(super) fn set(&self, error: Error) {
        let gravity = |error: &Error| match error {
            Error::DeviceLost(_) => 2,
            Error::OutOfMemory(_) => 1,
            _ => 0,
        };
        let mut first = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if first.as_ref().is_none_or(|known| gravity(&error) > gravity(known)) {
            log::error!("GPU: {error}");
            *first = Some(error);
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        match &*self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
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
