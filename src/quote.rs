//! How a value that came from outside is shown in a message: quoted, on one line, bounded, nothing that could steer a
//! terminal. Not for secrets: those are never shown.

use std::borrow::Cow;

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

/// A router's words for one line of a message: controls are blanks, one blank between words, other hidden characters escaped,
/// at most `most` characters of it and then `…`.
pub fn excerpt(text: &str, most: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = visible(&text);
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(most) {
        words.truncate(end);
        words.push('…');
    }
    words
}

/// A character that steers a terminal, turns the text around it, or takes no place in it: it makes a text look like another.
pub fn is_hidden(c: char) -> bool {
    // Unicode's Default_Ignorable_Code_Point without the variation selectors of visible characters, line and paragraph
    // separators, and the marks of interlinear annotation.
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns the text with every hidden character escaped.
pub fn visible(text: &str) -> Cow<'_, str> {
    visible_but(text, "")
}

/// The same, except that the characters in `kept` stay as they are.
pub fn visible_but<'t>(text: &'t str, kept: &str) -> Cow<'t, str> {
    let hidden = |c: char| is_hidden(c) && !kept.contains(c);
    if !text.contains(hidden) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn every_invisible_character_is_hidden() {
        use regex_syntax::hir::{Class, HirKind};
        let ignorable =
            regex_syntax::parse(r"[\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Bidi_Control}--\p{VS}]").unwrap();
        let HirKind::Class(Class::Unicode(class)) = ignorable.kind() else { panic!("a class") };
        let unseen: Vec<char> = class.ranges().iter().flat_map(|range| range.start()..=range.end()).collect();
        assert!(unseen.len() > 3000);
        for c in unseen {
            assert!(is_hidden(c), "{c:?}");
        }
        for seen in "aä# ~‹›–€日\u{301}\u{e000}\u{fffd}🙂\u{fe0f}".chars() {
            assert!(!is_hidden(seen), "{seen:?}");
        }
    }

    #[test]
    fn hidden_characters_become_escapes() {
        assert_eq!(visible("plain Köln"), "plain Köln");
        assert_eq!(visible("a\u{202e}b\u{200b}\u{1b}\n"), "a\\u{202e}b\\u{200b}\\u{1b}\\u{a}");
        assert_eq!(visible_but("a\n\t\u{9b}", "\n\t"), "a\n\t\\u{9b}");
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
        assert_eq!(excerpt("10.0.0.1\u{202e}1.0.0.01 ad\u{200b}min", 60), "10.0.0.1\\u{202e}1.0.0.01 ad\\u{200b}min");
        assert_eq!(excerpt("äöü", 3), "äöü");
        assert_eq!(excerpt("äöü!", 3), "äöü…");
    }
}
