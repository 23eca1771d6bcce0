//! User macros as Zabbix resolves them: host, templates level by level, global; an exact context before a regular expression
//! before none. Pure: knows nothing of hosts, requests and what a macro is for.

use regex_automata::meta::Regex;
use std::fmt;

/// A user macro of a host, a template or the whole installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macro {
    pub name: Name,
    pub value: Value,
}

/// `{$NAME}`, `{$NAME:context}`, `{$NAME:regex:"expression"}`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// Without braces and dollar.
    pub base: String,
    pub context: Context,
}

/// In the order in which Zabbix' server looks at the macros of one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    None,
    Exact(String),
    Regex(String),
}

/// What the API says of a macro's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    /// Secret text: the API never tells it.
    Secret,
    /// A path in a vault, which is not ours to open.
    Vault,
    /// Something that no value is; it matters only to who needs it.
    Strange,
}

/// A regular expression of a context that could not be read; the text is the whole macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadContext(pub String);

impl Name {
    /// None when the text is not one macro and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix("{$")?.strip_suffix('}')?;
        let end = body.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == '.'));
        let (base, rest) = body.split_at(end.unwrap_or(body.len()));
        if base.is_empty() {
            return None;
        }
        let context = match rest.strip_prefix(':') {
            None if rest.is_empty() => Context::None,
            None => return None,
            Some(rest) => match rest.strip_prefix("regex:") {
                Some(expression) => Context::Regex(unquoted(expression)?),
                None => Context::Exact(unquoted(rest)?),
            },
        };
        Some(Self { base: base.to_owned(), context })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A backslash before the closing quote would take it for its own: such a text was read without quotes.
        let quoted = |text: &str| match text.ends_with('\\') {
            true => text.to_owned(),
            false => format!("\"{}\"", text.replace('"', "\\\"")),
        };
        match &self.context {
            Context::None => write!(f, "{{${}}}", self.base),
            Context::Exact(context) => write!(f, "{{${}:{}}}", self.base, quoted(context)),
            Context::Regex(expression) => write!(f, "{{${}:regex:{}}}", self.base, quoted(expression)),
        }
    }
}

/// A context as it is meant: blanks before it do not count, quotes around it are taken off.
fn unquoted(text: &str) -> Option<String> {
    let text = text.trim_start_matches(' ');
    let Some(quoted) = text.strip_prefix('"') else {
        return (!text.contains('}')).then(|| text.to_owned());
    };
    let mut plain = String::new();
    let mut rest = quoted.chars();
    loop {
        match rest.next()? {
            '"' => return rest.all(|c| c == ' ').then_some(plain),
            '\\' if rest.as_str().starts_with('"') => {
                rest.next();
                plain.push('"');
            }
            c => plain.push(c),
        }
    }
}

/// What Zabbix puts in the place of a macro. `levels` are the macros of the host, then of its templates, their templates and so
/// on: per level one list for each, in the order in which they count. None when nobody has such a macro.
pub fn resolve<'a>(
    levels: &[Vec<&'a [Macro]>],
    global: &'a [Macro],
    wanted: &Name,
) -> Result<Option<&'a Value>, BadContext> {
    let mut plain = None;
    let all = levels.iter().flatten().copied().chain([global]);
    for macros in all {
        if let Some(found) = best(macros, wanted, &mut plain)? {
            return Ok(Some(found));
        }
    }
    Ok(plain)
}

/// The one of these that fits wholly. One without a context is kept in `plain` when a context is wanted, unless another was.
fn best<'a>(
    macros: &'a [Macro],
    wanted: &Name,
    plain: &mut Option<&'a Value>,
) -> Result<Option<&'a Value>, BadContext> {
    let mut found: Option<&'a Macro> = None;
    for one in macros.iter().filter(|one| one.name.base == wanted.base) {
        let fits = match (&one.name.context, &wanted.context) {
            (Context::None, Context::None) => true,
            (Context::None, _) => {
                plain.get_or_insert(&one.value);
                false
            }
            (Context::Exact(context), Context::Exact(wanted)) => context == wanted,
            (Context::Regex(expression), Context::Exact(wanted)) => matches(expression, wanted, &one.name)?,
            _ => false,
        };
        // Exact before regular expressions, those by their text.
        if fits && found.is_none_or(|before| one.name < before.name) {
            found = Some(one);
        }
    }
    Ok(found.map(|one| &one.value))
}

fn matches(expression: &str, context: &str, name: &Name) -> Result<bool, BadContext> {
    let compiled = Regex::new(expression).map_err(|_| BadContext(name.to_string()))?;
    Ok(compiled.is_match(context))
}

#[cfg(test)]
mod tests;
