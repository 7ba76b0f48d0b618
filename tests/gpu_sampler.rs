//! The GPU's sampler against the host's: sizes of vocabularies, filters, ties, and what no token can be drawn from.

mod gpu_support;

use gpu_support::*;
use lunette::gpu::decide::Kernels;
use lunette::gpu::{Gpu, KvType, SamplerTrial};
use lunette::model::{Draw, MOST_GATHERED, MOST_TOP, OutputKind, Reader, Reading};
use pollster::block_on;

const VOCABULARIES: [usize; 7] = [1, 2, 63, 259, 4099, 49_152, 262_144];

const GREEDY: Draw =
    Draw { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, random: 0, logprobs: Some(0) };

fn devices() -> Vec<Gpu> {
    let variants: [(Kernels, &[&str]); 2] =
        [(Kernels::Independent, &[]), (Kernels::Cooperative, &["subgroups", "f16"])];
    variants.map(|(family, disable)| gpu(Some(family), disable, KvType::F32)).to_vec()
}

fn trial(gpu: &Gpu, vocab: usize, most: usize) -> SamplerTrial {
    block_on(SamplerTrial::new(gpu, vocab, most)).unwrap()
}

/// Logits of a language model's spread: a few stand out.
fn logits(vocab: usize, seed: u64) -> Vec<f32> {
    random(vocab, seed).iter().map(|v| 12.0 * v * v * v - 3.0).collect()
}

/// Logits with as many equals as others.
fn steps(vocab: usize, seed: u64) -> Vec<f32> {
    logits(vocab, seed).iter().map(|v| (v / 2.0).round() * 2.0).collect()
}

fn gathers(vocab: usize) -> Vec<u32> {
    (0..MOST_GATHERED.min(vocab) as u32).map(|i| i * 7919 % vocab as u32).collect()
}

#[track_caller]
fn assert_logprobs(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= 2e-5 * (1.0 + expected.abs()), "{what}: {got} for {expected}");
    }
}

#[test]
fn log_probabilities_and_the_likeliest() {
    for gpu in devices() {
        for vocab in VOCABULARIES {
            let mut trial = trial(&gpu, vocab, 3);
            let rows = [logits(vocab, 1), steps(vocab, 2), vec![0.5; vocab]];
            let gather = OutputKind::Gather(gathers(vocab));
            for top in [0, 1, MOST_TOP] {
                // All kinds of kinds in one step, in every order.
                let sample = OutputKind::Sample(Draw { logprobs: Some(top), ..GREEDY });
                for turn in 0..3 {
                    let mut kinds = [gather.clone(), OutputKind::Logits, sample.clone()];
                    kinds.rotate_left(turn);
                    let got = block_on(trial.run(&rows.concat(), &kinds)).unwrap();
                    for ((got, kind), row) in got.into_iter().zip(&kinds).zip(&rows) {
                        let what = format!("{:?}, {vocab} tokens, top {top}, {kind:?}", gpu.capabilities());
                        match (got, Reader::default().read(row, kind).unwrap()) {
                            (Reading::Logprobs(got), Reading::Logprobs(expected)) => {
                                assert_logprobs(&got, &expected, &what);
                            }
                            (Reading::Token(got), Reading::Token(expected)) => {
                                assert_eq!(got.token, expected.token, "{what}");
                                let ids = |top: &[(u32, f32)]| top.iter().map(|t| t.0).collect::<Vec<_>>();
                                assert_eq!(ids(&got.top), ids(&expected.top), "{what}");
                                let values = |s: &lunette::model::Sampled| {
                                    s.top.iter().map(|t| t.1).chain(s.logprob).collect::<Vec<_>>()
                                };
                                assert_logprobs(&values(&got), &values(&expected), &what);
                            }
                            (got, expected) => assert_eq!(got, expected, "{what}"),
                        }
                    }
                }
            }
        }
    }
}

/// Where the host's draw ends up for points a little below and above `random`: sums in f32 may fall on either side.
fn expected(row: &[f32], draw: &Draw) -> Vec<u32> {
    const SLACK: u32 = 1 << 17;
    let mut reader = Reader::default();
    let (from, to) = (draw.random.saturating_sub(SLACK), draw.random.saturating_add(SLACK));
    let mut token = |random| reader.sample(row, &Draw { random, ..*draw }).unwrap().token;
    (token(from)..=token(to)).collect()
}

