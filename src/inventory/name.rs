//! What a line's id and a router's name may be: what Zabbix lets through as a parameter of an agent's key, quoted or not.

/// To follow "allowed is".
pub const ALLOWED: &str = "1 to 64 letters, digits, blanks or . _ - : / + = % ^, not - or a blank first, no blank last";

/// A line's id or a router's name.
pub fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || " ._-:/+=%^".contains(c);
    (1..=64).contains(&text.chars().count())
        && text.chars().all(allowed)
        && !text.starts_with(['-', ' '])
        && !text.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_what_an_agent_lets_through() {
        for name in ["L-1", "1001", "Köln–Süd".replace('–', "-").as_str(), "a b", "a/b:c+d=e%f^g._", &"ü".repeat(64)]
        {
            assert!(is_name(name), "{name}");
        }
        for name in
            ["", "-L1", " L1", "L1 ", "a\tb", "a\"b", "a'b", "a\\b", "a*b", "a,b", "a$b", "{#X}", &"x".repeat(65)]
        {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
