//! Models that are split over several files: the same model, or an error that names the part.

mod common;

use common::split::{name, split};
use common::tiny;
use lunette::engine::{Backend, Engine, LoadOptions, LoadPlan};
use lunette::quant::BlockType;
use lunette::source::{FileModel, MemoryModel, ModelBytes};
use lunette::{Error, Result, Uninterrupted};
use pollster::block_on;
use proptest::prelude::*;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::LazyLock;

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| tiny::file(BlockType::Q4_1));

fn options() -> LoadOptions {
    LoadOptions { backend: Backend::Wasm, ..Default::default() }
}

fn load(model: impl ModelBytes + 'static) -> Result<Engine> {
    block_on(Engine::load(Rc::new(model), &options(), &mut |_| (), &Uninterrupted))
}

fn logits(model: impl ModelBytes + 'static) -> Vec<f32> {
    let engine = load(model).unwrap();
    let tokens = engine.tokenizer().encode("the moon goes round", false).unwrap();
    block_on(engine.logits(&tokens, &Uninterrupted)).unwrap()
}

/// The message of a load that must fail, and its code.
fn refused(parts: Vec<Vec<u8>>) -> (String, &'static str) {
    let error = load(MemoryModel::split(parts)).err().expect("the parts should be refused");
    (error.to_string(), error.code())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    /// Wherever it is cut, and however often (a part may have no tensors at all), it is the same model.
    #[test]
    fn a_split_model_is_the_whole(cuts in proptest::collection::vec(0usize..=20, 1..6), chunk in 1000usize..100_000) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let parts = split(&WHOLE, &cuts);
        let model = MemoryModel::split(parts).with_chunk(chunk);
        prop_assert_eq!(logits(model), logits(MemoryModel::new(WHOLE.clone())));
    }
}

#[test]
fn progress_counts_all_parts() {
    let parts = split(&WHOLE, &[3, 11]);
    let total: usize = parts.iter().map(Vec::len).sum();
    let model = Rc::new(MemoryModel::split(parts));
    let plan = block_on(LoadPlan::new(&*model, &options(), &Uninterrupted)).unwrap();
    assert_eq!((plan.model.parts, plan.model.bytes), (3, total as u64));
    let (mut last, mut told) = (0, 0);
    let mut progress = |progress: lunette::model::Progress| {
        assert!(progress.loaded >= last, "{progress:?} after {last}");
        assert_eq!(progress.total, Some(total as u64));
        (last, told) = (progress.loaded, told + 1);
    };
    block_on(Engine::load(model, &options(), &mut progress, &Uninterrupted)).unwrap();
    assert!(last > total as u64 * 9 / 10 && told > 20);
}

#[test]
fn parts_that_do_not_belong_together() {
    let parts = split(&WHOLE, &[5, 12]);
    let [a, b, c] = [0, 1, 2].map(|i| parts[i].clone());
    let other = split(&tiny::file(BlockType::Q8_0), &[7, 12])[1].clone();
    let two = split(&WHOLE, &[9]);
    let mut tensors = tiny::tensors(BlockType::Q4_1);
    tensors.push(("more.weight".into(), vec![32, 2], BlockType::F32));
    let larger = split(&tiny::write(tiny::metadata(), &tensors), &[5, 12]);
    let torn = b[..b.len() - 100].to_vec();
    let table = [
        (
            vec![a.clone(), c.clone(), b.clone()],
            "invalid-argument",
            "at the place of part 2 of 3 there is part 3",
        ),
        (
            vec![b.clone(), a.clone(), c.clone()],
            "invalid-argument",
            "at the place of part 1 of 3 there is part 2",
        ),
        (vec![a.clone(), b.clone()], "invalid-argument", "part 1 of a model that is split over 3 files"),
        (vec![b.clone()], "invalid-argument", "part 2 of a model that is split over 3 files"),
        (vec![a.clone(), b.clone(), two[1].clone()], "invalid-argument", "part 3 of 3 is part 2 of a model"),
        (vec![WHOLE.clone(), WHOLE.clone()], "invalid-argument", "part 1 of 2 is no part of a split model"),
        (
            vec![a.clone(), larger[1].clone(), c.clone()],
            "invalid-argument",
            "part 2 of 3 is a part of another model",
        ),
        (vec![a.clone(), other, c.clone()], "invalid-file", "its 3 parts hold"),
        (
            vec![a.clone(), split(&WHOLE, &[4, 12])[1].clone(), c.clone()],
            "invalid-file",
            "is in part 1 and in part 2",
        ),
        (vec![a.clone(), torn, c.clone()], "truncated", "part 2 of 3: tensor"),
        (
            vec![a.clone(), b"GGUX and so on, but no header".repeat(10), c.clone()],
            "invalid-file",
            "part 2 of 3: it does not begin",
        ),
        (Vec::new(), "invalid-argument", "at least one file"),
    ];
    for (parts, code, words) in table {
        let (message, got) = refused(parts);
        assert_eq!(got, code, "{message}");
        assert!(message.contains(words), "{message:?} should say {words:?}");
    }
}

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("lunette-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn parts_on_disk_are_found_by_the_name_of_the_first() {
    let folder = Folder::new("split");
    let paths: Vec<PathBuf> = (0..3).map(|part| folder.0.join(name("tiny", part, 3))).collect();
    for (path, part) in paths.iter().zip(split(&WHOLE, &[5, 12])) {
        std::fs::write(path, part).unwrap();
    }
    let model = FileModel::open(&paths[0]).unwrap();
    assert_eq!(model.paths(), paths);
    assert_eq!(logits(model), logits(MemoryModel::new(WHOLE.clone())));

    let Err(Error::InvalidArgument(why)) = FileModel::open(&paths[1]) else { panic!("it is not the first") };
    assert!(why.contains("part 2 of 3") && why.contains("tiny-00001-of-00003.gguf"), "{why}");
    std::fs::remove_file(&paths[2]).unwrap();
    let Err(Error::Source(why)) = FileModel::open(&paths[0]) else { panic!("a part is missing") };
    assert!(why.contains("tiny-00003-of-00003.gguf is missing"), "{why}");
}
