//! Which Zabbix answers, and how its API differs from that of others. Pure.

use std::fmt;

/// The oldest whose API is spoken.
const OLDEST: (u32, u32) = (5, 0);
/// The newest whose API is known.
const NEWEST: (u32, u32) = (7, 4);

/// Of a frontend, as `apiinfo.version` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    text: String,
    number: (u32, u32),
}

impl Version {
    /// `6.0.14`, `7.0.0rc1`; None when it is no version.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let number = |part: Option<&str>| {
            let digits: String = part?.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok().filter(|_| digits.len() <= 4)
        };
        let number = (number(parts.next())?, number(parts.next())?);
        let sound = text.len() <= 32 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
        sound.then(|| Self { text: text.to_owned(), number })
    }

    /// Before it was asked for.
    pub(super) fn unknown() -> Self {
        Self { text: String::new(), number: (0, 0) }
    }

    pub fn is_too_old(&self) -> bool {
        self.number < OLDEST
    }

    /// What is new in it is not known here; it is spoken to as to the newest that is.
    pub fn is_newer_than_known(&self) -> bool {
        self.number > NEWEST
    }

    /// The name of the user's name at login.
    pub fn login_name(&self) -> &'static str {
        if self.number < (5, 4) { "user" } else { "username" }
    }

    pub fn has_tokens(&self) -> bool {
        self.number >= (5, 4)
    }

    /// The token goes into a header, not into the request.
    pub fn takes_bearer(&self) -> bool {
        self.number >= (6, 4)
    }

    /// Hosts are found by the tags of their templates, too. What older ones do with that parameter is not known here, and
    /// unknown parameters have no effect: there, all hosts are looked at.
    pub fn finds_inherited_tags(&self) -> bool {
        self.number >= (5, 4)
    }

    /// Groups of hosts and groups of templates are two things.
    pub fn has_host_groups(&self) -> bool {
        self.number >= (6, 2)
    }

    /// `monitored_by`, `proxyid` and proxy groups in the place of `proxy_hostid`; a proxy has a `name`, not a `host`.
    pub fn has_proxy_groups(&self) -> bool {
        self.number >= (7, 0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_numbers_and_nothing_else_is_one() {
        let of = |text| Version::parse(text).map(|version| version.number);
        assert_eq!(
            [of("5.0.42"), of("6.0.14"), of("7.4.0rc1"), of("10.2")].map(Option::unwrap),
            [(5, 0), (6, 0), (7, 4), (10, 2)]
        );
        for text in
            ["", "6", "six.0", "6.x", "<html>6.0</html>", "6.0\n", "99999.0", &format!("6.0.{}", "1".repeat(40))]
        {
            assert_eq!(of(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_older_or_newer_than_known_is_told() {
        let of = |text| Version::parse(text).unwrap();
        assert!(of("4.4.10").is_too_old() && !of("5.0.0").is_too_old());
        assert!(of("8.0.0").is_newer_than_known() && of("7.6.0").is_newer_than_known());
        assert!(!of("7.4.9").is_newer_than_known());
    }
}
