//! How a value that came from outside is shown in a message: quoted, on one line, bounded, nothing that could steer a
//! terminal. Not for secrets: those are never shown.

/// More of a value helps nobody and floods Zabbix' latest data.
const SHOWN: usize = 80;

/// The value in double quotes, controls and invisible characters escaped, at most 80 characters of it and then `…`.
pub fn quoted(value: &str) -> String {
    // {:?} escapes what is not printable, combining marks at the start, quotes and backslashes.
    let mut shown = String::from("\"");
    let mut characters = value.chars();
    let mut width = 0;
    for c in characters.by_ref() {
        let escaped: String = if c == '\'' { c.into() } else { c.escape_debug().collect() };
        width += escaped.chars().count();
        if width > SHOWN {
            shown.push('…');
            break;
        }
        shown.push_str(&escaped);
    }
    shown.push('"');
    shown
}

/// A router's words for one line of a message: controls are blanks, one blank between words, at most so many characters of
/// it and then `…`.
pub fn excerpt(text: &str, most: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(most) {
        words.truncate(end);
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{excerpt, quoted};

    #[test]
    fn a_plain_value_is_only_quoted() {
        assert_eq!(quoted("10.1.1.2"), "\"10.1.1.2\"");
        assert_eq!(quoted("it's Köln"), "\"it's Köln\"");
        assert_eq!(quoted(""), "\"\"");
    }

    #[test]
    fn controls_and_direction_marks_cannot_reach_the_terminal() {
        assert_eq!(quoted("a\nreload\r\0\u{1b}[2J\u{202e}"), r#""a\nreload\r\0\u{1b}[2J\u{202e}""#);
        assert_eq!(quoted("say \"x\\\""), r#""say \"x\\\"""#);
    }

    #[test]
    fn a_long_value_is_cut() {
        assert_eq!(quoted(&"x".repeat(64 << 10)), format!("\"{}…\"", "x".repeat(80)));
        assert_eq!(quoted(&"x".repeat(80)), format!("\"{}\"", "x".repeat(80)));
        assert!(quoted(&"\u{1b}".repeat(1000)).chars().count() <= 83);
    }

    #[test]
    fn an_excerpt_is_one_line_of_words() {
        assert_eq!(excerpt(" % Bad\r\n\u{1b}[1m  mask\0", 20), "% Bad [1m mask");
        assert_eq!(excerpt("äöü", 3), "äöü");
        assert_eq!(excerpt("äöü!", 3), "äöü…");
    }
}
