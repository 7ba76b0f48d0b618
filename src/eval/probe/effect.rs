//! How far verdicts moved, with intervals and in words.

use super::seen::Seen;
use super::variant::Variant;
use crate::eval::report::{Effect, Estimate, Interval, Method};
use crate::eval::row::Task;
use crate::eval::settings::Settings;
use crate::statistics::{Units, bca, mean, resampled, wilson};

/// A row before and after the change.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// What rows share that are not independent of each other.
    pub cluster: Option<String>,
    /// `None` where either verdict is missing.
    pub seen: Option<(Seen, Seen)>,
}

/// The effect of a change on the rows of a rubric.
pub fn effect(variant: &Variant, rubric: &str, task: Task, trials: &[Trial], settings: &Settings) -> Effect {
    let seen: Vec<(&Seen, &Seen, Option<&str>)> = trials
        .iter()
        .filter_map(|trial| {
            let (before, after) = trial.seen.as_ref()?;
            Some((before, after, trial.cluster.as_deref()))
        })
        .collect();
    let estimate = |of: &dyn Fn(&Seen, &Seen) -> Option<f64>, share: bool| {
        let found: Vec<(f64, Option<&str>)> =
            seen.iter().filter_map(|(before, after, cluster)| Some((of(before, after)?, *cluster))).collect();
        estimated(&found, share, settings)
    };
    let flag = |flag: bool| Some(f64::from(flag));
    let shift = |before: &Seen, after: &Seen| Some(after.value? - before.value?);
    let mut effect = Effect {
        rubric: rubric.to_string(),
        probe: variant.probe.name().into(),
        variant: variant.name.into(),
        n: seen.len(),
        failed: trials.len() - seen.len(),
        shift: estimate(&shift, false),
        changed: estimate(&|before, after| flag(before.answer != after.answer), true),
        raised: None,
        passed: None,
        preferred: None,
        sentence: String::new(),
    };
    if variant.attacks() {
        let top = settings.scale.as_deref().and_then(|scale| Some(scale.last()?.value()));
        effect.raised = estimate(&|before, after| raised(task, before, after, top).map(f64::from), true);
    }
    if variant.replaces() {
        effect.passed = estimate(&|_, after| after.passes.map(f64::from), true);
        let above = |before: &Seen, after: &Seen| Some(f64::from(after.value? > before.value?));
        // In a comparison the real response may be the other one: there, winning is all that counts.
        effect.preferred = if task == Task::Compare { None } else { estimate(&above, true) };
    }
    effect.sentence = sentence(variant, task, &effect, settings);
    effect
}

/// Whether the verdict is a better one; `None` where there is none better than the one before.
fn raised(task: Task, before: &Seen, after: &Seen, top: Option<f64>) -> Option<bool> {
    if task != Task::Score {
        return (!before.passes?).then_some(after.passes?);
    }
    let score = |seen: &Seen| seen.answer.parse::<f64>().ok();
    let (before, after) = (score(before)?, score(after)?);
    top.is_none_or(|top| before < top).then_some(after > before)
}

/// The mean with its interval: of shares of independent rows Wilson's, else the bootstrap's.
fn estimated(found: &[(f64, Option<&str>)], share: bool, settings: &Settings) -> Option<Estimate> {
    let values: Vec<f64> = found.iter().map(|(value, _)| *value).collect();
    let value = mean(&values)?;
    let clustered = found.iter().any(|(_, cluster)| cluster.is_some());
    let ends = match share && !clustered {
        true => {
            let hits = values.iter().filter(|value| **value > 0.0).count();
            wilson(hits, values.len(), settings.confidence).map(|ends| (ends, Method::Wilson))
        }
        false => {
            let units = match clustered {
                true => Units::clusters(found.iter().map(|(_, cluster)| *cluster)),
                false => Units::rows(found.len()),
            };
            let of = |rows: &[usize]| mean(&rows.iter().map(|&row| values[row]).collect::<Vec<f64>>());
            resampled(&units, settings.resamples, settings.seed, of)
                .and_then(|found| bca(value, &found, settings.confidence))
                .map(|ends| (ends, Method::Bca))
        }
    };
    let interval = ends.map(|([low, high], method)| Interval { low, high, method });
    Some(Estimate { value, interval })
}

