//! The panic hook: a defect is logged with its place and message. The standard library quotes the text that a bad index cuts;
//! it may be a secret, so that quote is left out.

use std::panic::PanicHookInfo;

pub(super) fn log(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let payload = info.payload();
    let message = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    log::error!(
        thread = thread.name().unwrap_or("?");
        "panic at {place}: {}",
        without_quote(message.unwrap_or("no message"))
    );
}

/// The message up to the text that str indexing shows.
fn without_quote(message: &str) -> &str {
    let quotes = ["; it is inside ", " of `", " when slicing `"];
    let end = quotes.iter().filter_map(|quote| message.find(quote)).min();
    end.map_or(message, |end| &message[..end])
}

#[cfg(test)]
mod tests {
    use super::without_quote;

    /// The message of a panic on this very toolchain.
    fn message(defect: impl FnOnce() + std::panic::UnwindSafe) -> String {
        let payload = std::panic::catch_unwind(defect).unwrap_err();
        payload
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| (*payload.downcast_ref::<&str>().unwrap()).to_owned())
    }

    #[test]
    fn a_bad_index_into_a_secret_does_not_show_it() {
        let secret = std::hint::black_box("canäry").to_owned();
        for (from, to) in [(0, 4), (0, 100), (5, 2), (99, 100)] {
            let secret = secret.clone();
            let message = message(move || drop(std::hint::black_box(secret[from..to].to_owned())));
            let shown = without_quote(&message);
            assert!(!shown.contains("can") && !shown.contains('ä'), "{shown}");
            assert!(shown.contains("byte") || shown.contains("begin") || shown.contains("slice"), "{shown}");
        }
    }

    #[test]
    fn any_other_message_is_whole() {
        assert_eq!(without_quote("index out of bounds: the len is 3"), "index out of bounds: the len is 3");
    }
}
