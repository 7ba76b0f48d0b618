//! LoRA adapters against llama.cpp, which computed the logits of tiny models with tiny adapters
//! (`tests/architectures/golden.json`), and against themselves: several in a batch.

mod common;
mod gpu_support;

use common::adapters::{self, ADAPTERS};
use common::fixtures;
use common::golden::{kl, root};
use futures::future::join_all;
use lunette::engine::{AdapterChoice, Backend, Engine, LoadOptions};
use lunette::gguf::Value;
use lunette::model::{Adapter, KvType, Recipe, merge};
use lunette::quant::BlockType;
use lunette::source::{MemoryModel, ModelBytes};
use lunette::{Error, Uninterrupted};
use pollster::block_on;
use std::rc::Rc;

/// Each adapter of a fixture with each scale, and llama.cpp's logits after some prompts.
type Golden = Vec<(AdapterChoice, Vec<(Vec<u32>, Vec<f32>)>)>;

fn golden(fixture: &str) -> Golden {
    let text = std::fs::read_to_string(root().join("tests/architectures/golden.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let prompts = |key: &str| -> Vec<_> {
        let prompts = all[key].as_array().unwrap_or_else(|| panic!("no golden values of {key}"));
        let numbers = |prompt: &serde_json::Value| {
            let of = |name: &str| prompt[name].clone();
            (serde_json::from_value(of("tokens")).unwrap(), serde_json::from_value(of("logits")).unwrap())
        };
        prompts.iter().map(numbers).collect()
    };
    let mut golden = vec![(AdapterChoice::None, prompts(fixture))];
    for (_, name, ..) in ADAPTERS.iter().filter(|adapter| adapter.0 == fixture) {
        for scale in [1.0, -0.5] {
            let choice = AdapterChoice::Named { name: name.to_string(), scale };
            golden.push((choice, prompts(&format!("{fixture}.{name} {scale}"))));
        }
    }
    golden
}

fn bytes(file: Vec<u8>) -> Rc<dyn ModelBytes> {
    Rc::new(MemoryModel::new(file))
}

fn load(fixture: &str, adapters: Vec<Vec<u8>>, options: LoadOptions) -> Result<Engine, Error> {
    let read = |file| block_on(Adapter::read(&*bytes(file))).map(Rc::new);
    let adapters = adapters.into_iter().map(read).collect::<Result<_, _>>()?;
    let options = LoadOptions { adapters, ..options };
    let model = bytes(fixtures::file(fixture, BlockType::F32));
    block_on(Engine::load(model, &options, &mut |_| (), &Uninterrupted))
}

fn all_of(fixture: &str) -> Vec<Vec<u8>> {
    let own = ADAPTERS.iter().filter(|adapter| adapter.0 == fixture);
    own.map(|(_, name, ..)| adapters::file(fixture, name)).collect()
}

async fn logits(engine: &Engine, choice: &AdapterChoice, tokens: &[u32]) -> Vec<f32> {
    engine.logits_with(choice, tokens, &Uninterrupted).await.unwrap()
}

fn agrees(fixture: &str, options: LoadOptions) {
    let what = format!("{fixture} on {:?} without {:?}", options.backend, options.disable);
    let bound = if options.kv_type == KvType::F32 { 1e-6 } else { 1e-4 };
    let engine = load(fixture, all_of(fixture), options).unwrap();
    for (choice, prompts) in golden(fixture) {
        for (tokens, expected) in prompts {
            let ours = block_on(logits(&engine, &choice, &tokens));
            let divergence = kl(&expected, &ours);
            println!("{what}, {choice:?}, {} tokens: KL {divergence:.1e}", tokens.len());
            assert!(divergence <= bound, "{what}, {choice:?}, {} tokens: KL {divergence:e}", tokens.len());
        }
    }
}

const FIXTURES: [&str; 3] = ["llama", "qwen2", "phi3"];

#[test]
fn logits_on_the_cpu_are_those_of_llama_cpp() {
    for fixture in FIXTURES {
        for kv_type in [KvType::F32, KvType::F16] {
            agrees(fixture, LoadOptions { backend: Backend::Wasm, kv_type, ..Default::default() });
        }
    }
}

#[test]
fn logits_on_the_gpu_are_those_of_llama_cpp() {
    // Points the loader at lavapipe where nothing else is asked for.
    gpu_support::gpu(None, &[], KvType::F16);
    for fixture in FIXTURES {
        for disable in [&[][..], &["f16", "subgroups"]] {
            for kv_type in [KvType::F32, KvType::F16] {
                let disable = disable.iter().map(|name| name.to_string()).collect();
                agrees(
                    fixture,
                    LoadOptions { backend: Backend::Webgpu, disable, kv_type, ..Default::default() },
                );
            }
        }
    }
}

/// Calls with two adapters, two scales and none, all at once, share their steps; what they share of their prompts is
/// computed for each adapter.
#[test]
fn in_a_batch_each_gives_what_it_gives_alone() {
    gpu_support::gpu(None, &[], KvType::F16);
    for backend in [Backend::Wasm, Backend::Webgpu] {
        let engine = load("llama", all_of("llama"), LoadOptions { backend, ..Default::default() }).unwrap();
        let golden = golden("llama");
        let calls: Vec<_> = golden
            .iter()
            .flat_map(|(choice, prompts)| prompts.iter().map(move |prompt| (choice, prompt)))
            .collect();
        for _ in 0..2 {
            let together =
                join_all(calls.iter().map(|(choice, (tokens, _))| logits(&engine, choice, tokens)));
            for ((choice, (tokens, expected)), ours) in calls.iter().zip(block_on(together)) {
                let divergence = kl(expected, &ours);
                assert!(divergence <= 1e-4, "{choice:?}, {} tokens: KL {divergence:e}", tokens.len());
            }
        }
    }
}

#[test]
fn the_first_is_taken_unless_another_is_named() {
    let engine =
        load("llama", all_of("llama"), LoadOptions { backend: Backend::Wasm, ..Default::default() }).unwrap();
    assert_eq!(engine.info().lora_adapters, ["wide", "narrow"]);
    let tokens = [5, 6, 7];
    let named = |name: &str, scale| AdapterChoice::Named { name: name.into(), scale };
    let of = |choice: AdapterChoice| block_on(logits(&engine, &choice, &tokens));
    assert_eq!(of(AdapterChoice::default()), of(named("wide", 1.0)));
    assert_eq!(block_on(engine.logits(&tokens, &Uninterrupted)).unwrap(), of(named("wide", 1.0)));
    assert_eq!(of(named("narrow", 0.0)), of(AdapterChoice::None));
    assert_ne!(of(named("narrow", 1.0)), of(AdapterChoice::None));
    let error = engine.adapter(&named("broad", 1.0)).unwrap_err();
    assert!(error.to_string().contains("\"broad\"") && error.to_string().contains("\"narrow\""), "{error}");
    let error = engine.adapter(&named("wide", f32::NAN)).unwrap_err();
    assert!(error.to_string().contains("adapter.scale"), "{error}");
}

/// A merged file is a model like any other: in f32 it has llama.cpp's logits of the two apart, and quantized it is close.
#[test]
fn a_merged_model_is_the_model_with_its_adapter() {
    for (fixture, name) in [("llama", "wide"), ("phi3", "joined")] {
        for (recipe, bound, quantization) in [
            (Recipe::AsTheBase, 1e-6, "F32"),
            (Recipe::F16, 1e-5, "F16"),
            (Recipe::Q8_0, 1e-3, "Q8_0"),
            (Recipe::Q4_K_M, 0.1, "Q4_K_M"),
        ] {
            for scale in [1.0, -0.5] {
                let adapter = block_on(Adapter::read(&*bytes(adapters::file(fixture, name)))).unwrap();
                let base = bytes(fixtures::file(fixture, BlockType::F32));
                let (adapter, out) = (Rc::new(adapter), Vec::new());
                let mut silent = |_| ();
                let merged = merge(&*base, adapter, scale, recipe, out, &mut silent, &Uninterrupted);
                let merged = bytes(block_on(merged).unwrap());
                let options =
                    LoadOptions { backend: Backend::Wasm, kv_type: KvType::F32, ..Default::default() };
                let engine = block_on(Engine::load(merged, &options, &mut |_| (), &Uninterrupted)).unwrap();
                let info = engine.info();
                assert_eq!((&info.quantization[..], info.lora_adapters.len()), (quantization, 0));
                assert!(info.name.ends_with(name), "{}", info.name);
                let wanted = AdapterChoice::Named { name: name.into(), scale };
                let (_, prompts) = golden(fixture).into_iter().find(|(choice, _)| *choice == wanted).unwrap();
                for (tokens, expected) in prompts {
                    let ours = block_on(engine.logits(&tokens, &Uninterrupted)).unwrap();
                    let divergence = kl(&expected, &ours);
                    println!("{fixture} {scale} {recipe:?}, {} tokens: KL {divergence:.1e}", tokens.len());
                    assert!(
                        divergence <= bound,
                        "{fixture} {scale} {recipe:?}, {} tokens: {divergence:e}",
                        tokens.len()
                    );
                }
            }
        }
    }
}

/// The base is refused for what its header says, before any of its weights is asked for.
#[test]
fn adapters_of_other_models_are_refused_by_their_names_and_shapes() {
    let refused = |fixture: &str, adapter: Vec<u8>, why: &str| {
        let options = LoadOptions { backend: Backend::Wasm, ..Default::default() };
        let error = load(fixture, vec![adapter], options).err().expect("it is refused").to_string();
        assert!(error.contains(why), "{error}");
    };
    refused("qwen2", adapters::file("llama", "wide"), "it is for the architecture llama, and that is qwen2");
    refused("llama", fixtures::file("llama", BlockType::F32), "this one is a model");
    let own = |tensors: &[(&str, [u64; 2])]| {
        let tensors: Vec<_> =
            tensors.iter().map(|(name, dims)| (name.to_string(), dims.to_vec(), BlockType::F32)).collect();
        common::tiny::write(adapters::metadata("llama", "own"), &tensors)
    };
    let (q, a, b) = ("blk.0.attn_q.weight", [256, 4], [4, 256]);
    let pair = |name: &str, a, b| own(&[(&format!("{name}.lora_a"), a), (&format!("{name}.lora_b"), b)]);
    refused("llama", pair(q, [128, 4], b), "are 4 × 128 and 256 × 4, and that is 256 × 256");
    refused("llama", pair(q, a, [5, 256]), "are 4 × 256 and 256 × 5");
    refused("llama", pair(q, [256, 1024], [1024, 256]), "are 1024 × 256");
    refused("llama", pair("blk.9.attn_q.weight", a, b), "it changes \"blk.9.attn_q.weight\"");
    refused("llama", pair("token_embd.weight", a, [4, 259]), "it changes \"token_embd.weight\"");
    refused("llama", own(&[("blk.0.attn_q.weight.lora_a", a)]), "one matrix of two");
    refused("llama", own(&[("blk.0.attn_q.weight", a)]), "it has a tensor");
    refused("llama", own(&[]), "it has no matrices");
    let mut activated = adapters::metadata("llama", "own");
    activated.set("adapter.alora.invocation_tokens", Value::Array(vec![Value::Unsigned(1)]));
    refused("llama", common::tiny::write(activated, &[]), "adapter.alora.invocation_tokens");
    let mut cut = adapters::file("llama", "wide");
    cut.truncate(cut.len() - 100);
    refused("llama", cut, "should end at byte");
}
