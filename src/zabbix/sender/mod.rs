//! The sender protocol: values to a Zabbix server or proxy, one connection per batch, and its account of them. Knows nothing of
//! lines, nor of what becomes of values that nobody took.

mod connection;
mod tls;

pub use tls::Tls;

use super::frame;
use super::servers::{Node, Server};
use crate::deadline::Deadline;
use connection::Connection;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// So many hosts are sent one by one before it is believed that nobody sends any of them on to another proxy.
const HOSTS_TRIED: usize = 16;
/// Proxies of a group that send one on to the other for ever.
const REDIRECTS: usize = 3;
/// What a server says goes into a log line.
const LONGEST_QUOTE: usize = 200;

/// One value for a trapper item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The technical name of the host.
    pub host: String,
    pub key: String,
    pub value: String,
    /// When it was measured: seconds since 1970, and nanoseconds. Zabbix stores one value per item and such a time.
    pub clock: u64,
    pub ns: u32,
}

/// The server's account of a batch. It does not say which have failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub processed: u64,
    /// Host or item is unknown, is no trapper item, is of another proxy, or does not take values from here.
    pub failed: u64,
}

/// Why there is no account of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// No connection came about: nobody has seen the values.
    Unreached(String),
    /// They were sent, perhaps not all, and no answer came: they may have been taken.
    Unanswered(String),
    /// The answer is that they were not taken.
    Refused(String),
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unreached(why) | Self::Unanswered(why) | Self::Refused(why)) = self;
        f.write_str(why)
    }
}

/// How batches are sent.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of one node: to connect, to send and to be answered.
    pub timeout: Duration,
    pub compression: bool,
    pub tls: Tls,
}

/// Sends to one server, and remembers which of its nodes answered, and to which proxies of a group it was sent on.
pub struct Sender {
    server: Server,
    options: Options,
    /// Tried first: the node that answered last.
    preferred: Option<Node>,
    hosts: Hosts,
}

/// Which hosts go together. A proxy of a group looks only at the first host of a message: when another proxy has that, it sends the
/// whole message on; of the other hosts it refuses the values that are not its own.
#[derive(Debug)]
enum Hosts {
    /// Nobody has sent any of these on; a few more, and it is no group.
    Tried(BTreeSet<String>),
    Together,
    /// It is a group: each host for itself, and where those were sent that another proxy has.
    Apart(BTreeMap<String, Node>),
}

#[derive(Serialize)]
struct Message<'a> {
    request: &'static str,
    data: Vec<Row<'a>>,
    clock: u64,
    ns: u32,
}

#[derive(Serialize)]
struct Row<'a> {
    host: &'a str,
    key: &'a str,
    value: &'a str,
    clock: u64,
    ns: u32,
}

#[derive(Deserialize)]
struct Answer {
    response: String,
    #[serde(default)]
    info: String,
    redirect: Option<Redirect>,
}

/// Where to, or back to where we came from: the proxy knows no better.
#[derive(Deserialize)]
#[serde(untagged)]
enum Redirect {
    To {
        address: String,
    },
    Back {
        #[serde(rename = "reset")]
        _reset: serde_json::Value,
    },
}

enum Said {
    Counted(Count),
    GoTo(Node),
}

impl Sender {
    pub fn new(server: Server, options: Options) -> Self {
        Self { server, options, preferred: None, hosts: Hosts::Tried(BTreeSet::new()) }
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    /// How many of these values may go in one message; at least one of at least one.
    pub fn together<'a>(&self, values: impl IntoIterator<Item = &'a Value>) -> usize {
        let mut values = values.into_iter().peekable();
        let first = values.peek().map(|value| value.host.as_str());
        let alone = !matches!(self.hosts, Hosts::Together);
        values.take_while(|value| !alone || Some(value.host.as_str()) == first).count()
    }

