//! The command of an `exec:` reference: split into words (as a proxy command is, too), run without a shell, its one line of output the secret. Bounded by
//! a deadline; then its whole process group is killed.

use super::secret::Secret;
use crate::deadline::Deadline;
use crate::descriptors;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;
use zeroize::Zeroizing;

/// A secret and its newline are far shorter.
const OUTPUT: usize = 4096;

/// What ends a command line's text, for messages.
pub const ALLOWED: &str = "a command and its arguments, quotes closed, no control characters";

/// A program and its arguments.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    program: String,
    arguments: Vec<String>,
}

impl Command {
    /// None when there is no word, a quote is open, or a control character is in it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = words(text).filter(|_| !text.chars().any(char::is_control))?.into_iter();
        let program = words.next().filter(|program| !program.is_empty())?;
        Some(Self { program, arguments: words.collect() })
    }

    /// The program alone: arguments may hold a secret.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Runs it and returns the line it printed. The error's text is the end of a message and holds nothing of the output.
    pub fn run(&self, deadline: Deadline) -> Result<Secret, String> {
        descriptors::close_on_exec().map_err(|e| e.to_string())?;
        let mut child = std::process::Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|e| match e.kind() {
                io::ErrorKind::NotFound => "program not found".to_owned(),
                _ => e.to_string(),
            })?;
        let stdout = child.stdout.take().ok_or_else(|| "no output".to_owned())?;
        let ended =
            read(stdout, deadline).and_then(|output| Ok((output, wait(&mut child, deadline).ok_or_else(late)?)));
        let (output, status) = ended.inspect_err(|_| kill(&mut child))?;
        if !status.success() {
            return Err(format!("ended with {status}"));
        }
        let text = std::str::from_utf8(&output).map_err(|_| "output is not valid UTF-8".to_owned())?;
        Secret::line(text).map_err(|what| format!("output {what}"))
    }
}

/// The words of a command line as a shell would split them, nothing expanded: `'…'` takes everything as it is, `"…"` and bare
/// words know `\` before any character. None when a quote is open at the end.
pub fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(characters.next()?),
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

fn late() -> String {
    "not finished in time".to_owned()
}

/// Reads to the end of file, in a buffer that never moves.
fn read(mut stdout: ChildStdout, deadline: Deadline) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut output = Zeroizing::new(vec![0; OUTPUT]);
    let mut filled = 0;
    loop {
        match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&deadline.timeout())) {
            Ok(0) => return Err(late()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(e) => return Err(e.to_string()),
        }
        match stdout.read(&mut output[filled..]).map_err(|e| e.to_string())? {
            0 if filled == OUTPUT => return Err(format!("output has {OUTPUT} bytes or more")),
            0 => break,
            n => filled += n,
        }
    }
    output.truncate(filled);
    Ok(output)
}

/// Its status, if it ends before the deadline. Whoever closes its output mostly ends at once. wait(2) knows no time-out, and a
/// pidfd needs a kernel that RHEL 8 does not have.
fn wait(child: &mut Child, deadline: Deadline) -> Option<std::process::ExitStatus> {
    let mut pause = Duration::from_micros(100);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if deadline.is_over() {
            return None;
        }
        deadline.pause(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// Ends a child that was not waited for yet, so that its number is still its own, and all that it started in its group.
fn kill(child: &mut Child) {
    if let Some(group) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    // One that hangs in the kernel is left to its fate: nobody waits longer than asked for.
    wait(child, Deadline::after(Duration::from_millis(100)));
}
