//! What a router says about its own sending: errors for which a packet never left it, and packets that are too big to leave
//! unfragmented. The texts that many ping programs share are in `ping_texts.toml`; a platform file adds its own.

use super::catalog::Definition;
use super::definition::{IndicatorFile, PingFile, Text};
use super::indicator::{self, Indicator};
use super::mistake::Source;
use super::pattern::Pattern;
use super::{Failure, recorded};
use serde::Deserialize;
use std::borrow::Cow;

const SHARED: &str = include_str!("ping_texts.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedFile {
    send_error: Vec<IndicatorFile>,
    too_big: Vec<TooBigFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TooBigFile {
    pattern: Text,
}

#[derive(Debug)]
pub(super) struct SendingForm {
    errors: Vec<Indicator>,
    too_big: Vec<Pattern>,
}

impl SendingForm {
    pub(super) fn new(source: &Source, file: &PingFile) -> Result<Self, Failure> {
        let shared = Definition { name: "ping_texts".to_owned(), text: Cow::Borrowed(SHARED), origin: None };
        let shared_source = Source::new(&shared);
        let shared: SharedFile = shared_source.parse()?;
        let too_big = |source, text| Pattern::new(source, text, &["mtu"], &[]);
        let own = file.too_big.iter().map(|text| too_big(source, text));
        let common = shared.too_big.iter().map(|one| too_big(&shared_source, &one.pattern));
        Ok(Self {
            errors: shared
                .send_error
                .iter()
                .map(|one| Indicator::new(&shared_source, one))
                .collect::<Result<_, _>>()?,
            too_big: own.chain(common).collect::<Result<_, _>>()?,
        })
    }

    /// The router's own error, where it stands for each of the packets sent; `indicators` are the platform's.
    pub(super) fn refusal(&self, indicators: &[Indicator], text: &str, sent: u32) -> Option<Failure> {
        let all: Vec<&Indicator> = indicators.iter().chain(&self.errors).collect();
        indicator::over_counters(&all, text, sent)
            // Lines broken hard at the terminal's width.
            .or_else(|| indicator::over_counters(&all, &recorded::unbroken(text)?, sent))
    }

    /// Whether the router says that a packet is too big to leave unfragmented, and the least MTU that it names.
    pub(super) fn too_big(&self, text: &str) -> Option<Option<u32>> {
        let found = self.too_big.iter().filter_map(Pattern::get).flat_map(|one| one.captures_iter(text.as_bytes()));
        let mtus: Vec<Option<u32>> =
            found.map(|captures| captures.name("mtu").and_then(|mtu| mtu.parse().ok())).collect();
        (!mtus.is_empty()).then(|| mtus.into_iter().flatten().filter(|mtu| *mtu > 0).min())
    }
}
