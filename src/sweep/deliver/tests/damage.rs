//! Files that are cut, foreign, gone or no files at all: the good values are sent, and what is lost is counted.

use super::*;

#[test]
fn of_a_file_cut_in_half_the_good_values_are_sent_and_the_rest_is_set_aside_and_counted() {
    let mut lab = Lab::new(SIZE);
    let mut fake = Fake::default();
    lab.deliver(&mut fake);
    lab.append(100);
    let path = lab.files().remove(0);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2 + 5]).unwrap();
    lab.append(10);
    lab.deliver(&mut fake);
    let (totals, spooled) = lab.account();
    assert_eq!((totals.processed + totals.dropped, spooled), (110, 0));
    assert!((40..60).contains(&totals.dropped), "{totals:?}");
    assert_eq!(fake.taken.last().unwrap().0.value, "109");
    assert_eq!(fs::read_dir(lab.dir.path().join("damaged")).unwrap().count(), 1);
}

#[test]
fn what_is_broken_in_the_middle_is_stepped_over_and_kept() {
    let mut lab = Lab::new(SIZE);
    let mut fake = Fake::default();
    lab.deliver(&mut fake);
    lab.append(30);
    let path = lab.files().remove(0);
    let text = fs::read_to_string(&path).unwrap();
    let broken: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(n, line)| match n {
            5 => line.replace("host", "hast"),
            9 => "something else entirely".to_owned(),
            12 => String::new(),
            _ => line.to_owned(),
        })
        .collect();
    fs::write(&path, broken.join("\n") + "\n").unwrap();
    lab.deliver(&mut fake);
    assert_eq!(lab.account(), (Totals { processed: 27, failed: 0, dropped: 3 }, 0));
    assert_eq!(fs::read_dir(lab.dir.path().join("damaged")).unwrap().count(), 3);
}

#[test]
fn a_file_of_another_version_or_none_of_ours_is_set_aside_whole_and_its_values_are_counted() {
    for foreign in ["ddl-monitor spool 2\nwhatever\n", "\u{7f}ELF and more\n", "", "no newline"] {
        let mut lab = Lab::new(SIZE);
        let mut fake = Fake::default();
        lab.deliver(&mut fake);
        lab.append(20);
        fs::write(lab.files().remove(0), foreign).unwrap();
        lab.append(5);
        lab.deliver(&mut fake);
        assert_eq!(lab.account(), (Totals { processed: 5, failed: 0, dropped: 20 }, 0), "{foreign:?}");
        let kept = fs::read_dir(lab.dir.path().join("damaged")).map_or(0, |all| all.count());
        assert!(kept > 0 || foreign.is_empty(), "{foreign:?}");
    }
}

#[test]
fn what_is_no_file_is_set_aside_and_nothing_waits_for_it() {
    for is_last in [false, true] {
        let mut lab = Lab::new(64 << 10);
        let mut fake = Fake::default();
        lab.deliver(&mut fake);
        while lab.files().len() < 3 {
            lab.append(30);
        }
        let files = lab.files();
        let path = if is_last { &files[2] } else { &files[1] };
        let lost = fs::read_to_string(path).unwrap().lines().count() as u64 - 1;
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        let all = lab.appended.len() as u64;
        lab.append(5);
        lab.deliver(&mut fake);
        assert_eq!(lab.account(), (Totals { processed: all + 5 - lost, failed: 0, dropped: lost }, 0), "{is_last}");
        assert_eq!(fs::read_dir(lab.dir.path().join("damaged")).unwrap().count(), 1);
        // A second one of the same name takes its place beside it.
        lab.append(1);
        fs::remove_file(lab.files().last().unwrap()).unwrap();
        fs::create_dir(path).unwrap();
        lab.deliver(&mut fake);
        assert_eq!(fs::read_dir(lab.dir.path().join("damaged")).unwrap().count(), 2);
    }
}

#[test]
fn many_damaged_lines_in_a_row_are_one_piece_and_what_is_no_file_is_out_of_the_way() {
    let mut lab = Lab::new(64 << 10);
    let mut fake = Fake::default();
    lab.deliver(&mut fake);
    lab.append(10);
    let path = lab.files().remove(0);
    let rubbish: String = (0..5000).map(|n| format!("rubbish {n}\n")).collect();
    fs::write(&path, fs::read_to_string(&path).unwrap() + &rubbish).unwrap();
    lab.append(10);
    lab.deliver(&mut fake);
    assert_eq!(lab.account(), (Totals { processed: 20, failed: 0, dropped: 0 }, 0));
    let kept: Vec<_> = fs::read_dir(lab.dir.path().join("damaged")).unwrap().flatten().collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::read_to_string(kept[0].path()).unwrap(), rubbish);
    // A folder that is older than all values, and one of a number that no spool comes to.
    let name = |number: u64| lab.dir.path().join(format!("{number:020}{}", ".values"));
    let (old, beyond) = (name(0), name(u64::MAX));
    fs::create_dir(&old).unwrap();
    fs::create_dir(&beyond).unwrap();
    while lab.files().len() < 5 {
        lab.append(50);
    }
    lab.deliver(&mut fake);
    forget_sent(&lab.spool, &[lab.server.clone()], soon()).unwrap();
    assert!(!old.exists() && beyond.exists() && lab.files().len() == 2, "{:?}", lab.files());
    assert_eq!(fake.taken.len(), lab.appended.len());
}

