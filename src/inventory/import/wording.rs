//! The words of a poll's refusal, said of a file: the key stands where the argument and its macro stood.

use super::key::Key;
use crate::failure::Failure;

/// `--count ({$LINE_PING_COUNT}) "x": allowed is …` → `count "x": allowed is …`
pub(super) fn of_key(key: &Key, failure: &Failure) -> String {
    key.argument.and_then(|argument| argument.renamed(&failure.message, key.name)).unwrap_or(failure.message.clone())
}

#[cfg(test)]
mod tests {
    use super::of_key;
    use crate::failure::Failure;
    use crate::inventory::import::key::Kind;

    #[test]
    fn the_key_stands_in_place_of_flag_and_macro() {
        let count = Kind::Line.key("count").unwrap();
        for said in [r#"--count ({$LINE_PING_COUNT}) "x": no"#, r#"--count "x" ({$LINE_PING_COUNT}): no"#] {
            assert_eq!(of_key(count, &Failure::settings(said)), r#"count "x": no"#);
        }
        assert_eq!(of_key(count, &Failure::settings("linux has no ping")), "linux has no ping");
    }
}
