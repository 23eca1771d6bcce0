//! What happened, one JSON object per line on the standard output. It never holds up a session: a thread writes.

use std::io::Write;
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

#[derive(Clone)]
pub(crate) struct Events {
    lines: mpsc::Sender<String>,
    quiet: bool,
}

impl Events {
    pub(crate) fn to_stdout(quiet: bool) -> Self {
        let (lines, written) = mpsc::channel::<String>();
        std::thread::spawn(move || {
            let mut output = std::io::stdout().lock();
            // Whoever listened may be gone: the routers go on.
            while let Ok(line) = written.recv() {
                let _ = output.write_all(line.as_bytes());
                while let Ok(line) = written.try_recv() {
                    let _ = output.write_all(line.as_bytes());
                }
                let _ = output.flush();
            }
        });
        Self { lines, quiet }
    }

    /// What a caller waits for: `listening` and `ready`.
    pub(crate) fn announce(&self, event: Value) {
        let _ = self.lines.send(format!("{event}\n"));
    }

    pub(crate) fn log(&self, event: &str, router: &str, session: u64, facts: Value) {
        if self.quiet {
            return;
        }
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut line = json!({"event": event, "router": router, "session": session, "time": time});
        if let (Some(line), Value::Object(facts)) = (line.as_object_mut(), facts) {
            line.extend(facts);
        }
        self.announce(line);
    }
}

/// Bytes as text that shows each of them.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
