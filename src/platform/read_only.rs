//! Which commands a person may run through a master: those that begin with words from the definition's list and cannot
//! write, chain or redirect.

use super::Failure;
use crate::failure::{Kind, Stage};

/// What a shell or an output filter could turn into a second command, a file or a mail; `?` is help on most routers, at once.
const UNSAFE: &str = "\\;&$`<>?!\"'{}";
const LONGEST: usize = 250;
/// Words of commands that change or end a router; none stands in what is sent unasked, before and after the probes.
const CHANGES: [&str; 16] = [
    "commit",
    "config",
    "configure",
    "copy",
    "delete",
    "edit",
    "erase",
    "format",
    "global",
    "reboot",
    "reload",
    "reset",
    "save",
    "system",
    "system-view",
    "write",
];

/// A word of it that changes the router.
pub(super) fn change_in(command: &str) -> Option<&str> {
    command.split_whitespace().find(|word| CHANGES.iter().any(|change| word.eq_ignore_ascii_case(change)))
}

#[derive(Debug)]
pub(super) struct ReadOnly {
    /// Each the first words of commands that change nothing.
    pub(super) commands: Vec<Vec<String>>,
    /// Words that may follow a `|`.
    pub(super) filters: Vec<String>,
    /// Texts that none may contain.
    pub(super) forbidden: Vec<String>,
}

impl ReadOnly {
    pub(super) fn allows(&self, platform: &str, command: &str) -> Result<(), Failure> {
        let Some(why) = self.refuses(command) else { return Ok(()) };
        let shown: String = command.chars().take(80).collect();
        let allowed: Vec<String> = self.commands.iter().map(|words| words.join(" ")).collect();
        Err(Failure::new(
            Kind::Rejected,
            Stage::Settings,
            format!("command {shown:?} {why}; {platform} allows commands that begin with: {}", allowed.join(", ")),
        ))
    }

    /// Why it is not allowed, to follow the command.
    pub(super) fn refuses(&self, command: &str) -> Option<String> {
        if command.len() > LONGEST {
            return Some(format!("is longer than {LONGEST} characters"));
        }
        if let Some(bad) = command.chars().find(|c| !matches!(c, ' '..='~') || UNSAFE.contains(*c)) {
            return Some(format!("contains {bad:?}"));
        }
        if let Some(bad) = self.forbidden.iter().find(|text| command.contains(text.as_str())) {
            return Some(format!("contains {bad:?}"));
        }
        let mut parts = command.split('|');
        let words: Vec<&str> = parts.next().unwrap_or_default().split_whitespace().collect();
        for filter in parts {
            let word = filter.split_whitespace().next().unwrap_or_default();
            if !self.filters.iter().any(|allowed| allowed == word) {
                return Some(match self.filters.as_slice() {
                    [] => "contains '|'".to_owned(),
                    allowed => format!("has the filter {word:?}, allowed are {}", allowed.join(", ")),
                });
            }
        }
        let begins = |allowed: &Vec<String>| {
            words.len() >= allowed.len() && words.iter().zip(allowed).all(|(word, allowed)| word == allowed)
        };
        (!self.commands.iter().any(begins)).then(|| "is not on the read-only list".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> ReadOnly {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        ReadOnly {
            commands: vec![words("show"), words("ip addr show")],
            filters: vec!["include".to_owned()],
            forbidden: vec!["[".to_owned()],
        }
    }

    #[test]
    fn commands_of_the_list_pass_with_and_without_a_filter() {
        for command in ["show version", "show ip route 192.0.2.0", "ip addr show dev eth0", "show log | include up"] {
            list().allows("test", command).unwrap();
        }
    }

    #[test]
    fn nothing_that_writes_chains_or_redirects_passes() {
        for command in [
            "reload",
            "showx",
            "sh version",
            "ip addr add 192.0.2.1/24 dev eth0",
            "show version; reload",
            "show version\nreload",
            "show version\r",
            "show version | redirect flash:x",
            "show version |",
            "show x > y",
            "show `reload`",
            "show $(reload)",
            "show x && y",
            "show ?",
            "",
            "|",
            "show\u{1e}",
            "show x | include a | tee b",
            "show [reload]",
        ] {
            let failure = list().allows("test", command).unwrap_err();
            assert_eq!(failure.kind, Kind::Rejected, "{command:?}");
            assert!(failure.message.contains("begin with: show, ip addr show"), "{failure}");
        }
    }
}
