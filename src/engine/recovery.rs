//! What a caller is told when the device that a model runs on is lost.

use serde::Serialize;
use std::fmt;
use std::rc::Rc;

/// A step on the way back from a lost device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovery {
    pub phase: RecoveryPhase,
    /// Why the device was lost, in words.
    pub reason: String,
    /// How often a device of this engine was lost so far.
    pub losses: u32,
    /// What the model runs on from here on: "webgpu" or "wasm".
    pub backend: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecoveryPhase {
    /// The device is gone; what was in flight will be computed again.
    Lost,
    /// The model is on a new device.
    Recovered,
    /// The model runs on the CPU from here on.
    Fallback,
}

/// Is told of every step.
#[derive(Clone)]
pub struct OnRecovery(Rc<dyn Fn(&Recovery)>);

impl OnRecovery {
    pub fn new(tell: impl Fn(&Recovery) + 'static) -> OnRecovery {
        OnRecovery(Rc::new(tell))
    }

    pub(super) fn tell(&self, event: &Recovery) {
        (self.0)(event);
    }
}

impl fmt::Debug for OnRecovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnRecovery")
    }
}