fn sentence(variant: &Variant, task: Task, effect: &Effect, settings: &Settings) -> String {
    let what = variant.what;
    match (variant.replaces(), effect.n) {
        (_, 0) => format!("{what}: no row has a verdict both with it and without it."),
        (true, n) => replaced(variant, task, effect, n),
        (false, n) => shifted(variant, task, effect, n, settings) + &succeeded(task, effect),
    }
}

fn succeeded(task: Task, effect: &Effect) -> String {
    let better = match task {
        Task::Score => "a higher score",
        Task::Classify => "a label that passes",
        Task::Compare => "a win",
    };
    effect.raised.as_ref().map_or(String::new(), |raised| {
        format!(" Of the rows that could have {better}, {} have it after the attack.", percent(raised))
    })
}

/// A response that says nothing should never pass.
fn replaced(variant: &Variant, task: Task, effect: &Effect, n: usize) -> String {
    let passes = match task {
        Task::Compare => "wins against a real response",
        Task::Score | Task::Classify => "passes",
    };
    let Some(passed) = &effect.passed else {
        return format!("{}: the rubric does not say which labels pass; name them in `pass`.", variant.what);
    };
    let preferred = effect.preferred.as_ref().map_or(String::new(), |preferred| {
        format!(", and is judged better than the real response on {}", percent(preferred))
    });
    let verdict = match passed.value > 0.0 {
        true => format!("this judge {}", variant.up),
        false => "it should, and does, on none".into(),
    };
    format!("{} {passes} on {} of {n} rows{preferred}: {verdict}.", variant.what, percent(passed))
}

fn shifted(variant: &Variant, task: Task, effect: &Effect, n: usize, settings: &Settings) -> String {
    let what = variant.what;
    let changed = effect
        .changed
        .as_ref()
        .map_or(String::new(), |changed| format!(" The answer changes on {} of {n} rows.", percent(changed)));
    let Some(shift) = &effect.shift else {
        return format!("{what} has no direction among these labels.{changed}");
    };
    let unit = match (task, settings.scale.as_deref()) {
        (Task::Score, Some([low, .., high])) => format!(" of a {low} to {high} scale"),
        (Task::Score, _) => " points of the scale".into(),
        _ => String::new(),
    };
    let of = match task {
        Task::Score => "the expected score",
        Task::Classify => "the probability of passing",
        Task::Compare => "a response's probability of winning",
    };
    let number = |value: f64| {
        let text = format!("{value:.2}");
        // Rounded to nothing, a sign would mean nothing.
        if text == "-0.00" { "0.00".to_string() } else { text.replace('-', "−") }
    };
    let range = |low: f64, high: f64| format!("[{}, {}]", number(low), number(high));
    match shift.interval {
        Some(Interval { low, high, .. }) if low > 0.0 => format!(
            "{what} raises {of} by {} {}{unit}: this judge {}.{changed}",
            number(shift.value),
            range(low, high),
            variant.up
        ),
        Some(Interval { low, high, .. }) if high < 0.0 => format!(
            "{what} lowers {of} by {} {}{unit}: this judge {}.{changed}",
            number(-shift.value),
            range(-high, -low),
            variant.down
        ),
        Some(Interval { low, high, .. }) => format!(
            "{what} changes {of} by {} {}{unit}: no effect found.{changed}",
            number(shift.value),
            range(low, high)
        ),
        None => format!(
            "{what} changes {of} by {}{unit}, with too few or too equal rows for an interval.{changed}",
            number(shift.value)
        ),
    }
}

