//! One simulated router: its port, its options (which may change while it runs), its lines in use, its connections.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::connection::Connection;
use crate::events::Events;
use crate::options::{Options, Silence, VtyFull};
use crate::persona::{self, Persona};
use crate::ssh;
use crate::wire::{Signal, Wire};

pub(crate) struct Router {
    pub(crate) name: String,
    pub(crate) persona: &'static Persona,
    set_up: Mutex<SetUp>,
    events: Events,
    lines: AtomicUsize,
    sessions: AtomicU64,
    dropped: AtomicBool,
    mixed_up: AtomicBool,
    pings: Mutex<(u64, HashMap<IpAddr, u64>)>,
    connections: Mutex<HashMap<u64, Signal>>,
}

struct SetUp {
    options: Arc<Options>,
    ssh: Arc<russh::server::Config>,
}

impl SetUp {
    fn new(options: Options, persona: &Persona) -> anyhow::Result<Self> {
        let ssh = Arc::new(ssh::config(&options, persona)?);
        Ok(Self { options: Arc::new(options), ssh })
    }
}

/// A line (VTY) in use; free again when it is dropped.
pub(crate) struct VtyLine(Arc<Router>);

impl Drop for VtyLine {
    fn drop(&mut self) {
        self.0.lines.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Router {
    pub(crate) fn new(options: Options, events: Events) -> anyhow::Result<Arc<Self>> {
        let name = options.name.clone();
        let persona = persona::find(&options.persona).with_context(|| format!("router {name}"))?;
        let set_up = SetUp::new(options, persona).with_context(|| format!("router {name}"))?;
        Ok(Arc::new(Self {
            name,
            persona,
            set_up: Mutex::new(set_up),
            events,
            lines: AtomicUsize::new(0),
            sessions: AtomicU64::new(0),
            dropped: AtomicBool::new(false),
            mixed_up: AtomicBool::new(false),
            pings: Mutex::default(),
            connections: Mutex::default(),
        }))
    }

    fn set_up(&self) -> MutexGuard<'_, SetUp> {
        self.set_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Signal>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn options(&self) -> Arc<Options> {
        Arc::clone(&self.set_up().options)
    }

    /// Takes effect at the next command or connection.
    pub(crate) fn change(&self, options: Options) -> anyhow::Result<()> {
        let changed = SetUp::new(options, self.persona)?;
        *self.set_up() = changed;
        self.dropped.store(false, Ordering::Release);
        self.mixed_up.store(false, Ordering::Release);
        Ok(())
    }

    /// Cuts every connection, as a reload does.
    pub(crate) fn cut_all(&self) {
        for cut in self.connections().values() {
            cut.raise();
        }
    }

    pub(crate) fn log(&self, event: &str, session: u64, facts: Value) {
        self.events.log(event, &self.name, session, facts);
    }

    /// None: all lines are in use.
    pub(crate) fn take_line(self: &Arc<Self>) -> Option<VtyLine> {
        let limit = self.options().vty_limit.unwrap_or(usize::MAX);
        let take = |used| (used < limit).then_some(used + 1);
        self.lines.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).ok().map(|_| VtyLine(Arc::clone(self)))
    }

    pub(crate) fn first_drop(&self) -> bool {
        !self.dropped.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn first_mix_up(&self) -> bool {
        !self.mixed_up.swap(true, Ordering::AcqRel)
    }

    /// Numbers its pings, and those of each target, from 1.
    pub(crate) fn next_ping(&self, target: IpAddr) -> (u64, u64) {
        let mut pings = self.pings.lock().unwrap_or_else(PoisonError::into_inner);
        pings.0 += 1;
        let number = pings.0;
        let of_target = pings.1.entry(target).or_default();
        *of_target += 1;
        (number, *of_target)
    }

    pub(crate) async fn listen(self: &Arc<Self>) -> anyhow::Result<SocketAddr> {
        let wanted = self.options().listen;
        let listener =
            TcpListener::bind(wanted).await.with_context(|| format!("router {}: listening on {wanted}", self.name))?;
        let address = listener.local_addr().with_context(|| format!("router {}: reading its own port", self.name))?;
        tokio::spawn(Arc::clone(self).accept(listener));
        Ok(address)
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    tokio::spawn(Arc::clone(&self).serve(stream, peer));
                }
                // Out of descriptors, most likely: the sessions that end will free some.
                Err(error) => {
                    self.log("accept_failed", 0, json!({"message": error.to_string()}));
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let session = self.sessions.fetch_add(1, Ordering::AcqRel) + 1;
        self.log("connect", session, json!({"peer": peer.to_string()}));
        let cut = Signal::default();
        self.connections().insert(session, cut.clone());
        let outcome = self.serve_until_closed(stream, session, cut).await;
        self.connections().remove(&session);
        let reason = outcome.err().map(|error| error.to_string());
        self.log("closed", session, json!({"reason": reason}));
    }

    async fn serve_until_closed(
        self: &Arc<Self>,
        mut stream: TcpStream,
        session: u64,
        cut: Signal,
    ) -> anyhow::Result<()> {
        let options = self.options();
        // Nagle's algorithm would add 40 ms to every step of a login.
        stream.set_nodelay(true).context("setting TCP_NODELAY")?;
        if options.silence == Some(Silence::Connect) {
            tokio::select! {
                () = cut.wait() => {}
                () = swallow(&mut stream) => {}
            }
            return Ok(());
        }
        let line = if options.vty_full == VtyFull::Tcp && options.vty_limit.is_some() {
            let Some(line) = self.take_line() else {
                self.log("busy", session, json!({"how": "tcp"}));
                return Ok(());
            };
            Some(line)
        } else {
            None
        };
        tokio::time::sleep(options.banner_delay.0).await;
        let ssh = Arc::clone(&self.set_up().ssh);
        let connection = Connection::new(Arc::clone(self), session, cut.clone(), line);
        let running = russh::server::run_stream(ssh, Wire::new(stream, cut), connection).await?;
        Ok(running.await?)
    }
}

async fn swallow(stream: &mut TcpStream) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(length) if length > 0) {}
}
