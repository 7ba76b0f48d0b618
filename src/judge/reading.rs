//! One pass of the judge over one prompt: a thought and a critique, if they are wanted, then the distribution over the
//! labels.

use super::distribution::{LabelPath, label_probabilities};
use super::options::{JudgeOptions, Truncate};
use super::template::Template;
use super::texts::Texts;
use super::thinking::{Plan, TextPart, Thought, stop_at, thought_tokens, together};
use crate::engine::{Engine, GenerateOptions, Generation, Sequence, Usage};
use crate::tokenizer::{Lead, Message};
use crate::{Control, Error, Result};

/// What all readings of a call have in common.
pub(super) struct Reader<'a> {
    pub engine: &'a Engine,
    pub options: &'a JudgeOptions,
    pub template: Template,
    pub plan: Plan,
    /// Given the number of the stream and the next piece of a thought or critique.
    pub on_text: &'a dyn Fn(usize, TextPart, &str),
    pub control: &'a dyn Control,
}

/// What one pass found.
#[derive(Debug)]
pub(super) struct Reading {
    /// The probability of each label, in the order given.
    pub probabilities: Vec<f64>,
    /// What is missing to 1.
    pub outside: f64,
    pub thinking: Option<String>,
    pub critique: Option<String>,
    pub usage: Usage,
    pub decode_ms: f64,
}

