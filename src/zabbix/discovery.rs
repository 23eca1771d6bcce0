//! Low-level discovery: one row of macros per line or router. All values are text, empty where nothing is set. Never a user name,
//! never a secret: what is discovered is shown to everybody who sees the host.

use crate::inventory::line_record::LineRecord;
use crate::inventory::router_record::RouterRecord;
use serde_json::{Map, Value};

/// The macros of a row of lines; those of routers are the last three.
pub const MACROS: [&str; 11] = [
    "{#LINE.ID}",
    "{#LINE.NAME}",
    "{#LINE.TARGET}",
    "{#LINE.VRF}",
    "{#LINE.SOURCE}",
    "{#LINE.CARRIER}",
    "{#LINE.CIRCUIT}",
    "{#LINE.INTERVAL}",
    "{#ROUTER.NAME}",
    "{#ROUTER.ADDRESS}",
    "{#ROUTER.PLATFORM}",
];

/// The values of [`MACROS`], in their order.
pub fn line(line: &LineRecord, router: &RouterRecord) -> [String; 11] {
    let set = |value: &Option<String>| value.clone().unwrap_or_default();
    let [name, address, platform] = self::router(router);
    [
        line.id.clone(),
        line.name().to_owned(),
        line.target.clone(),
        set(&line.vrf),
        set(&line.source),
        set(&line.carrier),
        set(&line.circuit),
        line.interval_text().to_owned(),
        name,
        address,
        platform,
    ]
}

/// The values of the last three [`MACROS`].
pub fn router(router: &RouterRecord) -> [String; 3] {
    [router.name.clone(), router.address.clone(), router.platform.clone()]
}

/// What a discovery rule takes: a bare array of rows.
pub fn rows<const N: usize>(rows: &[[String; N]]) -> Value {
    let macros = &MACROS[MACROS.len() - N..];
    let row = |values: &[String; N]| -> Map<String, Value> {
        macros.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect()
    };
    rows.iter().map(|values| Value::Object(row(values))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_all_macros_as_text_and_nothing_that_opens_a_router() {
        let of = RouterRecord {
            name: "edge-1".into(),
            address: "192.0.2.1:2222".into(),
            platform: "linux".into(),
            user: Some("canary".into()),
            password: Some("secret:canary".into()),
            key: Some("/canary".into()),
            passphrase: Some("canary".into()),
            enable_password: Some("canary".into()),
            proxy_command: Some("canary".into()),
            ..RouterRecord::default()
        };
        let one = LineRecord { id: "L-1".into(), target: "10.1.1.2".into(), ..LineRecord::default() };
        let found = rows(&[line(&one, &of)]);
        let row = found[0].as_object().unwrap();
        assert_eq!(row.len(), MACROS.len());
        assert!(MACROS.iter().all(|name| row[*name].is_string()));
        assert_eq!(
            (&row["{#LINE.NAME}"], &row["{#LINE.VRF}"], &row["{#LINE.INTERVAL}"]),
            (&"L-1".into(), &"".into(), &"180".into())
        );
        assert!(!found.to_string().contains("canary"));
        let routers = rows(&[router(&of)]).to_string();
        assert_eq!(
            routers,
            r##"[{"{#ROUTER.ADDRESS}":"192.0.2.1:2222","{#ROUTER.NAME}":"edge-1","{#ROUTER.PLATFORM}":"linux"}]"##
        );
        assert_eq!(rows::<11>(&[]).to_string(), "[]");
    }
}
