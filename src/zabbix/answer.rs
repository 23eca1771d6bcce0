//! Pieces of an answer of the API, taken for what they are: data of a stranger. Zabbix writes numbers as text and, at times, an
//! empty list where an object is meant. Pure.

use super::macros::{Macro, Name, Value as MacroValue};
use serde_json::Value;

/// More bytes is no name of a host, a template or a group, nor a tag: 255 characters each.
const LONGEST: usize = 1024;
/// More bytes is no value of a macro: 2048 characters.
const LONGEST_VALUE: usize = 8192;
/// Of a macro with its context.
const LONGEST_NAME: usize = 2048;

/// What could not be taken, to follow "its".
pub(super) type Strange = &'static str;

/// An id, as text or as a number.
pub(super) fn id(object: &Value, key: &str) -> Option<u64> {
    match object.get(key)? {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

/// A small number that says which; 0 when it is not there.
pub(super) fn choice(object: &Value, key: &str) -> u64 {
    id(object, key).unwrap_or(0)
}

pub(super) fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().filter(|text| text.len() <= LONGEST)
}

/// The members of a list; none when the key is not there.
pub(super) fn list<'a>(object: &'a Value, key: &str) -> Option<&'a [Value]> {
    match object.get(key) {
        None | Some(Value::Null) => Some(&[]),
        Some(Value::Array(members)) => Some(members),
        Some(_) => None,
    }
}

/// `{"tag": …, "value": …}` each.
pub(super) fn tags(object: &Value, key: &str) -> Result<Vec<(String, String)>, Strange> {
    let one = |tag: &Value| Some((text(tag, "tag")?.to_owned(), text(tag, "value")?.to_owned()));
    list(object, key).and_then(|all| all.iter().map(one).collect()).ok_or("tags")
}

pub(super) fn ids(object: &Value, key: &str, name: &str) -> Option<Vec<u64>> {
    let mut ids: Vec<u64> = list(object, key)?.iter().map(|one| id(one, name)).collect::<Option<_>>()?;
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}

/// The macros of a host or template.
pub(super) fn macros(object: &Value) -> Result<Vec<Macro>, Strange> {
    let all = list(object, "macros").ok_or("macros")?;
    all.iter().filter_map(|one| user_macro(one).transpose()).collect()
}

/// One that Zabbix itself could not resolve is none.
pub(super) fn user_macro(one: &Value) -> Result<Option<Macro>, Strange> {
    let name = one.get("macro").and_then(Value::as_str).ok_or("macros")?;
    let Some(name) = Name::parse(name).filter(|_| name.len() <= LONGEST_NAME) else { return Ok(None) };
    let value = match (choice(one, "type"), one.get("value")) {
        (0, Some(Value::String(text))) if text.len() <= LONGEST_VALUE => MacroValue::Text(text.clone()),
        (2, _) => MacroValue::Vault,
        (0 | 1, None | Some(Value::Null)) | (1, _) => MacroValue::Secret,
        _ => MacroValue::Strange,
    };
    Ok(Some(Macro { name, value }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_are_text_or_numbers() {
        assert_eq!(id(&json!({"a": "10084"}), "a"), Some(10084));
        assert_eq!(id(&json!({"a": 10084}), "a"), Some(10084));
        for value in
            [json!("x"), json!(-1), json!(1.5), json!([]), json!({}), json!(null), json!("99999999999999999999")]
        {
            assert_eq!(id(&json!({"a": value}), "a"), None);
        }
        assert_eq!(ids(&json!({"t": [{"id": "3"}, {"id": "1"}, {"id": "3"}]}), "t", "id"), Some(vec![1, 3]));
        assert_eq!(ids(&json!({"t": {}}), "t", "id"), None);
    }

    #[test]
    fn a_secret_has_no_value_and_is_none() {
        let all = json!([
            {"macro": "{$A}", "value": "", "type": "0"},
            {"macro": "{$B}", "type": "1"},
            {"macro": "{$C}", "value": "path:key", "type": "2"},
            {"macro": "{$D}", "type": "0"},
            {"macro": "not one", "value": "x", "type": "0"},
        ]);
        let of = |all: Value| macros(&json!({"macros": all}));
        let values: Vec<_> = of(all).unwrap().into_iter().map(|one| one.value).collect();
        let text = MacroValue::Text(String::new());
        assert_eq!(values, [text, MacroValue::Secret, MacroValue::Vault, MacroValue::Secret]);
        for strange in [json!([{"macro": 1}]), json!([1]), json!(7)] {
            assert_eq!(of(strange), Err("macros"));
        }
    }

    #[test]
    fn a_value_that_is_none_harms_no_other_and_the_longest_of_zabbix_is_one() {
        let of = |value: Value, kind: &str| user_macro(&json!({"macro": "{$A}", "value": value, "type": kind}));
        let value = |value: Value, kind: &str| of(value, kind).unwrap().unwrap().value;
        let longest = "𝄞".repeat(2048);
        assert_eq!(value(longest.as_str().into(), "0"), MacroValue::Text(longest));
        for strange in [json!("x".repeat(100_000)), json!([]), json!(5)] {
            assert_eq!(value(strange, "0"), MacroValue::Strange);
        }
        assert_eq!(value(json!("x"), "9"), MacroValue::Strange);
    }
}