impl Reader<'_> {
    /// Reads the verdict on `messages`. `sample` is the number of the critique among those drawn; `stream`, where
    /// somebody listens, that of its text.
    pub async fn read(
        &self,
        messages: &[Message],
        labels: &[String],
        sample: usize,
        stream: Option<usize>,
    ) -> Result<Reading> {
        let mut sequence = self.engine.sequence_with(self.engine.adapter(&self.options.adapter)?);
        let opened = self.engine.chat_lead(messages, &self.plan.thoughts)?;
        let thought = self.think(&mut sequence, &opened, labels, sample, stream).await?;
        let lead = thought.as_ref().map_or(&opened, |thought| &thought.lead);
        let critique = match self.options.critique {
            true => Some(self.criticize(&mut sequence, lead, labels, sample, stream).await?),
            false => None,
        };
        let Template { reasoning_marker, result_marker, .. } = &self.template;
        let answer = match &critique {
            Some(critique) => format!("{reasoning_marker} {}\n\n{result_marker}", critique.text),
            None => result_marker.clone(),
        };
        let (prompt, paths) = self.paths(lead, &answer, labels)?;
        let read =
            label_probabilities(self.engine, &mut sequence, &prompt, &paths, labels.len(), self.control)
                .await?;
        // A verdict is never made of nothing.
        let inside: f64 = read.probabilities.iter().sum();
        if !inside.is_finite() {
            return Err(Error::InvalidModel("its logits are not numbers".into()));
        }
        if inside <= 0.0 {
            return Err(Error::InvalidArgument(format!(
                "none of the labels has any probability behind {result_marker:?}: use labels and a marker that this model knows"
            )));
        }
        let usage = match &critique {
            Some(critique) => critique.usage,
            None => {
                Usage { prompt_tokens: prompt.len(), cached_tokens: read.cached_tokens, completion_tokens: 0 }
            }
        };
        Ok(Reading {
            probabilities: read.probabilities,
            outside: read.outside,
            decode_ms: critique.as_ref().map_or(0.0, |critique| critique.timing.decode_ms)
                + thought.as_ref().map_or(0.0, |thought| thought.decode_ms),
            usage: together(thought.as_ref(), usage),
            thinking: thought.map(|thought| thought.text),
            critique: critique.map(|critique| critique.text),
        })
    }

    /// Lets the model think behind `lead`, if it shall, up to its budget or to where the context must have room for the rest.
    /// Then closes the thought.
    async fn think(
        &self,
        sequence: &mut Sequence,
        lead: &Lead,
        labels: &[String],
        sample: usize,
        stream: Option<usize>,
    ) -> Result<Option<Thought>> {
        let Some((thinking, budget)) = &self.plan.budget else { return Ok(None) };
        let tokenizer = self.engine.tokenizer();
        let prompt = lead.prompt(tokenizer, "")?;
        let left = self.left(prompt.len() + self.room(labels)?)?;
        // A critique has its share of what is left.
        let critique = if self.options.critique { self.options.max_tokens.min(left / 2) } else { 0 };
        let mut options = self.generation(sample, (*budget).min(left - critique));
        stop_at(self.engine, &thinking.marks.close, &mut options);
        let generation = self.generate(sequence, &prompt, &options, TextPart::Thinking, stream).await?;
        let (tokens, unfinished) =
            thought_tokens(tokenizer, prompt.last().copied(), &generation, &thinking.marks.close);
        Ok(Some(Thought {
            lead: lead.behind_thought(tokenizer, tokens, &unfinished, thinking)?,
            text: generation.text.trim().to_string(),
            usage: generation.usage,
            decode_ms: generation.timing.decode_ms,
        }))
    }

    /// Writes the reasoning. It ends at the result marker, at the end of the turn, or at `max_tokens`.
    async fn criticize(
        &self,
        sequence: &mut Sequence,
        lead: &Lead,
        labels: &[String],
        sample: usize,
        stream: Option<usize>,
    ) -> Result<Generation> {
        let Template { reasoning_marker, result_marker, .. } = &self.template;
        let prompt = lead.prompt(self.engine.tokenizer(), reasoning_marker)?;
        let left = self.left(prompt.len() + verdict_room(self.engine, &self.template, labels)?)?;
        let mut options = self.generation(sample, self.options.max_tokens.min(left));
        // Models vary the marker's end: `**Result**:` is the same marker.
        options.stop.push(result_marker.trim_end_matches([':', '*', ' ']).to_string());
        self.plan.stop_at_thoughts(self.engine, &mut options);
        let mut critique = self.generate(sequence, &prompt, &options, TextPart::Critique, stream).await?;
        critique.text = critique.text.trim().to_string();
        Ok(critique)
    }

    /// Tokens that can be written beside `needed` others: at least one.
    fn left(&self, needed: usize) -> Result<usize> {
        let limit = self.engine.context_length();
        match limit.checked_sub(needed) {
            None | Some(0) => Err(Error::ContextOverflow { tokens: needed + 1, limit }),
            Some(left) => Ok(left),
        }
    }

    /// How the text of a sample is drawn.
    fn generation(&self, sample: usize, max_tokens: usize) -> GenerateOptions {
        let sampling = self.options.sampling(sample);
        GenerateOptions {
            max_tokens,
            temperature: sampling.temperature,
            seed: sampling.seed,
            ..Default::default()
        }
    }

    /// Continues `prompt`, and streams the text without the white space before it.
    async fn generate(
        &self,
        sequence: &mut Sequence,
        prompt: &[u32],
        options: &GenerateOptions,
        part: TextPart,
        stream: Option<usize>,
    ) -> Result<Generation> {
        let mut leading = true;
        let mut on_text = |text: &str| {
            let text = if leading { text.trim_start() } else { text };
            if let (false, Some(stream)) = (text.is_empty(), stream) {
                leading = false;
                (self.on_text)(stream, part, text);
            }
        };
        self.engine.generate_from(sequence, prompt, options, &mut on_text, self.control).await
    }

    /// The prompt up to the verdict, and every way to write each label behind it: with and without a space, and
    /// numbers in all the pieces that the vocabulary has for them.
    fn paths(&self, lead: &Lead, answer: &str, labels: &[String]) -> Result<(Vec<u32>, Vec<LabelPath>)> {
        let with = |answer: &str| lead.prompt(self.engine.tokenizer(), answer);
        let prompt = with(answer)?;
        let mut paths = Vec::new();
        for (i, label) in labels.iter().enumerate() {
            let mut found = false;
            for answer in [format!("{answer} {label}"), format!("{answer}{label}")] {
                let tokens = with(&answer)?;
                // Where a label melts into the marker, another way of writing it is the one to read.
                let Some(tail) = tokens.strip_prefix(&prompt[..]).filter(|tail| !tail.is_empty()) else {
                    continue;
                };
                found = true;
                paths.extend(
                    self.spellings(tail, label)?.into_iter().map(|tokens| LabelPath { label: i, tokens }),
                );
            }
            if !found {
                return Err(Error::InvalidArgument(format!(
                    "the label {label:?} cannot be told from the marker {:?} before it: give it another name",
                    self.template.result_marker
                )));
            }
        }
        Ok((prompt, paths))
    }

    /// `tail`, and where it ends in the digits of a number, the same with these digits in other pieces.
    fn spellings(&self, tail: &[u32], label: &str) -> Result<Vec<Vec<u32>>> {
        let mut spellings = vec![tail.to_vec()];
        let digits = label.trim_start_matches('-');
        const MOST_DIGITS: usize = 4;
        if !(2..=MOST_DIGITS).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(spellings);
        }
        let tokenizer = self.engine.tokenizer();
        let starts = (0..tail.len()).rev();
        let Some(start) =
            starts.map(|i| (i, tokenizer.decode(&tail[i..]))).find_map(|(i, text)| match text {
                Ok(text) if text == digits => Some(i),
                _ => None,
            })
        else {
            return Ok(spellings);
        };
        // Each bit of `cuts` says whether the number is cut behind a digit.
        for cuts in 0..1usize << (digits.len() - 1) {
            let mut tokens = tail[..start].to_vec();
            let mut from = 0;
            for end in 1..=digits.len() {
                if end < digits.len() && cuts >> (end - 1) & 1 == 0 {
                    continue;
                }
                match tokenizer.encode_within(&digits[from..end])?[..] {
                    [token] => tokens.push(token),
                    _ => break,
                }
                from = end;
            }
            if from == digits.len() && !spellings.contains(&tokens) {
                spellings.push(tokens);
            }
        }
        Ok(spellings)
    }

    /// The conversation about `texts`, shortened where it is too long and may be. Returns what was cut off, in tokens.
    pub fn fit(
        &self,
        texts: &Texts,
        labels: &[String],
        build: impl Fn(&Texts) -> Result<Vec<Message>>,
    ) -> Result<(Vec<Message>, usize)> {
        let room = self.room(labels)?;
        let limit = self.engine.context_length();
        let count = |texts: &Texts| {
            let messages = build(texts)?;
            let lead = self.engine.chat_lead(&messages, &self.plan.thoughts)?;
            let tokens = lead.prompt(self.engine.tokenizer(), &self.template.reasoning_marker)?.len();
            Ok::<_, Error>((messages, tokens))
        };
        let (messages, tokens) = count(texts)?;
        if tokens + room <= limit {
            return Ok((messages, 0));
        }
        let overflow = Error::ContextOverflow { tokens: tokens + room, limit };
        let Some(field) = self.options.truncate else { return Err(overflow) };
        let goal = limit
            .saturating_sub(room + self.options.critique_room(self.engine) + self.plan.room(self.engine));
        let mut texts = texts.clone();
        let mut removed = 0;
        // A cut changes a few tokens around it, so that it may take more than one.
        const TRIES: usize = 16;
        let mut left = tokens;
        for _ in 0..TRIES {
            let cut = self.shorten(&mut texts, field, left.saturating_sub(goal))?;
            removed += cut;
            let (messages, tokens) = count(&texts)?;
            if tokens <= goal {
                return Ok((messages, removed));
            }
            if cut == 0 {
                break;
            }
            left = tokens;
        }
        Err(overflow)
    }

    /// Tokens that must be free behind a prompt: for what closes a thought, if there is one, and for the verdict.
    fn room(&self, labels: &[String]) -> Result<usize> {
        let verdict = verdict_room(self.engine, &self.template, labels)?;
        let Some((thinking, _)) = &self.plan.budget else { return Ok(verdict) };
        let closing = format!("{}{}", thinking.closing(), self.template.reasoning_marker);
        Ok(verdict + self.engine.tokenizer().encode(&closing, true)?.len() + SLACK)
    }

    /// Cuts about `excess` tokens off the end of a field; returns how many it found to cut.
    fn shorten(&self, texts: &mut Texts, field: Truncate, excess: usize) -> Result<usize> {
        let tokenizer = self.engine.tokenizer();
        let text = match field {
            Truncate::Response => texts.responses.iter_mut().max_by_key(|response| response.len()),
            Truncate::Context => texts.context.as_mut(),
        };
        let Some(text) = text else { return Ok(0) };
        let whole = text.strip_suffix(CUT).unwrap_or(text);
        let tokens = tokenizer.encode_within(whole)?;
        // The mark of the cut needs room as well.
        let kept = tokens.len().saturating_sub(excess + CUT.len());
        let mut end: usize = tokens[..kept].iter().map(|token| tokenizer.bytes(*token).len()).sum();
        while !whole.is_char_boundary(end) {
            end -= 1;
        }
        *text = format!("{}{CUT}", &whole[..end]);
        Ok(tokens.len() - kept)
    }
}

/// Stands where a text was cut off, so that the judge does not take the cut for the author's.
const CUT: &str = " […]";

/// Where texts meet, a few tokens more may come out than each has by itself.
const SLACK: usize = 4;

/// Tokens that the verdict needs behind a critique: its marker and the longest label.
fn verdict_room(engine: &Engine, template: &Template, labels: &[String]) -> Result<usize> {
    let longest = labels.iter().max_by_key(|label| label.len()).map_or("", String::as_str);
    let tail = format!("\n\n{} {longest}", template.result_marker);
    Ok(engine.tokenizer().encode(&tail, false)?.len() + SLACK)
}
