//! What the model would be given to read, without a verdict: to look at, to count, or to train on.

use crate::arguments::{Asked, PromptArguments, Shard};
use crate::exit::{Exit, Stop};
use crate::interrupt::Interrupt;
use crate::line::{fields, kept};
use crate::past::unreadable;
use crate::progress::Progress;
use crate::rows::{self, Row};
use crate::run;
use crate::task::{Failure, Task};
use lunette::Control;
use lunette::engine::Engine;
use lunette::judge::{Judge, JudgeOptions, RenderedPrompt};
use lunette::tokenizer::Message;
use serde_json::{Map, Value, json};
use std::io::{self, BufReader, Write};

/// Prints a line for each row of stdin: `{ id, prompts: [{ text, tokens, special, truncatedTokens }] }`, or an `error`.
pub fn show(arguments: PromptArguments) -> Result<Exit, Stop> {
    let rubric = run::rubric(arguments.rubric.as_deref())?;
    let task = match arguments.task {
        Asked::Score => Some(Task::score(rubric)?),
        Asked::Classify => Some(Task::classify(rubric)?),
        Asked::Compare => Some(Task::compare(rubric)?),
        Asked::Chat => None,
    };
    let (mut options, _) = run::options(&arguments.reading)?;
    options.rubric_orders = arguments.rubric_orders;
    arguments.pairs.set(&mut options);
    if let Some(task) = &task {
        options.check(task.kind())?;
    }
    let (load, model) = (run::load_options(&arguments.model)?, run::model(arguments.model.model.as_ref())?);
    let interrupt = Interrupt::listen()?;
    let mut progress = Progress::new(false, false);
    let engine = pollster::block_on(run::load(&model, &load, &mut progress, &interrupt))?;
    progress.clear();
    let shower = Shower { engine, task, options, arguments, interrupt };
    let mut exit = Exit::Done;
    for row in rows::rows(BufReader::new(io::stdin()), Shard { index: 0, count: 1 }) {
        if shower.interrupt.aborted() {
            return Err(Stop::Interrupted);
        }
        let (line, shown) = shower.line(&row.map_err(unreadable)?)?;
        io::stdout().write_all(line.as_bytes()).map_err(|_| Stop::Unread)?;
        if !shown {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

struct Shower {
    engine: Engine,
    /// `None`: rows are conversations.
    task: Option<Task>,
    options: JudgeOptions,
    arguments: PromptArguments,
    interrupt: Interrupt,
}

impl Shower {
    /// A row's line, and whether it has prompts.
    fn line(&self, row: &Row) -> Result<(String, bool), Stop> {
        let mut line = Map::new();
        let prompts = match self.prompts(row, &mut line) {
            Ok(prompts) => prompts,
            Err(Failure::Run(stop)) => return Err(stop),
            Err(Failure::Row { code, message }) => {
                line.insert("error".into(), json!({ "code": code, "message": message }));
                return Ok((format!("{}\n", Value::Object(line)), false));
            }
        };
        if self.arguments.plain {
            let texts: Vec<String> =
                prompts.iter().map(|prompt| self.marked(prompt)).collect::<Result<_, _>>()?;
            return Ok((texts.concat(), true));
        }
        let prompts = serde_json::to_value(prompts).map_err(|e| Stop::Fault(e.to_string()))?;
        line.insert("prompts".into(), prompts);
        Ok((format!("{}\n", Value::Object(line)), true))
    }

    fn prompts(&self, row: &Row, line: &mut Map<String, Value>) -> Result<Vec<RenderedPrompt>, Failure> {
        let fields = fields(row)?;
        *line = kept(&fields, &self.arguments.keep);
        let Some(task) = &self.task else { return self.conversation(fields) };
        let mut unheard = |_, _, _: &str| ();
        task.prompts(&Judge::new(&self.engine, &self.options, &mut unheard, &self.interrupt), fields)
    }

    fn conversation(&self, mut fields: Map<String, Value>) -> Result<Vec<RenderedPrompt>, Failure> {
        let messages = fields.remove("messages").unwrap_or_default();
        let messages: Vec<Message> = serde_json::from_value(messages)
            .map_err(|e| Failure::in_row(format!("`messages` is no conversation: {e}")))?;
        Ok(vec![self.engine.shown(self.engine.chat_prompt(&messages, "")?)?.into()])
    }

    /// The text with control tokens in double brackets, and how many tokens there are.
    fn marked(&self, prompt: &RenderedPrompt) -> Result<String, Stop> {
        let tokenizer = self.engine.tokenizer();
        let mut text = String::new();
        let mut start = 0;
        for &place in &prompt.special {
            let place = place as usize;
            text += &tokenizer.decode(&prompt.tokens[start..place])?;
            text += &format!("⟦{}⟧", tokenizer.decode(&prompt.tokens[place..=place])?);
            start = place + 1;
        }
        text += &tokenizer.decode(&prompt.tokens[start..])?;
        Ok(format!("{text}\n── {} tokens ──\n", prompt.tokens.len()))
    }
}
