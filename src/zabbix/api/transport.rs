//! Requests over HTTP and what becomes of them: tried again when nobody answered or the server failed, never more read than an
//! answer may hold. Knows nothing of what is asked.

use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::secret::Secret;
use crate::quote::{excerpt, quoted};
use crate::settings::Zabbix;
use crate::small_file;
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body, Proxy};

/// Five hundred hosts with a hundred macros each are a tenth of it.
const BODY_LIMIT: u64 = 64 << 20;
const ATTEMPTS: u32 = 3;
/// The first wait, doubled each time; as much again at most by chance, so that many proxies do not come back together.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A server that says when to come back is believed up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A file of certificates holds all that a system has.
const CERTIFICATES_LIMIT: u64 = 4 << 20;

pub(super) struct Transport {
    agent: Agent,
    url: String,
    /// Where a proxy stands between: which, for messages.
    through: String,
    timeout: Duration,
}

/// What became of one attempt that failed.
struct Failed {
    failure: Failure,
    /// Another attempt may do better, after this time if the server says so.
    again: bool,
    after: Option<Duration>,
}

impl Transport {
    pub(super) fn new(settings: &Zabbix, url: &str) -> Result<Self, Failure> {
        let roots = match &settings.ca_file {
            None => RootCerts::PlatformVerifier,
            Some(file) => RootCerts::new_with_certs(&certificates(file)?),
        };
        let tls = TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(roots).build();
        // HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment are ureq's own default.
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("ddl-monitor/", env!("CARGO_PKG_VERSION")))
            .build();
        let path = if url.ends_with(".php") {
            url.to_owned()
        } else {
            format!("{}/api_jsonrpc.php", url.trim_end_matches('/'))
        };
        let through = through(config.proxy(), &path);
        Ok(Self { agent: config.new_agent(), url: path, through, timeout: settings.timeout })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The body of the answer.
    pub(super) fn post(&self, body: &[u8], bearer: Option<&Secret>, deadline: Deadline) -> Result<Vec<u8>, Failure> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let failed = match self.attempt(body, bearer, deadline) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            if !failed.again || attempt == ATTEMPTS || deadline.is_over() {
                return Err(failed.failure);
            }
            let wait = failed.after.unwrap_or(pause).min(LONGEST_PAUSE) + pause.mul_f64(chance());
            log::debug!(attempt, wait:? = wait; "{}, trying again", failed.failure.message);
            deadline.pause(wait);
            pause *= 2;
            attempt += 1;
        }
    }

    fn attempt(&self, body: &[u8], bearer: Option<&Secret>, deadline: Deadline) -> Result<Vec<u8>, Failed> {
        let left = deadline.remaining().min(self.timeout);
        if left.is_zero() {
            let failure = self.failure(Kind::Deadline, "no time was left for the rest; sync.deadline is the limit");
            return Err(Failed { failure, again: false, after: None });
        }
        let mut request = self.agent.post(&self.url).header("Content-Type", "application/json-rpc");
        if let Some(token) = bearer {
            request = request.header("Authorization", format!("Bearer {}", token.expose()));
        }
        let request = request.config().timeout_global(Some(left)).build();
        let mut response = request.send(body).map_err(|e| self.broken(&e))?;
        self.check_status(&response)?;
        let mut answer = Vec::new();
        let reader = response.body_mut().with_config().limit(u64::MAX).reader();
        reader.take(BODY_LIMIT + 1).read_to_end(&mut answer).map_err(|e| match ureq::Error::from(e) {
            e @ ureq::Error::Timeout(_) => self.broken(&e),
            e => self.again(Kind::Connect, &format!("the answer was cut off: {e}")),
        })?;
        if answer.len() as u64 > BODY_LIMIT {
            let failure = self.failure(Kind::Reply, &format!("an answer of more than {} MiB", BODY_LIMIT >> 20));
            return Err(Failed { failure, again: false, after: None });
        }
        Ok(answer)
    }

    fn check_status(&self, response: &Response<Body>) -> Result<(), Failed> {
        let status = response.status();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let once = |kind, what: &str| Failed { failure: self.failure(kind, what), again: false, after: None };
        match status {
            StatusCode::OK => Ok(()),
            StatusCode::TOO_MANY_REQUESTS => {
                let after = header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
                let failure = self.failure(Kind::Connect, "HTTP 429, too many requests");
                Err(Failed { failure, again: true, after })
            }
            status if status.is_server_error() => Err(self.again(Kind::Connect, &format!("HTTP {status}"))),
            status if status.is_redirection() => {
                let to = header("location").map(|to| format!(" to {}", quoted(to))).unwrap_or_default();
                Err(once(Kind::Settings, &format!("HTTP {status}: it has moved{to}; set zabbix.url to where it is")))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(once(Kind::Auth, &format!("HTTP {status}: the web server itself does not let us in")))
            }
            StatusCode::PRECONDITION_FAILED => {
                Err(once(Kind::Settings, "HTTP 412: the web server refuses the request; is zabbix.url right?"))
            }
            status => Err(once(Kind::Settings, &format!("HTTP {status}; is zabbix.url right?"))),
        }
    }

    fn again(&self, kind: Kind, what: &str) -> Failed {
        Failed { failure: self.failure(kind, what), again: true, after: None }
    }

    fn broken(&self, error: &ureq::Error) -> Failed {
        let text = error.to_string();
        match error {
            ureq::Error::Timeout(_) => self.again(Kind::Deadline, "no answer in time; zabbix.timeout is the limit"),
            ureq::Error::HostNotFound => self.again(Kind::Connect, "no such host"),
            ureq::Error::NativeTls(_) | ureq::Error::Tls(_) | ureq::Error::Der(_) | ureq::Error::Pem(_) => {
                let what = format!("TLS: {text}; zabbix.ca_file can name another authority");
                Failed { failure: self.failure(Kind::Connect, &what), again: false, after: None }
            }
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => {
                Failed { failure: self.failure(Kind::Settings, &text), again: false, after: None }
            }
            _ => self.again(Kind::Connect, &text),
        }
    }

    /// One that names the API.
    pub(super) fn failure(&self, kind: Kind, what: &str) -> Failure {
        let stage = match kind {
            Kind::Settings => Stage::Settings,
            Kind::Auth => Stage::Login,
            Kind::Connect => Stage::Connect,
            _ => Stage::Reply,
        };
        // A proxy has a part in what comes, or not, from the network.
        let through = if matches!(kind, Kind::Connect | Kind::Deadline) { self.through.as_str() } else { "" };
        Failure::new(kind, stage, format!("Zabbix API {}{through}: {}", self.url, excerpt(what, 400)))
    }
}

/// Not its user and password.
fn through(proxy: Option<&Proxy>, url: &str) -> String {
    match (proxy, url.parse()) {
        (Some(proxy), Ok(url)) if !proxy.is_no_proxy(&url) => {
            format!(" (by the proxy {}:{} of the environment)", proxy.host(), proxy.port())
        }
        _ => String::new(),
    }
}

/// A number from 0 to 1.
fn chance() -> f64 {
    let mut bytes = [0; 2];
    match rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty()) {
        Ok(_) => f64::from(u16::from_ne_bytes(bytes)) / f64::from(u16::MAX),
        Err(_) => 0.5,
    }
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let refused = |what: &str| Failure::settings(format!("zabbix.ca_file {}: {what}", file.display()));
    let bytes = small_file::open(file)
        .and_then(|(file, _)| small_file::bytes(file, CERTIFICATES_LIMIT))
        .map_err(|e| refused(&e.to_string()))?;
    let mut found = Vec::new();
    for item in parse_pem(&bytes) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| refused(&e.to_string()))? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(refused("no certificate (PEM) in it")) } else { Ok(found) }
}
