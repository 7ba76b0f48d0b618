//! Polls the native device on a thread of its own, so that the engine's thread never blocks. In a browser the event
//! loop does this.

use std::sync::mpsc;
use std::thread::JoinHandle;

pub(super) struct Poller {
    /// Dropped to end the thread.
    wake: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Poller {
    pub(super) fn new(device: wgpu::Device) -> std::io::Result<Poller> {
        let (wake, woken) = mpsc::channel();
        let thread = std::thread::Builder::new().name("gpu-poll".into()).spawn(move || {
            while woken.recv().is_ok() {
                // Errors reach the callbacks of whoever waits.
                let _ = device.poll(wgpu::PollType::wait_indefinitely());
            }
        })?;
        Ok(Poller { wake: Some(wake), thread: Some(thread) })
    }

    /// Polls until all work submitted so far is done, in the background.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            let _ = wake.send(());
        }
    }
}

impl Drop for Poller {
    /// Waits for the thread: a process that ends while it is inside the driver may crash there.
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
