//! What a model file says of itself, and whether it can be run.

use crate::arguments::InspectArguments;
use crate::exit::{Exit, Stop};
use lunette::engine::{DEFAULT_CONTEXT, LoadOptions, LoadPlan, Verdict};
use lunette::gguf::Header;
use lunette::model::{self, Config};
use lunette::source::{Feed, FileModel, ModelBytes};
use lunette::tokenizer::{ChatTemplate, Date, Tokenizer};
use lunette::{Error, Result, Uninterrupted};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    file: String,
    /// Files that the model is split over.
    parts: usize,
    file_bytes: u64,
    gguf_version: u32,
    name: Option<String>,
    architecture: Option<String>,
    parameters: u64,
    /// By the type of their elements, the largest share first.
    tensors: Vec<Share>,
    /// Tokens that the model was trained for.
    context_length: Option<u64>,
    vocabulary_size: Option<usize>,
    tokenizer: Option<String>,
    chat_template: bool,
    license: Option<String>,
    shape: Option<Shape>,
    needs: Option<Needs>,
    /// Where the command line asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<LoadPlan>,
    /// What makes its answers worse than they could be.
    warnings: Vec<String>,
    /// Why it cannot be run; empty where it can.
    problems: Vec<String>,
}

/// The tensors of one type.
#[derive(Serialize)]
struct Share {
    #[serde(rename = "type")]
    block_type: String,
    tensors: usize,
    elements: u64,
    /// `None` where the type's blocks are not known.
    bytes: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    layers: usize,
    width: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    mlp_width: usize,
}

/// Memory, but for what a step works in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Needs {
    weight_bytes: u64,
    /// K and V of a token, in half precision.
    kv_bytes_per_token: u64,
    context_length: usize,
    kv_bytes: u64,
}

pub fn inspect(arguments: &InspectArguments) -> std::result::Result<Exit, Stop> {
    let report = pollster::block_on(read(arguments))?;
    let text = match arguments.json {
        true => serde_json::to_string(&report).map_err(|e| Stop::Fault(e.to_string()))? + "\n",
        false => report.lines(),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(if report.problems.is_empty() { Exit::Done } else { Exit::Failed }),
        Err(_) => Err(Stop::Unread),
    }
}

async fn read(arguments: &InspectArguments) -> Result<Report> {
    let path = &arguments.model;
    let bytes = FileModel::open(path)?;
    let (header, file_bytes, mut problems) = header(&bytes).await?;
    let (config, warnings) = examine(&header, &mut problems);
    let meta = &header.metadata;
    let text = |key: &str| meta.str(key).map(str::to_string);
    let architecture = text("general.architecture");
    let context_length = architecture.as_ref().and_then(|name| meta.u64(&format!("{name}.context_length")));
    let needs = config.as_ref().map(|config| needs(&header, config, arguments.context));
    if let (Some(config), Some(context)) = (&config, arguments.context)
        && !(1..=config.context_length).contains(&context)
    {
        problems.push(format!("it can be loaded with a context of 1 to {} tokens", config.context_length));
    }
    let plan = match arguments.plan && problems.is_empty() {
        true => Some(plan(&bytes, arguments).await?),
        false => None,
    };
    if let Some(plan) = &plan
        && plan.verdict != Verdict::Fits
    {
        problems.push(fit(plan));
    }
    Ok(Report {
        file: path.display().to_string(),
        parts: bytes.parts(),
        file_bytes,
        gguf_version: header.version,
        name: text("general.name"),
        parameters: header.tensors.iter().map(|tensor| tensor.elements()).sum(),
        tensors: shares(&header),
        context_length,
        vocabulary_size: meta.array("tokenizer.ggml.tokens").map(<[_]>::len),
        tokenizer: text("tokenizer.ggml.model").map(|kind| match meta.str("tokenizer.ggml.pre") {
            Some(pre) => format!("{kind}, {pre}"),
            None => kind,
        }),
        chat_template: meta.str("tokenizer.chat_template").is_some(),
        license: text("general.license"),
        shape: config.as_ref().map(shape),
        architecture,
        needs,
        plan,
        warnings,
        problems,
    })
}

/// The header of a model, the bytes of its files, and what is wrong with their lengths.
async fn header(bytes: &FileModel) -> Result<(Header, u64, Vec<String>)> {
    let (mut headers, mut total, mut problems) = (Vec::new(), 0, Vec::new());
    for part in 0..bytes.parts() {
        let mut feed = Feed::new(bytes.open(part).await?);
        let header = model::parse_header(&mut feed).await?;
        problems.extend(header.check(feed.size()).err().map(|error| error.to_string()));
        total += feed.size().unwrap_or(0);
        headers.push(header);
    }
    Ok((Header::join(headers)?, total, problems))
}

/// Whether it fits on the device that it would run on.
async fn plan(bytes: &FileModel, arguments: &InspectArguments) -> Result<LoadPlan> {
    let options = LoadOptions {
        backend: arguments.backend.into(),
        context_length: arguments.context,
        ..Default::default()
    };
    LoadPlan::new(bytes, &options, &Uninterrupted).await
}

/// A plan's verdict in words.
fn fit(plan: &LoadPlan) -> String {
    let LoadPlan { adapter, context_length, .. } = plan;
    match (plan.verdict, plan.fitting_context_length) {
        (Verdict::Fits, _) => format!("fits on {adapter} with a context of {context_length} tokens"),
        (_, Some(fitting)) => format!(
            "does not fit on {adapter} with a context of {context_length} tokens; with {fitting} it does"
        ),
        (_, None) => format!("does not fit on {adapter}"),
    }
}

