use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;

fn router(name: &str) -> RouterRecord {
    RouterRecord {
        name: name.to_owned(),
        address: "192.0.2.1".into(),
        platform: "linux".into(),
        password: Some("secret:core".into()),
        ..RouterRecord::default()
    }
}

fn line(id: &str, router: &str) -> LineRecord {
    LineRecord { id: id.to_owned(), target: "10.1.1.2".into(), router: router.to_owned(), ..LineRecord::default() }
}

fn saved(routers: &[RouterLines]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("current");
    let source = Source::File { files: vec!["/etc/lines.toml".into()] };
    fs::write(&path, &**encode(7, 1000.0, source, routers).unwrap()).unwrap();
    (dir, path)
}

/// `routers` of `lines` lines each, `R0` with `L0.0` and so on.
fn many(routers: usize, lines: usize) -> Vec<RouterLines> {
    let one = |r: usize| {
        let name = format!("R{r}");
        ((router(&name)), (0..lines).map(|l| line(&format!("L{r}.{l}"), &name)).collect())
    };
    (0..routers).map(one).collect()
}

fn message<T>(result: Result<T, Failure>) -> String {
    match result {
        Ok(_) => panic!("no failure"),
        Err(failure) => {
            assert_eq!(failure.kind, crate::failure::Kind::Settings);
            failure.message
        }
    }
}

#[test]
fn a_line_among_twenty_thousand_is_found_with_few_bytes_read() {
    let (_dir, path) = saved(&many(200, 100));
    let size = fs::metadata(&path).unwrap().len();
    for (id, name) in [("L0.0", "R0"), ("L199.99", "R199"), ("L77.3", "R77")] {
        let inventory = Inventory::open(&path).unwrap();
        let (line, router) = inventory.line(id).unwrap();
        assert_eq!((line.id.as_str(), router.name.as_str()), (id, name));
        assert!(inventory.bytes_read() < 10_000, "{} of {size} bytes read", inventory.bytes_read());
    }
    let inventory = Inventory::open(&path).unwrap();
    let (_, lines) = inventory.router("R150").unwrap();
    assert_eq!((lines.len(), lines[99].id.as_str()), (100, "L150.99"));
    assert!(inventory.bytes_read() < 30_000, "{} of {size} bytes read", inventory.bytes_read());
}

#[test]
fn what_is_unknown_is_named_with_the_nearest_that_is_known() {
    let (_dir, path) = saved(&many(3, 2));
    let inventory = Inventory::open(&path).unwrap();
    let unknown = message(inventory.line("L1.9"));
    assert!(unknown.starts_with("line \"L1.9\" is not in the inventory, did you mean \"L"), "{unknown}");
    let unknown = message(inventory.router("r1"));
    assert!(unknown.starts_with("router \"r1\" is not in the inventory, did you mean \"R1\"?"), "{unknown}");
    let unknown = message(inventory.router("completely other"));
    assert!(unknown.starts_with("router \"completely other\" is not in the inventory (generation 7, /"), "{unknown}");
}

#[test]
fn a_router_without_lines_has_none_and_is_known() {
    let (_dir, path) = saved(&[(router("alone"), Vec::new())]);
    assert!(Inventory::open(&path).unwrap().router("alone").unwrap().1.is_empty());
}

#[test]
fn a_file_that_is_not_there_or_not_ours_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("current");
    let absent = message(Inventory::open(&path));
    assert!(absent.contains("no inventory") && absent.contains("ddl-monitor inventory import FILE"), "{absent}");
    for (text, why) in [
        ("", "not an inventory"),
        ("[]", "not an inventory"),
        ("ddl-monitor inventory 2\n{}\n", "made by another ddl-monitor (form 2, this one reads 1)"),
        ("ddl-monitor inventory 1\n", "broken, its header cannot be read"),
        ("ddl-monitor inventory 1\n{}\n", "broken, its header cannot be read"),
        ("ddl-monitor inventory x\n{}\n", "broken, its header cannot be read"),
        ("ddl-monitor inventory 1", "broken, its header cannot be read"),
    ] {
        fs::write(&path, text).unwrap();
        let said = message(Inventory::open(&path));
        assert!(said.starts_with(&format!("inventory {}: {why}", path.display())), "{text:?}: {said}");
    }
}

#[test]
fn a_file_that_was_cut_or_has_grown_is_refused_whatever_is_left_of_it() {
    let (_dir, path) = saved(&many(2, 2));
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(Inventory::open(&path).is_err(), "cut to {length} of {} bytes", whole.len());
    }
    fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    assert!(message(Inventory::open(&path)).contains("cut short or has grown"));
}

#[test]
fn a_changed_byte_never_makes_a_line_vanish_quietly() {
    let routers = many(3, 3);
    let (_dir, path) = saved(&routers);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        let Ok(inventory) = Inventory::open(&path) else { continue };
        if let Ok(all) = inventory.routers() {
            assert!(all == routers, "byte {at} changed unnoticed");
        }
        for (router, _) in &routers {
            match inventory.router(&router.name) {
                Ok((_, lines)) => assert_eq!(lines.len(), 3, "byte {at}"),
                Err(failure) => assert!(!failure.message.contains("is not in"), "byte {at}: {}", failure.message),
            }
            for id in routers.iter().flat_map(|(_, lines)| lines).map(|line| &line.id) {
                let missing = inventory.line(id).err().is_some_and(|f| f.message.contains("is not in"));
                assert!(!missing, "byte {at}: {id}");
            }
        }
    }
}

proptest! {
    #[test]
    fn everything_that_was_written_is_found_again_and_nothing_else(
        counts in prop::collection::vec(0..90_usize, 0..12),
        salt in "[a-zü :]{0,5}",
    ) {
        let name = |r: usize| format!("r{salt}{r}");
        let id = |r: usize, l: usize| format!("{r}{salt}{l}x");
        let routers: Vec<RouterLines> = counts
            .iter()
            .enumerate()
            .map(|(r, lines)| (router(&name(r)), (0..*lines).map(|l| line(&id(r, l), &name(r))).collect()))
            .collect();
        let (_dir, path) = saved(&routers);
        let inventory = Inventory::open(&path).unwrap();
        prop_assert_eq!((inventory.header().routers, inventory.header().generation), (counts.len() as u64, 7));
        prop_assert!(inventory.routers().unwrap() == routers);
        for (router, lines) in &routers {
            prop_assert!(inventory.router(&router.name).unwrap() == (router.clone(), lines.clone()));
            for line in lines {
                prop_assert!(inventory.line(&line.id).unwrap() == (line.clone(), router.clone()));
            }
        }
        prop_assert!(inventory.line("no such").is_err());
    }
}

#[test]
fn tags_and_odd_names_survive() {
    let mut odd = line("Köln/1 a^b", "r");
    odd.tags = BTreeMap::from([("site".into(), "a \"b\"\n".into())]);
    let (_dir, path) = saved(&[(router("r"), vec![odd.clone()])]);
    assert_eq!(Inventory::open(&path).unwrap().line("Köln/1 a^b").unwrap().0, odd);
}