    /// Sends a batch to the first node that answers; `now` is the time of sending, seconds and nanoseconds since 1970.
    ///
    /// # Errors
    /// No node gave an account; what the last one did, or, if any may have taken the values, that one.
    pub fn send(&mut self, values: &[Value], now: (u64, u32), deadline: Deadline) -> Result<Count, NotSent> {
        let rows = values.iter().map(|value| Row {
            host: &value.host,
            key: &value.key,
            value: &value.value,
            clock: value.clock,
            ns: value.ns,
        });
        let message = Message { request: "sender data", data: rows.collect(), clock: now.0, ns: now.1 };
        let encoded = serde_json::to_vec(&message)
            .map_err(Into::into)
            .and_then(|json| frame::encode(&json, self.options.compression))
            .map_err(|e| NotSent::Refused(format!("encoding a batch of values: {e}")))?;
        let host = values.first().map(|value| value.host.as_str()).unwrap_or_default();
        let mut nodes: Vec<Node> = Vec::new();
        for node in self.hosts.proxy_of(host).into_iter().chain(&self.preferred).chain(&self.server.nodes) {
            if !nodes.contains(node) {
                nodes.push(node.clone());
            }
        }
        let mut worst = None;
        for node in nodes {
            match send_to(node, &encoded, values.len() as u64, &self.options, deadline) {
                Ok((count, node)) => {
                    self.remember(host, &node, count);
                    return Ok(count);
                }
                // What may have been taken outweighs what surely was not.
                Err(NotSent::Unreached(_)) if worst.is_some() => {}
                Err(why) => worst = Some(why),
            }
            if deadline.is_over() {
                break;
            }
        }
        self.preferred = None;
        self.hosts.forget(host);
        Err(worst.unwrap_or_else(|| NotSent::Unreached("no node to send to".to_owned())))
    }

    fn remember(&mut self, host: &str, node: &Node, count: Count) {
        let is_home = self.server.nodes.contains(node);
        if is_home {
            self.preferred = Some(node.clone());
        }
        match (count.processed > 0, is_home) {
            // It may have left the group: the next time it is asked for where we were told to.
            (false, _) => self.hosts.forget(host),
            (true, true) => self.hosts.at_home(host),
            (true, false) => self.hosts.sent_on(host, node),
        }
    }
}

impl Hosts {
    /// The proxy that a host was sent on to.
    fn proxy_of(&self, host: &str) -> Option<&Node> {
        match self {
            Self::Apart(proxies) => proxies.get(host),
            _ => None,
        }
    }

    /// A configured node has answered for it.
    fn at_home(&mut self, host: &str) {
        match self {
            Self::Tried(hosts) => {
                hosts.insert(host.to_owned());
                if hosts.len() >= HOSTS_TRIED {
                    *self = Self::Together;
                }
            }
            Self::Together => {}
            Self::Apart(_) => self.forget(host),
        }
    }

    fn sent_on(&mut self, host: &str, to: &Node) {
        match self {
            Self::Apart(proxies) => drop(proxies.insert(host.to_owned(), to.clone())),
            _ => *self = Self::Apart(BTreeMap::from([(host.to_owned(), to.clone())])),
        }
    }

    fn forget(&mut self, host: &str) {
        if let Self::Apart(proxies) = self {
            proxies.remove(host);
        }
    }
}

/// To this node, or where it sends us; who has answered.
fn send_to(
    mut node: Node,
    frame: &[u8],
    total: u64,
    options: &Options,
    deadline: Deadline,
) -> Result<(Count, Node), NotSent> {
    for _ in 0..=REDIRECTS {
        match exchange(&node, frame, total, options, deadline)? {
            Said::Counted(count) => return Ok((count, node)),
            Said::GoTo(other) => {
                log::debug!(from:% = node, to:% = other; "values are sent on to another proxy of the group");
                node = other;
            }
        }
    }
    Err(NotSent::Refused(format!("sending values: more than {REDIRECTS} redirects, the last one to {node}")))
}

