//! What a conversation tells its lane. Knows nothing of how it came to know.

use crate::failure::Failure;
use std::fmt;
use zeroize::Zeroizing;

#[derive(PartialEq)]
pub enum Event {
    /// Write these bytes to the router. `secret`: never log them.
    Send { bytes: Zeroizing<Vec<u8>>, secret: bool },
    /// Login is through, once: prompt learned, enable tried, set-up done. `mode` is the name of a [`crate::platform::dialect::Mode`].
    Ready { mode: String },
    /// The command in flight was answered: cleaned lines joined by `\n`, without echo and prompt. `aborted`:
    /// [`super::Shell::abort`] had been called, [`Event::Idle`] follows. `truncated`: more than 1 MiB came, the middle was dropped.
    Answer { text: String, aborted: bool, truncated: bool },
    /// A set-up command was answered, perhaps by a refusal; never fatal.
    SetUp { command: String, text: String },
    /// After an abort or [`super::Shell::resync`]: a prompt is proven again, the next command may be sent.
    Idle,
    /// The conversation cannot go on; drop the session. Nothing but the tear-down comes after it.
    Failed(Failure),
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { secret: true, .. } => f.write_str("Send(a secret)"),
            Self::Send { bytes, .. } => write!(f, "Send(\"{}\")", bytes.escape_ascii()),
            Self::Ready { mode } => f.debug_struct("Ready").field("mode", mode).finish(),
            Self::Answer { text, aborted, truncated } => {
                let mut answer = f.debug_struct("Answer");
                answer.field("text", text).field("aborted", aborted).field("truncated", truncated).finish()
            }
            Self::SetUp { command, text } => {
                f.debug_struct("SetUp").field("command", command).field("text", text).finish()
            }
            Self::Idle => f.write_str("Idle"),
            Self::Failed(failure) => f.debug_tuple("Failed").field(failure).finish(),
        }
    }
}
