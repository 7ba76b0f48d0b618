//! Columns by their names: those that a user gives, else those that such data usually has.

use super::field::{Columns, Field};
use super::row::{Labels, Record};
use super::text;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The fields with the names that columns of theirs have, the likelier ones first. Case and punctuation do not count.
const NAMES: [(Field, &[&str]); 15] = [
    (
        Field::Input,
        &[
            "input",
            "question",
            "instruction",
            "prompt",
            "query",
            "userquery",
            "userinput",
            "message",
            "problem",
        ],
    ),
    (
        Field::Response,
        &[
            "response",
            "answer",
            "output",
            "completion",
            "assistantresponse",
            "modelresponse",
            "modeloutput",
            "chatgptresponse",
            "actualoutput",
            "prediction",
            "generation",
            "generated",
            "summary",
        ],
    ),
    (
        Field::ResponseA,
        &["responsea", "response1", "outputa", "output1", "answera", "answer1", "modela", "a"],
    ),
    (
        Field::ResponseB,
        &["responseb", "response2", "outputb", "output2", "answerb", "answer2", "modelb", "b"],
    ),
    (
        Field::Reference,
        &[
            "reference",
            "referenceanswer",
            "referenceresponse",
            "expected",
            "expectedoutput",
            "expectedresponse",
            "groundtruth",
            "ideal",
            "goldanswer",
            "bestanswer",
        ],
    ),
    (Field::Context, &["context", "contexts", "passages", "passage", "documents", "knowledge"]),
    (Field::Rubric, &["rubric"]),
    (Field::Criteria, &["criteria"]),
    (Field::Id, &["id", "rowid", "uid", "questionid", "idx", "index", "key"]),
    (Field::Group, &["group", "cluster"]),
    (Field::Slice, &["slice", "subset", "category", "bias"]),
    (Field::System, &["system", "systemname", "model", "modelname", "generator"]),
    (Field::SystemA, &["systema", "modela", "generatora", "system1", "model1"]),
    (Field::SystemB, &["systemb", "modelb", "generatorb", "system2", "model2"]),
    (
        Field::Label(String::new()),
        &[
            "label",
            "human",
            "humanscore",
            "humanlabel",
            "humanrating",
            "rating",
            "gold",
            "goldlabel",
            "score",
            "winner",
            "preference",
            "annotation",
            "hallucination",
            "beginlabel",
        ],
    ),
];

/// The columns of a record with the meaning that their names suggest.
pub fn guess(fields: &Map<String, Value>) -> Columns {
    let plain = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let there: Vec<(String, &String)> = fields.keys().map(|name| (plain(name), name)).collect();
    let find = |known: &str| there.iter().find(|(name, _)| name == known).map(|(_, name)| name.to_string());
    let mut columns = Columns::new();
    for (field, names) in NAMES {
        // `model_a` can be a response, or who wrote it.
        let free = |name: &String| !columns.values().any(|taken| taken.contains(name));
        if let Some(name) = names.iter().find_map(|known| find(known).filter(free)) {
            columns.insert(field, vec![name]);
        }
    }
    // A list of all of them is what the package's rows have.
    let listed: &[Field] = match fields.get("systems").and_then(Value::as_array).map(Vec::len) {
        Some(1) => &[Field::System],
        Some(2) => &[Field::SystemA, Field::SystemB],
        _ => &[],
    };
    columns.extend(listed.iter().enumerate().map(|(i, field)| (field.clone(), vec![format!("systems.{i}")])));
    columns
}

/// A column, or what lies at a path of keys and indices in it, such as `response.output` or `messages.0.content`.
pub fn value<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = fields.get(path) {
        return Some(value);
    }
    // A key may have a dot of its own: the longest that there is counts.
    let mut split = path.len();
    while let Some(at) = path[..split].rfind('.') {
        split = at;
        if let Some(value) = fields.get(&path[..at]) {
            return inner(value, &path[at + 1..]);
        }
    }
    None
}

fn inner<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => self::value(fields, path),
        Value::Array(items) => {
            let (index, rest) =
                path.split_once('.').map_or((path, None), |(index, rest)| (index, Some(rest)));
            let item = items.get(index.parse::<usize>().ok()?)?;
            rest.map_or(Some(item), |rest| inner(item, rest))
        }
        _ => None,
    }
}

