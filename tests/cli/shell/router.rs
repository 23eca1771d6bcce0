//! A router in one line of states: every line typed is answered in order, whatever was typed ahead.

use std::collections::VecDeque;

pub(super) struct Router {
    prompt: Vec<u8>,
    echoes: bool,
    on_the_way: VecDeque<u8>,
}

impl Router {
    pub(super) fn new(prompt: Vec<u8>, echoes: bool) -> Self {
        Self { prompt, echoes, on_the_way: VecDeque::new() }
    }

    /// Bytes typed: a command with its newline, a bare newline, or a key that stops what is running.
    pub(super) fn press(&mut self, bytes: &[u8]) {
        let text = str::from_utf8(bytes).unwrap().trim();
        if self.echoes && text.starts_with(char::is_alphabetic) {
            self.on_the_way.extend(text.bytes());
        }
        self.on_the_way.extend(b"\r\n");
        if text.starts_with("line") {
            self.on_the_way.extend(format!("result of {text}\r\n").bytes());
        }
        self.prompt();
    }

    pub(super) fn prompt(&mut self) {
        self.on_the_way.extend(&self.prompt);
    }

    pub(super) fn show(&mut self, text: &[u8]) {
        self.on_the_way.extend(text);
    }

    /// A log line, and the prompt drawn again.
    pub(super) fn log(&mut self) {
        self.on_the_way.extend(b"\r\n*Nov 25 10:00:00.000: %LINK-3-UPDOWN: Interface Gi0/1, changed state to up\r\n");
        self.prompt();
    }

    /// The next bytes to arrive.
    pub(super) fn send(&mut self, size: usize) -> Vec<u8> {
        self.on_the_way.drain(..size.min(self.on_the_way.len())).collect()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.on_the_way.is_empty()
    }
}
