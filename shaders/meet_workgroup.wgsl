// The threads of a workgroup wait for each other, and see what the others wrote to shared memory.
fn meet() {
    workgroupBarrier();
}
