use super::*;
use proptest::prelude::*;

fn text(name: &str, value: &str) -> Macro {
    Macro { name: Name::parse(name).unwrap_or_else(|| panic!("{name}")), value: Value::Text(value.to_owned()) }
}

#[test]
fn macros_are_read_as_zabbix_writes_them() {
    let exact = |text: &str| Context::Exact(text.to_owned());
    let regex = |text: &str| Context::Regex(text.to_owned());
    for (macro_text, base, context) in [
        ("{$A}", "A", Context::None),
        ("{$LINE.ROUTER_1}", "LINE.ROUTER_1", Context::None),
        ("{$A:}", "A", exact("")),
        ("{$A:x y}", "A", exact("x y")),
        ("{$A:  x }", "A", exact("x ")),
        ("{$A:\"x\"}", "A", exact("x")),
        ("{$A: \"x}\" }", "A", exact("x}")),
        (r#"{$A:"say \"x\""}"#, "A", exact(r#"say "x""#)),
        (r#"{$A:"c:\dir"}"#, "A", exact(r"c:\dir")),
        ("{$A:regex:^x$}", "A", regex("^x$")),
        ("{$A:regex:\"^x{2}$\"}", "A", regex("^x{2}$")),
        ("{$A:\"regex:x\"}", "A", exact("regex:x")),
    ] {
        let name = Name::parse(macro_text).unwrap_or_else(|| panic!("{macro_text}"));
        assert_eq!((name.base.as_str(), &name.context), (base, &context), "{macro_text}");
        assert_eq!(Name::parse(&name.to_string()), Some(name), "{macro_text}");
    }
    for text in
        ["", "{$}", "{$a}", "{$A", "A}", "{A}", "{$A}x", "{$A:\"x}", "{$A:\"x\"y}", "{$A b}", "{$A:x}y}", "{#A}"]
    {
        assert_eq!(Name::parse(text), None, "{text}");
    }
}

#[test]
fn a_bad_expression_matters_only_where_it_is_asked() {
    let macros = [text("{$A:regex:\"(\"}", "1"), text("{$A}", "2")];
    let levels = [vec![&macros[..]]];
    let of = |name: &str| resolve(&levels, &[], &Name::parse(name).unwrap());
    assert_eq!(of("{$A}"), Ok(Some(&Value::Text("2".into()))));
    assert_eq!(of("{$A:x}"), Err(BadContext("{$A:regex:\"(\"}".into())));
}

#[test]
fn a_context_counts_before_the_level() {
    let host = [text("{$A}", "host"), text("{$B:regex:^l}", "host expression")];
    let template = [text("{$A:line}", "template context"), text("{$B:line}", "template context")];
    let global = [text("{$C:line}", "global context"), text("{$C}", "global"), text("{$D}", "global")];
    let more = [text("{$C}", "level 2")];
    let levels = [vec![&host[..]], vec![&template[..]], vec![&more[..]]];
    for (name, value) in [
        ("{$A}", Some("host")),
        ("{$A:line}", Some("template context")),
        ("{$A:other}", Some("host")),
        ("{$B:line}", Some("host expression")),
        ("{$B}", None),
        ("{$C}", Some("level 2")),
        ("{$C:line}", Some("global context")),
        ("{$C:other}", Some("level 2")),
        ("{$D:x}", Some("global")),
        ("{$E}", None),
    ] {
        let found = resolve(&levels, &global, &Name::parse(name).unwrap()).unwrap().cloned();
        assert_eq!(found, value.map(|value| Value::Text(value.to_owned())), "{name}");
    }
}

/// The rules once more, told as a list of all macros by rank of which the first counts.
fn model(levels: &[Vec<Vec<Macro>>], global: &[Macro], wanted: &Name) -> Option<Value> {
    let mut owners: Vec<(usize, &[Macro])> =
        levels.iter().flatten().enumerate().map(|(rank, own)| (rank, own.as_slice())).collect();
    owners.push((usize::MAX, global));
    let kind = |one: &Name| match (&one.context, &wanted.context) {
        _ if one.base != wanted.base => None,
        (Context::None, Context::None) => Some(0),
        (Context::Exact(a), Context::Exact(b)) if a == b => Some(0),
        (Context::Regex(a), Context::Exact(b)) if Regex::new(a).unwrap().is_match(b) => Some(0),
        (Context::None, Context::Exact(_)) => Some(1),
        _ => None,
    };
    let mut ranked: Vec<(u8, usize, &Name, &Value)> = owners
        .iter()
        .flat_map(|(rank, own)| {
            own.iter().filter_map(|one| Some((kind(&one.name)?, *rank, &one.name, &one.value))).collect::<Vec<_>>()
        })
        .collect();
    ranked.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
    ranked.first().map(|(.., value)| (*value).clone())
}

fn names() -> impl Strategy<Value = Name> {
    let context = prop_oneof![
        3 => Just(Context::None),
        2 => "[ab]{0,2}".prop_map(Context::Exact),
        2 => prop_oneof![Just("^a"), Just("b$"), Just("."), Just("^$")].prop_map(|e| Context::Regex(e.to_owned())),
    ];
    ("[AB]", context).prop_map(|(base, context)| Name { base, context })
}

/// The macros of one owner: no name twice, as Zabbix has it.
fn owner() -> impl Strategy<Value = Vec<Macro>> {
    prop::collection::btree_map(names(), "[0-9]{3}", 0..5)
        .prop_map(|all| all.into_iter().map(|(name, value)| Macro { name, value: Value::Text(value) }).collect())
        .prop_shuffle()
}

#[test]
fn a_context_that_ends_with_a_backslash_is_written_as_it_is_read() {
    for text in ["{$A:\\}", "{$A:regex:a\\}"] {
        assert_eq!(Name::parse(text).unwrap().to_string(), text);
    }
}

proptest! {
    #[test]
    fn what_is_resolved_is_what_the_rules_say(
        levels in prop::collection::vec(prop::collection::vec(owner(), 0..4), 0..4),
        global in owner(),
        base in "[AB]",
        context in prop_oneof![Just(Context::None), "[ab]{0,2}".prop_map(Context::Exact)],
    ) {
        let wanted = Name { base, context };
        let borrowed: Vec<Vec<&[Macro]>> = levels.iter().map(|l| l.iter().map(Vec::as_slice).collect()).collect();
        let found = resolve(&borrowed, &global, &wanted).unwrap().cloned();
        prop_assert_eq!(found, model(&levels, &global, &wanted));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}|\\{\\$[A-Z:\"\\\\ }]{0,20}\\}") {
        if let Some(name) = Name::parse(&text) {
            prop_assert_eq!(Name::parse(&name.to_string()), Some(name));
        }
    }
}
