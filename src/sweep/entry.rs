//! One value in the spool: a line of its own with a checksum, so that what is whole is told from what is not, wherever a file was
//! cut. Pure.

use super::slots::checksum;
use crate::zabbix::sender::Value;

/// The first line of a file of such lines. Another number is of another program version.
pub(super) const HEADER: &str = "ddl-monitor spool 1\n";
const HEADER_OF_ANY: &str = "ddl-monitor spool ";

/// A value and its place in the sequence of all values ever spooled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) value: Value,
}

/// Appends the line of a value.
pub(super) fn write(to: &mut Vec<u8>, number: u64, value: &Value) {
    let Value { host, key, value, clock, ns } = value;
    let body = serde_json::json!([number, clock, ns, host, key, value]).to_string();
    to.extend_from_slice(format!("{:08x} {body}\n", checksum(body.as_bytes())).as_bytes());
}

/// A line without its newline; None where it is none of ours, or not whole.
pub(super) fn read(line: &[u8]) -> Option<Entry> {
    let (sum, body) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    if sum.len() != 8 || u32::from_str_radix(sum, 16).ok()? != checksum(body.as_bytes()) {
        return None;
    }
    let (number, clock, ns, host, key, value) = serde_json::from_str(body).ok()?;
    Some(Entry { number, value: Value { host, key, value, clock, ns } })
}

/// The first line of a file that another version wrote.
pub(super) fn is_foreign_header(line: &[u8]) -> bool {
    line.starts_with(HEADER_OF_ANY.as_bytes()) && line != HEADER.trim_end().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back_and_nothing_that_was_changed(
            number: u64, clock: u64, ns: u32, host in ".{0,20}", key in ".{0,20}", text in "(?s).{0,200}", at: prop::sample::Index
        ) {
            let value = Value { host, key, value: text, clock, ns };
            let mut line = Vec::new();
            write(&mut line, number, &value);
            prop_assert_eq!(line.pop(), Some(b'\n'));
            prop_assert!(!line.contains(&b'\n'));
            prop_assert_eq!(read(&line), Some(Entry { number, value }));
            let at = at.index(line.len());
            prop_assert_eq!(read(&line[..at]), None);
            line[at] ^= 1;
            prop_assert_eq!(read(&line), None);
        }
    }

    #[test]
    fn the_header_of_another_version_is_known() {
        assert!(!is_foreign_header(HEADER.trim_end().as_bytes()));
        assert!(is_foreign_header(b"ddl-monitor spool 2") && !is_foreign_header(b"00000000 []"));
    }
}
