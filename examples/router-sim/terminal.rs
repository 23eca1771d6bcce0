//! One session's screen and keyboard: what is typed is echoed and collected, what is said is translated and sent. It
//! knows no commands.

use std::collections::VecDeque;
use std::time::Duration;

use russh::server::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::wire::Signal;

/// Characters for private use that stand for the bytes 0x00 to 0xff in a text.
const RAW_BYTES: char = '\u{f700}';
const LAST_RAW_BYTE: char = '\u{f7ff}';

/// `text` with each `\xNN` in it as the byte that [`Terminal::write`] sends.
pub(crate) fn with_raw_bytes(text: &str) -> String {
    let mut parts = text.split("\\x");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match byte.and_then(|byte| char::from_u32(u32::from(RAW_BYTES) + byte)) {
            Some(character) => {
                whole.push(character);
                whole.push_str(&part[2..]);
            }
            None => whole.extend(["\\x", part]),
        }
    }
    whole
}

/// Why a session ends without its user's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The client left or the connection was cut.
    Closed,
    /// Nothing was typed for the exec-timeout.
    Idle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    Elapsed,
    Aborted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Typed(String),
    /// Ctrl-C.
    Cancelled,
    /// Ctrl-D on an empty line.
    EndOfFile,
}

/// When text that comes too late is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Late {
    At(Instant),
    /// Behind this number of further bytes, wherever that is.
    Behind(usize),
}

pub(crate) struct Terminal {
    output: ChannelWriteHalf<Msg>,
    input: mpsc::UnboundedReceiver<Vec<u8>>,
    typed: VecDeque<u8>,
    no_more_input: bool,
    after_return: bool,
    closed: Signal,
    cut: Signal,
    buffer: Vec<u8>,
    cut_after: Option<usize>,
    late: Option<(Late, String)>,
    /// What is typed while a command runs is shown at once.
    pub(crate) echo_ahead: bool,
    pub(crate) newline: String,
    pub(crate) echo: bool,
    pub(crate) chunk: Option<usize>,
    pub(crate) idle: Option<Duration>,
}

impl Terminal {
    /// `received` is told of every piece of input as it arrives, also while nobody reads.
    pub(crate) fn new(
        mut from: ChannelReadHalf,
        output: ChannelWriteHalf<Msg>,
        cut: Signal,
        received: impl Fn(&[u8]) + Send + 'static,
    ) -> Self {
        let (sender, input) = mpsc::unbounded_channel();
        let closed = Signal::default();
        let over = closed.clone();
        tokio::spawn(async move {
            let mut sender = Some(sender);
            while let Some(message) = from.wait().await {
                match message {
                    ChannelMsg::Data { data } => {
                        received(&data);
                        if let Some(sender) = &sender {
                            let _ = sender.send(data.to_vec());
                        }
                    }
                    ChannelMsg::Eof => sender = None,
                    ChannelMsg::Close => break,
                    _ => {}
                }
            }
            over.raise();
        });
        Self {
            output,
            input,
            typed: VecDeque::new(),
            no_more_input: false,
            after_return: false,
            closed,
            cut,
            buffer: Vec::new(),
            cut_after: None,
            late: None,
            echo_ahead: false,
            newline: "\r\n".to_owned(),
            echo: true,
            chunk: None,
            idle: None,
        }
    }

