//! The envelope of an answer, `{"jsonrpc": …, "result": …, "id": …}` or `{"error": …}`. A long list is given away member by member:
//! as values in memory it would be a hundred times as large as its text. So a member has a bound, too. Pure.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// Values in one member of a list, or in an error. A host with a thousand macros has ten thousand.
const VALUES: usize = 50_000;

/// The parts of an answer. Text with neither of them is not an answer of the API.
pub(super) struct Answer<T> {
    pub(super) result: Option<T>,
    pub(super) error: Option<Value>,
}

/// Reads a whole answer; `result` reads what is in it.
pub(super) fn read<'a, S: DeserializeSeed<'a>>(text: &'a [u8], result: S) -> serde_json::Result<Answer<S::Value>> {
    let mut from = serde_json::Deserializer::from_slice(text);
    let answer = from.deserialize_map(Envelope(result))?;
    from.end().map(|()| answer)
}

struct Envelope<S>(S);

impl<'a, S: DeserializeSeed<'a>> Visitor<'a> for Envelope<S> {
    type Value = Answer<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of the API")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seed = Some(self.0);
        let mut answer = Answer { result: None, error: None };
        while let Some(key) = map.next_key::<String>()? {
            match (key.as_str(), seed.take()) {
                ("result", Some(result)) => answer.result = Some(map.next_value_seed(result)?),
                ("result", None) => return Err(A::Error::duplicate_field("result")),
                ("error", kept) => {
                    let error = map.next_value_seed(Bounded(&mut VALUES.clone()))?;
                    (answer.error, seed) = (Some(error).filter(|error| !error.is_null()), kept);
                }
                (_, kept) => {
                    map.next_value::<IgnoredAny>()?;
                    seed = kept;
                }
            }
        }
        Ok(answer)
    }
}

/// A list; the function takes each member and says whether it wants more.
pub(super) struct List<F>(pub(super) F);

impl<'a, F: FnMut(Value) -> bool> DeserializeSeed<'a> for List<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'a, F: FnMut(Value) -> bool> Visitor<'a> for List<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(one) = list.next_element_seed(Bounded(&mut VALUES.clone()))? {
            if !(self.0)(one) {
                return Err(A::Error::custom("not read to its end"));
            }
        }
        Ok(())
    }
}

/// Reads a value of any kind that has no more parts than are left.
struct Bounded<'c>(&'c mut usize);

impl<'a> DeserializeSeed<'a> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<Value, D::Error> {
        *self.0 = self.0.checked_sub(1).ok_or_else(|| D::Error::custom(format!("more than {VALUES} values in one")))?;
        from.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Bounded(self.0))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = serde_json::Map::new();
        while let Some(name) = map.next_key()? {
            members.insert(name, map.next_value_seed(Bounded(self.0))?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::marker::PhantomData;

    fn text(answer: &str) -> Result<(Option<String>, Option<Value>), String> {
        let read = read(answer.as_bytes(), PhantomData::<String>).map_err(|e| e.to_string())?;
        Ok((read.result, read.error))
    }

    #[test]
    fn a_result_or_an_error_is_found_wherever_it_stands() {
        assert_eq!(text(r#"{"jsonrpc":"2.0","result":"6.0.1","id":1}"#), Ok((Some("6.0.1".into()), None)));
        assert_eq!(text(r#"{"error":{"code":1},"x":[{}]}"#), Ok((None, Some(serde_json::json!({"code": 1})))));
        assert_eq!(text(r#"{"error":null,"result":"a"}"#), Ok((Some("a".into()), None)));
        assert_eq!(text("{}"), Ok((None, None)));
        for wrong in ["", "[]", "7", r#"{"result":7}"#, r#"{"result":"a"}x"#, r#"{"result":"a","result":"b"}"#] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }

    /// Each of these would be hundreds of times as large in memory.
    #[test]
    fn member_of_too_many_values_is_refused_before_it_fills_the_memory() {
        for part in ["0,", "[],", "{},", r#"{"":0},"#, r#"[[{"a":[]}]],"#] {
            let values = part.repeat(VALUES);
            let inner = values.trim_end_matches(',');
            let member = format!(r#"{{"result":[{{"hostid":"1","macros":[{inner}]}}]}}"#);
            let mut taken = 0;
            let failed = read(
                member.as_bytes(),
                List(|_| {
                    taken += 1;
                    true
                }),
            )
            .err()
            .unwrap();
            assert!(failed.is_data() && failed.to_string().contains("50000 values"), "{failed}");
            assert_eq!(taken, 0);
            assert!(text(&format!(r#"{{"error":[{inner}]}}"#)).is_err());
        }
        // The number of members is not limited.
        let members = format!(r#"{{"result":[{}0]}}"#, r#"{"a":[1,2]},"#.repeat(VALUES));
        let mut taken = 0;
        assert!(
            read(
                members.as_bytes(),
                List(|_| {
                    taken += 1;
                    true
                })
            )
            .is_ok()
        );
        assert_eq!(taken, VALUES + 1);
    }

    #[test]
    fn bounded_value_reads_as_any_other() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,1.5,"x",{"b":{}}],"c":""}"#;
        let value = Bounded(&mut 20).deserialize(&mut serde_json::Deserializer::from_str(text)).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_list_is_given_away_until_nobody_wants_more() {
        let members = |answer: &str, most: usize| {
            let mut found = Vec::new();
            let read = read(
                answer.as_bytes(),
                List(|one| {
                    found.push(one);
                    found.len() < most
                }),
            );
            (found.len(), read.is_ok())
        };
        assert_eq!(members(r#"{"result":[1,{},"a"],"id":1}"#, 9), (3, true));
        assert_eq!(members(r#"{"result":[1,{},"a"],"id":1}"#, 2), (2, false));
        assert_eq!(members(r#"{"result":{"1":2}}"#, 9), (0, false));
        assert_eq!(members(r#"{"result":[1,2"#, 9), (2, false));
    }
}
