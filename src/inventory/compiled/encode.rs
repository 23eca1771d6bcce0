//! Writes the inventory's file, as bytes.

use super::header::{self, Header, Source};
use super::index::{self, Entry};
use super::{Block, RouterLines};
use serde::Serialize;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::io;
use zeroize::Zeroizing;

/// The file of these routers and lines. The bytes are wiped when dropped: a reference may be a password.
pub fn encode(generation: u64, time: f64, source: Source, routers: &[RouterLines]) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut body = Zeroizing::new(Vec::new());
    let (mut line_entries, mut router_entries) = (Vec::new(), Vec::new());
    for (router, lines) in routers {
        let (block, own) = record(&mut body, &Block { router, lines: lines.len() })?;
        for line in lines {
            let (at, length) = record(&mut body, line)?;
            line_entries.push(Entry { hash: index::hash(&line.id), at, length, router: block, router_length: own });
        }
        let length = u32::try_from(body.len() as u64 - block).map_err(io::Error::other)?;
        router_entries.push(Entry {
            hash: index::hash(&router.name),
            at: block,
            length,
            router: block,
            router_length: own,
        });
    }
    let records = body.len() as u64;
    for entries in [&mut line_entries, &mut router_entries] {
        entries.sort_unstable();
        entries.iter().for_each(|entry| entry.encode(&mut body));
    }
    let header = Header {
        generation,
        time,
        source,
        routers: router_entries.len() as u64,
        lines: line_entries.len() as u64,
        records,
        checksum: checksum(&body),
    };
    let mut bytes = Zeroizing::new(header::encode(&header)?);
    bytes.reserve_exact(body.len());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// One line of JSON; its place and length without the newline.
fn record<T: Serialize>(body: &mut Vec<u8>, value: &T) -> io::Result<(u64, u32)> {
    let at = body.len();
    serde_json::to_writer(&mut *body, value)?;
    let length = u32::try_from(body.len() - at).map_err(io::Error::other)?;
    body.push(b'\n');
    Ok((at as u64, length))
}

/// Against a disk or a person that changed something in the middle, not against an enemy.
pub(super) fn checksum(body: &[u8]) -> String {
    let mut hash = SipHasher24::new();
    hash.write(body);
    format!("{:016x}", hash.finish())
}
