//! The beginning of the inventory's file: two lines, the first says what it is, the second (JSON) whose lines follow and how
//! many.

use serde::{Deserialize, Serialize};

/// The first line up to the version of the form.
pub(super) const MAGIC: &str = "ddl-monitor inventory ";
/// The form that this program writes and reads.
pub(super) const VERSION: u32 = 1;

/// Where the lines and routers came from; one source per state directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// These files, absolute, by `inventory import`.
    File { files: Vec<String> },
    /// The Zabbix API at this address.
    Api { url: String },
}

/// What is known of an inventory without looking at its lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Grows by one with each change; 1 is the first.
    pub generation: u64,
    /// When it was made, seconds since 1970.
    pub time: f64,
    pub source: Source,
    pub routers: u64,
    pub lines: u64,
    /// Bytes of the records, which begin after this header.
    pub(super) records: u64,
    /// Of all that follows the header.
    pub(super) checksum: String,
}

/// Why the beginning of a file is not one of ours; ends a message.
pub(super) enum NotOurs {
    Foreign,
    TooNew(String),
    Broken,
    /// The header is longer than what was read.
    More,
}

/// The header and where the records begin.
pub(super) fn parse(bytes: &[u8]) -> Result<(Header, u64), NotOurs> {
    let Some(rest) = bytes.strip_prefix(MAGIC.as_bytes()) else { return Err(NotOurs::Foreign) };
    let (version, rest) = line(rest).ok_or(NotOurs::Broken)?;
    let version = std::str::from_utf8(version).map_err(|_| NotOurs::Broken)?;
    match version.parse::<u32>() {
        Ok(VERSION) => {}
        Ok(_) => return Err(NotOurs::TooNew(version.to_owned())),
        Err(_) => return Err(NotOurs::Broken),
    }
    let (json, after) = line(rest).ok_or(NotOurs::More)?;
    let header: Header = serde_json::from_slice(json).map_err(|_| NotOurs::Broken)?;
    Ok((header, (bytes.len() - after.len()) as u64))
}

fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

pub(super) fn encode(header: &Header) -> serde_json::Result<Vec<u8>> {
    let mut bytes = format!("{MAGIC}{VERSION}\n").into_bytes();
    serde_json::to_writer(&mut bytes, header)?;
    bytes.push(b'\n');
    Ok(bytes)
}
