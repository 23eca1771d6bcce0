//! "Did you mean …?": the allowed name nearest to a mistyped one. Pure.

/// The nearest of `names`, if less than half of it would have to be typed anew.
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody mistypes a name this badly, and the distance costs the product of both lengths.
    if typed.len() > 100 {
        return None;
    }
    names
        .into_iter()
        .map(|name| (distance(&typed.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.chars().count() * 2 / 5).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein's: characters inserted, dropped or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_mistyped_name_finds_the_one_that_was_meant() {
        let names = ["deadline", "count", "timeout"];
        assert_eq!(nearest("deadlin", names), Some("deadline"));
        assert_eq!(nearest("Time-Out", names), Some("timeout"));
        assert_eq!(nearest("cuont", ["count"]), Some("count"));
        assert_eq!(nearest("coun", names), Some("count"));
    }

    #[test]
    fn a_name_like_none_finds_none() {
        assert_eq!(nearest("colour", ["deadline", "count", "timeout"]), None);
        assert_eq!(nearest("", ["deadline"]), None);
        assert_eq!(nearest(&"d".repeat(64 << 10), ["deadline"]), None);
    }
}
