//! Which credential a router has whose password the API does not tell: by router, by host group, or one for all.

use crate::settings::Sync;
use crate::settings::table::pairs;

pub(super) struct Rules<'a> {
    routers: Vec<(&'a str, &'a str)>,
    groups: Vec<(&'a str, &'a str)>,
    default: Option<&'a str>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(settings: &'a Sync) -> Self {
        let list = |text: &'a Option<String>| text.iter().flat_map(|text| pairs(text)).flatten().collect();
        Self {
            routers: list(&settings.router_credentials),
            groups: list(&settings.group_credentials),
            default: settings.credential.as_deref(),
        }
    }

    /// The reference for a router, by its name or address, of a host in these groups.
    pub(super) fn find(&self, router: &str, address: &str, groups: &[String]) -> Option<&'a str> {
        let of_router = self.routers.iter().find(|(name, _)| *name == router || *name == address);
        let inside =
            |group: &str, of: &str| group.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let of_group = || self.groups.iter().find(|(name, _)| groups.iter().any(|group| inside(group, name)));
        of_router.or_else(of_group).map(|(_, reference)| *reference).or(self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn router_goes_before_group_and_group_before_all() {
        let settings = Sync {
            router_credentials: Some("edge-1=secret:edge; 192.0.2.9=secret:nine".into()),
            group_credentials: Some("Routers/Bern=secret:bern; Routers=exec:pass show x=y".into()),
            credential: Some("secret:all".into()),
            ..Sync::default()
        };
        let rules = Rules::of(&settings);
        let find = |name, address, group: &str| rules.find(name, address, &[group.to_owned()]).unwrap();
        assert_eq!(find("edge-1", "192.0.2.1", "Routers/Bern"), "secret:edge");
        assert_eq!(find("192.0.2.9", "192.0.2.9", ""), "secret:nine");
        assert_eq!(find("r", "192.0.2.1", "Routers/Bern/West"), "secret:bern");
        assert_eq!(find("r", "192.0.2.1", "Routers/Bernex"), "exec:pass show x=y");
        assert_eq!(find("r", "192.0.2.1", "Other"), "secret:all");
        assert_eq!(Rules::of(&Sync::default()).find("r", "r", &[]), None);
    }
}
