//! The seeds, and all inputs that once did harm: each target takes them all.

use lunette_fuzz::TARGETS;
use std::fs;
use std::path::Path;

/// Less than browsers give WebAssembly.
const STACK: usize = 768 << 10;

/// Runs a target on the files that are kept for it.
fn replay(name: &str) {
    let (_, run) = TARGETS.into_iter().find(|(target, _)| *target == name).expect("a target's name");
    let mut count = 0;
    for folder in ["corpus", "regressions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let data = fs::read(&path).unwrap();
            let thread = std::thread::Builder::new().stack_size(STACK).spawn(move || run(&data)).unwrap();
            assert!(thread.join().is_ok(), "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 0, "nothing is kept for {name}");
}

macro_rules! replays {
    ($($name:ident)*) => {
        $(#[test] fn $name() { replay(stringify!($name)); })*

        #[test]
        fn no_target_is_left_out() {
            assert_eq!(TARGETS.map(|(name, _)| name), [$(stringify!($name)),*]);
        }
    };
}

replays!(container config tokenizer chat load judge constraint dataset adapter verdict);
