//! Where values go: `zabbix.sender` as `zabbix_sender` and agents write it. A comma separates servers that all get every value,
//! a semicolon the nodes of one high-availability cluster. Pure.

use std::fmt;

/// Zabbix' own.
pub const PORT: u16 = 10051;

/// To follow "allowed is".
pub const ALLOWED: &str =
    "HOST or HOST:PORT; , between servers that each get all values, ; between the nodes of one cluster";

/// The address of one node; the host is a name or an IP address without brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub host: String,
    pub port: u16,
}

/// A server or proxy, or a cluster of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// At least one; of a cluster the first that answers counts.
    pub nodes: Vec<Node>,
}

/// The servers of a setting; None where it is none.
pub fn parse(text: &str) -> Option<Vec<Server>> {
    let server = |text: &str| Some(Server { nodes: text.split(';').map(Node::parse).collect::<Option<_>>()? });
    let servers: Vec<Server> = text.split(',').map(server).collect::<Option<_>>()?;
    let twice = servers.iter().enumerate().any(|(at, server)| servers[..at].contains(server));
    (!twice).then_some(servers)
}

impl Node {
    /// `host`, `host:port`, `[v6]:port`, a bare IPv6 address; None where it is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
            }
            None if text.matches(':').count() > 1 => (text, None),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            None => PORT,
            Some(port) => port.parse().ok().filter(|number| *number > 0 && port.bytes().all(|b| b.is_ascii_digit()))?,
        };
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let is_host = if host.contains(':') {
            host.parse::<std::net::Ipv6Addr>().is_ok()
        } else {
            (1..=255).contains(&host.len()) && host.bytes().all(is_name) && !host.starts_with('-')
        };
        is_host.then(|| Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, node) in self.nodes.iter().enumerate() {
            if at > 0 {
                f.write_str(";")?;
            }
            write!(f, "{node}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<Vec<String>> {
        parse(text).map(|servers| servers.iter().map(Server::to_string).collect())
    }

    #[test]
    fn every_form_that_zabbix_users_write_is_read() {
        let cases = [
            ("127.0.0.1", vec!["127.0.0.1:10051"]),
            ("zabbix.example.net:20051", vec!["zabbix.example.net:20051"]),
            (
                "[2001:db8::1]:1, 2001:db8::2 ,[2001:db8::3]",
                vec!["[2001:db8::1]:1", "[2001:db8::2]:10051", "[2001:db8::3]:10051"],
            ),
            ("a;b:1, c", vec!["a:10051;b:1", "c:10051"]),
        ];
        for (text, servers) in cases {
            assert_eq!(shown(text), Some(servers.into_iter().map(str::to_owned).collect()), "{text}");
        }
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "", " ", "a,", ",a", "a;;b", "a:0", "a:65536", "a:+1", "a b", "[::1", "[a]:1", "a:1:2", "-a", "a,a",
            "[::1]x",
        ] {
            assert_eq!(shown(text), None, "{text:?}");
        }
    }
}
