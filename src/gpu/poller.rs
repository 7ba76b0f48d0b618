//! Natively somebody has to ask the device whether its work is done. A thread of its own does, so that the thread which
//! runs the engine never blocks; in a browser the event loop does the same.

use std::sync::mpsc;
use std::thread::JoinHandle;

pub(super) struct Poller {
    /// Gone once the thread shall end.
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

    /// Sees all work submitted so far to its end, in the background.
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
