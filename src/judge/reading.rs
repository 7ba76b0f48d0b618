//! One pass of the judge over one prompt: a critique, if one is wanted, then the distribution over the labels.

use super::distribution::{LabelPath, label_probabilities};
use super::options::{JudgeOptions, Truncate};
use super::template::Template;
use super::texts::Texts;
use crate::engine::{Engine, GenerateOptions, Generation, Sequence, Usage};
use crate::tokenizer::Message;
use crate::{Control, Error, Result};

/// What all readings of a call have in common.
pub(super) struct Reader<'a> {
    pub engine: &'a Engine,
    pub options: &'a JudgeOptions,
    pub template: Template,
    /// Given the number of the stream and its next piece of a critique.
    pub on_text: &'a dyn Fn(usize, &str),
    pub control: &'a dyn Control,
}

/// What one pass found.
#[derive(Debug)]
pub(super) struct Reading {
    /// The probability of each label, in the order given.
    pub probabilities: Vec<f64>,
    /// What is missing to 1.
    pub outside: f64,
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
        let mut sequence = self.engine.sequence();
        let critique = match self.options.critique {
            true => Some(self.criticize(&mut sequence, messages, labels, sample, stream).await?),
            false => None,
        };
        let Template { reasoning_marker, result_marker, .. } = &self.template;
        let answer = match &critique {
            Some(critique) => format!("{reasoning_marker} {}\n\n{result_marker}", critique.text),
            None => result_marker.clone(),
        };
        let (prompt, paths) = self.paths(messages, &answer, labels)?;
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
            decode_ms: critique.as_ref().map_or(0.0, |critique| critique.timing.decode_ms),
            critique: critique.map(|critique| critique.text),
            usage,
        })
    }

    /// Writes the reasoning. It ends at the result marker, at the end of the turn, or at `max_tokens`.
    async fn criticize(
        &self,
        sequence: &mut Sequence,
        messages: &[Message],
        labels: &[String],
        sample: usize,
        stream: Option<usize>,
    ) -> Result<Generation> {
        let Template { reasoning_marker, result_marker, .. } = &self.template;
        let prompt = self.engine.chat_prompt(messages, reasoning_marker)?;
        let needed = prompt.len() + verdict_room(self.engine, &self.template, labels)?;
        let limit = self.engine.context_length();
        if needed >= limit {
            return Err(Error::ContextOverflow { tokens: needed + 1, limit });
        }
        let sampling = self.options.sampling(sample);
        let options = GenerateOptions {
            max_tokens: self.options.max_tokens.min(limit - needed),
            temperature: sampling.temperature,
            seed: sampling.seed,
            // Models vary the marker's end: `**Result**:` is the same marker.
            stop: vec![result_marker.trim_end_matches([':', '*', ' ']).to_string()],
            ..Default::default()
        };
        let mut leading = true;
        let mut on_text = |text: &str| {
            let text = if leading { text.trim_start() } else { text };
            if let (false, Some(stream)) = (text.is_empty(), stream) {
                leading = false;
                (self.on_text)(stream, text);
            }
        };
        let mut critique =
            self.engine.generate_from(sequence, &prompt, &options, &mut on_text, self.control).await?;
        critique.text = critique.text.trim().to_string();
        Ok(critique)
    }

    /// The prompt up to the verdict, and every way to write each label behind it: with and without a space, and
    /// numbers in all the pieces that the vocabulary has for them.
    fn paths(
        &self,
        messages: &[Message],
        answer: &str,
        labels: &[String],
    ) -> Result<(Vec<u32>, Vec<LabelPath>)> {
        let mut answers = vec![answer.to_string()];
        for label in labels {
            answers.extend([format!("{answer} {label}"), format!("{answer}{label}")]);
        }
        let mut prompts = self.engine.chat_prompts(messages, &answers)?.into_iter();
        let prompt = prompts.next().unwrap_or_default();
        let mut paths = Vec::new();
        for (i, label) in labels.iter().enumerate() {
            let mut found = false;
            for tokens in prompts.by_ref().take(2) {
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
        let room = verdict_room(self.engine, &self.template, labels)?;
        let limit = self.engine.context_length();
        let count = |texts: &Texts| {
            let messages = build(texts)?;
            let tokens = self.engine.chat_prompt(&messages, &self.template.reasoning_marker)?.len();
            Ok::<_, Error>((messages, tokens))
        };
        let (messages, tokens) = count(texts)?;
        if tokens + room <= limit {
            return Ok((messages, 0));
        }
        let overflow = Error::ContextOverflow { tokens: tokens + room, limit };
        let Some(field) = self.options.truncate else { return Err(overflow) };
        let goal = limit.saturating_sub(room + self.options.critique_room(self.engine));
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

/// Tokens that the verdict needs behind a critique: its marker and the longest label.
fn verdict_room(engine: &Engine, template: &Template, labels: &[String]) -> Result<usize> {
    let longest = labels.iter().max_by_key(|label| label.len()).map_or("", String::as_str);
    let tail = format!("\n\n{} {longest}", template.result_marker);
    // Where texts meet, a few tokens more may come out than each has by itself.
    const SLACK: usize = 4;
    Ok(engine.tokenizer().encode(&tail, false)?.len() + SLACK)
}
