//! Which lines a command means: all of a router of the inventory, or some of them.

use super::arguments::text;
use super::output;
use crate::failure::Failure;
use crate::inventory::arguments as argument;
use crate::inventory::compiled::{Inventory, RouterLines};
use crate::inventory::line_record::LineRecord;

/// Which lines of the inventory.
#[derive(clap::Args)]
pub(super) struct Choice {
    /// Name of the router in the inventory; given twice, the first that is not empty counts ({$LINE_ROUTER_NAME}, {HOST.HOST})
    #[arg(long, value_name = "NAME", value_parser = text(), allow_hyphen_values = true)]
    router: Vec<String>,
    /// Only this line of the router; may be given more than once ({$LINE_ID})
    #[arg(long, value_name = "ID", value_parser = text(), allow_hyphen_values = true)]
    line: Vec<String>,
}

impl Choice {
    /// The router that is meant, and those of its lines.
    pub(super) fn look_up(&self, inventory: &Inventory) -> Result<RouterLines, Failure> {
        let router = argument::first_given(argument::ROUTER_NAME, &self.router)?;
        let mut ids = Vec::new();
        for id in &self.line {
            ids.extend(argument::LINE.given(Some(id.clone()))?);
        }
        let (name, allowed) = match (router, ids.first()) {
            (Some(name), _) => (name.to_owned(), None),
            (None, Some(id)) => (inventory.line(id)?.1.name, Some(id)),
            (None, None) => return Err(argument::ROUTER_NAME.missing("the name of a router in the inventory")),
        };
        let (router, lines) = inventory.router(&name)?;
        if ids.is_empty() {
            return Ok((router, lines));
        }
        let of_router = |id: &String| -> Result<LineRecord, Failure> {
            if let Some(line) = lines.iter().find(|line| line.id == *id) {
                return Ok(line.clone());
            }
            let (line, other) = inventory.line(id)?;
            let whose = allowed.map_or(format!("router {name}"), |first| format!("router {name}, as line {first} is"));
            Err(Failure::settings(format!(
                "line {} is of router {}, not of {whose}: a batch is of one router",
                line.id, other.name
            )))
        };
        let mut chosen: Vec<LineRecord> = Vec::with_capacity(ids.len());
        for id in &ids {
            if chosen.iter().all(|line| line.id != *id) {
                chosen.push(of_router(id)?);
            }
        }
        Ok((router, chosen))
    }

    /// What is known of the router when nothing else is.
    pub(super) fn router(&self) -> Option<String> {
        self.router.iter().find(|text| !text.is_empty()).map(|text| output::one_line(text))
    }
}
