//! A block of statistics: the counters that a router prints together, and whether they agree with the percent beside them. Knows
//! nothing of headers and targets.

use super::pattern::Pattern;

/// Returns the blocks of one shape from a place on, and where each begins; a block with missing parts is `None`. A block ends
/// where the next begins: its numbers never come from two.
pub(super) fn blocks(text: &str, from: usize, parts: &[Pattern]) -> Vec<(usize, Option<Block>)> {
    let Some(first) = parts.first().and_then(Pattern::get) else { return Vec::new() };
    let behind = text.as_bytes().get(from..).unwrap_or_default();
    let starts: Vec<usize> = first.find_iter(behind).map(|found| from + found.start()).collect();
    let limits = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().copied().zip(limits).map(|(start, limit)| (start, Block::read(text, start, limit, parts))).collect()
}

/// A statistics block as printed.
#[derive(Default)]
pub(super) struct Block {
    sent: String,
    received: String,
    loss: Option<String>,
    success: Option<String>,
    /// Behind its last part.
    pub(super) end: usize,
    /// Where the next block begins, or the text ends.
    pub(super) limit: usize,
}

/// Between two parts of a block: more than log lines need.
const WIDEST_GAP: usize = 2000;

impl Block {
    /// None if not all parts are there.
    fn read(text: &str, start: usize, limit: usize, parts: &[Pattern]) -> Option<Self> {
        let text = text.as_bytes().get(..limit)?;
        let mut block = Self { end: start, limit, ..Self::default() };
        for part in parts {
            let captures = part.get()?.captures_at(text, block.end)?;
            if captures.start() > block.end + WIDEST_GAP {
                return None;
            }
            let take = |name| captures.name(name);
            block.sent = take("sent").unwrap_or(block.sent);
            block.received = take("received").unwrap_or(block.received);
            block.loss = take("loss").or(block.loss);
            block.success = take("success").or(block.success);
            block.end = captures.end();
        }
        Some(block)
    }

    /// Sent and received, if the printed percent agrees with them. Routers cut or round it, so it only checks.
    pub(super) fn check(&self) -> Result<(u32, u32), String> {
        let counter = |text: &str| text.parse::<u32>().map_err(|_| format!("counter {text:?} is out of range"));
        let (sent, received) = (counter(&self.sent)?, counter(&self.received)?);
        if sent == 0 && received > 0 {
            return Err(format!("{received} received of 0 sent"));
        }
        let share = if sent == 0 { 0.0 } else { 100.0 * f64::from(received) / f64::from(sent) };
        if let Some(printed) = &self.loss
            && sent > 0
            && !agrees(printed, 100.0 - share)
            && !(received > sent && agrees(printed, 0.0))
        {
            return Err(format!("{received} received of {sent} sent, but {printed} % loss"));
        }
        if let Some(printed) = &self.success
            && sent > 0
            && !agrees(printed, share)
            && !(received > sent && agrees(printed, 100.0))
        {
            return Err(format!("{received} received of {sent} sent, but {printed} % success"));
        }
        Ok((sent, received))
    }
}

/// Within one of the last digit printed: cut or rounded. `5e-06` is a number too.
fn agrees(printed: &str, exact: f64) -> bool {
    let (digits, exponent) = printed.split_once(['e', 'E']).unwrap_or((printed, "0"));
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let (Ok(exponent), Ok(decimals)) = (exponent.parse::<i32>(), i32::try_from(decimals)) else { return false };
    let step = 10f64.powi(exponent.saturating_sub(decimals));
    printed.parse::<f64>().is_ok_and(|printed| (printed - exact).abs() < step * (1.0 - 1e-9))
}
