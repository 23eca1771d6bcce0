//! What a command takes from the inventory: a line or a router by name, with what was given beside it, and the settings that
//! are the router's own.

use super::Context;
use crate::failure::{Failure, Kind};
use crate::inventory::arguments as argument;
use crate::inventory::compiled::Inventory;
use crate::inventory::line::{RawLine, RawRouter};
use crate::inventory::name;
use crate::settings::Settings;

/// What the inventory has of them is not given by flags.
const HAS: &[(argument::Argument, &str)] = &[
    (argument::TARGET, "target"),
    (argument::ROUTER, "address"),
    (argument::PLATFORM, "platform"),
    (argument::USER, "user"),
    (argument::PASSWORD, "password"),
    (argument::KEY, "key"),
    (argument::PASSPHRASE, "passphrase"),
    (argument::ENABLE_PASSWORD, "enable_password"),
    (argument::COUNT, "count"),
    (argument::TIMEOUT, "timeout"),
    (argument::SIZE, "size"),
    (argument::DF, "df"),
    (argument::SOURCE, "source"),
    (argument::INTERFACE, "interface"),
];

/// A mistake in what came from the inventory: said of its key, not of a flag that nobody gave. `whose`: `router edge-1`.
pub(super) fn said_of(whose: &str, failure: Failure) -> Failure {
    let renamed = HAS.iter().find_map(|(argument, key)| argument.renamed(&failure.message, key));
    match renamed {
        Some(message) if failure.kind == Kind::Settings => {
            Failure { message: format!("{whose} of the inventory: {message}"), ..failure }
        }
        _ => failure,
    }
}

pub(super) fn inventory(context: &Context) -> Result<Inventory, Failure> {
    Inventory::open(&context.state()?.inventory())
}

/// The arguments of a line that is named only by its id. None = it has a target or a router: nothing is looked up.
pub(super) fn line(context: &Context, given: &RawLine) -> Result<Option<(RawLine, Settings)>, Failure> {
    let none = |text: &String| text.is_empty();
    let alone = given.targets.iter().all(none) && given.router.address.as_ref().is_none_or(none);
    if !alone {
        return Ok(None);
    }
    let Some(id) = argument::LINE.given(given.line.clone())? else {
        // An agent's template has only the one, all others only the other.
        let (line, target) = (argument::LINE.name(), argument::TARGET.name());
        return Err(Failure::settings(format!(
            "neither {line} nor {target} is given: allowed is a line of the inventory, or a target with its router"
        )));
    };
    if !name::is_name(&id) {
        return Err(argument::LINE.refused(&id, name::ALLOWED));
    }
    let (line, router) = inventory(context)?.line(&id)?;
    Ok(Some((given.clone().over(line.raw(&router)), router.settings(&context.loaded)?)))
}

/// The arguments of a router that may be named as the inventory does. None = it has a platform: it is described by arguments.
pub(super) fn router(context: &Context, given: &RawRouter) -> Result<Option<(RawRouter, Settings)>, Failure> {
    let text = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
    let (Some(name), None) = (text(&given.address), text(&given.platform)) else { return Ok(None) };
    let Some(inventory) = Inventory::open_if_there(&context.state()?.inventory())? else { return Ok(None) };
    let (router, _) = inventory.router(&name).map_err(|failure| {
        Failure::settings(format!("{} is not given, and {}", argument::PLATFORM.name(), failure.message))
    })?;
    let own = RawRouter { address: None, ..given.clone() };
    Ok(Some((own.over(router.raw()), router.settings(&context.loaded)?)))
}