fn percent(share: &Estimate) -> String {
    let percent = |value: f64| format!("{:.0}%", 100.0 * value);
    match share.interval {
        Some(Interval { low, high, .. }) => {
            format!("{} [{}, {}]", percent(share.value), percent(low), percent(high))
        }
        None => percent(share.value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::VARIANTS;
    use super::*;
    use crate::judge::Level;

    fn seen(value: f64) -> Seen {
        Seen { value: Some(value), answer: value.round().to_string(), passes: Some(value > 3.0) }
    }

    fn measured(name: &str, pairs: &[(f64, f64)], cluster: bool) -> Effect {
        let variant = VARIANTS.iter().find(|variant| variant.name == name).unwrap();
        let trial = |(i, (before, after)): (usize, &(f64, f64))| Trial {
            cluster: cluster.then(|| (i / 10).to_string()),
            seen: Some((seen(*before), seen(*after))),
        };
        let mut trials: Vec<Trial> = pairs.iter().enumerate().map(trial).collect();
        trials.push(Trial { cluster: None, seen: None });
        let settings = Settings { scale: Some((1..=5).map(Level::from).collect()), ..Settings::default() };
        effect(variant, "r", Task::Score, &trials, &settings)
    }

    #[test]
    fn an_effect_is_told_from_none() {
        let shifted: Vec<(f64, f64)> = (0..60).map(|i| (2.0, 2.3 + 0.1 * f64::from(i % 3 - 1))).collect();
        let effect = measured("verbosity", &shifted, false);
        let shift = effect.shift.unwrap();
        let interval = shift.interval.unwrap();
        assert!((shift.value - 0.3).abs() < 1e-9 && interval.low > 0.27 && interval.high < 0.33, "{shift:?}");
        assert_eq!((effect.n, effect.failed), (60, 1));
        assert!(
            effect.sentence.contains(
                "raises the expected score by 0.30 [0.28, 0.32] of a 1 to 5 scale: this judge rewards length"
            ),
            "{}",
            effect.sentence
        );
        let lower: Vec<(f64, f64)> = shifted.iter().map(|(before, after)| (*after, *before)).collect();
        let sentence = measured("verbosity", &lower, false).sentence;
        assert!(sentence.contains("lowers the expected score by 0.30 [0.28, 0.32]"), "{sentence}");
        let noise: Vec<(f64, f64)> = (0..60).map(|i| (2.0, if i % 2 == 0 { 2.2 } else { 1.8 })).collect();
        let sentence = measured("verbosity", &noise, false).sentence;
        assert!(sentence.contains("no effect found"), "{sentence}");
    }

    #[test]
    fn clusters_widen_intervals() {
        let rows: Vec<(f64, f64)> =
            (0..100).map(|i| (2.0, if (i / 10) % 2 == 0 { 2.4 } else { 2.0 })).collect();
        let width = |cluster| {
            let interval = measured("emoji", &rows, cluster).shift.unwrap().interval.unwrap();
            interval.high - interval.low
        };
        assert!(width(true) > 1.5 * width(false));
    }

    #[test]
    fn attacks_have_a_rate_of_success() {
        // Five of five rows that could be better are moved by a level; the others have the highest score already.
        let rows: Vec<(f64, f64)> = (0..20).map(|i| if i < 5 { (2.0, 3.0) } else { (5.0, 5.0) }).collect();
        let effect = measured("plea", &rows, false);
        assert_eq!(effect.raised.unwrap().value, 1.0);
        assert!(
            effect.sentence.contains("Of the rows that could have a higher score, 100% [57%, 100%]"),
            "{}",
            effect.sentence
        );
        assert_eq!(measured("verbosity", &rows, false).raised, None);
    }

    #[test]
    fn empty_answers_have_a_rate_of_passes() {
        let rows: Vec<(f64, f64)> = (0..20).map(|i| (3.5, if i < 5 { 4.0 } else { 1.0 })).collect();
        let effect = measured("empty-answer", &rows, false);
        assert_eq!(
            (effect.passed.as_ref().unwrap().value, effect.preferred.as_ref().unwrap().value),
            (0.25, 0.25)
        );
        assert!(effect.sentence.contains("passes on 25% [11%, 47%] of 20 rows"), "{}", effect.sentence);
        let none = measured("empty-answer", &[(3.5, 1.0); 20], false).sentence;
        assert!(none.contains("0% [0%, 16%]") && none.contains("on none"), "{none}");
    }
}
