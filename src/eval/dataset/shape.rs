//! Shapes of data that are recognized by themselves: those of published sets and of other tools.

use super::column::{self, Draft};
use super::field::{Columns, Field};
use super::prompt_text;
use super::row::Record;
use super::text;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// How the columns of a file are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Columns by their names.
    Columns,
    /// `messages`, the last of which is judged.
    Messages,
    /// `chosen` and `rejected`, with a `prompt` or as whole conversations (RewardBench, HH-RLHF).
    Preference,
    /// `chosen_instruction` and `rejected_instruction`: whole prompts of another judge (HHH by Prometheus).
    PreferencePrompts,
    /// An `instruction` that is the whole prompt of another judge (Prometheus).
    Prompts,
    /// `targets` with `choices` and `labels` (HHH), two of them.
    Choices,
    /// `instruction`, `input`, `response1`, `response2`, a label or several annotators (PandaLM, EvalBiasBench).
    Instruction,
    /// `instance` and `annotations` (JUDGE-BENCH).
    JudgeBench,
    /// `right_answer` and `hallucinated_answer` (HaluEval's pairs).
    Hallucinated,
    /// A result of promptfoo.
    Promptfoo,
}

impl Shape {
    /// The shape of a file by one of its records.
    pub fn of(fields: &Map<String, Value>) -> Shape {
        let has = |names: &[&str]| names.iter().all(|name| fields.contains_key(*name));
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        if has(&["messages"]) && fields["messages"].is_array() && !has(&["response"]) {
            Shape::Messages
        } else if has(&["chosen", "rejected"]) {
            Shape::Preference
        } else if has(&["chosen_instruction", "rejected_instruction"]) {
            Shape::PreferencePrompts
        } else if has(&["instance", "annotations"]) {
            Shape::JudgeBench
        } else if has(&["targets"]) && fields["targets"]["choices"].is_array() {
            Shape::Choices
        } else if has(&["hallucinated_answer", "right_answer"])
            || has(&["hallucinated_response", "right_response"])
        {
            Shape::Hallucinated
        } else if has(&["response", "vars"]) && (has(&["prompt"]) || has(&["success"])) {
            Shape::Promptfoo
        } else if has(&["instruction", "response1", "response2"]) {
            Shape::Instruction
        } else if prompt_text::is_prometheus(text("instruction")) {
            Shape::Prompts
        } else {
            Shape::Columns
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Shape::Columns => "columns",
            Shape::Messages => "conversations",
            Shape::Preference => "chosen and rejected responses",
            Shape::PreferencePrompts => "prompts with chosen and rejected responses",
            Shape::Prompts => "prompts of another judge",
            Shape::Choices => "choices with targets",
            Shape::Instruction => "instructions with two responses",
            Shape::JudgeBench => "JUDGE-BENCH instances",
            Shape::Hallucinated => "right and hallucinated answers",
            Shape::Promptfoo => "promptfoo results",
        }
    }

    /// What a record holds by this shape.
    pub fn read(self, record: &Record) -> Result<Draft, String> {
        let fields = &record.fields;
        let guessed = |known: &[Field]| -> Columns {
            column::guess(fields).into_iter().filter(|(field, _)| known.contains(field)).collect()
        };
        let beside =
            guessed(&[Field::Id, Field::Group, Field::Slice, Field::System, Field::SystemA, Field::SystemB]);
        let draft = match self {
            Shape::Columns => return Draft::default().read(record, &column::guess(fields)),
            Shape::Messages => messages(fields)?.read(
                record,
                &guessed(&[
                    Field::Reference,
                    Field::Context,
                    Field::Rubric,
                    Field::Criteria,
                    Field::Label(String::new()),
                ]),
            )?,
            Shape::Preference => preference(fields)?,
            Shape::PreferencePrompts => preference_prompts(fields)?,
            Shape::Prompts => prompts(fields)?,
            Shape::Choices => choices(fields)?,
            Shape::Instruction => instruction(fields)?,
            Shape::JudgeBench => judge_bench(fields)?,
            Shape::Hallucinated => hallucinated(fields)?,
            Shape::Promptfoo => promptfoo(fields)?,
        };
        draft.read(record, &beside)
    }
}

/// A text; what an answer of `true` or 42 was taken for when its set was written is one too.
fn string(fields: &Map<String, Value>, name: &str) -> Result<String, String> {
    fields.get(name).and_then(text::plain).ok_or_else(|| format!("`{name}` is missing or no text"))
}

fn at<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a Value {
    fields.get(name).unwrap_or(&Value::Null)
}

/// Two responses of which the first is the better one. Which of them is A depends on their texts alone, so that about half
/// of the labels of a set are `a`, in every run and every shard.
fn pair(input: String, better: String, worse: String) -> Draft {
    let digest = Sha256::new().chain_update(&better).chain_update([0]).chain_update(&worse).finalize();
    let (a, b, label) = match digest[0] & 1 {
        0 => (better, worse, "a"),
        _ => (worse, better, "b"),
    };
    let draft = Draft::default().set(Field::Input, input).set(Field::ResponseA, a).set(Field::ResponseB, b);
    draft.label("", vec![json!(label)])
}

