//! A task made of any texts, and what must hold of its prompts and its verdict whatever they are.

use lunette::engine::Engine;
use lunette::judge::{Judge, JudgeOptions, OrderVerdict, RenderedPrompt};
use lunette::{Error, Result, Uninterrupted};
use pollster::block_on;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The texts of a task, in the order in which they are put into it.
#[derive(Debug, Clone)]
pub struct Texts {
    /// 0: a score, 1: a class, 2: a comparison.
    pub kind: usize,
    pub texts: Vec<String>,
    pub reference: bool,
    pub context: bool,
    pub labels: Vec<String>,
}

pub const TEXTS: usize = 8;

const SCORES: [&str; 3] = ["1", "2", "10"];

impl Texts {
    /// The task as JavaScript would pass it.
    fn task(&self) -> Value {
        let [input, first, second, reference, context, objective, low, high] = &self.texts[..] else {
            panic!("{TEXTS} texts");
        };
        let mut task = json!({ "input": input });
        if self.reference {
            task["reference"] = json!(reference);
        }
        if self.context {
            task["context"] = json!([context]);
        }
        if self.kind == 2 {
            task["responseA"] = json!(first);
            task["responseB"] = json!(second);
            task["criteria"] = json!(objective);
            return task;
        }
        let names: Vec<&str> = match self.kind {
            0 => SCORES.to_vec(),
            _ => self.labels.iter().map(String::as_str).collect(),
        };
        let described: Map<String, Value> = names
            .iter()
            .zip([low, high, second])
            .map(|(name, text)| (name.to_string(), json!(text)))
            .collect();
        let list = if self.kind == 0 { "scale" } else { "labels" };
        task["response"] = json!(first);
        task["rubric"] = json!({ "objective": objective, list: described });
        task
    }

    /// The same task with names that no text has in the places of the texts.
    fn named(&self) -> Texts {
        let name = |what: &str, i| format!("\u{e000}{what}{i}\u{e001}");
        Texts {
            texts: (0..TEXTS).map(|i| name("text", i)).collect(),
            labels: (0..self.labels.len()).map(|i| name("label", i)).collect(),
            ..self.clone()
        }
    }

    fn prompts(&self, judge: &Judge) -> Result<Vec<RenderedPrompt>> {
        match self.kind {
            0 => judge.score_prompts(&parse(self.task())?),
            1 => judge.classify_prompts(&parse(self.task())?),
            _ => judge.compare_prompts(&parse(self.task())?),
        }
    }

    /// Judges them; fails where the verdict is no distribution.
    pub fn judge(&self, judge: &Judge) -> Result<()> {
        let check = |probabilities: Vec<f64>, outside: f64| {
            assert!(
                probabilities.iter().chain([&outside]).all(|p| (0.0..=1.0 + 1e-9).contains(p)),
                "{self:?}"
            );
            let total = probabilities.iter().sum::<f64>() + outside;
            assert!((total - 1.0).abs() < 1e-6, "{self:?}: {probabilities:?} and {outside}");
        };
        match self.kind {
            0 => {
                let verdict = block_on(judge.score(&parse(self.task())?))?;
                check(verdict.distribution.iter().map(|p| p.1).collect(), verdict.outside);
            }
            1 => {
                let verdict = block_on(judge.classify(&parse(self.task())?))?;
                check(verdict.distribution.iter().map(|p| p.1).collect(), verdict.outside);
            }
            _ => {
                let verdict = block_on(judge.compare(&parse(self.task())?))?;
                let mean = |of: fn(&OrderVerdict) -> f64| verdict.orders.iter().map(of).sum::<f64>() / 2.0;
                assert!((mean(|order| order.probability_a) - verdict.probability_a).abs() < 1e-9, "{self:?}");
                assert!((mean(|order| order.outside) - verdict.outside).abs() < 1e-9, "{self:?}");
                let shares = verdict.orders.iter().flat_map(|order| [order.probability_a, order.outside]);
                assert!(shares.into_iter().all(|p| (0.0..=1.0).contains(&p)), "{self:?}");
            }
        }
        Ok(())
    }
}

fn parse<T: DeserializeOwned>(task: Value) -> Result<T> {
    serde_json::from_value(task).map_err(|error| Error::InvalidArgument(error.to_string()))
}

/// Prompts of a few words, so that the verdicts of hundreds of tasks are computed in seconds.
const SHORT: [&str; 3] = [
    r#"user_template: "{user_input}\n\n[{assistant_response}] {reference_response} {rubric}""#,
    r#"user_template: "{user_input}\n\n[{assistant_response}] {reference_response} {rubric} {label_list}""#,
    r#"user_template: "{user_input}\n\n[{response_a}] [{response_b}] {reference_response} {criteria}""#,
];

/// The short template, with or without its place for a reference.
pub fn short(texts: &Texts) -> JudgeOptions {
    let template = SHORT[texts.kind];
    let template =
        if texts.reference { template.into() } else { template.replace("{reference_response}", "") };
    options(json!({ "critique": false, "template": template }))
}

pub fn options(options: Value) -> JudgeOptions {
    serde_json::from_value(options).unwrap()
}

pub fn with_judge<T>(engine: &Engine, options: &JudgeOptions, run: impl FnOnce(&Judge) -> T) -> T {
    run(&Judge::new(engine, options, &mut |_, _, _| (), &Uninterrupted))
}

/// The prompts of hostile texts are those of harmless names, but for the texts themselves: nothing that a text holds
/// adds a control token, fills a placeholder or moves the marker that the verdict is read behind.
pub fn prompts_are_ours(engine: &Engine, options: &JudgeOptions, texts: &Texts) {
    let named = texts.named();
    let Ok(prompts) = with_judge(engine, options, |judge| texts.prompts(judge)) else { return };
    let harmless = with_judge(engine, options, |judge| named.prompts(judge)).unwrap();
    let marker = engine.tokenizer().encode("**Result:**", false).unwrap();
    assert_eq!(prompts.len(), harmless.len());
    for (prompt, harmless) in prompts.iter().zip(&harmless) {
        assert_eq!(specials(engine, &prompt.tokens), specials(engine, &harmless.tokens));
        assert!(prompt.tokens.ends_with(&marker));
        assert_eq!(&engine.tokenizer().decode(&prompt.tokens).unwrap(), &prompt.text);
        assert_eq!(&prompt.text, &filled(&harmless.text, &named, texts));
    }
}

/// `text` with the texts of a task in the places of their names. The chat template trims what a user says.
fn filled(text: &str, named: &Texts, texts: &Texts) -> String {
    let (begin, end) = ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n**Result:**");
    let content = text.strip_prefix(begin).and_then(|text| text.strip_suffix(end)).expect("one user turn");
    let places = named.texts.iter().chain(&named.labels);
    let values = texts.texts.iter().chain(&texts.labels);
    // None of the values holds a name, so that the order of the replacements does not matter.
    let content =
        places.zip(values).fold(content.to_string(), |content, (name, value)| content.replace(name, value));
    format!("{begin}{}{end}", content.trim())
}

/// The control tokens among `tokens`.
pub fn specials(engine: &Engine, tokens: &[u32]) -> Vec<u32> {
    tokens.iter().copied().filter(|t| engine.tokenizer().is_control(*t)).collect()
}
