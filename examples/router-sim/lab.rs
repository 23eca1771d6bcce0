//! Which routers to play: a lab file of many, or the one of the command line. It knows nothing of SSH.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::options::Options;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lab {
    #[serde(default)]
    defaults: toml::Table,
    router: Vec<toml::Table>,
}

pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Options>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading lab file {}", path.display()))?;
    let lab: Lab = toml::from_str(&text).with_context(|| format!("lab file {}", path.display()))?;
    lab.router
        .into_iter()
        .enumerate()
        .map(|(index, table)| {
            let mut merged = lab.defaults.clone();
            merged.extend(table);
            merged.entry("name").or_insert_with(|| format!("r{}", index + 1).into());
            Options::deserialize(merged).with_context(|| format!("lab file {}, router {}", path.display(), index + 1))
        })
        .collect()
}

/// `count` of one router becomes as many routers, each with its own name and port.
pub(crate) fn spread(wanted: Vec<Options>) -> anyhow::Result<Vec<Options>> {
    let mut routers = Vec::new();
    for options in wanted {
        for number in 0..options.count {
            let mut one = options.clone();
            if options.count > 1 {
                one.name = format!("{}-{}", options.name, number + 1);
            }
            if options.listen.port() != 0 {
                let port = options.listen.port().checked_add(number).context("--count goes past port 65535")?;
                one.listen.set_port(port);
            }
            one.count = 1;
            routers.push(one);
        }
    }
    let mut names: Vec<&str> = routers.iter().map(|router| router.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("two routers are called {}: give each its own name", pair[0]);
    }
    Ok(routers)
}

/// `options` with the keys of one TOML line changed, as it is typed on the standard input.
pub(crate) fn change(options: &Options, text: &str) -> anyhow::Result<Options> {
    let mut table = toml::Table::try_from(options).context("writing the options as they are")?;
    table.extend(toml::from_str::<toml::Table>(text).context("what is to be changed")?);
    Options::deserialize(table).context("what is to be changed")
}
