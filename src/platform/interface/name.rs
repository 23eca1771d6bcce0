//! Names of interfaces: what may be asked, and whether an answer is about it.

use super::file::NameFile;

/// What is wrong with a name for this platform, to follow "takes".
pub(super) fn refused(name: &str, form: &NameFile) -> Option<String> {
    if name.contains('@') {
        Some("no @ in an interface's name".to_owned())
    } else if name.len() > form.max {
        Some(format!("interface names of 1 to {} characters", form.max))
    } else if form.digit && !name.bytes().any(|b| b.is_ascii_digit()) {
        Some(
            "the name of one interface with its number, e.g. GigabitEthernet0/1; a type alone means all of them"
                .to_owned(),
        )
    } else if !form.slash && name.contains('/') {
        Some("interface names without /".to_owned())
    } else {
        None
    }
}

/// Routers answer an abbreviation by the long name (`Gi0/1` → `GigabitEthernet0/1`): from the first digit on both are the same.
pub(super) fn is_same(asked: &str, printed: &str, form: &NameFile) -> bool {
    if form.exact {
        return asked == printed;
    }
    let number = |name: &str| {
        let start = name.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
        name[start..].to_ascii_lowercase()
    };
    number(asked) == number(printed)
}

/// A channel that a router prints behind its interface: `Dialer1:0` of `Dialer1`.
pub(super) fn is_channel_of(name: &str, interface: &str) -> bool {
    name.strip_prefix(interface).is_some_and(|rest| rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abbreviation_is_the_same_interface_another_number_is_not() {
        let form = NameFile::default();
        for (asked, printed, same) in [
            ("Gi0/1", "GigabitEthernet0/1", true),
            ("GE1/0/1", "GigabitEthernet1/0/1", true),
            ("10GE1/8/0/0", "10GE1/8/0/0", true),
            ("mgmteth0/rsp0/cpu0/1", "MgmtEth0/RSP0/CPU0/1", true),
            ("Gi0/1", "GigabitEthernet0/1.35", false),
            ("Gi0/1", "GigabitEthernet0/11", false),
            ("Se1/0/2:0", "Serial1/0/2:0", true),
            ("Eth1/1-4", "Ethernet1/1", false),
        ] {
            assert_eq!(is_same(asked, printed, &form), same, "{asked} {printed}");
        }
        let exact = NameFile { exact: true, ..form };
        assert!(is_same("wan0", "wan0", &exact) && !is_same("xan0", "wan0", &exact));
    }
}
