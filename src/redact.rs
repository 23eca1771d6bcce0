//! What a recorded conversation must not tell of its network: addresses become those of the documentation ranges (RFC 5737, RFC
//! 3849), the same one each time; hardware addresses and names become words. Texts only; what they mean is not known here.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Replaces what is known to be telling. A router's own words beyond that (descriptions, serial numbers) stay.
#[derive(Default)]
pub struct Redaction {
    addresses: HashMap<IpAddr, IpAddr>,
    /// Longest first.
    names: Vec<(String, &'static str)>,
}

impl Redaction {
    /// A name that is to become `word`, where it stands as a whole word. Names of one character, and addresses, are left alone.
    pub fn name(&mut self, name: &str, word: &'static str) {
        if name.chars().count() > 1 && name != word && name.parse::<IpAddr>().is_err() {
            self.names.push((name.to_owned(), word));
            self.names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        }
    }

    /// The address that stands for this one.
    pub fn address(&mut self, address: IpAddr) -> IpAddr {
        if is_telling_nothing(address) {
            return address;
        }
        let same_family = self.addresses.keys().filter(|known| known.is_ipv4() == address.is_ipv4()).count();
        let next = documentation(address.is_ipv4(), u32::try_from(same_family).unwrap_or(u32::MAX));
        *self.addresses.entry(address).or_insert(next)
    }

    /// The text with everything replaced; names first, since an address may be part of one.
    pub fn text(&mut self, text: &str) -> String {
        let text = self.with_names(text.to_owned());
        let mut shown = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(is_of_word) {
            shown.push_str(&rest[..at]);
            let word = &rest[at..];
            let end = word.find(|c| !is_of_word(c)).unwrap_or(word.len());
            shown.push_str(&self.word(&word[..end]));
            rest = &word[end..];
        }
        shown.push_str(rest);
        shown
    }

    /// A run of characters that an address may be made of; what ends or begins it by chance stays.
    fn word(&mut self, word: &str) -> String {
        // `2001:db8::` of a prefix ends in what otherwise only follows an address.
        if let Ok(address) = word.parse::<IpAddr>() {
            return self.address(address).to_string();
        }
        let inner = word.trim_matches(['.', ':', '-']);
        let replaced = match inner.parse::<IpAddr>() {
            Ok(address) => self.address(address).to_string(),
            Err(_) if is_hardware_address(inner) => {
                inner.chars().map(|c| if c.is_ascii_hexdigit() { '0' } else { c }).collect()
            }
            Err(_) => return self.quads(word),
        };
        let begin = word.len() - word.trim_start_matches(['.', ':', '-']).len();
        format!("{}{replaced}{}", &word[..begin], &word[begin + inner.len()..])
    }

