//! Whether a judge prefers what it wrote itself. No row is changed for it: the data has to name who wrote the responses.
//!
//! A judge's own responses may well be better. So they are held against responses of others that people rate alike, as in
//! "Do LLM Evaluators Prefer Themselves for a Reason?" (Chen and others, 2025).

use super::report::{Effect, Estimate, Interval, Method};
use super::row::Task;
use super::sample::{Pair, Sample, Truth};
use super::settings::Settings;
use crate::statistics::{bca, resampled};
use std::collections::BTreeMap;

const NAME: &str = "self-preference";

/// A response, what people think of it, and what the judge thinks of it.
#[derive(Clone, Copy)]
struct Seen {
    own: bool,
    /// By people, responses of the same stratum are as good as each other.
    stratum: usize,
    value: f64,
}

/// `None` where nobody asked, or no response is the judge's own.
pub(super) fn self_preference(sample: &Sample, settings: &Settings) -> Option<Effect> {
    let own = |pair: &Pair| sample.rows[pair.row].systems.iter().any(|system| settings.own.contains(system));
    if !sample.pairs.iter().any(own) {
        return None;
    }
    let seen = |pair: &Pair| Some((*pair, seen(sample, pair, &pair.truth?, &settings.own)?));
    let (pairs, found): (Vec<Pair>, Vec<Vec<Seen>>) = sample.compared().filter_map(seen).unzip();
    let value = difference(found.iter().flatten());
    let of = |rows: &[usize]| difference(rows.iter().flat_map(|&row| &found[row]));
    let interval = value.and_then(|value| {
        let resamples = resampled(&sample.units(&pairs), settings.resamples, settings.seed, of)?;
        let [low, high] = bca(value, &resamples, settings.confidence)?;
        Some(Interval { low, high, method: Method::Bca })
    });
    let shift = value.map(|value| Estimate { value, interval });
    Some(Effect {
        rubric: sample.rows[0].rubric.clone(),
        probe: NAME.into(),
        variant: NAME.into(),
        n: found.len(),
        failed: 0,
        sentence: sentence(sample.task, shift.as_ref()),
        shift,
        changed: None,
        raised: None,
        passed: None,
        preferred: None,
    })
}

/// The responses of a row. Two of the same side say nothing of a preference between the sides.
fn seen(sample: &Sample, pair: &Pair, truth: &Truth, own: &[String]) -> Option<Vec<Seen>> {
    let one = |system: &String, stratum, value| Seen { own: own.contains(system), stratum, value };
    match (sample.task, sample.rows[pair.row].systems.as_slice()) {
        (Task::Compare, [a, b]) if own.contains(a) != own.contains(b) => {
            // Of two, the one is as good as the other is bad.
            let mirrored = sample.labels.len() - 1 - truth.label;
            Some(vec![one(a, truth.label, pair.predicted), one(b, mirrored, 1.0 - pair.predicted)])
        }
        (Task::Score | Task::Classify, [system]) => Some(vec![one(system, truth.label, pair.predicted)]),
        _ => None,
    }
}

/// The mean of own responses less that of others in each stratum, which weighs n₁·n₂ / (n₁ + n₂), as Cochran, Mantel and
/// Haenszel have it.
fn difference<'a>(seen: impl Iterator<Item = &'a Seen>) -> Option<f64> {
    let mut strata: BTreeMap<usize, [(f64, f64); 2]> = BTreeMap::new();
    for Seen { own, stratum, value } in seen {
        let (n, sum) = &mut strata.entry(*stratum).or_default()[usize::from(*own)];
        *n += 1.0;
        *sum += value;
    }
    let (mut weights, mut sum) = (0.0, 0.0);
    for [(others, of_others), (own, of_own)] in strata.into_values() {
        if others > 0.0 && own > 0.0 {
            let weight = own * others / (own + others);
            weights += weight;
            sum += weight * (of_own / own - of_others / others);
        }
    }
    (weights > 0.0).then(|| sum / weights)
}