/// The last turn is the response, those before it are the input.
fn messages(fields: &Map<String, Value>) -> Result<Draft, String> {
    let turns = fields.get("messages").and_then(Value::as_array).ok_or("`messages` is no list")?;
    let (input, response) = conversation(turns).map_err(|why| format!("`messages` {why}"))?;
    Ok(Draft::default().set(Field::Input, input).set(Field::Response, response))
}

fn conversation(turns: &[Value]) -> Result<(String, String), String> {
    let Some((last, before)) = turns.split_last() else { return Err("is empty".into()) };
    if last.get("role").and_then(Value::as_str) != Some("assistant") {
        return Err("does not end with an answer of the assistant".into());
    }
    Ok((text::conversation(before)?, text::said(last)?))
}

fn preference(fields: &Map<String, Value>) -> Result<Draft, String> {
    let response = |name: &str| -> Result<(Option<String>, String), String> {
        match fields.get(name) {
            Some(Value::String(text)) => Ok((None, text.clone())),
            Some(Value::Array(turns)) => {
                let (input, response) = conversation(turns).map_err(|why| format!("`{name}` {why}"))?;
                Ok((Some(input), response))
            }
            _ => Err(format!("`{name}` is missing, or neither a text nor a conversation")),
        }
    };
    let ((asked, chosen), (_, rejected)) = (response("chosen")?, response("rejected")?);
    let given = ["prompt", "input", "question", "instruction"].iter().find_map(|name| fields.get(*name));
    let input = match (given, asked) {
        (Some(Value::Array(turns)), _) => {
            text::conversation(turns).map_err(|why| format!("`prompt` {why}"))?
        }
        (Some(prompt), _) => text::plain(prompt).ok_or("`prompt` is no text")?,
        (None, Some(asked)) => asked,
        (None, None) => return dialogues(&chosen, &rejected),
    };
    let draft = pair(input, chosen, rejected);
    // RewardBench names the models that wrote them.
    let names = ["chosen_model", "rejected_model"].map(|name| fields.get(name).and_then(text::plain));
    let [Some(better), Some(worse)] = names else { return Ok(draft) };
    let [a, b] = if draft.labels[""] == ["a"] { [better, worse] } else { [worse, better] };
    Ok(draft.system(Field::SystemA, a).system(Field::SystemB, b))
}

/// Two whole dialogues that differ in their last answer.
fn dialogues(chosen: &str, rejected: &str) -> Result<Draft, String> {
    const ANSWER: &str = "\n\nAssistant:";
    let split = |text: &str| -> Result<(String, String), String> {
        let (before, answer) = text
            .rsplit_once(ANSWER)
            .ok_or("there is no `prompt`, and no \"Assistant:\" before the last answer of a dialogue")?;
        Ok((before.trim().to_string(), answer.trim().to_string()))
    };
    let ((input, chosen), (_, rejected)) = (split(chosen)?, split(rejected)?);
    Ok(pair(input, chosen, rejected))
}

fn preference_prompts(fields: &Map<String, Value>) -> Result<Draft, String> {
    let chosen = prompt_text::prometheus(&string(fields, "chosen_instruction")?)?;
    let rejected = prompt_text::prometheus(&string(fields, "rejected_instruction")?)?;
    let mut draft = pair(chosen.input, chosen.response, rejected.response);
    if let Some(objective) = chosen.objective {
        draft = draft.set(Field::Criteria, objective);
    }
    draft.slice = fields.get("source").and_then(text::plain);
    Ok(draft)
}

fn prompts(fields: &Map<String, Value>) -> Result<Draft, String> {
    let sections = prompt_text::prometheus(&string(fields, "instruction")?)?;
    let mut draft =
        Draft::default().set(Field::Input, sections.input).set(Field::Response, sections.response);
    for (field, value) in
        [(Field::Reference, sections.reference.map(Value::from)), (Field::Rubric, sections.rubric)]
    {
        if let Some(value) = value {
            draft = draft.set(field, value);
        }
    }
    // Labels that a model gave are no people's, so they are left to whoever asks for them by a map.
    let own = ["label", "human_score", "score"].iter().find_map(|name| fields.get(*name));
    Ok(match own {
        Some(label) => draft.label("", vec![label.clone()]),
        None => draft,
    })
}

