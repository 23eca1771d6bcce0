//! Answers about an interface made from facts, in every form that the platforms print: they read back as the same facts, and
//! however they are mutilated they never read as a number or a state that was not printed.

use super::{PLATFORMS, platform};
use ddl_monitor::platform::Platform;
use ddl_monitor::probe::{InterfaceResult, Measurement};
use proptest::prelude::*;
use std::cell::OnceCell;

/// What a router knows of its interface. Rates are whole bytes, the bandwidth whole Mbit/s: as exact as the coarsest form.
#[derive(Clone, Debug)]
struct Facts {
    admin: bool,
    /// The link, and the protocol on it; both false when admin is.
    link: bool,
    protocol: bool,
    description: Option<String>,
    errors: [u64; 3],
    rates: [u64; 2],
    megabits: u64,
    /// Seconds since the last change; days at most.
    changed: u64,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Ios,
    Xr,
    Nxos,
    NxosVlan,
    VrpSwitch,
    VrpTrunk,
    Comware5,
    Comware7,
    Comware7Serial,
    Frr,
    FrrNoDetection,
    Linux,
    LinuxJson,
}

const FORMS: [(&str, Form); 13] = [
    ("cisco_iosxe", Form::Ios),
    ("cisco_iosxr", Form::Xr),
    ("cisco_nxos", Form::Nxos),
    ("cisco_nxos", Form::NxosVlan),
    ("huawei_vrp", Form::VrpSwitch),
    ("huawei_vrp", Form::VrpTrunk),
    ("h3c_comware", Form::Comware5),
    ("h3c_comware", Form::Comware7),
    ("h3c_comware", Form::Comware7Serial),
    ("frr", Form::Frr),
    ("frr", Form::FrrNoDetection),
    ("linux", Form::Linux),
    ("linux", Form::LinuxJson),
];

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Ios => "GigabitEthernet0/0/1.2001",
            Self::Xr => "TenGigE0/3/0/0",
            Self::Nxos => "Ethernet106/1/1",
            Self::NxosVlan => "Vlan248",
            Self::VrpSwitch => "10GE1/8/0/0",
            Self::VrpTrunk => "Eth-Trunk10",
            Self::Comware5 => "Ten-GigabitEthernet0/0/10",
            Self::Comware7 => "M-GigabitEthernet0/0/0",
            Self::Comware7Serial => "Serial2/0:0",
            Self::Frr | Self::FrrNoDetection | Self::Linux | Self::LinuxJson => "wan0",
        }
    }

    /// Exactly what this form tells.
    fn told(self, facts: &Facts) -> InterfaceResult {
        let [input, output, crc] = facts.errors.map(Some);
        let bits = |bytes: u64| Some(bytes * 8);
        let all = InterfaceResult {
            name: self.name().to_owned(),
            admin: Some(u8::from(facts.admin)),
            oper: Some(u8::from(facts.link && facts.protocol)),
            description: facts.description.clone(),
            in_errors: input,
            out_errors: output,
            crc,
            in_rate: bits(facts.rates[0]),
            out_rate: bits(facts.rates[1]),
            bandwidth: Some(facts.megabits * 1_000_000),
            last_change: Some(facts.changed),
        };
        let uncounted = InterfaceResult {
            in_errors: None,
            out_errors: None,
            crc: None,
            in_rate: None,
            out_rate: None,
            last_change: None,
            ..all.clone()
        };
        match self {
            Self::Xr | Self::Nxos | Self::VrpSwitch | Self::Comware7 => all,
            Self::Ios | Self::Comware5 | Self::Comware7Serial => InterfaceResult { last_change: None, ..all },
            Self::NxosVlan => InterfaceResult { in_rate: all.in_rate, out_rate: all.out_rate, ..uncounted },
            Self::VrpTrunk => InterfaceResult { crc: None, last_change: None, ..all },
            Self::Frr | Self::FrrNoDetection => uncounted,
            Self::Linux | Self::LinuxJson => {
                InterfaceResult { in_errors: input, out_errors: output, crc, bandwidth: None, ..uncounted }
            }
        }
    }

    fn print(self, facts: &Facts) -> String {
        let name = self.name();
        let [input, output, crc] = facts.errors;
        let [in_bytes, out_bytes] = facts.rates;
        let (in_bits, out_bits) = (in_bytes * 8, out_bytes * 8);
        let (mega, kilo) = (facts.megabits, facts.megabits * 1000);
        let word = |up: bool| if up { "up" } else { "down" };
        let upper = |up: bool| if up { "UP" } else { "DOWN" };
        let described =
            |label: &str| facts.description.as_ref().map_or(String::new(), |text| format!("{label}{text}\n"));
        let (days, hours, minutes, seconds) =
            (facts.changed / 86_400, facts.changed / 3600 % 24, facts.changed / 60 % 60, facts.changed % 60);
        match self {
            Self::Ios | Self::Xr => {
                let is_xr = matches!(self, Self::Xr);
                let state = match (facts.admin, is_xr) {
                    (false, true) => "administratively down, line protocol is administratively down".to_owned(),
                    (false, false) => "administratively down, line protocol is down (disabled)".to_owned(),
                    (true, _) => format!("{}, line protocol is {}", word(facts.link), word(facts.protocol)),
                };
                let (date, flapped) = if is_xr {
                    (
                        "Thu Jul 30 14:04:58.767 UTC\n",
                        format!("  Last link flapped {days}d {hours:02}:{minutes:02}:{seconds:02}\n"),
                    )
                } else {
                    ("", String::new())
                };
                format!(
                    "{date}{name} is {state} \n  Hardware is iGbE, address is 5087.8964.53b0 (bia 5087.8964.53b0)\n{}\
                     \x20 MTU 1500 bytes, BW {kilo} Kbit/sec, DLY 10 usec, \n     reliability 255/255, txload 1/255, rxload 1/255\n{flapped}\
                     \x20 Last clearing of \"show interface\" counters never\n  Input queue: 0/375/0/0 (size/max/drops/flushes); Total output drops: 99\n\
                     \x20 5 minute input rate {in_bits} bits/sec, 12 packets/sec\n  5 minute output rate {out_bits} bits/sec, 13 packets/sec\n\
                     \x20    777 packets input, 888 bytes, 5 total input drops\n     0 runts, 66 giants, 0 throttles\n\
                     \x20    {input} input errors, {crc} CRC, 0 frame, 0 overrun, 0 ignored, 0 abort\n\
                     \x20    999 packets output, 111 bytes, 0 underruns\n     {output} output errors, 0 collisions, 4 interface resets\n",
                    described("  Description: ")
                )
            }
            Self::Nxos => {
                let reason = match (facts.admin, facts.link) {
                    (_, true) => "up",
                    (true, false) => "down (suspended(no LACP PDUs))",
                    (false, false) => "down (Administratively down)",
                };
                format!(
                    "{name} is {reason}\nadmin state is {}, Dedicated Interface\n{}  MTU 1500 bytes, BW {kilo} Kbit , DLY 10 usec\n\
                     \x20 Last link flapped {days}day(s) {hours:02}:{minutes:02}:{seconds:02}\n  Load-Interval #1: 30 seconds\n\
                     \x20   30 seconds input rate {in_bits} bits/sec, 1 packets/sec\n    30 seconds output rate {out_bits} bits/sec, 1 packets/sec\n\
                     \x20   input rate 1.23 Kbps, 2 pps; output rate 45 bps, 0 pps\n  RX\n    0 runts  0 giants  {crc} CRC  0 no buffer\n\
                     \x20   {input} input error  20 short frame  30 overrun   40 underrun  50 ignored\n    133 Stomped CRC\n  TX\n\
                     \x20   {output} output error  5 collision  1 deferred  2 late collision\n",
                    word(facts.admin),
                    described("  Description: ")
                )
            }
            Self::NxosVlan => {
                let state =
                    if facts.admin { word(facts.link).to_owned() } else { "down (Administratively down)".to_owned() };
                format!(
                    "{name} is {state}, line protocol is {}, autostate enabled\n  Hardware is EtherSVI, address is  e4c7.2212.1dc1\n{}\
                     \x20 MTU 1500 bytes, BW {kilo} Kbit, DLY 10 usec,\n  60 seconds input rate {in_bits} bits/sec, 0 packets/sec\n\
                     \x20 60 seconds output rate {out_bits} bits/sec, 0 packets/sec\n  L3 in Switched:\n    ucast: 7 pkts, 8 bytes\n",
                    word(facts.link && facts.protocol),
                    described("  Description: ")
                )
            }
            Self::VrpSwitch | Self::VrpTrunk => {
                let state = if facts.admin { upper(facts.link).to_owned() } else { "Administratively DOWN".to_owned() };
                let head = format!(
                    "{name} current state : {state} (ifindex: 65)\nLine protocol current state : {}\n{}Route Port,The Maximum Transmit Unit is 1500\n",
                    upper(facts.link && facts.protocol),
                    described("Description:")
                );
                if matches!(self, Self::VrpTrunk) {
                    return format!(
                        "{head}Maximal BW: 999G, Current BW: {mega}Mbps\n    Last 300 seconds input rate {in_bits} bits/sec, 0 packets/sec\n\
                         \x20   Last 300 seconds output rate {out_bits} bits/sec, 8 packets/sec\n    Input: 150 packets,226 bytes\n\
                         \x20          149 unicast,306 broadcast,103 multicast\n           {input} errors,7 drops\n    Output:795 packets,252 bytes\n\
                         \x20          170 unicast,540 broadcast,847 multicast\n           {output} errors,8 drops\n    Last 300 seconds input utility rate:  0.01%\n"
                    );
                }
                // A day of a month that has enough of them.
                let now = (31, 23, 59, 59);
                let then = (31 - days, 23 - hours, 59 - minutes, 59 - seconds);
                let date = |(d, h, m, s): (u64, u64, u64, u64)| format!("2021-03-{d:02} {h:02}:{m:02}:{s:02}");
                format!(
                    "{head}Last physical up time   : {} UTC+07:00\nLast physical down time : 2021-02-02 09:35:24 UTC+07:00\n\
                     Current system time: {}+07:00\nSpeed : {mega},  Loopback: NONE\nLast 300 seconds input rate {in_bits} bits/sec, 32 packets/sec\n\
                     Last 300 seconds output rate {out_bits} bits/sec, 31 packets/sec\nInput peak rate 421 bits/sec, Record time: 2021-03-26 17:54:35\n\n\
                     Input:  106 packets, 157 bytes\n  Discard:   9,  Total Error:         {input}\n\n  CRC:       {crc},  Giants:          77\n\n\
                     Output:  991 packets, 954 bytes\n  Discard:   9,  Total Error:         {output}\n    Input bandwidth utilization  :    0%\n",
                    date(then),
                    date(now)
                )
            }
            Self::Comware5 => {
                let state =
                    if facts.admin { upper(facts.link).to_owned() } else { "DOWN ( Administratively )".to_owned() };
                format!(
                    " {name} current state: {state}\n Line protocol current state: {}\n{} The Maximum Transmit Unit is 1500\n Internet protocol processing : disabled\n\
                     \x20{mega}M, Full, link type is autonegotiation\n Peak value of input: 51839 bytes/sec, at 2022-05-06 09:37:18\n\
                     \x20   Last 300 seconds input rate {in_bytes}.00 bytes/sec, {in_bits} bits/sec, 5670.94 packets/sec\n\
                     \x20   Last 300 seconds output rate {out_bytes}.00 bytes/sec, {out_bits} bits/sec, 13608.96 packets/sec\n\
                     \x20   Input: 756 packets, 275 bytes, 0 no buffers\n           7 broadcasts, 329 multicasts, 0 pauses\n           {input} errors, 0 runts, 0 giants\n\
                     \x20          {crc} crc, 0 align errors, 0 overruns\n           0 dribbles, 0 drops\n    Output:136 packets, 138 bytes\n           {output} errors, 0 underruns, 0 collisions\n",
                    upper(facts.link && facts.protocol),
                    described(" Description: ")
                )
            }
            Self::Comware7 | Self::Comware7Serial => {
                let state = if facts.admin { upper(facts.link).to_owned() } else { "Administratively DOWN".to_owned() };
                let head = format!(
                    "{name}\nCurrent state: {state}\nLine protocol state: {}\n{}Bandwidth: {kilo} kbps\nInternet address: 192.0.2.1/30 (Primary)\n",
                    upper(facts.link && facts.protocol),
                    described("Description: ")
                );
                if matches!(self, Self::Comware7Serial) {
                    return format!(
                        "{head}Last 300 seconds input rate: {in_bytes}.00 bytes/sec, {in_bits} bits/sec, 0.58 packets/sec\n\
                         Last 300 seconds output rate: {out_bytes}.00 bytes/sec, {out_bits} bits/sec, 0.00 packets/sec\nInput: \n  118 packets, 904 bytes\n\
                         \x20 {input} errors, 0 runts, 0 giants\n  {crc} crcs, 0 overruns\nOutput: \n  0 packets, 0 bytes\n  {output} errors, 0 underruns, 0 collisions\n"
                    );
                }
                format!(
                    "{head}Last link flapping: {days} days {hours} hours {minutes} minutes {seconds} seconds\n Peak input rate: 411 bytes/sec, at 2025-01-29 06:16:42\n\
                     \x20Last 300 second input: 749 packets/sec {in_bytes} bytes/sec 1%\n Last 300 second output: 431 packets/sec {out_bytes} bytes/sec 0%\n\
                     \x20Input (total):  130 packets, 165 bytes\n Input:  {input} input errors, 0 runts, 0 giants, - throttles\n\
                     \x20        {crc} CRC, - frame, 0 overruns, - aborts\n         - ignored, - parity errors\n Output (total): 431 packets, 142 bytes\n\
                     \x20Output: {output} output errors, 0 underruns, - buffer failures\nIPv4 traffic statistics:\n\
                     \x20Last 300 seconds input rate: 6 packets/sec, 7 bytes/sec\n Last 300 seconds output rate: 8 packets/sec, 9 bytes/sec\n Input: 1 packets, 2 bytes\n"
                )
            }
            Self::Frr | Self::FrrNoDetection => {
                let state = match (facts.admin, self) {
                    (false, _) => "down".to_owned(),
                    (true, Self::FrrNoDetection) => "up, line protocol detection is disabled".to_owned(),
                    (true, _) => format!("up, line protocol is {}", word(facts.link && facts.protocol)),
                };
                let flags = match (facts.admin, facts.link && facts.protocol) {
                    (false, _) => "BROADCAST,MULTICAST",
                    (true, false) => "UP,BROADCAST,MULTICAST",
                    (true, true) => "UP,BROADCAST,RUNNING,MULTICAST",
                };
                format!(
                    "Interface {name} is {state}\n  Link ups:       1    last: 2026/11/23 18:34:26.16\n  vrf: default\n{}\
                     \x20 index 3 metric 0 mtu 1500 speed 10000 \n  flags: <{flags}>\n  Type: Ethernet\n  bandwidth {mega} Mbps\n  protodown: off \n",
                    described("  Description: ")
                )
            }
            Self::Linux => {
                let (flags, state) = match (facts.admin, facts.link && facts.protocol) {
                    (false, _) => ("BROADCAST,MULTICAST", "DOWN"),
                    (true, false) => ("NO-CARRIER,BROADCAST,MULTICAST,UP", "LOWERLAYERDOWN"),
                    (true, true) => ("BROADCAST,MULTICAST,UP,LOWER_UP", "UNKNOWN"),
                };
                format!(
                    "2: {name}@if2: <{flags}> mtu 1500 qdisc noqueue state {state} mode DEFAULT group default qlen 1000\n    link/ether 52:7d:8b:27:91:19 brd ff:ff:ff:ff:ff:ff\n{}\
                     \x20   RX:  bytes packets errors dropped  missed   mcast           \n         216      31 {input}       1       2       3 \n\
                     \x20   RX errors:  length    crc   frame    fifo overrun\n                     4 {crc}       5       6       7 \n\
                     \x20   TX:  bytes packets errors dropped carrier collsns           \n         218      32 {output}       8       9      10 \n\
                     \x20   TX errors: aborted   fifo  window heartbt transns\n                    11      12      13      14      15 \n",
                    described("    alias ")
                )
            }
            Self::LinuxJson => {
                let (flags, state) = match (facts.admin, facts.link && facts.protocol) {
                    (false, _) => (r#""BROADCAST""#, "DOWN"),
                    (true, false) => (r#""NO-CARRIER","BROADCAST","UP""#, "DOWN"),
                    (true, true) => (r#""BROADCAST","UP","LOWER_UP""#, "UP"),
                };
                let alias = facts
                    .description
                    .as_ref()
                    .map_or(String::new(), |text| format!("\"ifalias\":{},", serde_json::json!(text)));
                format!(
                    "[{{\"ifindex\":2,\"ifname\":\"{name}\",\"flags\":[{flags}],\"mtu\":1500,\"operstate\":\"{state}\",{alias}\"stats64\":{{\"rx\":{{\"bytes\":216,\"errors\":{input},\"dropped\":1,\
                     \"over_errors\":2,\"crc_errors\":{crc},\"frame_errors\":3}},\"tx\":{{\"bytes\":218,\"errors\":{output},\"dropped\":4}}}}}}]\n"
                )
            }
        }
    }
}

/// Words that stand in answers, in free text.
fn description() -> impl Strategy<Value = Option<String>> {
    const PIECES: [&str; 16] = [
        "line protocol is down",
        "GigabitEthernet0/0/1 is administratively down",
        "5 input errors, 7 CRC",
        "Total Error: 9",
        "BW 2000 Kbit/sec",
        "Current state: DOWN",
        "current state : DOWN",
        "state UP",
        "\"quoted\"",
        "|",
        "Input:",
        "admin state is down",
        "<NO-CARRIER,UP>",
        "5 minute input rate 999 bits/sec",
        "Last link flapped 00:00:01",
        "flags: <UP,RUNNING>",
    ];
    prop::option::of(prop::collection::vec(prop::sample::select(PIECES.to_vec()), 1..4).prop_map(|all| all.join("  ")))
}

fn facts() -> impl Strategy<Value = Facts> {
    let number = prop_oneof![Just(0u64), 1..100u64, any::<u32>().prop_map(u64::from), Just(u64::MAX)];
    let errors = [number.clone(), number.clone(), number];
    let rates = [0..600_000_000u64, 0..600_000_000u64];
    (0..4u8, description(), errors, rates, 1..400_000u64, 0..30 * 86_400u64).prop_map(
        |(state, description, errors, rates, megabits, changed)| Facts {
            admin: state > 0,
            link: state > 1,
            protocol: state > 2,
            description,
            errors,
            rates,
            megabits,
            changed,
        },
    )
}

/// NX-OS has no line protocol on its ports, FRR and Linux know one state: a port that is half up is none.
fn possible(form: Form, facts: Facts) -> Facts {
    let one_state = !matches!(form, Form::Ios | Form::Xr | Form::VrpSwitch | Form::VrpTrunk)
        && !matches!(form, Form::Comware5 | Form::Comware7 | Form::Comware7Serial | Form::NxosVlan);
    Facts {
        link: if one_state { facts.link && facts.protocol } else { facts.link },
        protocol: facts.protocol || one_state,
        ..facts
    }
}

fn with_platform<T>(index: usize, work: impl FnOnce(&Platform) -> T) -> T {
    thread_local!(static ALL: OnceCell<Vec<Platform>> = const { OnceCell::new() });
    ALL.with(|all| work(&all.get_or_init(|| PLATFORMS.iter().map(|name| platform(name)).collect())[index]))
}

fn read(name: &str, text: &[u8], asked: Option<&str>) -> Option<InterfaceResult> {
    let index = PLATFORMS.iter().position(|known| *known == name).unwrap();
    with_platform(index, |platform| match platform.read_recorded_interface(text, asked) {
        Ok(Measurement::Interface(interface)) => Some(interface),
        _ => None,
    })
}

const NOISE: [&str; 5] = [
    "*Mar  1 00:02:11.103: %LINEPROTO-5-UPDOWN: Line protocol on Interface Serial0/0, changed state to down",
    "RP/0/RSP0/CPU0:Jul 30 14:04:59.000 UTC: ifmgr[265]: %PKT_INFRA-LINK-3-UPDOWN : Interface Te0/0/0/1, changed state to Down",
    "Jun 29 2024 12:56:33 edge1 %%01IFNET/4/LINK_STATE(l)[0]:The line protocol IP on the interface GigabitEthernet0/0/1 has entered the DOWN state.",
    "%Jan  1 12:00:00:123 2024 edge1 IFNET/3/PHY_UPDOWN: Physical state on the interface GigabitEthernet0/0/1 changed to down.",
    "2024 Jun 29 12:56:34 leaf1 %ETHPORT-5-IF_DOWN_LINK_FAILURE: Interface Ethernet1/1 is down (Link failure)",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_answer_reads_back_as_the_facts_it_was_made_from(
        facts in facts(), index in 0..FORMS.len(), end in 0usize..3, before in prop::option::of(0..NOISE.len()),
        behind in prop::option::of(0..NOISE.len()), asked in any::<bool>(),
    ) {
        let (name, form) = FORMS[index];
        let facts = possible(form, facts);
        let mut text = format!("edge1#show interface {}\n", form.name());
        text.extend(before.map(|which| format!("{}\n", NOISE[which])));
        text.push_str(&form.print(&facts));
        text.extend(behind.map(|which| format!("{}\n", NOISE[which])));
        text.push_str("edge1#");
        let bytes = text.replace('\n', ["\n", "\r\n", "\r\r\n\0"][end]);
        let found = read(name, bytes.as_bytes(), asked.then(|| form.name()));
        prop_assert_eq!(found, Some(form.told(&facts)), "{} {:?}:\n{}", name, form, text);
    }

    #[test]
    fn a_mutilated_answer_never_reads_as_a_number_or_a_state_that_was_not_printed(
        facts in facts(), index in 0..FORMS.len(), edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..4), 0..5),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (name, form) = FORMS[index];
        let facts = possible(form, facts);
        let text = form.print(&facts);
        let mut lines: Vec<&str> = text.lines().collect();
        for (at, edit) in edits {
            if lines.is_empty() { break; }
            let at = at.index(lines.len());
            match edit {
                0 | 1 => drop(lines.remove(at)),
                2 => lines.insert(at, lines[at]),
                _ => lines.truncate(at + 1),
            }
        }
        let mut text = lines.join("\n");
        text.push('\n');
        if let Some(cut) = cut {
            let mut at = cut.index(text.len() + 1);
            while !text.is_char_boundary(at) { at -= 1; }
            text.truncate(at);
        }
        if let Some(found) = read(name, text.as_bytes(), None) {
            let told = form.told(&facts);
            let holds = |found: Option<u64>, told: Option<u64>| found.is_none() || found == told;
            prop_assert_eq!(&found.name, &told.name);
            prop_assert!(holds(found.admin.map(u64::from), told.admin.map(u64::from)), "admin {:?}\n{}", found, text);
            // Some ports have no line for the protocol: where it is gone, the port's own state is all there is.
            let is_gone = !text.contains("Line protocol") && matches!(name, "huawei_vrp" | "h3c_comware");
            let oper = if is_gone { Some(u64::from(facts.link)) } else { told.oper.map(u64::from) };
            prop_assert!(holds(found.oper.map(u64::from), oper), "oper {:?}\n{}", found, text);
            for (what, found, told) in [
                ("in_errors", found.in_errors, told.in_errors),
                ("out_errors", found.out_errors, told.out_errors),
                ("crc", found.crc, told.crc),
                ("in_rate", found.in_rate, told.in_rate),
                ("out_rate", found.out_rate, told.out_rate),
                ("bandwidth", found.bandwidth, told.bandwidth),
                ("last_change", found.last_change, told.last_change),
            ] {
                prop_assert!(holds(found, told), "{} {:?}: {:?}, not {:?}\n{}", form.name(), what, found, told, text);
            }
            prop_assert!(found.description.is_none() || found.description == told.description, "{:?}\n{}", found, text);
        }
    }

    #[test]
    fn no_text_at_all_brings_a_reader_down(text in "(?s).{0,400}", pieces in prop::collection::vec(any::<prop::sample::Index>(), 0..40), index in 0..FORMS.len()) {
        let (name, form) = FORMS[index];
        let facts = Facts { admin: true, link: true, protocol: true, description: None, errors: [1, 2, 3], rates: [4, 5], megabits: 6, changed: 7 };
        let real = form.print(&facts);
        let lines: Vec<&str> = real.lines().collect();
        let mixed: Vec<&str> = pieces.iter().map(|piece| lines[piece.index(lines.len())]).collect();
        read(name, text.as_bytes(), None);
        read(name, format!("{}\n{text}", mixed.join("\n")).as_bytes(), Some(form.name()));
    }
}