/// What loading would find out before it reads the weights, with its warnings, and everything that it would refuse.
fn examine(header: &Header, problems: &mut Vec<String>) -> (Option<Config>, Vec<String>) {
    let mut noted = |problem: Result<()>| problems.extend(problem.err().map(|error| error.to_string()));
    let tokenizer = Tokenizer::from_metadata(&header.metadata);
    let warnings = tokenizer.as_ref().map_or(Vec::new(), |tokenizer| tokenizer.warnings().to_vec());
    noted(tokenizer.map(drop));
    noted(match ChatTemplate::from_metadata(&header.metadata, Date::default()) {
        Ok(None) => Err(Error::ChatTemplate("the file has none".into())),
        other => other.map(drop),
    });
    let config = match Config::from_header(header) {
        Ok(config) => {
            noted(model::check_tensors(header, &config));
            Some(config)
        }
        Err(error) => {
            noted(Err(error));
            None
        }
    };
    (config, warnings)
}

fn shape(config: &Config) -> Shape {
    Shape {
        layers: config.layers.len(),
        width: config.width,
        heads: config.heads,
        kv_heads: config.kv_heads,
        head_dim: config.head_dim,
        mlp_width: config.mlp_width,
    }
}

fn needs(header: &Header, config: &Config, context: Option<usize>) -> Needs {
    const HALF: usize = 2;
    let context = context.unwrap_or(config.context_length.min(DEFAULT_CONTEXT));
    let per_token = (2 * config.layers.len() * config.kv_heads * config.head_dim * HALF) as u64;
    Needs {
        weight_bytes: header.tensors.iter().filter_map(|tensor| tensor.bytes().ok()).sum(),
        kv_bytes_per_token: per_token,
        context_length: context,
        kv_bytes: per_token.saturating_mul(context as u64),
    }
}

fn shares(header: &Header) -> Vec<Share> {
    let mut shares: BTreeMap<String, Share> = BTreeMap::new();
    for tensor in &header.tensors {
        let name = match tensor.block_type() {
            Ok(block_type) => block_type.name().to_string(),
            Err(Error::UnsupportedTensorType { block_type, .. }) => block_type,
            Err(_) => format!("type {}", tensor.type_id),
        };
        let new = || Share { block_type: name.clone(), tensors: 0, elements: 0, bytes: Some(0) };
        let share = shares.entry(name.clone()).or_insert_with(new);
        share.tensors += 1;
        share.elements = share.elements.saturating_add(tensor.elements());
        share.bytes = share.bytes.zip(tensor.bytes().ok()).map(|(sum, more)| sum + more);
    }
    let mut shares: Vec<Share> = shares.into_values().collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.elements));
    shares
}

impl Report {
    /// For people.
    fn lines(&self) -> String {
        let mut lines = vec![self.name.clone().unwrap_or_else(|| "(no name)".into())];
        let mut line = |name: &str, text: String| lines.push(format!("  {name:<14} {text}"));
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "not named".into());
        let parts = if self.parts > 1 { format!(" in {} parts", self.parts) } else { String::new() };
        line("file", format!("{}, {}{parts}, GGUF {}", self.file, bytes(self.file_bytes), self.gguf_version));
        let shape = self.shape.as_ref().map(|s| {
            format!(
                ": {} layers of width {}, {} heads of {} over {} KV heads, MLP {}",
                s.layers, s.width, s.heads, s.head_dim, s.kv_heads, s.mlp_width
            )
        });
        line("architecture", or_none(&self.architecture) + &shape.unwrap_or_default());
        line("parameters", format!("{:.1} million", self.parameters as f64 / 1e6));
        for (i, share) in self.tensors.iter().enumerate() {
            let size = share.bytes.map_or("of unknown size".into(), bytes);
            let text = format!("{:<5} {} tensors, {size}", share.block_type, share.tensors);
            line(if i == 0 { "weights" } else { "" }, text);
        }
        line("context", self.context_length.map_or("not named".into(), |n| format!("{n} tokens")));
        let size = self.vocabulary_size.map_or(String::new(), |n| format!(", {n} tokens"));
        line("tokenizer", or_none(&self.tokenizer) + &size);
        line("chat template", if self.chat_template { "yes" } else { "none" }.into());
        line("licence", or_none(&self.license));
        if let Some(needs) = &self.needs {
            line(
                "needs",
                format!(
                    "{} of weights, {} of KV cache for {} tokens ({} a token)",
                    bytes(needs.weight_bytes),
                    bytes(needs.kv_bytes),
                    needs.context_length,
                    bytes(needs.kv_bytes_per_token)
                ),
            );
        }
        if let Some(plan) = &self.plan {
            line("plan", fit(plan));
            plan.reasons.iter().for_each(|reason| line("", reason.clone()));
        }
        self.warnings.iter().for_each(|warning| line("warning", warning.clone()));
        line("runs", if self.problems.is_empty() { "yes" } else { "no" }.into());
        self.problems.iter().for_each(|problem| line("", problem.clone()));
        lines.join("\n") + "\n"
    }
}

/// In units of 1000, as shops for disks and downloads count.
fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let steps = units.iter().enumerate().rev().find(|(i, _)| count >= 1000u64.pow(*i as u32));
    match steps {
        None | Some((0, _)) => format!("{count} B"),
        Some((i, unit)) => format!("{:.1} {unit}", count as f64 / 1000f64.powi(i as i32)),
    }
}
