//! An inventory out of the API: hosts in chunks, as lines and routers, and every host that is none with the reason. Nothing is
//! written here.

use super::api::Api;
use super::credential::Rules;
use super::field::{FIELDS, Names};
use super::host::{self, Host};
use super::line_of_host::{Outcome, Rulebook, UNREADABLE};
use super::rights::{self, Origins, Rights};
use super::select::{self, Wanted};
use super::template::Templates;
use super::{answer, together};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::inventory::compiled::RouterLines;
use crate::settings::{Settings, Zabbix};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Everything that was read.
pub struct Reading {
    /// Of the frontend.
    pub version: String,
    pub url: String,
    pub routers: Vec<RouterLines>,
    /// Hosts that should be lines and are not, by id.
    pub skipped: Vec<Skipped>,
    /// How many of them have a template that the user of the API may not read.
    pub unreadable: usize,
    /// What someone may want to know.
    pub remarks: Vec<String>,
}

/// A host that is not a line, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    pub hostid: u64,
    pub host: String,
    pub reason: String,
}

impl Reading {
    pub fn lines(&self) -> usize {
        self.routers.iter().map(|(_, lines)| lines.len()).sum()
    }
}

/// What `sync.macros` can rename: each name and its macro.
pub fn macros() -> impl Iterator<Item = (&'static str, &'static str)> {
    FIELDS.into_iter().map(|(_, name, default)| (name, default))
}

/// Reads all hosts that are lines. All of it, or a failure.
pub fn read(settings: &Settings, deadline: Deadline) -> Result<Reading, Failure> {
    // What is wrong with the settings is said before anybody is asked.
    let names = Names::of(settings.sync.macros.as_deref())?;
    let api = Api::connect(settings, deadline)?;
    let mut remarks = Vec::new();
    if api.version().is_newer_than_known() {
        remarks
            .push(format!("Zabbix {} is newer than what is known here; it is asked as Zabbix 7.4 is", api.version()));
    }
    let ids = select::host_ids(&api, &settings.sync)?;
    let query = json!({"globalmacro": true, "output": ["macro", "value", "type"]});
    let mut global = Vec::new();
    api.each("usermacro.get", &query, |one| {
        global.extend(answer::user_macro(&one).map_err(|what| api.strange(&format!("its global {what}")))?);
        Ok(())
    })?;
    let book = Rulebook {
        names: &names,
        tag: Wanted::parse(&settings.sync.tag),
        credentials: Rules::of(&settings.sync),
        global: &global,
    };
    let mut reader =
        Reader { api: &api, book: &book, templates: Templates::default(), rights: Rights::default(), unreadable: 0 };
    let mut found = Vec::with_capacity(ids.len());
    let mut skipped = Vec::new();
    each_chunk(&api, &ids, &settings.zabbix, |piece| reader.take(piece, &mut found, &mut skipped))?;
    let unreadable = reader.unreadable;
    let routers = together::routers(found, settings, &names, &mut skipped, &mut remarks);
    skipped.sort_by_key(|skipped| skipped.hostid);
    Ok(Reading { version: api.version().to_string(), url: api.url().to_owned(), routers, skipped, unreadable, remarks })
}

/// All about some hosts.
struct Piece {
    hosts: Vec<Result<Host, host::Unclear>>,
    origins: Origins,
}

/// Asks for hosts over several connections, so that the server can answer on several processors; what comes is taken in any
/// order, and no more of it is held than there are connections.
fn each_chunk(
    api: &Api,
    ids: &[u64],
    settings: &Zabbix,
    mut take: impl FnMut(Piece) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let fetch = |some: &[u64]| {
        let hosts = host::fetch(api, some)?;
        Ok(Piece { hosts, origins: rights::origins(api, "hostids", some)? })
    };
    let chunks: Vec<&[u64]> = ids.chunks(settings.chunk.max(1)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(1);
        for _ in 0..settings.connections.clamp(1, chunks.len().max(1)) {
            let (sender, chunks, next, fetch) = (sender.clone(), &chunks, &next, &fetch);
            scope.spawn(move || {
                while let Some(some) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let piece = fetch(some);
                    let failed = piece.is_err();
                    // Nobody takes it when another one failed.
                    if sender.send(piece).is_err() || failed {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let all = receiver;
        for piece in all {
            take(piece?)?;
        }
        Ok(())
    })
}

struct Reader<'a> {
    api: &'a Api,
    book: &'a Rulebook<'a>,
    templates: Templates,
    rights: Rights,
    unreadable: usize,
}

impl Reader<'_> {
    fn take(
        &mut self,
        piece: Piece,
        found: &mut Vec<together::Found>,
        skipped: &mut Vec<Skipped>,
    ) -> Result<(), Failure> {
        let mut hosts: Vec<Host> = Vec::with_capacity(piece.hosts.len());
        for host in piece.hosts {
            match host {
                Ok(host) => hosts.push(host),
                Err(unclear) => skipped.push(Skipped {
                    hostid: unclear.id,
                    host: unclear.host,
                    reason: format!("its {} could not be understood", unclear.what),
                }),
            }
        }
        let new = self.templates.learn(self.api, hosts.iter().flat_map(|host| host.parents.iter().copied()))?;
        let of_templates = rights::origins(self.api, "templateids", &new)?;
        let blind = self.rights.blind(self.api, &of_templates)?;
        self.templates.mark_blind(blind);
        let blind = self.rights.blind(self.api, &piece.origins)?;
        for host in hosts {
            match self.book.read(&host, &self.templates, blind.contains(&host.id)) {
                Outcome::Line(both) => {
                    let (line, router) = *both;
                    found.push(together::Found { hostid: host.id, host: host.host, line, router });
                }
                Outcome::Other => {}
                Outcome::Unreadable => {
                    self.unreadable += 1;
                    skipped.push(Skipped { hostid: host.id, host: host.host, reason: UNREADABLE.to_owned() });
                }
                Outcome::Skipped(reason) => skipped.push(Skipped { hostid: host.id, host: host.host, reason }),
            }
        }
        Ok(())
    }
}
