//! The table of settings as documentation.

use super::table::SETTINGS;

/// The reference table of the README, Markdown: every setting with its flag, default, what is allowed, and meaning.
pub fn markdown() -> String {
    let mut table = String::from("| setting | default | allowed | meaning |\n|---|---|---|---|\n");
    for setting in SETTINGS {
        let default = setting.default().map_or(setting.absent.to_owned(), |default| format!("`{default}`"));
        let flag = setting.flag.map_or(String::new(), |flag| format!(", `{flag}`"));
        // An example in every row would say the same again and again.
        let allowed = setting.allowed();
        let allowed = allowed.split_once(", like ").map_or(allowed.as_str(), |(allowed, _)| allowed).to_owned();
        let row = [format!("`{}`{flag}", setting.name), default, allowed, setting.doc.to_owned()];
        table.push_str(&format!("| {} |\n", row.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_reference_has_one_row_per_setting() {
        let table = super::markdown();
        assert_eq!(table.lines().count(), 2 + super::SETTINGS.len());
        let row = "| `poll.deadline`, `--deadline` | `2.5s` | a time from 100ms to 10m | \
                   Time in which a poll must have answered. Zabbix' own Timeout (3 s by default) must be longer. |";
        assert!(table.lines().any(|line| line == row), "{table}");
    }
}
