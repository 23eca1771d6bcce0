//! A trapper that plays a Zabbix server: it takes values by the sender protocol, gives an account of them, or does what a test
//! tells it to do wrong.

use super::wait::LIMIT;
use ddl_monitor::zabbix::frame;
use serde_json::{Value as Json, json};
use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a connection is answered with, in place of an account.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Closed before anything is read.
    Hangup,
    /// The values are taken, and the connection is closed without an answer.
    Unanswered,
    /// The values are taken, and nothing is said for as long as the client stays.
    Silence,
    /// The values are taken, and the answer is these bytes.
    Bytes(Vec<u8>),
    /// This answer as JSON; the values are not taken.
    Answer(String),
}

/// A value as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Taken {
    pub host: String,
    pub key: String,
    pub value: String,
    pub time: (u64, u64),
    /// An account was given for the batch that it came in.
    pub answered: bool,
}

#[derive(Default)]
struct Books {
    taken: Vec<Taken>,
    unknown: HashSet<(String, String)>,
    elsewhere: HashMap<String, SocketAddr>,
    faults: VecDeque<Fault>,
    compressed: usize,
}

pub struct Trapper {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
}

impl Trapper {
    pub fn start() -> Self {
        Self::at(([127, 0, 0, 1], 0).into())
    }

    pub fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("an address");
        let books = Arc::<Mutex<Books>>::default();
        let shared = Arc::clone(&books);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if Arc::strong_count(&shared) == 1 {
                    return;
                }
                // A client that goes away in the middle is no failure of the trapper.
                let _ = serve(stream, &shared);
            }
        });
        Self { address, books }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// The next connections go wrong in this way, each once.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.books().faults.extend(faults);
    }

    /// What was to go wrong and has not yet goes right.
    pub fn recover(&self) {
        self.books().faults.clear();
    }

    /// From now on values for this item fail.
    pub fn refuse(&self, host: &str, key: &str) {
        self.books().unknown.insert((host.to_owned(), key.to_owned()));
    }

    /// From now on they are taken.
    pub fn accept(&self, host: &str, key: &str) {
        self.books().unknown.remove(&(host.to_owned(), key.to_owned()));
    }

    /// As a proxy of a group: another one has this host.
    pub fn send_on(&self, host: &str, to: SocketAddr) {
        self.books().elsewhere.insert(host.to_owned(), to);
    }

    /// It has this host itself.
    pub fn take_back(&self, host: &str) {
        self.books().elsewhere.remove(host);
    }

    /// All values so far, those of items that are refused too, in the order in which they came.
    pub fn taken(&self) -> Vec<Taken> {
        self.books().taken.clone()
    }

    /// Messages that came compressed.
    pub fn compressed(&self) -> usize {
        self.books().compressed
    }
}

impl Drop for Trapper {
    fn drop(&mut self) {
        let address = self.address;
        self.books = Arc::default();
        // Wakes the thread, which sees that nobody looks at its books.
        let _ = TcpStream::connect(address);
    }
}

fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut stream: TcpStream, books: &Mutex<Books>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(LIMIT))?;
    let fault = lock(books).faults.pop_front();
    if matches!(fault, Some(Fault::Hangup)) {
        return Ok(());
    }
    let mut received = Vec::new();
    let request = loop {
        if let Some(json) = frame::decode(&received)? {
            break json;
        }
        let mut buffer = [0; 65536];
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => received.extend_from_slice(&buffer[..n]),
        }
    };
    let compressed = received[4] & 2 != 0;
    let request: Json = serde_json::from_slice(&request)?;
    let answer = match &fault {
        Some(Fault::Answer(json)) => json.clone(),
        _ => account(&request, fault.is_none(), compressed, &mut lock(books)),
    };
    match fault {
        Some(Fault::Unanswered | Fault::Hangup) => Ok(()),
        Some(Fault::Silence) => {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).map(drop)
        }
        Some(Fault::Bytes(bytes)) => stream.write_all(&bytes),
        Some(Fault::Answer(_)) | None => stream.write_all(&frame::encode(answer.as_bytes(), compressed)?),
    }
}

fn account(request: &Json, answered: bool, compressed: bool, books: &mut Books) -> String {
    assert_eq!(request["request"], "sender data");
    let rows = request["data"].as_array().expect("values");
    // As Zabbix 7.0: the first host decides, and the values of others are refused where they are not at home.
    if let Some(to) = books.elsewhere.get(rows[0]["host"].as_str().expect("text")) {
        return json!({"response": "failed", "redirect": {"revision": 1, "address": to.to_string()}}).to_string();
    }
    let mut failed = 0;
    for row in rows {
        let text = |name: &str| row[name].as_str().expect("text").to_owned();
        let number = |name: &str| row[name].as_u64().expect("a number");
        let time = (number("clock"), number("ns"));
        let value = Taken { host: text("host"), key: text("key"), value: text("value"), time, answered };
        if books.elsewhere.contains_key(&value.host) {
            failed += 1;
            continue;
        }
        failed += usize::from(books.unknown.contains(&(value.host.clone(), value.key.clone())));
        books.taken.push(value);
    }
    books.compressed += usize::from(compressed);
    let info =
        format!("processed: {}; failed: {failed}; total: {}; seconds spent: 0.000042", rows.len() - failed, rows.len());
    json!({"response": "success", "info": info}).to_string()
}