fn sentence(task: Task, shift: Option<&Estimate>) -> String {
    let what = match task {
        Task::Score => "the expected score",
        Task::Classify => "the probability of the first label",
        Task::Compare => "the probability of winning",
    };
    let number = |value: f64| format!("{value:.2}").replace("-0.00", "0.00").replace('-', "−");
    let (value, interval) = match shift {
        None => {
            return "Self-preference cannot be told: it takes human labels, and responses of the judge and of others that people rate alike.".into();
        }
        Some(Estimate { value, interval }) => (number(*value), interval),
    };
    let of = format!("Among responses that people rate alike, {what} of its own differs by {value}");
    match interval {
        None => format!("{of} from that of others, with too few or too equal rows for an interval."),
        Some(Interval { low, high, .. }) => {
            let found = match (*low > 0.0, *high < 0.0) {
                (true, _) => "this judge prefers its own",
                (_, true) => "this judge prefers those of others",
                _ => "no effect found",
            };
            format!("{of} [{}, {}] from that of others: {found}.", number(*low), number(*high))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::eval::{Effect, Graded, Report, Settings};
    use serde_json::{Value, json};

    fn effect(rows: Vec<Value>) -> Option<Effect> {
        let rows: Vec<Graded> = serde_json::from_value(rows.into()).unwrap();
        let settings = Settings { resamples: 500, own: vec!["me".into()], ..Settings::default() };
        Report::of(rows, &settings).unwrap().probes.into_iter().next()
    }

    /// Of every four comparisons the judge's own is the better one in three. `favour` is added to p(own).
    fn comparisons(p_better: f64, favour: f64, noise: f64) -> Vec<Value> {
        let row = |i: usize| {
            let (own_first, own_better) = (i.is_multiple_of(2), i % 4 != 3);
            let own = (if own_better { p_better } else { 1.0 - p_better })
                + favour
                + noise * ((i % 5) as f64 - 2.0);
            let p = if own_first { own } else { 1.0 - own };
            json!({ "id": i.to_string(), "task": "compare",
                "systems": if own_first { ["me", "other"] } else { ["other", "me"] },
                "human": [if own_better == own_first { "a" } else { "b" }],
                "verdict": { "winner": if p > 0.5 { "a" } else { "b" }, "probabilityA": p } })
        };
        (0..80).map(row).collect()
    }

    #[test]
    fn better_responses_are_no_preference() {
        // Neither a judge that is right, nor one that knows nothing, prefers its own.
        for p in [0.8, 0.5] {
            let effect = effect(comparisons(p, 0.0, 0.0)).unwrap();
            assert!(effect.shift.unwrap().value.abs() < 1e-12, "{effect:?}");
        }
        let effect = effect(comparisons(0.7, 0.1, 0.01)).unwrap();
        // Its own wins 0.1 more often where it is better, and as much more often where it is not.
        assert!((effect.shift.unwrap().value - 0.2).abs() < 0.01, "{effect:?}");
        assert_eq!(effect.n, 80);
        assert!(effect.sentence.contains("this judge prefers its own"), "{}", effect.sentence);
    }

    #[test]
    fn scores_are_held_against_others_that_people_rate_alike() {
        let row = |i: usize, system: &str, human: f64, expected: f64| {
            json!({ "id": format!("{system} {i}"), "task": "score", "systems": [system], "human": [human],
                "verdict": { "score": expected.round(), "expected": expected, "distribution": { "1": 0.5, "5": 0.5 } } })
        };
        // The judge's own are better on the whole, and rated half a point higher than others of the same worth.
        let mut rows = Vec::new();
        for i in 0..30 {
            let noise = 0.1 * (i % 3) as f64;
            rows.push(row(
                i,
                "me",
                if i % 3 == 0 { 2.0 } else { 4.0 },
                if i % 3 == 0 { 2.5 } else { 4.5 } - noise,
            ));
            rows.push(row(
                i,
                "other",
                if i % 3 == 0 { 4.0 } else { 2.0 },
                if i % 3 == 0 { 4.0 } else { 2.0 } - noise,
            ));
        }
        let shift = effect(rows.clone()).unwrap().shift.unwrap();
        assert!((0.3..0.6).contains(&shift.value), "{shift:?}");
        assert!(shift.interval.unwrap().low > 0.2, "{shift:?}");
        for row in &mut rows {
            row["human"] = json!([]);
        }
        let unlabelled = effect(rows).unwrap();
        assert!(unlabelled.shift.is_none() && unlabelled.sentence.contains("takes human labels"));
        assert!(effect(vec![row(0, "other", 2.0, 2.0)]).is_none());
    }
}
