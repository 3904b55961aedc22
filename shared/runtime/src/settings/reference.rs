//! The settings page, written from the table.

use std::fmt::Write;

use super::table::{SETTINGS, Setting, SettingDefault};

const HEAD: &str = "\
# Settings

A setting is taken from the first of these that has it: a flag, the environment, `greenline.toml`,
the default. All settings are checked, also against each other, before anything starts; all
problems are told at once, each with its place and its mend.

- `greenline.toml` is read from the working directory, or from where `--config` or
  `GREENLINE_CONFIG` says.
- Durations are written `500ms`, `15s`, `2m`, `7d`; sizes `64KiB`, `256KiB`, `10GiB` (or `MB`, `GB`
  in powers of ten). A plain number is refused, because nobody can tell what it means.
- A list is written `a,b` in the environment and `[\"a\", \"b\"]` in `greenline.toml`.
- A secret can be read from a file: `REDIS_PASSWORD_FILE=/run/secrets/redis` instead of
  `REDIS_PASSWORD`, and `password_file` instead of `password` in `greenline.toml`. Setting both is
  an error. A newline at the end of the file does not count.
- An empty environment variable counts as not set.

This page is generated: `cargo run -p greenline-runtime --example settings_page > docs/settings.md`
";

const COLUMNS: &str = "\
| greenline.toml | environment | default | what it is for |
|---|---|---|---|
";

/// Returns the whole of docs/settings.md, in Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    let mut section = None;
    for setting in SETTINGS {
        let title = title(setting);
        if section != Some(title) {
            section = Some(title);
            let _ = write!(page, "\n## {title}\n\n{COLUMNS}");
        }
        page.push_str(&row(setting));
    }
    page
}

fn title(setting: &Setting) -> &'static str {
    match (setting.in_file, setting.section()) {
        (true, "redis") => "[redis]",
        (true, "queue") => "[queue]",
        (true, "worker") => "[worker]",
        (true, "sandbox") => "[sandbox]",
        (true, "lead") => "[lead]",
        (true, "github") => "[github]",
        (true, "log") => "[log]",
        (false, "keys") => "Keys for services outside",
        _ => "Everywhere",
    }
}

fn row(setting: &Setting) -> String {
    let file = if setting.in_file { format!("`{}`", setting.key()) } else { "–".to_owned() };
    let env = match setting.from_file {
        true => format!("`{}` or `{}`", setting.env, setting.env_file()),
        false => format!("`{}`", setting.env),
    };
    let fallback = match setting.fallback {
        SettingDefault::Value(value) => format!("`{value}`"),
        SettingDefault::Unset(means) => means.to_owned(),
    };
    let secret = if setting.secret { " Secret." } else { "" };
    format!("| {file} | {env} | {fallback} | {}{secret} |\n", setting.about)
}