fn choices(fields: &Map<String, Value>) -> Result<Draft, String> {
    let targets = at(fields, "targets");
    let list = |name: &str| targets[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let right = |label: &Value| label.as_f64().is_some_and(|label| label > 0.0);
    let (choices, labels) = (list("choices"), list("labels"));
    match (choices, labels) {
        ([Value::String(one), Value::String(other)], [first, second]) if right(first) != right(second) => {
            let (better, worse) = if right(first) { (one, other) } else { (other, one) };
            Ok(pair(string(fields, "input")?, better.clone(), worse.clone()))
        }
        _ => Err("`targets` is not two choices, one of which is right".into()),
    }
}

fn instruction(fields: &Map<String, Value>) -> Result<Draft, String> {
    let more = fields.get("input").and_then(text::plain).unwrap_or_default();
    let parts = [string(fields, "instruction")?, more];
    let input = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
    let mut draft = Draft::default()
        .set(Field::Input, input)
        .set(Field::ResponseA, string(fields, "response1")?)
        .set(Field::ResponseB, string(fields, "response2")?);
    // PandaLM names both models in one key, "bloom-7b_llama-7b".
    let key = fields.get("cmp_key").and_then(Value::as_str);
    if let Some((a, b)) = key.and_then(|key| key.split_once('_')).filter(|(_, b)| !b.contains('_')) {
        draft = draft.system(Field::SystemA, a).system(Field::SystemB, b);
    }
    let annotators: Vec<Value> = (1..).map_while(|i| fields.get(&format!("annotator{i}")).cloned()).collect();
    Ok(match (annotators.is_empty(), fields.get("label")) {
        (false, _) => draft.label("", annotators),
        (true, Some(label)) => draft.label("", vec![label.clone()]),
        (true, None) => draft,
    })
}

fn judge_bench(fields: &Map<String, Value>) -> Result<Draft, String> {
    let (input, response) = match fields.get("instance") {
        Some(Value::String(prompt)) => prompt_text::split(prompt),
        _ => return Err("`instance` is no text: map its parts, such as response=instance.response".into()),
    };
    let mut draft = Draft::default().set(Field::Input, input).set(Field::Response, response);
    let rated = fields.get("annotations").and_then(Value::as_object).ok_or("`annotations` is no object")?;
    for (name, said) in rated {
        // One value for each rater; of some sets only their mean is known.
        let label = match &said["individual_human_scores"] {
            Value::Array(labels) => labels.clone(),
            _ if !said["mean_human"].is_null() => vec![said["mean_human"].clone()],
            _ => vec![said["majority_human"].clone()],
        };
        draft = draft.label(name, label);
    }
    Ok(draft)
}

fn hallucinated(fields: &Map<String, Value>) -> Result<Draft, String> {
    let either = |names: [&str; 2]| names.iter().find_map(|name| string(fields, name).ok());
    let better = either(["right_answer", "right_response"]).ok_or("the right answer is no text")?;
    let worse = either(["hallucinated_answer", "hallucinated_response"])
        .ok_or("the hallucinated answer is no text")?;
    let input = either(["question", "dialogue_history"]).ok_or("`question` is missing or no text")?;
    let draft = pair(input, better, worse);
    Ok(match string(fields, "knowledge") {
        Ok(knowledge) => draft.set(Field::Context, knowledge),
        Err(_) => draft,
    })
}

/// What the provider was asked and answered. A person's rating is the label; what assertions found is none.
fn promptfoo(fields: &Map<String, Value>) -> Result<Draft, String> {
    if let Some(error) = fields.get("error").and_then(Value::as_str)
        && at(fields, "response")["output"].is_null()
    {
        return Err(format!("the provider has failed: {error:.200}"));
    }
    let response = at(fields, "response");
    let output = if response.is_object() { &response["output"] } else { response };
    let response = match output {
        Value::Null => return Err("`response.output` is missing".into()),
        value => text::plain(value).unwrap_or_else(|| value.to_string()),
    };
    let prompt = at(fields, "prompt");
    let prompt = prompt.get("raw").unwrap_or(prompt);
    let input = match text::plain(prompt).ok_or("`prompt.raw` is missing")? {
        // A chat prompt is kept as the JSON of its messages.
        raw if raw.trim_start().starts_with('[') => match serde_json::from_str::<Vec<Value>>(&raw) {
            Ok(turns) if turns.iter().all(|turn| turn.get("role").is_some()) => text::conversation(&turns)?,
            _ => raw,
        },
        raw => raw,
    };
    let mut draft = Draft::default().set(Field::Input, input).set(Field::Response, response);
    draft.id = fields.get("id").and_then(text::plain);
    draft.slice = fields.get("provider").map(|of| of.get("id").unwrap_or(of)).and_then(text::plain);
    if let Some(provider) = draft.slice.clone() {
        draft = draft.system(Field::System, provider);
    }
    let human = |result: &&Value| result["assertion"]["type"] == "human";
    let parts = fields.get("gradingResult").and_then(|result| result["componentResults"].as_array());
    Ok(match parts.and_then(|parts| parts.iter().find(human)) {
        Some(rating) => draft.label("", vec![rating["pass"].clone()]),
        None => draft,
    })
}
