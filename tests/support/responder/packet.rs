//! Echo requests and the answers to them, IPv4 (RFC 792) and IPv6 (RFC 4443), as bare IP packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ICMP: u8 = 1;
const ICMP_V6: u8 = 58;
const HEADER_V4: usize = 20;
const HEADER_V6: usize = 40;

/// The router at the far end, which says that a host is unreachable.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 253);
const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0xfd);

pub(super) struct EchoRequest<'a> {
    packet: &'a [u8],
    source: IpAddr,
    target: IpAddr,
    icmp: &'a [u8],
}

impl<'a> EchoRequest<'a> {
    /// None for anything but a whole echo request (fragments too).
    pub(super) fn parse(packet: &'a [u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => {
                let length = usize::from(packet[0] & 15) * 4;
                let icmp = packet.get(length..).filter(|icmp| icmp.len() >= 8)?;
                let v4 = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
                let whole = u16::from_be_bytes([packet[6], packet[7]]) & 0x3fff == 0;
                let (source, target) = (v4(12)?, v4(16)?);
                (packet[9] == ICMP && icmp[0] == 8 && whole).then_some(Self { packet, source, target, icmp })
            }
            6 => {
                let icmp = packet.get(HEADER_V6..).filter(|icmp| icmp.len() >= 8)?;
                let v6 = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
                let (source, target) = (v6(8)?, v6(24)?);
                (packet[6] == ICMP_V6 && icmp[0] == 128).then_some(Self { packet, source, target, icmp })
            }
            _ => None,
        }
    }

    pub(super) fn target(&self) -> IpAddr {
        self.target
    }

    /// Identifier of the run that sent it, and its number in that run.
    pub(super) fn run(&self) -> (u16, u16) {
        let word = |at: usize| u16::from_be_bytes([self.icmp[at], self.icmp[at + 1]]);
        (word(4), word(6))
    }

    /// When iputils' ping sent it, in seconds since 1970: its payload begins with a `timeval`, if there is room for one.
    pub(super) fn sent(&self) -> Option<f64> {
        let number = |at: usize| Some(i64::from_ne_bytes(self.icmp.get(at..at + 8)?.try_into().ok()?));
        let (seconds, micros) = (number(8)?, number(16)?);
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a time of today fit")]
        Some(seconds as f64 + micros as f64 / 1e6)
    }

    pub(super) fn reply(&self) -> Vec<u8> {
        let mut icmp = self.icmp.to_vec();
        icmp[0] = if self.target.is_ipv4() { 0 } else { 129 };
        wrap(self.target, self.source, icmp)
    }

    /// Destination host (v4) or address (v6) unreachable, from the far router.
    pub(super) fn unreachable(&self) -> Vec<u8> {
        let (from, kind, code, quoted) = match self.target {
            IpAddr::V4(_) => (IpAddr::V4(GATEWAY), 3, 1, HEADER_V4 + 8),
            IpAddr::V6(_) => (IpAddr::V6(GATEWAY_V6), 1, 3, HEADER_V6 + 1000),
        };
        let mut icmp = vec![kind, code, 0, 0, 0, 0, 0, 0];
        icmp.extend_from_slice(&self.packet[..self.packet.len().min(quoted)]);
        wrap(from, self.source, icmp)
    }
}

/// A whole packet around an ICMP message whose checksum is still to be set.
fn wrap(from: IpAddr, to: IpAddr, mut icmp: Vec<u8>) -> Vec<u8> {
    icmp[2..4].fill(0);
    let length = u16::try_from(icmp.len()).expect("came out of one packet");
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let sum = checksum(&[&icmp]);
            icmp[2..4].copy_from_slice(&sum);
            let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, ICMP, 0, 0];
            packet[2..4].copy_from_slice(&(length + 20).to_be_bytes());
            packet.extend_from_slice(&from.octets());
            packet.extend_from_slice(&to.octets());
            let sum = checksum(&[&packet]);
            packet[10..12].copy_from_slice(&sum);
            packet.extend_from_slice(&icmp);
            packet
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            // The pseudo-header of RFC 8200, 8.1: addresses, length, next header.
            let lead = [&[0, 0][..], &length.to_be_bytes(), &[0, 0, 0, ICMP_V6]].concat();
            let sum = checksum(&[&from.octets(), &to.octets(), &lead, &icmp]);
            icmp[2..4].copy_from_slice(&sum);
            let mut packet = vec![0x60, 0, 0, 0, 0, 0, ICMP_V6, 64];
            packet[4..6].copy_from_slice(&length.to_be_bytes());
            packet.extend_from_slice(&from.octets());
            packet.extend_from_slice(&to.octets());
            packet.extend_from_slice(&icmp);
            packet
        }
        _ => unreachable!("an echo request has two addresses of one family"),
    }
}

/// RFC 1071, over parts of which only the last may have an odd length.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 = words.map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    (!u16::try_from(folded).expect("folded twice")).to_be_bytes()
}
