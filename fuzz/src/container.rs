//! The container: any bytes as the start of a file.

use crate::limits::within;
use lunette::gguf::Header;
use lunette::model::{Config, check_tensors};
use lunette::tokenizer::{ChatTemplate, Date, Tokenizer};

/// A byte may be an element of an array, which takes 24 in memory, in a vector that grows by doubling.
const BYTES_PER_BYTE: usize = 128;

pub fn run(data: &[u8]) {
    let cuts = (1..8).map(|i| data.len() * i / 8).chain([data.len().saturating_sub(1), data.len()]);
    let mut answer = None;
    for cut in cuts {
        let parse = || Header::parse(&data[..cut]).map_err(|error| error.to_string());
        let now = within((1 << 20) + cut * BYTES_PER_BYTE, 1.0, parse);
        // Once a prefix is understood or refused, no byte behind it changes that; what a file is that is no GGUF shows later.
        let now = match now {
            Ok(None) => None,
            Ok(Some(header)) => Some(Ok(header)),
            Err(why) => Some(Err(why)),
        };
        match (&answer, &now) {
            (Some(before), Some(after)) => assert!(
                same(before, after) || (both_refused(before, after) && !data.starts_with(b"GGUF")),
                "{before:?} became {after:?}"
            ),
            (Some(before), None) => panic!("{before:?} was forgotten"),
            (None, _) => {}
        }
        answer = now;
    }
    if let Some(Ok(header)) = answer {
        read(&header, data.len());
    }
}

fn both_refused(a: &Result<Header, String>, b: &Result<Header, String>) -> bool {
    a.is_err() && b.is_err()
}

fn same(a: &Result<Header, String>, b: &Result<Header, String>) -> bool {
    match (a, b) {
        (Err(a), Err(b)) => a == b,
        // Not `==`: a number may be no number.
        (Ok(a), Ok(b)) => {
            format!("{:?} {:?}", a.metadata, a.tensors) == format!("{:?} {:?}", b.metadata, b.tensors)
        }
        _ => false,
    }
}

/// All that is made of a header before any tensor is read.
fn read(header: &Header, len: usize) {
    let _ = header.check(Some(len as u64));
    within(64 << 20, 2.0, || {
        if let Ok(config) = Config::from_header(header) {
            let _ = check_tensors(header, &config);
        }
        let _ = Tokenizer::from_metadata(&header.metadata);
        let _ = ChatTemplate::from_metadata(&header.metadata, Date::default());
    });
}
