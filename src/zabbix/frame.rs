//! The frame of Zabbix' protocols: `ZBXD`, flags, the length of what follows, then the JSON, perhaps compressed. Pure: knows no
//! socket and not what the JSON says.

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use std::io::{self, Read, Write};

const MAGIC: &[u8] = b"ZBXD";
const PROTOCOL: u8 = 0x01;
const COMPRESSED: u8 = 0x02;
/// Both lengths are eight bytes.
const LARGE: u8 = 0x04;
/// `ZBXD`, flags, two lengths of four bytes; with [`LARGE`] of eight.
const SHORT_HEADER: usize = 13;
const LONG_HEADER: usize = 21;
/// A longer answer is refused: a counter's text has some hundred bytes.
const LIMIT: u64 = 1 << 20;

/// A message as it goes over the wire. A text that compression would make longer goes as it is.
pub fn encode(json: &[u8], compress: bool) -> io::Result<Vec<u8>> {
    let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "message too long");
    let length = u32::try_from(json.len()).map_err(|_| too_long())?;
    let packed = if compress { Some(deflate(json)?).filter(|packed| packed.len() < json.len()) } else { None };
    let (flags, body, original) = match &packed {
        Some(packed) => (PROTOCOL | COMPRESSED, packed.as_slice(), length),
        None => (PROTOCOL, json, 0),
    };
    let length = u32::try_from(body.len()).map_err(|_| too_long())?;
    let mut frame = Vec::with_capacity(SHORT_HEADER + body.len());
    frame.extend_from_slice(MAGIC);
    frame.push(flags);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&original.to_le_bytes());
    frame.extend_from_slice(body);
    Ok(frame)
}

fn deflate(json: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(json.len() / 4), Compression::fast());
    encoder.write_all(json)?;
    encoder.finish()
}

/// The JSON of a received message; None while it is not whole yet. Bytes after it are left alone.
///
/// # Errors
/// `InvalidData`: not such a frame, or one that no counter needs.
pub fn decode(received: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let begins = received.iter().zip(MAGIC).all(|(byte, magic)| byte == magic);
    if !begins {
        return Err(bad("no ZBXD header; is it a Zabbix server or proxy?"));
    }
    let Some(flags) = received.get(MAGIC.len()).copied() else { return Ok(None) };
    if flags & PROTOCOL == 0 || flags & !(PROTOCOL | COMPRESSED | LARGE) != 0 {
        return Err(bad(&format!("a frame with the flags {flags:#04x}")));
    }
    let header = if flags & LARGE == 0 { SHORT_HEADER } else { LONG_HEADER };
    if received.len() < header {
        return Ok(None);
    }
    let lengths = &received[MAGIC.len() + 1..header];
    let (length, original) = lengths.split_at(lengths.len() / 2);
    let (length, original) = (number(length), number(original));
    if length > LIMIT || (flags & COMPRESSED != 0 && original > LIMIT) {
        return Err(bad(&format!("an answer of {} bytes", length.max(original))));
    }
    let length = usize::try_from(length).map_err(|_| bad("a length"))?;
    let Some(body) = received.get(header..header + length) else { return Ok(None) };
    if flags & COMPRESSED == 0 {
        return Ok(Some(body.to_vec()));
    }
    let mut json = Vec::new();
    // Never more than announced: a few bytes can become gigabytes.
    ZlibDecoder::new(body)
        .take(original + 1)
        .read_to_end(&mut json)
        .map_err(|_| bad("a compressed answer is broken"))?;
    if json.len() as u64 != original {
        return Err(bad("a compressed answer has another size than announced"));
    }
    Ok(Some(json))
}

/// Little endian, up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn large(json: &[u8]) -> Vec<u8> {
        let packed = deflate(json).unwrap();
        let lengths = [packed.len() as u64, json.len() as u64].map(u64::to_le_bytes).concat();
        [MAGIC, &[PROTOCOL | COMPRESSED | LARGE], &lengths, &packed].concat()
    }

    #[test]
    fn a_plain_frame_is_what_zabbix_documents() {
        assert_eq!(encode(b"{}", false).unwrap(), b"ZBXD\x01\x02\0\0\0\0\0\0\0{}");
        // Two bytes cannot be made fewer.
        assert_eq!(encode(b"{}", true).unwrap(), encode(b"{}", false).unwrap());
    }

    #[test]
    fn what_is_no_frame_is_refused_as_soon_as_that_is_sure() {
        for bytes in [&b"HTTP/1.1 400"[..], b"ZBXE", b"ZBXD\x00", b"ZBXD\x09", b"ZBXD\x01\xff\xff\xff\xff\0\0\0\0"] {
            assert_eq!(decode(bytes).unwrap_err().kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
        let mut bomb = encode(&vec![b' '; 1 << 20], true).unwrap();
        bomb[9..13].copy_from_slice(&100_u32.to_le_bytes());
        assert_eq!(decode(&bomb).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut broken = encode(&[b' '; 1000], true).unwrap();
        broken[14] ^= 0x55;
        assert_eq!(decode(&broken).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    proptest! {
        #[test]
        fn every_message_is_read_back_whole_and_only_when_it_is_whole(text in ".{0,2000}", compress: bool, cut in 0.0..1.0) {
            for frame in [encode(text.as_bytes(), compress).unwrap(), large(text.as_bytes())] {
                prop_assert_eq!(decode(&frame).unwrap(), Some(text.clone().into_bytes()));
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place within the frame")]
                let cut = (frame.len() as f64 * cut) as usize;
                prop_assert_eq!(decode(&frame[..cut]).unwrap(), None);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, magic: bool) {
            let bytes = if magic { [MAGIC, &bytes].concat() } else { bytes };
            let _ = decode(&bytes);
        }
    }
}