#[test]
fn draws() {
    let base = Draw { temperature: 0.8, ..GREEDY };
    let table = [
        base,
        Draw { temperature: 0.05, ..base },
        Draw { temperature: 100.0, ..base },
        Draw { top_k: 1, ..base },
        Draw { top_k: 40, temperature: 2.0, ..base },
        Draw { top_k: 1 << 20, ..base },
        Draw { top_p: 0.9, ..base },
        Draw { top_p: 0.01, temperature: 5.0, ..base },
        Draw { min_p: 0.05, temperature: 3.0, ..base },
        Draw { min_p: 1.0, ..base },
        Draw { top_k: 50, top_p: 0.7, min_p: 0.01, temperature: 1.5, ..base },
    ];
    for gpu in devices() {
        for vocab in VOCABULARIES {
            let mut trial = trial(&gpu, vocab, table.len());
            for (kind, row) in [("spread", logits(vocab, 3)), ("steps", steps(vocab, 4))] {
                let points: &[u32] =
                    if vocab > 1 << 16 { &[0x9e37_79b9] } else { &[0, 0x5bd1_e995, u32::MAX] };
                for &random in points {
                    let draws = table.map(|draw| Draw { random, ..draw });
                    let rows = row.repeat(draws.len());
                    let got = block_on(trial.run(&rows, &draws.map(OutputKind::Sample))).unwrap();
                    for (got, draw) in got.into_iter().zip(&draws) {
                        let token = got.into_token().unwrap().token;
                        let near = expected(&row, draw);
                        let what = format!("{:?}, {vocab} tokens, {kind}, {draw:?}", gpu.capabilities());
                        assert!(near.contains(&token), "{what}: {token} is not in {near:?}");
                        // What is near lies in a stretch; what was drawn is still one that could be.
                        let alone = Reader::default().sample(&row, draw).unwrap().token;
                        assert!(
                            token == alone || kept(&row, draw, token),
                            "{what}: {token} was filtered out"
                        );
                    }
                }
            }
        }
    }
}

/// Whether the filters leave a token, but for rounding at their edges.
fn kept(row: &[f32], draw: &Draw, token: u32) -> bool {
    let most = row.iter().copied().fold(f32::MIN, f32::max);
    let weight = |logit: f32| f64::from((logit - most) / draw.temperature).exp();
    let logit = row[token as usize];
    let above: Vec<f32> = row.iter().copied().filter(|l| *l > logit).collect();
    let enough = f64::from(draw.top_p) * row.iter().map(|&l| weight(l)).sum::<f64>() * (1.0 + 1e-4);
    (draw.top_k == 0 || above.len() < draw.top_k)
        && (draw.top_p >= 1.0 || above.iter().map(|&l| weight(l)).sum::<f64>() <= enough)
        && weight(logit) >= f64::from(draw.min_p) * (1.0 - 1e-5)
}

/// Shares of many draws are those of the softmax.
#[test]
fn draws_follow_the_distribution() {
    let row = [0.0, 1.0, f32::NEG_INFINITY, 2.0, -1.0];
    let total: f64 = row.iter().map(|l| f64::from(*l).exp()).sum();
    const DRAWS: usize = 512;
    for gpu in devices() {
        let mut trial = trial(&gpu, row.len(), DRAWS);
        let draws: Vec<_> = (0..DRAWS as u32)
            .map(|i| OutputKind::Sample(Draw { temperature: 1.0, random: i << 23, ..GREEDY }))
            .collect();
        let mut counts = [0.0; 5];
        for reading in block_on(trial.run(&row.repeat(DRAWS), &draws)).unwrap() {
            counts[reading.into_token().unwrap().token as usize] += 1.0 / DRAWS as f64;
        }
        for (count, logit) in counts.iter().zip(row) {
            assert!((count - f64::from(logit).exp() / total).abs() < 3.0 / DRAWS as f64, "{counts:?}");
        }
    }
}

#[test]
fn what_no_token_can_be_drawn_from_is_a_typed_error() {
    const INF: f32 = f32::INFINITY;
    let negative_nan = f32::from_bits(0xffc0_0000);
    for gpu in devices() {
        for vocab in [2, 259] {
            let mut trial = trial(&gpu, vocab, 1);
            for at in [0, vocab - 1] {
                for bad in [f32::NAN, negative_nan, INF] {
                    let mut row = logits(vocab, 5);
                    row[at] = bad;
                    refused(&mut trial, &row);
                }
            }
            refused(&mut trial, &vec![-INF; vocab]);
            // One that is out of the question is none of these.
            let mut row = logits(vocab, 6);
            row[0] = -INF;
            let got = block_on(trial.run(&row, &[OutputKind::Gather(vec![0, 1])])).unwrap();
            let expected = Reader::default().read(&row, &OutputKind::Gather(vec![0, 1])).unwrap();
            let (got, expected) =
                (got[0].clone().into_logprobs().unwrap(), expected.into_logprobs().unwrap());
            assert_eq!(got[0], -INF);
            assert_logprobs(&got[1..], &expected[1..], "beside -inf");
        }
    }
}

fn refused(trial: &mut SamplerTrial, row: &[f32]) {
    let warm = Draw { temperature: 1.0, ..GREEDY };
    for kind in [OutputKind::Gather(vec![1]), OutputKind::Sample(GREEDY), OutputKind::Sample(warm)] {
        let error = block_on(trial.run(row, std::slice::from_ref(&kind))).unwrap_err();
        assert_eq!(error.code(), "invalid-model", "{kind:?} of {row:?}");
    }
}
