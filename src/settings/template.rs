//! The table of settings as a settings file to begin with: every setting with its documentation, all of them commented out.

use super::table::SETTINGS;

/// A file in which nothing is set. Uncommented, each line says what counts anyway, or an example where nothing does.
pub fn template() -> String {
    let mut text = String::from(
        "# Settings of ddl-monitor. A line without its # counts; `ddl-monitor config check` tells mistakes,\n\
         # `ddl-monitor config show` what is in force. Passwords do not belong here: see secrets.file.\n",
    );
    let mut section = "";
    for setting in SETTINGS {
        if setting.section() != section {
            section = setting.section();
            text.push_str(&format!("\n[{section}]\n"));
        }
        text.push_str(&format!("# {}\n", setting.doc));
        if setting.absent.is_empty() {
            text.push_str(&format!("# Allowed: {}.\n", setting.allowed()));
        } else {
            text.push_str(&format!("# Allowed: {}. Without it: {}.\n", setting.allowed(), setting.absent));
        }
        let value = setting.default().map_or_else(|| "\"\"".to_owned(), |value| written(setting.toml_types(), &value));
        text.push_str(&format!("#{} = {value}\n\n", setting.key()));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn written(types: &[&str], value: &str) -> String {
    if types == ["integer"] || types == ["boolean"] { value.to_owned() } else { format!("{value:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn the_template_sets_nothing_and_names_every_setting_with_its_default() {
        let text = template();
        assert_eq!(
            text.parse::<toml::Table>().unwrap().values().filter(|v| !v.as_table().unwrap().is_empty()).count(),
            0
        );
        let uncommented = text.lines().map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest,
            _ => line,
        });
        let table: toml::Table = uncommented.collect::<Vec<_>>().join("\n").parse().unwrap();
        for setting in SETTINGS {
            let value = table[setting.section()][setting.key()].clone();
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(shown, setting.default().unwrap_or_default(), "{}", setting.name);
            if let Some(default) = setting.default() {
                setting.set(&mut Settings::default(), &default).unwrap();
            }
        }
    }
}
