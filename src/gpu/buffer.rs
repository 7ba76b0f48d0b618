//! Buffers that are counted while they live, and given back the moment nobody holds them.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

/// A shared buffer, destroyed with its last holder. Otherwise a browser would keep its memory until the garbage is
/// collected, which the few bytes of a handle do not trigger.
#[derive(Debug, Clone)]
pub(super) struct Buffer(Rc<Owned>);

#[derive(Debug)]
struct Owned {
    raw: wgpu::Buffer,
    /// The size that it stands for; a device that rehearses allocates less.
    bytes: u64,
    live: Live,
}

impl Buffer {
    pub(super) fn new(raw: wgpu::Buffer, bytes: u64, live: &Live) -> Buffer {
        live.0.bytes.update(|all| all + bytes);
        live.0.buffers.update(|all| all + 1);
        Buffer(Rc::new(Owned { raw, bytes, live: live.clone() }))
    }
}

impl Deref for Buffer {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        &self.0.raw
    }
}

/// Whether they are the same buffer.
impl PartialEq for Buffer {
    fn eq(&self, other: &Buffer) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.live.0.bytes.update(|all| all - self.bytes);
        self.live.0.buffers.update(|all| all - 1);
        self.raw.destroy();
    }
}

/// What a device's buffers take at the moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Live(Rc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    bytes: Cell<u64>,
    buffers: Cell<u64>,
}

impl Live {
    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes.get()
    }

    pub(super) fn buffers(&self) -> u64 {
        self.0.buffers.get()
    }
}
