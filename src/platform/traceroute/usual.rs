//! How most systems write a hop, after the traceroute of BSD: ` 2  192.0.2.1 (192.0.2.1) [AS64500]  0.4 ms *  !H`, and a
//! further address of the same hop on a line of its own. A platform file says so only where its lines are others.

use super::super::definition::Text;
use toml::Spanned;

const ADDRESS: &str = r"(?:\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]*:[0-9a-fA-F:.]+(?:%[\w.-]+)?)";
/// A name or number of it, its AS, its labels.
const NOTES: &str = r"(?: ?\([^()\n]*\)| ?\[[^\[\]\n]*\]| ?<[^<>\n]*>)*";
/// A time, nothing, or why it is the last: BSD's `!H`, Cisco's `A` and `?`.
const REPLY: &str = r"(?: <?\d+(?:\.\d+)? ?ms(?:ec)?| \*| !\S*| [A-Z?])";

pub(super) const TIME: &str = r" (?P<time>\d+(?:\.\d+)?) ?ms(?:ec)?";
pub(super) const TIME_UNIT: &str = "1ms";

pub(super) fn hop() -> Vec<Text> {
    let replies = format!(r"(?:{ADDRESS}|[\w.:-]+ \({ADDRESS}\)){NOTES}(?:{REPLY}{NOTES})+");
    let numbered = format!(r"^ *(?P<hop>\d+)(?P<replies>(?: (?:\*|{replies}))+)$");
    let further = format!(r"^(?P<replies>(?: {replies})+)$");
    [numbered, further].map(text).into()
}

pub(super) fn text(text: impl Into<String>) -> Text {
    Spanned::new(0..0, text.into())
}