    /// IPv4 addresses within something else: `10.1.1.2:22`, `10.1.1.2-10.1.1.9`, `cs05-10.1.1.2`, and a name's `10-1-1-2`.
    fn quads(&mut self, word: &str) -> String {
        let mut shown = String::with_capacity(word.len());
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let whole = !shown.ends_with(|c: char| c.is_ascii_digit());
            let found = ['.', '-'].into_iter().filter(|_| whole).find_map(|mark| Some((quad(rest, mark)?, mark)));
            let part_of_more =
                |mark| shown.strip_suffix(mark).is_some_and(|before| before.ends_with(|c: char| c.is_ascii_digit()));
            match found.filter(|(_, mark)| !part_of_more(*mark)) {
                Some(((address, length), mark)) => {
                    let replaced = self.address(address.into()).to_string();
                    shown.push_str(&replaced.replace('.', mark.encode_utf8(&mut [0; 4])));
                    rest = &rest[length..];
                }
                None => {
                    shown.push(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        shown
    }

    fn with_names(&self, mut text: String) -> String {
        for (name, word) in &self.names {
            let mut at = 0;
            while let Some(found) = text[at..].find(name.as_str()).map(|found| at + found) {
                let end = found + name.len();
                let of_name = |c: char| c.is_alphanumeric() || c == '_';
                let whole = !text[..found].ends_with(of_name) && !text[end..].starts_with(of_name);
                if whole {
                    text.replace_range(found..end, word);
                }
                at = found + if whole { word.len() } else { name.len() };
            }
        }
        text
    }
}

/// Words of prompts that platforms have and people do not choose: cards, redundancy, modes.
const OF_PLATFORMS: [&str; 18] = [
    "act",
    "active",
    "backup",
    "conf",
    "config",
    "configure",
    "edit",
    "failed",
    "hrp_m",
    "hrp_s",
    "master",
    "node",
    "pri",
    "primary",
    "sec",
    "secondary",
    "standby",
    "stby",
];
/// The same with a number: `RP/0/RSP0/CPU0:`.
const CARDS: [&str; 6] = ["cpu", "lc", "node", "rp", "rsp", "slot"];

/// Returns the words of a prompt that tell something of the network: names of router, context, virtual domain and folder.
pub fn names_in_prompt(prompt: &str) -> impl Iterator<Item = &str> {
    let of_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let words = prompt.split(move |c| !of_name(c)).filter(|word| word.chars().any(char::is_alphabetic));
    words.filter(|word| {
        let lower = word.to_lowercase();
        let card = lower.trim_end_matches(|c: char| c.is_ascii_digit());
        !OF_PLATFORMS.contains(&lower.as_str()) && !CARDS.contains(&card)
    })
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '-')
}

/// Four numbers with a mark between them at the beginning, and their length; not of more, as `1.3.6.1.2` or `1-2-3-4-5`.
fn quad(text: &str, mark: char) -> Option<(Ipv4Addr, usize)> {
    let mut octets = [0; 4];
    let mut at = 0;
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            at += text[at..].strip_prefix(mark).map(|_| mark.len_utf8())?;
        }
        let digits = text[at..].bytes().take_while(u8::is_ascii_digit).count();
        *octet = text[at..at + digits].parse::<u8>().ok().filter(|_| digits <= 3)?;
        at += digits;
    }
    let goes_on = text[at..].strip_prefix(mark).is_some_and(|more| more.starts_with(|c: char| c.is_ascii_digit()));
    (!goes_on).then(|| (Ipv4Addr::from(octets), at))
}

/// Masks, wildcards, loopback.
fn is_telling_nothing(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let bits = address.to_bits();
            address.is_unspecified() || address.is_loopback() || bits.leading_ones() + bits.trailing_zeros() >= 32
        }
        IpAddr::V6(address) => address.is_unspecified() || address.is_loopback(),
    }
}

fn documentation(ipv4: bool, number: u32) -> IpAddr {
    if !ipv4 {
        let [a, b] = [number >> 16, number & 0xFFFF].map(|part| u16::try_from(part).unwrap_or_default());
        return Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, a, b.wrapping_add(1)).into();
    }
    let (net, host) = (number / 254, u8::try_from(number % 254).unwrap_or_default() + 1);
    match net {
        0 => Ipv4Addr::new(192, 0, 2, host),
        1 => Ipv4Addr::new(198, 51, 100, host),
        _ => Ipv4Addr::new(203, 0, 113, host),
    }
    .into()
}

