//! Reads a header from a stream that has not arrived whole.

use crate::gguf::{Header, MAX_HEADER_BYTES};
use crate::source::Feed;
use crate::{Error, Result};

/// Reads as much of the file as its header needs, and checks that the rest can be read; nothing is consumed.
pub async fn read_header(feed: &mut Feed) -> Result<Header> {
    let header = parse_header(feed).await?;
    header.check(feed.size())?;
    Ok(header)
}

/// Reads as much of the file as its header needs, whatever it says of the rest; nothing is consumed.
pub async fn parse_header(feed: &mut Feed) -> Result<Header> {
    loop {
        // Doubling what is waited for keeps the cost of parsing again linear.
        let wanted = (feed.available().len() * 2).max(64 << 10);
        while feed.available().len() < wanted && feed.more().await? {}
        if let Some(header) = Header::parse(feed.available())? {
            return Ok(header);
        }
        if feed.available().len() < wanted || wanted > 2 * MAX_HEADER_BYTES {
            return Err(Error::Truncated(format!(
                "its header does not end within {} bytes",
                feed.available().len()
            )));
        }
    }
}
