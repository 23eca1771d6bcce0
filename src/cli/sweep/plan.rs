//! The settings of a sweep, read and checked before anything is measured.

use crate::cli::Context;
use crate::failure::Failure;
use crate::quote::quoted;
use crate::settings::{Compat, SenderHost, SenderTls, Zabbix};
use crate::small_file;
use crate::sweep::deliver::Pace;
use crate::sweep::engine::{HostName, Plan};
use crate::sweep::report::{Form, Items};
use crate::sweep::spool::Spool;
use crate::zabbix::sender::{Options, Tls};
use crate::zabbix::servers::{self, Server};
use rustix::process::{Resource, getrlimit};
use std::io;
use std::path::Path;

/// Workers wait for routers nearly always.
const PER_CORE: usize = 128;
const MOST_WORKERS: usize = 1024;
/// Kept for files, servers and masters that are being started; a worker needs up to four.
const OTHER_DESCRIPTORS: u64 = 64;
const PER_WORKER: u64 = 4;

pub(super) fn of(context: &Context) -> Result<Plan, Failure> {
    let settings = &context.loaded.settings;
    let zabbix = &settings.zabbix;
    Ok(Plan {
        workers: match settings.sweep.routers {
            0 => workers(),
            routers => routers as usize,
        },
        deadline: settings.sweep.deadline,
        servers: servers(zabbix)?,
        options: Options { timeout: zabbix.sender_timeout, compression: zabbix.sender_compression, tls: tls(zabbix)? },
        pace: Pace { batch: zabbix.sender_batch as usize, rate: zabbix.sender_rate, age: settings.sweep.spool_age },
        form: Form {
            items: match zabbix.compat {
                None => Items::Template,
                Some(Compat::DedicatedLine) => Items::DedicatedLine,
            },
            heartbeat: zabbix.heartbeat,
        },
        host: match zabbix.sender_host {
            SenderHost::Target => HostName::Target,
            SenderHost::Id => HostName::Id,
            SenderHost::Name => HostName::Name,
        },
    })
}

pub(in crate::cli) fn servers(zabbix: &Zabbix) -> Result<Vec<Server>, Failure> {
    let Some(text) = &zabbix.sender else {
        return Err(Failure::settings(format!(
            "zabbix.sender is not set, so nobody would get the values: allowed is {}",
            servers::ALLOWED
        )));
    };
    servers::parse(text)
        .ok_or_else(|| Failure::settings(format!("zabbix.sender {}: allowed is {}", quoted(text), servers::ALLOWED)))
}

pub(super) fn spool(context: &Context) -> Result<Spool, Failure> {
    let state = context.state()?;
    let folder = state.folder("spool").map_err(|e| unwritable(state.dir(), &e))?;
    Ok(Spool::new(folder, u64::from(context.loaded.settings.sweep.spool_size) << 20))
}

pub(super) fn unwritable(place: &Path, e: &io::Error) -> Failure {
    let place = place.display();
    Failure::settings(match e.kind() {
        io::ErrorKind::TimedOut => format!("{e}, for too long; is another sweep stopped, or its disk slow?"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("writing below {place}: {e}; make room there, or set another state.dir")
        }
        _ => format!("writing below {place}: {e}; put that right, or set another state.dir"),
    })
}

fn workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let by_descriptors = descriptors.saturating_sub(OTHER_DESCRIPTORS) / PER_WORKER;
    let most = usize::try_from(by_descriptors).unwrap_or(usize::MAX).min(MOST_WORKERS);
    (cores * PER_CORE).clamp(1, most.max(1))
}

fn tls(zabbix: &Zabbix) -> Result<Tls, Failure> {
    let needed = |name: &str| Failure::settings(format!("zabbix.sender_tls needs zabbix.{name}, which is not set"));
    match zabbix.sender_tls {
        SenderTls::Off => Ok(Tls::Off),
        SenderTls::Psk => {
            let identity = zabbix.sender_psk_identity.clone().ok_or_else(|| needed("sender_psk_identity"))?;
            let file = zabbix.sender_psk_file.as_deref().ok_or_else(|| needed("sender_psk_file"))?;
            Tls::by_key(identity, file)
                .map_err(|what| Failure::settings(format!("zabbix.sender_psk_file {}: {what}", file.display())))
        }
        SenderTls::Certificate => {
            let own = match (&zabbix.sender_cert_file, &zabbix.sender_key_file) {
                (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
                (None, None) => None,
                (Some(_), None) => return Err(needed("sender_key_file")),
                (None, Some(_)) => return Err(needed("sender_cert_file")),
            };
            let files = [
                ("sender_ca_file", &zabbix.sender_ca_file),
                ("sender_cert_file", &zabbix.sender_cert_file),
                ("sender_key_file", &zabbix.sender_key_file),
            ];
            for (name, file) in files {
                let Some(file) = file else { continue };
                small_file::open(file).map_err(|e| {
                    let why = small_file::reason(&e);
                    Failure::settings(format!("zabbix.{name} {}: {why}", file.display()))
                })?;
            }
            Ok(Tls::Certificate { ca: zabbix.sender_ca_file.clone(), own })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_said_with_what_helps() {
        let said = |kind: io::ErrorKind, text: &str| unwritable(Path::new("/s"), &io::Error::new(kind, text)).message;
        assert_eq!(
            said(io::ErrorKind::StorageFull, "no space"),
            "writing below /s: no space; make room there, or set another state.dir"
        );
        let locked = said(io::ErrorKind::TimedOut, "lock /s/schedule.lock is held");
        assert!(
            locked.starts_with("lock /s/schedule.lock is held, for too long") && !locked.contains("room"),
            "{locked}"
        );
        assert!(!said(io::ErrorKind::PermissionDenied, "/s/schedule: denied").contains("room"));
    }
}
