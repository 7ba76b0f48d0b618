// A workgroup of one thread has nobody to wait for.
fn meet() {}
