//! Every recorded answer: `PLATFORM/CASE/answer.txt` and what must come out of it in `expected.json`, in the form in which
//! `parse` prints it (`state`, `ping`), with the `target` asked if the header is to be checked. Where it has
//! `"probe":"interface"`, it is the answer about an interface, and `asked` the name that has to be in it.

use super::platform;
use ddl_monitor::platform::Platform;
use ddl_monitor::probe::{Measurement, ProbeKind};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// What is read, in the form of what is expected; `expected` loses what says how to read.
fn printed(platform: &Platform, text: &[u8], expected: &mut Value) -> Value {
    let mut take = |key: &str| {
        let value = expected.as_object_mut().unwrap().remove(key)?;
        Some(value.as_str().unwrap().to_owned())
    };
    let read = match take("probe").as_deref() {
        None => platform.read_recorded(ProbeKind::Ping, text, take("target").map(|t| t.parse().unwrap())),
        Some("interface") => platform.read_recorded_interface(text, take("asked").as_deref()),
        Some("traceroute") => {
            platform.read_recorded(ProbeKind::Traceroute, text, take("asked").map(|t| t.parse().unwrap()))
        }
        Some(other) => panic!("probe {other:?}"),
    };
    match read {
        Ok(Measurement::Ping(ping)) => json!({ "state": 0, "ping": ping }),
        Ok(Measurement::Interface(interface)) => json!({ "state": 0, "interface": interface }),
        Ok(Measurement::Traceroute(traceroute)) => json!({ "state": 0, "traceroute": traceroute }),
        Err(failure) => json!({ "state": failure.kind.number() }),
    }
}

#[test]
fn every_recorded_answer_reads_as_expected() {
    let mut wrong = Vec::new();
    let mut read = 0;
    for folder in folders(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/platforms")) {
        let platform = platform(folder.file_name().unwrap().to_str().unwrap());
        for case in folders(&folder) {
            let text = std::fs::read(case.join("answer.txt")).unwrap();
            let mut expected: Value =
                serde_json::from_slice(&std::fs::read(case.join("expected.json")).unwrap()).unwrap();
            let got = printed(&platform, &text, &mut expected);
            read += 1;
            if !same(&expected, &got) {
                wrong.push(format!("{}\n  expected {expected}\n  got      {got}", case.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {read} answers read wrongly:\n{}", wrong.len(), wrong.join("\n"));
    assert!(read > 100, "only {read} recorded answers were found");
}

/// Equal, numbers within a nanosecond or a billionth of a percent.
fn same(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Number(a), Value::Number(b)) => (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-9,
        (a, b) => a == b,
    }
}