/// Characters of a system's name. What is longer is a text, such as the system message of a chat.
const LONGEST_NAME: usize = 128;

/// What a shape or a map makes of a record, before it is known to be complete.
#[derive(Debug, Default)]
pub struct Draft {
    pub task: BTreeMap<Field, Value>,
    pub id: Option<String>,
    pub group: Option<String>,
    pub slice: Option<String>,
    /// By field.
    pub systems: BTreeMap<Field, String>,
    pub labels: Labels,
}

impl Draft {
    pub fn set(mut self, field: Field, value: impl Into<Value>) -> Draft {
        self.task.insert(field, value.into());
        self
    }

    pub fn system(mut self, field: Field, name: impl Into<String>) -> Draft {
        self.systems.insert(field, name.into());
        self
    }

    /// Who wrote the response, or both of them; none where one is not known.
    pub fn systems(&self, pair: bool) -> Vec<String> {
        let fields: &[Field] = if pair { &[Field::SystemA, Field::SystemB] } else { &[Field::System] };
        let names = fields.iter().map(|field| self.systems.get(field).cloned());
        names.collect::<Option<_>>().unwrap_or_default()
    }

    pub fn label(mut self, rated: &str, values: Vec<Value>) -> Draft {
        self.labels.insert(rated.to_string(), values);
        self
    }

    /// Reads a record's columns, over what is there already.
    pub fn read(mut self, record: &Record, columns: &Columns) -> Result<Draft, String> {
        for (field, names) in columns {
            let values = || names.iter().map(|name| (name, value(&record.fields, name)));
            match field {
                Field::Label(rated) => {
                    // What the shape has labels of goes by its own name.
                    if let [name] = names.as_slice()
                        && value(&record.fields, name).is_none()
                        && let Some(labels) = self.labels.get(name)
                    {
                        self.labels.insert(rated.clone(), labels.clone());
                        continue;
                    }
                    let values = values().map(|(_, value)| value.cloned().unwrap_or(Value::Null));
                    self.labels.insert(rated.clone(), values.flat_map(several).collect());
                }
                Field::Id => self.id = values().find_map(|(_, value)| text::plain(value?)),
                Field::Group => self.group = values().find_map(|(_, value)| text::plain(value?)),
                Field::Slice => self.slice = values().find_map(|(_, value)| text::plain(value?)),
                Field::System | Field::SystemA | Field::SystemB => {
                    match values().find_map(|(_, value)| text::plain(value?)) {
                        Some(name) if name.chars().count() <= LONGEST_NAME => {
                            self.systems.insert(field.clone(), name)
                        }
                        _ => self.systems.remove(field),
                    };
                }
                _ => {
                    self.task.remove(field);
                    let mut found = Vec::new();
                    for (name, value) in values() {
                        let Some(value) = value else { continue };
                        found.extend(text::of(field, value).map_err(|why| format!("`{name}` {why}"))?);
                    }
                    if let Some(value) = text::joined(field, found) {
                        self.task.insert(field.clone(), value);
                    }
                }
            }
        }
        Ok(self)
    }
}

/// A list of labels is one of each rater.
fn several(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        value => vec![value],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn names_are_guessed_whatever_their_spelling() {
        let columns = guess(&fields(
            json!({ "ID": 1, "User query": "q", "chatgpt_response": "r", "hallucination": "no" }),
        ));
        let names: Vec<String> =
            columns.iter().map(|(field, names)| format!("{field}={}", names.join("+"))).collect();
        assert_eq!(names, ["input=User query", "response=chatgpt_response", "id=ID", "label=hallucination"]);
        assert_eq!(guess(&fields(json!({ "x": 1 }))), Columns::new());
    }

    #[test]
    fn paths_lead_into_objects_and_lists() {
        let row =
            fields(json!({ "a.b": 1, "a": { "b": 2, "c": [{ "d": 3 }] }, "Overall.Quality": { "mean": 4 } }));
        for (path, found) in [("a.b", 1), ("a.c.0.d", 3), ("Overall.Quality.mean", 4)] {
            assert_eq!(value(&row, path), Some(&json!(found)), "{path}");
        }
        for path in ["b", "a.c.1", "a.c.x", "a.b.c", "", "."] {
            assert_eq!(value(&row, path), None, "{path}");
        }
    }
}
