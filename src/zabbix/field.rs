//! What a line and its router are told by, and which macro tells it. The names can be set, the defaults are those that a
//! poll's arguments have.

use super::macros::Name;
use crate::failure::Failure;
use crate::inventory::arguments as argument;
use crate::quote::quoted;
use crate::settings::suggestion::nearest;
use crate::settings::table::pairs;

/// One thing that a macro tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Id,
    Target,
    Interval,
    Count,
    Timeout,
    Size,
    Df,
    Vrf,
    Source,
    Interface,
    Evidence,
    Carrier,
    Circuit,
    Router,
    RouterName,
    Platform,
    Protocol,
    User,
    Password,
    Key,
    Passphrase,
    EnablePassword,
}

use Field::*;

/// Name in the setting, and the macro's default name.
pub(super) const FIELDS: [(Field, &str, &str); 22] = [
    (Id, "id", argument::LINE.macro_name),
    (Target, "target", argument::TARGET.macro_name),
    (Interval, "interval", "{$LINE_CHECK_INTERVAL}"),
    (Count, "count", argument::COUNT.macro_name),
    (Timeout, "timeout", argument::TIMEOUT.macro_name),
    (Size, "size", argument::SIZE.macro_name),
    (Df, "df", argument::DF.macro_name),
    (Vrf, "vrf", argument::VRF.macro_name),
    (Source, "source", argument::SOURCE.macro_name),
    (Interface, "interface", argument::INTERFACE.macro_name),
    (Evidence, "evidence", argument::EVIDENCE.macro_name),
    (Carrier, "carrier", "{$LINE_CARRIER}"),
    (Circuit, "circuit", "{$LINE_CIRCUIT}"),
    (Router, "router", argument::ROUTER.macro_name),
    (RouterName, "router_name", argument::ROUTER_NAME.macro_name),
    (Platform, "platform", argument::PLATFORM.macro_name),
    (Protocol, "protocol", "{$LINE_ROUTER_PROTOCOL}"),
    (User, "user", argument::USER.macro_name),
    (Password, "password", argument::PASSWORD.macro_name),
    (Key, "key", argument::KEY.macro_name),
    (Passphrase, "passphrase", argument::PASSPHRASE.macro_name),
    (EnablePassword, "enable_password", argument::ENABLE_PASSWORD.macro_name),
];

/// The macro of each field.
pub(super) struct Names([Name; 22]);

impl Names {
    /// The defaults and what `sync.macros` says.
    pub(super) fn of(setting: Option<&str>) -> Result<Self, Failure> {
        let refused = |what: String| Failure::settings(format!("sync.macros: {what}"));
        let mut given: Vec<(&str, Name)> = Vec::new();
        for pair in setting.into_iter().flat_map(pairs) {
            let (key, name) = pair.ok_or_else(|| refused("allowed are pairs like router={$EDGE_IP}".to_owned()))?;
            if !FIELDS.iter().any(|(_, known, _)| *known == key) {
                let names = FIELDS.map(|(_, known, _)| known);
                let near = nearest(key, names).map_or_else(|| names.join(", "), |near| format!("did you mean {near}?"));
                return Err(refused(format!("nothing is called {}; {near}", quoted(key))));
            }
            let name = Name::parse(name).ok_or_else(|| refused(format!("{} is no macro", quoted(name))))?;
            given.push((key, name));
        }
        let mut names = Vec::with_capacity(FIELDS.len());
        for (_, key, default) in FIELDS {
            let own = given.iter().find(|(known, _)| *known == key).map(|(_, name)| name.clone());
            names.push(own.or_else(|| Name::parse(default)).ok_or_else(|| refused(format!("{default} is no macro")))?);
        }
        names.try_into().map(Self).map_err(|_| refused("not all fields have a macro".to_owned()))
    }

    pub(super) fn of_field(&self, field: Field) -> &Name {
        &self.0[field as usize]
    }

    /// What the inventory says of a value, said of a host: the macro stands where an argument or a key stood.
    /// `--count ({$LINE_PING_COUNT}) "x": …` → `{$LINE_PING_COUNT} "x": …`
    pub(super) fn worded(&self, message: &str) -> String {
        let arguments = [
            (Id, argument::LINE),
            (Target, argument::TARGET),
            (Count, argument::COUNT),
            (Timeout, argument::TIMEOUT),
            (Size, argument::SIZE),
            (Df, argument::DF),
            (Vrf, argument::VRF),
            (Source, argument::SOURCE),
            (Interface, argument::INTERFACE),
            (Evidence, argument::EVIDENCE),
            (Router, argument::ROUTER),
            (Platform, argument::PLATFORM),
            (User, argument::USER),
            (Password, argument::PASSWORD),
            (Key, argument::KEY),
            (Passphrase, argument::PASSPHRASE),
            (EnablePassword, argument::ENABLE_PASSWORD),
        ];
        let of_argument = arguments
            .iter()
            .find_map(|(field, argument)| argument.renamed(message, &self.of_field(*field).to_string()));
        let of_key = || {
            FIELDS.iter().find_map(|(field, key, _)| {
                let rest = message.strip_prefix(key).filter(|rest| rest.starts_with(" \""))?;
                Some(format!("{}{rest}", self.of_field(*field)))
            })
        };
        of_argument.or_else(of_key).unwrap_or_else(|| message.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_stands_at_its_own_place() {
        for (at, (field, key, default)) in FIELDS.into_iter().enumerate() {
            assert_eq!(field as usize, at, "{key}");
            assert_eq!(Names::of(None).unwrap().of_field(field).to_string(), default);
        }
    }

    #[test]
    fn names_can_be_set_and_a_wrong_one_is_told() {
        let names = Names::of(Some("router={$EDGE_IP}; user = {$EDGE:user}")).unwrap();
        assert_eq!(names.of_field(Router).to_string(), "{$EDGE_IP}");
        assert_eq!(names.of_field(User).to_string(), "{$EDGE:\"user\"}");
        let wrong = |text| Names::of(Some(text)).err().unwrap().message;
        assert_eq!(wrong("ruoter={$X}"), "sync.macros: nothing is called \"ruoter\"; did you mean router?");
        assert_eq!(wrong("router={$x}"), "sync.macros: \"{$x}\" is no macro");
    }

    #[test]
    fn a_refusal_names_the_macro_that_was_read() {
        let names = Names::of(Some("count={$MY_COUNT}")).unwrap();
        let said = r#"--count ({$LINE_PING_COUNT}) "x": allowed is a number"#;
        assert_eq!(names.worded(said), r#"{$MY_COUNT} "x": allowed is a number"#);
        assert_eq!(names.worded("linux has no ping"), "linux has no ping");
        let said = "--vrf ({$LINE_VRF}): macro {$NOPE} has no value";
        assert_eq!(names.worded(said), "{$LINE_VRF}: macro {$NOPE} has no value");
        assert_eq!(names.worded("interval \"x\": no"), "{$LINE_CHECK_INTERVAL} \"x\": no");
    }
}
