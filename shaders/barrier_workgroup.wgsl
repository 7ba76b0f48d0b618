// A workgroup barrier: all threads arrive before any goes on, and see what the others wrote to shared memory. Included.
fn barrier() {
    workgroupBarrier();
}