/// `0050.56ab.cdef`, `0050-56ab-cdef`, `00:50:56:ab:cd:ef`, `00-50-56-ab-cd-ef`.
fn is_hardware_address(word: &str) -> bool {
    [('.', 3, 4), ('-', 3, 4), (':', 6, 2), ('-', 6, 2)].into_iter().any(|(mark, parts, digits)| {
        let split: Vec<&str> = word.split(mark).collect();
        split.len() == parts
            && split.iter().all(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_the_same_one_each_time() {
        let mut redaction = Redaction::default();
        let text =
            "Echos to 10.20.30.40, timeout\n!!!! from 10.20.30.41: 10.20.30.40/30 via fd00::1%eth0 10.20.30.40:22.\n";
        assert_eq!(
            redaction.text(text),
            "Echos to 192.0.2.1, timeout\n!!!! from 192.0.2.2: 192.0.2.1/30 via 2001:db8::1%eth0 192.0.2.1:22.\n"
        );
        assert_eq!(redaction.address("10.20.30.41".parse().unwrap()).to_string(), "192.0.2.2");
    }

    #[test]
    fn an_address_within_something_else_is_found() {
        for (text, shown) in [
            ("CS05-10.20.30.40#ping", "CS05-192.0.2.1#ping"),
            ("range 10.20.30.40-10.20.30.41,", "range 192.0.2.1-192.0.2.2,"),
            ("via10.20.30.40", "via192.0.2.1"),
            ("static-10-20-30-40.example.net (10.20.30.40)", "static-192-0-2-1.example.net (192.0.2.1)"),
            ("route 2a02:1:2::/48, fe80::", "route 2001:db8::1/48, 2001:db8::2"),
            ("::ffff:10.20.30.40:22", "::ffff:192.0.2.1:22"),
            ("from fd00::9: seq", "from 2001:db8::1: seq"),
        ] {
            assert_eq!(Redaction::default().text(text), shown);
        }
    }

    #[test]
    fn what_only_looks_like_an_address_stays() {
        let mut redaction = Redaction::default();
        for text in [
            "round-trip min/avg/max = 1.234/2.5/3.001 ms",
            "Success rate is 100 percent (5/5)",
            "12:34:56 up 1.2.3",
            "1.3.6.1.4.1.9, 1-2-3-4-5, 2026-11-25, 300.1.1.1",
            "mask 255.255.255.0, any 0.0.0.0, self 127.0.0.1 and ::",
            "IOS-XE 17.9.4a, GigabitEthernet0/0/1.35",
            "--- statistics ---",
            "2026-11-25 10:00:00",
        ] {
            assert_eq!(redaction.text(text), text);
        }
    }

    #[test]
    fn hardware_addresses_are_zeros_of_the_same_form() {
        let mut redaction = Redaction::default();
        assert_eq!(
            redaction.text("0050.56ab.cdef 00:50:56:ab:cd:ef 0050-56ab-cdef"),
            "0000.0000.0000 00:00:00:00:00:00 0000-0000-0000"
        );
    }

    #[test]
    fn names_are_replaced_as_whole_words() {
        let mut redaction = Redaction::default();
        redaction.name("ber-1", "router");
        redaction.name("alice", "user");
        redaction.name("r", "router");
        assert_eq!(
            redaction.text("alice@ber-1:~$ malice ber-12 <ber-1> (alice) r"),
            "user@router:~$ malice ber-12 <router> (user) r"
        );
    }

    #[test]
    fn every_name_in_a_prompt_is_found() {
        for (prompt, names) in [
            ("edge-1#", &["edge-1"][..]),
            ("alice@mx-1> ", &["alice", "mx-1"]),
            ("[u@web01 dir]$ ", &["u", "web01", "dir"]),
            ("alice@host:~/work$", &["alice", "host", "work"]),
            ("FW-BERN (customer) # ", &["FW-BERN", "customer"]),
            ("asa-1/pri/act#", &["asa-1"]),
            ("asa-1/customer/sec/stby>", &["asa-1", "customer"]),
            ("RP/0/RSP0/CPU0:pe1.bern#", &["pe1.bern"]),
            ("HRP_M<fw1>", &["fw1"]),
            ("[admin@büro] >", &["admin", "büro"]),
            ("A:admin@sr-1#", &["A", "admin", "sr-1"]),
        ] {
            assert_eq!(names_in_prompt(prompt).collect::<Vec<_>>(), names, "{prompt}");
        }
    }

    #[test]
    fn beyond_the_documentation_ranges_addresses_still_differ_from_the_real_ones() {
        let mut redaction = Redaction::default();
        for n in 0..1000u32 {
            let shown = redaction.address(Ipv4Addr::from(0x0A00_0001 + n).into()).to_string();
            assert!(["192.0.2.", "198.51.100.", "203.0.113."].iter().any(|net| shown.starts_with(net)), "{shown}");
        }
    }
}