#[test]
fn broken_books_of_one_server_cost_it_nothing_that_another_has_had() {
    for how in ["broken", ""] {
        let mut lab = Lab::new(64 << 10);
        let other = servers::parse("other").unwrap().remove(0);
        let both = [lab.server.clone(), other.clone()];
        let mut good = Fake::default();
        drop(Delivery::open(lab.spool.clone(), other.clone(), &mut good, PACE).unwrap());
        while lab.files().len() < 3 {
            lab.append(50);
        }
        let mut delivery = Delivery::open(lab.spool.clone(), lab.server.clone(), &mut good, PACE).unwrap();
        delivery.run(soon(), &|| false).unwrap();
        drop(delivery);
        let path = lab.dir.path().read_dir().unwrap().flatten().map(|entry| entry.path());
        let is_others = |path: &std::path::PathBuf| {
            path.to_string_lossy().contains("other") && path.extension().is_some_and(|end| end == "books")
        };
        fs::write(path.into_iter().find(is_others).unwrap(), how).unwrap();
        forget_sent(&lab.spool, &both, soon()).unwrap();
        let mut back = Fake::default();
        Delivery::open(lab.spool.clone(), other, &mut back, PACE).unwrap().run(soon(), &|| false).unwrap();
        assert_eq!((good.taken.len(), back.taken.len()), (lab.appended.len(), lab.appended.len()), "{how:?}");
    }
}

#[test]
fn a_spool_that_somebody_removed_begins_anew_and_what_comes_then_is_sent() {
    for and_books in [false, true] {
        let mut lab = Lab::new(SIZE);
        let mut fake = Fake::default();
        lab.append(50);
        let mut delivery = Delivery::open(lab.spool.clone(), lab.server.clone(), &mut fake, PACE).unwrap();
        delivery.run(soon(), &|| false).unwrap();
        let of_books = |path: &std::path::Path| path.extension().is_some_and(|end| end == "books");
        for entry in fs::read_dir(lab.dir.path()).unwrap().flatten().map(|entry| entry.path()) {
            if and_books || !of_books(&entry) {
                fs::remove_file(entry).unwrap();
            }
        }
        if and_books {
            fs::remove_dir(lab.dir.path()).unwrap();
        }
        lab.append(5);
        delivery.run(soon(), &|| false).unwrap();
        drop(delivery);
        assert_eq!(fake.taken.len(), 55, "{and_books}");
        assert_eq!(lab.account(), (Totals { processed: 55, failed: 0, dropped: 0 }, 0), "{and_books}");
    }
}

#[test]
fn books_that_are_gone_or_broken_begin_with_what_is_there() {
    let mut lab = Lab::new(SIZE);
    let mut fake = Fake::default();
    lab.append(10);
    lab.deliver(&mut fake);
    assert_eq!(fake.taken.len(), 10, "what was measured before the first books");
    fake.fates = vec![Fate::Unreached];
    lab.append(10);
    lab.deliver(&mut fake);
    for entry in fs::read_dir(lab.dir.path()).unwrap().flatten() {
        if entry.path().extension().is_some_and(|end| end == "books") {
            fs::write(entry.path(), "broken").unwrap();
        }
    }
    lab.deliver(&mut fake);
    // Some are sent again, none is lost.
    assert!(lab.appended[10..].iter().all(|value| fake.taken.iter().any(|(taken, _)| taken == value)));
}

#[test]
fn an_append_that_fails_leaves_nothing_behind() {
    let mut lab = Lab::new(SIZE);
    let mut fake = Fake::default();
    lab.deliver(&mut fake);
    lab.append(5);
    let before = fs::read(lab.files().remove(0)).unwrap();
    let value = Value { host: "h".into(), key: "k".into(), value: "x".into(), clock: 0, ns: 0 };
    fs::remove_file(lab.dir.path().join("end")).unwrap();
    fs::create_dir(lab.dir.path().join("end")).unwrap();
    assert!(lab.spool.append(&[value], soon()).is_err());
    assert_eq!(fs::read(lab.files().remove(0)).unwrap(), before);
}
