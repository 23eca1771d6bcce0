//! The envelope of an answer, `{"jsonrpc": …, "result": …, "id": …}` or `{"error": …}`. A long list is given away member by member:
//! as values in memory it would be twenty times as large as its text. Pure.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// What an answer has; neither is none of the API's.
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
                ("error", kept) => (answer.error, seed) = (map.next_value()?, kept),
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
        while let Some(one) = list.next_element()? {
            if !(self.0)(one) {
                return Err(A::Error::custom("not read to its end"));
            }
        }
        Ok(())
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