/// One connection: the batch, and the answer.
fn exchange(node: &Node, frame: &[u8], total: u64, options: &Options, deadline: Deadline) -> Result<Said, NotSent> {
    let deadline = deadline.or_after(options.timeout);
    let mut connection = Connection::open(node, &options.tls, deadline)
        .map_err(|e| NotSent::Unreached(format!("connecting to {node}: {}", connection::reason(&e))))?;
    let unanswered = |e| NotSent::Unanswered(format!("sending values to {node}: {}", connection::reason(&e)));
    connection.write_all(frame, deadline).map_err(unanswered)?;
    let mut received = Vec::new();
    let json = loop {
        if let Some(json) = frame::decode(&received).map_err(unanswered)? {
            break json;
        }
        if connection.read(&mut received, deadline).map_err(unanswered)? == 0 {
            let why = format!("sending values to {node}: it closed the connection without an answer");
            return Err(NotSent::Unanswered(why));
        }
    };
    read(node, &json, total)
}

fn read(node: &Node, json: &[u8], total: u64) -> Result<Said, NotSent> {
    let strange = || NotSent::Unanswered(format!("{node} answered {}", quote(&String::from_utf8_lossy(json))));
    let answer: Answer = serde_json::from_slice(json).map_err(|_| strange())?;
    match answer.redirect {
        Some(Redirect::To { address }) => return Node::parse(&address).map(Said::GoTo).ok_or_else(strange),
        Some(Redirect::Back { .. }) => {
            return Err(NotSent::Refused(format!("{node} does not know which proxy of its group has the host")));
        }
        None => {}
    }
    if answer.response != "success" {
        return Err(NotSent::Refused(format!("{node} does not take values: {}", quote(&answer.info))));
    }
    let part = |name: &str| -> Option<u64> {
        answer.info.split(';').find_map(|part| part.trim().strip_prefix(name)?.trim().parse().ok())
    };
    match (part("processed:"), part("failed:"), part("total:")) {
        (Some(processed), Some(failed), Some(all)) if all == total && processed.checked_add(failed) == Some(total) => {
            Ok(Said::Counted(Count { processed, failed }))
        }
        _ => Err(strange()),
    }
}

fn quote(text: &str) -> String {
    let shown: String = text.chars().take(LONGEST_QUOTE).collect();
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> String {
        let node = Node { host: "a".into(), port: 1 };
        match read(&node, json.as_bytes(), 3) {
            Ok(Said::Counted(Count { processed, failed })) => format!("{processed} {failed}"),
            Ok(Said::GoTo(node)) => format!("to {node}"),
            Err(e) => format!("{e:?}"),
        }
    }

    #[test]
    fn an_account_is_taken_only_when_it_is_of_this_batch() {
        let info = |info: &str| format!(r#"{{"response":"success","info":"{info}"}}"#);
        assert_eq!(said(&info("processed: 1; failed: 2; total: 3; seconds spent: 0.000042")), "1 2");
        let overflow = format!("processed: {}; failed: 4; total: 3", u64::MAX);
        let others = ["processed: 1; failed: 2; total: 4", "processed: 1; failed: 1; total: 3", "processed: 3", ""];
        for other in others.into_iter().chain([overflow.as_str()]) {
            assert!(said(&info(other)).starts_with("Unanswered"), "{other}");
        }
        assert!(said("[]").starts_with("Unanswered"));
    }

    #[test]
    fn a_redirect_is_an_address_and_a_refusal_is_quoted() {
        let to = |address: &str| {
            said(&format!(r#"{{"response":"failed","redirect":{{"revision":1,"address":"{address}"}}}}"#))
        };
        assert_eq!((to("10.0.0.2"), to("proxy-2:1")), ("to 10.0.0.2:10051".into(), "to proxy-2:1".into()));
        assert!(to("a b").starts_with("Unanswered"));
        assert!(said(r#"{"response":"failed","redirect":{"reset":true}}"#).starts_with("Refused"));
        assert!(said(r#"{"response":"failed","redirect":{}}"#).starts_with("Unanswered"));
        let refused = said(r#"{"response":"failed","info":"not\nactive"}"#);
        assert_eq!(refused, r#"Refused("a:1 does not take values: \"not\\nactive\"")"#);
    }
}
