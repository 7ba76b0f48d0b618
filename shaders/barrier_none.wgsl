// The barrier of a workgroup of one thread: none. Included.
fn barrier() {}
