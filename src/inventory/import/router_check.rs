//! A draft of a router: everything that is wrong with it, or its record.

use super::draft::{Draft, Field};
use super::mistake::Findings;
use super::platforms::Platforms;
use super::references::References;
use super::wording;
use crate::inventory::address;
use crate::inventory::line::{RawRouter, Router};
use crate::inventory::name;
use crate::inventory::router_record::RouterRecord;
use crate::quote::quoted;
use crate::settings::{Setting, Settings};

/// A router that says nothing wrong: what one key says is judged beside these.
pub(super) fn sound() -> RawRouter {
    RawRouter { address: Some("192.0.2.1".to_owned()), platform: Some("linux".to_owned()), ..RawRouter::default() }
}

pub(super) fn check(
    draft: &Draft,
    platforms: &mut Platforms,
    references: &mut References<'_>,
    findings: &mut Findings,
) -> Option<RouterRecord> {
    let before = findings.count();
    for name in draft.missing() {
        findings.missing(&draft.place, format!("the router has no {name}"));
    }
    if draft.field("password").is_none() && draft.field("key").is_none() {
        findings.missing(&draft.place, "the router has neither password nor key: allowed is one of them, or both");
    }
    let stored = draft.value("password").is_some_and(|password| password.starts_with("secret:"));
    if draft.field("user").is_none() && !stored {
        findings.missing(&draft.place, "the router has no user, and no password secret:NAME whose login has one");
    }
    for field in &draft.fields {
        if !field.is_macro(findings) {
            one(field, platforms, references, findings);
        }
    }
    let address = address(draft, findings)?;
    (findings.count() == before && !draft.lacks_one()).then(|| record(draft, address))
}

fn one(field: &Field, platforms: &mut Platforms, references: &mut References<'_>, findings: &mut Findings) {
    let value = Some(field.value.clone());
    let mut raw = sound();
    match field.key.name {
        "name" if !name::is_name(&field.value) => {
            let what = format!("name {}: allowed is {}", quoted(&field.value), name::ALLOWED);
            return findings.mistake(&field.place, what);
        }
        "address" => raw.address = value,
        "platform" => raw.platform = value,
        "user" => raw.user = value,
        "password" => raw.password = value,
        "key" => raw.key = value,
        "passphrase" => raw.passphrase = value,
        "enable_password" => raw.enable_password = value,
        "proxy_command" => return setting("ssh.proxy_command", field, findings),
        "lanes" => return setting("master.lanes", field, findings),
        "crypto" => return setting("ssh.crypto", field, findings),
        _ => return,
    }
    let router = match Router::parse(raw) {
        Ok(router) => router,
        Err(failure) => return findings.mistake(&field.place, wording::of_key(field.key, &failure)),
    };
    match field.key.name {
        "platform" => {
            if let Err(what) = platforms.get(&router.platform) {
                findings.mistake(&field.place, what);
            }
        }
        // Who polls is somewhere else than who imports.
        "key" if !field.value.starts_with('/') => {
            findings.mistake(&field.place, format!("key {}: allowed is an absolute path", quoted(&field.value)));
        }
        _ => {}
    }
    for reference in [router.password, router.passphrase, router.enable].iter().flatten() {
        references.check(field, reference, findings);
    }
}

fn setting(name: &str, field: &Field, findings: &mut Findings) {
    let Some(setting) = Setting::named(name) else { return };
    if let Err(what) = setting.set(&mut Settings::default(), &field.value) {
        findings.mistake(&field.place, what.replacen(name, field.key.name, 1));
    }
}

/// Address and port together, as a poll would take them.
fn address(draft: &Draft, findings: &mut Findings) -> Option<String> {
    let port = draft.field("port");
    let number = port.and_then(|field| {
        let digits = field.value.bytes().all(|b| b.is_ascii_digit());
        let number = field.value.parse::<u16>().ok().filter(|number| digits && *number != 0);
        if number.is_none() {
            let what = format!("port {}: allowed is a whole number from 1 to 65535", quoted(&field.value));
            findings.mistake(&field.place, what);
        }
        number
    });
    // That it is wrong or missing has been said.
    let mut address = address::router(draft.value("address")?)?;
    if let (Some(field), Some(number)) = (port, number) {
        if address.port != 22 && address.port != number {
            let what = format!("port {number} and the port {} of the address differ", address.port);
            findings.mistake(&field.place, what);
        }
        address.port = number;
    }
    Some(address.short())
}

fn record(draft: &Draft, address: String) -> RouterRecord {
    let crypto = draft.value("crypto").and_then(|crypto| {
        let mut settings = Settings::default();
        Setting::named("ssh.crypto")?.set(&mut settings, crypto).ok()?;
        settings.ssh.crypto
    });
    RouterRecord {
        name: draft.owned("name").unwrap_or_default(),
        address,
        platform: draft.owned("platform").unwrap_or_default(),
        user: draft.owned("user"),
        password: draft.owned("password"),
        key: draft.owned("key"),
        passphrase: draft.owned("passphrase"),
        enable_password: draft.owned("enable_password"),
        proxy_command: draft.owned("proxy_command"),
        lanes: draft.value("lanes").and_then(|lanes| lanes.parse().ok()),
        crypto,
    }
}
