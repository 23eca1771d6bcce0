//! The words in which a ping is asked for, by mode and address family. Knows nothing of ranges and answers.

use super::Failure;
use super::command::{Slot, Template, Values};
use super::definition::{PingFile, Text};
use super::mistake::Source;
use std::net::IpAddr;

/// The words of the command in these modes.
#[derive(Debug)]
pub(super) struct Variant {
    modes: Vec<String>,
    ipv4: Commands,
    ipv6: Commands,
}

#[derive(Debug)]
pub(super) struct Commands {
    before: Vec<Template>,
    command: Template,
}

/// A command as the file writes it.
struct Words<'f> {
    before: &'f [Text],
    command: &'f Text,
    before_ipv6: Option<&'f [Text]>,
    command_ipv6: Option<&'f Text>,
}

/// The command itself first, then its variants. `full`: the modes that take options; `all`: those that are defined.
pub(super) fn variants(source: &Source, file: &PingFile, full: &[&str], all: &[&str]) -> Result<Vec<Variant>, Failure> {
    let mut others = Vec::new();
    for other in &file.variant {
        let words = Words {
            before: &other.before,
            command: &other.command,
            before_ipv6: other.before_ipv6.as_deref(),
            command_ipv6: other.command_ipv6.as_ref(),
        };
        others.push(Variant::new(source, file, named(source, &other.command, &other.modes, all)?, &words)?);
    }
    let taken: Vec<&Text> = file.variant.iter().flat_map(|other| &other.modes).collect();
    let modes = match &file.modes {
        Some(texts) => named(source, &file.command, texts, all)?,
        None => left(full, &taken),
    };
    not_taken(source, &modes, &taken)?;
    let words = Words {
        before: &file.before,
        command: &file.command,
        before_ipv6: file.before_ipv6.as_deref(),
        command_ipv6: file.command_ipv6.as_ref(),
    };
    let mut variants = vec![Variant::new(source, file, modes, &words)?];
    variants.append(&mut others);
    Ok(variants)
}

/// Names of modes that are defined, for a command.
pub(super) fn named(source: &Source, command: &Text, texts: &[Text], all: &[&str]) -> Result<Vec<String>, Failure> {
    if texts.is_empty() {
        return Err(source.mistake(command, &format!("no mode takes this command; name one of {}", all.join(", "))));
    }
    let mode =
        |text: &Text| match all.contains(&text.get_ref().as_str()) {
            true => Ok(text.get_ref().clone()),
            false => Err(source
                .mistake(text, &format!("mode {:?} is not defined; defined are {}", text.get_ref(), all.join(", ")))),
        };
    texts.iter().map(mode).collect()
}

/// The modes that no variant names.
pub(super) fn left(modes: &[&str], taken: &[&Text]) -> Vec<String> {
    let is_left = |mode: &&&str| taken.iter().all(|text| text.get_ref() != **mode);
    modes.iter().filter(is_left).map(|mode| (*mode).to_owned()).collect()
}

/// The modes of the command itself are none of its variants'.
pub(super) fn not_taken(source: &Source, modes: &[String], taken: &[&Text]) -> Result<(), Failure> {
    match taken.iter().find(|text| modes.contains(text.get_ref())) {
        Some(twice) => Err(source.mistake(
            twice,
            &format!("mode {:?} has two commands; name it in modes or in one variant", twice.get_ref()),
        )),
        None => Ok(()),
    }
}

pub(super) fn template(source: &Source, text: &Text) -> Result<Template, Failure> {
    Template::parse(text.get_ref()).map_err(|reason| source.mistake(text, &reason))
}

impl Variant {
    fn new(source: &Source, file: &PingFile, modes: Vec<String>, words: &Words<'_>) -> Result<Self, Failure> {
        Ok(Self {
            modes,
            ipv4: Commands::new(source, file, words.before, words.command)?,
            ipv6: Commands::new(
                source,
                file,
                words.before_ipv6.unwrap_or(words.before),
                words.command_ipv6.unwrap_or(words.command),
            )?,
        })
    }

    pub(super) fn takes(&self, mode: &str) -> bool {
        self.modes.iter().any(|known| known == mode)
    }

    pub(super) fn modes(&self) -> impl Iterator<Item = &str> {
        self.modes.iter().map(String::as_str)
    }

    pub(super) fn commands_for(&self, target: IpAddr) -> &Commands {
        if target.is_ipv4() { &self.ipv4 } else { &self.ipv6 }
    }

    /// For one of the families at least.
    pub(super) fn has(&self, slot: Slot) -> bool {
        self.ipv4.has(slot) || self.ipv6.has(slot)
    }

    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        [&self.ipv4, &self.ipv6].into_iter().flat_map(|commands| commands.before.iter().chain([&commands.command]))
    }
}

impl Commands {
    fn new(source: &Source, file: &PingFile, before: &[Text], text: &Text) -> Result<Self, Failure> {
        let before = before.iter().map(|text| template(source, text)).collect::<Result<_, _>>()?;
        let commands = Self { before, command: template(source, text)? };
        if !commands.command.has(Slot::Target) {
            return Err(source.mistake(text, "the command has no target; write {target}"));
        }
        if !file.endless && !commands.has(Slot::Count) {
            return Err(source.mistake(text, "the command has no count; write {count}, or endless = true"));
        }
        let timeout = commands.has(Slot::Timeout);
        if !file.endless && !file.no_timeout && !timeout {
            return Err(source.mistake(
                text,
                "the command has no time-out; write {timeout}, or no_timeout = true, or endless = true",
            ));
        }
        if file.no_timeout && timeout {
            return Err(source.mistake(text, "the command has a time-out; remove no_timeout = true, or {timeout}"));
        }
        Ok(commands)
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        self.command.has(slot) || self.before.iter().any(|template| template.has(slot))
    }

    /// Commands to send first; one that is all group may be empty, and is none then.
    pub(super) fn before(&self, values: &Values) -> Vec<String> {
        self.before.iter().map(|template| template.fill(values)).filter(|line| !line.is_empty()).collect()
    }

    pub(super) fn command(&self, values: &Values) -> String {
        self.command.fill(values)
    }
}