    /// Shows `text`, where `\n` is the router's line end. It leaves with the next wait or `flush`.
    pub(crate) fn write(&mut self, text: &str) {
        let mut before = ' ';
        for character in text.chars() {
            match character {
                '\n' if before != '\r' => self.buffer.extend_from_slice(self.newline.as_bytes()),
                RAW_BYTES..=LAST_RAW_BYTE => self.buffer.push((u32::from(character) - u32::from(RAW_BYTES)) as u8),
                _ => self.buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
            before = character;
        }
    }

    /// Shows `text` later, whatever is shown until then.
    pub(crate) fn write_late(&mut self, text: String, when: Late) {
        self.write_overdue();
        self.late = Some((when, text));
    }

    fn write_overdue(&mut self) {
        if let Some((_, text)) = self.late.take() {
            self.write(&text);
        }
    }

    /// The moment for which the late text waits; without any, one that never comes.
    async fn late_text(late: Option<Late>) {
        match late {
            Some(Late::At(due)) => tokio::time::sleep_until(due).await,
            Some(Late::Behind(_)) | None => std::future::pending().await,
        }
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Gone> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Some((Late::Behind(left), _)) = &mut self.late {
            match self.buffer.len().checked_sub(*left) {
                Some(_) => {
                    let behind = self.buffer.split_off(*left);
                    self.write_overdue();
                    self.buffer.extend(behind);
                }
                None => *left -= self.buffer.len(),
            }
        }
        let mut bytes = std::mem::take(&mut self.buffer);
        let cut = self.cut_after.is_some_and(|left| bytes.len() >= left);
        if let Some(left) = &mut self.cut_after {
            bytes.truncate(*left);
            *left -= bytes.len();
        }
        let size = self.chunk.unwrap_or(bytes.len()).max(1);
        for piece in bytes.chunks(size) {
            tokio::select! {
                sent = self.output.data_bytes(piece.to_vec()) => sent.map_err(|_| Gone::Closed)?,
                () = self.closed.wait() => return Err(Gone::Closed),
            }
        }
        if cut {
            // What was handed to the connection has to leave it before it is cut.
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.cut.raise();
            return Err(Gone::Closed);
        }
        Ok(())
    }

    /// Cuts the connection once `bytes` more are sent.
    pub(crate) async fn cut_after(&mut self, bytes: usize) -> Result<(), Gone> {
        self.flush().await?;
        self.cut_after = Some(bytes);
        Ok(())
    }

    pub(crate) fn cut_never(&mut self) {
        self.cut_after = None;
    }

    pub(crate) fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// Waits, while a command runs. Other keys than `abort` are kept for later, or lost.
    pub(crate) async fn wait_until(&mut self, until: Instant, abort: &[u8], keep: bool) -> Result<Wake, Gone> {
        loop {
            self.flush().await?;
            let late = self.late.as_ref().map(|(when, _)| *when);
            let bytes = tokio::select! {
                biased;
                () = self.closed.wait() => return Err(Gone::Closed),
                bytes = self.input.recv(), if !self.no_more_input => bytes,
                () = Self::late_text(late) => {
                    self.write_overdue();
                    continue;
                }
                () = tokio::time::sleep_until(until) => return Ok(Wake::Elapsed),
            };
            let Some(bytes) = bytes else {
                self.no_more_input = true;
                continue;
            };
            let end = bytes.iter().position(|byte| abort.contains(byte));
            if keep {
                let ahead = &bytes[..end.unwrap_or(bytes.len())];
                self.typed.extend(ahead);
                if self.echo_ahead {
                    let shown: String = ahead.iter().map(|byte| char::from(*byte)).collect();
                    self.write(&shown.replace('\r', "\n").replace(|c: char| c < ' ' && c != '\n', ""));
                }
            }
            if let Some(end) = end {
                self.typed.extend(&bytes[end + 1..]);
                return Ok(Wake::Aborted);
            }
        }
    }

    /// Takes what is typed and says nothing more, until the client leaves.
    pub(crate) async fn be_silent(&mut self) -> Gone {
        let _ = self.flush().await;
        self.closed.wait().await;
        Gone::Closed
    }

    /// Channel requests, which are no text of the shell, until the connection ends.
    pub(crate) async fn send_no_text(&mut self) -> Gone {
        let _ = self.flush().await;
        loop {
            tokio::select! {
                () = self.closed.wait() => return Gone::Closed,
                sent = self.output.exit_status(0) => if sent.is_err() {
                    return Gone::Closed;
                }
            }
        }
    }

    pub(crate) async fn pause(&mut self, span: Duration) -> Result<(), Gone> {
        if !span.is_zero() {
            self.wait_until(Instant::now() + span, &[], true).await?;
        }
        Ok(())
    }

    pub(crate) async fn key(&mut self) -> Result<u8, Gone> {
        loop {
            if let Some(byte) = self.typed.pop_front() {
                let second_half = byte == b'\n' && self.after_return;
                self.after_return = byte == b'\r';
                if second_half {
                    continue;
                }
                return Ok(byte);
            }
            if let Ok(bytes) = self.input.try_recv() {
                self.typed.extend(bytes);
                continue;
            }
            self.flush().await?;
            let idle = self.idle;
            let late = self.late.as_ref().map(|(when, _)| *when);
            let bytes = tokio::select! {
                bytes = self.input.recv() => bytes,
                () = Self::late_text(late) => {
                    self.write_overdue();
                    continue;
                }
                () = self.closed.wait() => None,
                () = tokio::time::sleep(idle.unwrap_or_default()), if idle.is_some() => return Err(Gone::Idle),
            };
            self.typed.extend(bytes.ok_or(Gone::Closed)?);
        }
    }

    /// A line as it is typed; `early` is shown before the echo of its first key.
    pub(crate) async fn line(&mut self, echo: bool, early: Option<&str>) -> Result<Line, Gone> {
        const LONGEST: usize = 4096;
        let echo = echo && self.echo;
        let mut line: Vec<u8> = Vec::new();
        let mut early = early;
        loop {
            let byte = self.key().await?;
            if let Some(text) = early.take() {
                self.write(text);
                self.flush().await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            match byte {
                b'\r' | b'\n' => {
                    // A hidden line still ends on the screen; without any echo not even that.
                    if self.echo {
                        self.write("\n");
                    }
                    return Ok(Line::Typed(String::from_utf8_lossy(&line).into_owned()));
                }
                0x03 => return Ok(Line::Cancelled),
                0x04 if line.is_empty() => return Ok(Line::EndOfFile),
                0x08 | 0x7f => {
                    if line.pop().is_some() && echo {
                        self.write("\x08 \x08");
                    }
                }
                0x15 => {
                    if echo {
                        self.write(&"\x08 \x08".repeat(line.len()));
                    }
                    line.clear();
                }
                byte if byte < 0x20 => {}
                byte => {
                    if line.len() < LONGEST {
                        line.push(byte);
                        if echo {
                            self.buffer.push(byte);
                        }
                    }
                }
            }
        }
    }

    /// Ends the session; the client sees the channel close with `status`.
    pub(crate) async fn close(&mut self, status: u32) {
        let _ = self.flush().await;
        let _ = self.output.exit_status(status).await;
        let _ = self.output.eof().await;
        let _ = self.output.close().await;
    }
}
