//! greenline.toml, split into texts with their places.
//!
//! The table defines the valid names. Values are checked later, in the same way for a file, the
//! environment and a flag. A file with one broken line is still read in the others, so that all of
//! its problems are reported at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{SettingSource, SettingsProblem, ValueError, nearest};
use super::table::{SETTINGS, Setting};

/// The texts of one greenline.toml by `section.key`, and the problems of its structure.
#[derive(Default)]
pub(super) struct SettingsFile {
    entries: BTreeMap<String, FileEntry>,
    /// Lines that are not TOML: values read from them cause no second complaint.
    broken_lines: BTreeSet<usize>,
    pub(super) problems: Vec<SettingsProblem>,
}

#[derive(Clone)]
pub(super) struct FileEntry {
    pub(super) text: String,
    pub(super) place: SettingSource,
}

impl SettingsFile {
    pub(super) fn parse(path: &Path, text: &str) -> Self {
        let mut file = Self::default();
        let source = FileText { path: path.to_owned(), text };
        let (document, broken) = DeTable::parse_recoverable(text);
        file.read_top(&source, document.get_ref());

        let syntax = broken.into_iter().map(|error| {
            let place = source.place(error.span().unwrap_or_default());
            ValueError::new(error.message().trim(), "correct the TOML in this line").at(&place)
        });
        let syntax: Vec<SettingsProblem> = syntax.collect();
        file.broken_lines = syntax.iter().filter_map(|problem| problem.place.line()).collect();
        file.problems.retain(|problem| !problem.place.is_on(&file.broken_lines));
        file.problems.extend(syntax);
        file
    }

    /// Returns `true` if this place is in a line that is not TOML.
    pub(super) fn is_broken_at(&self, place: &SettingSource) -> bool {
        place.is_on(&self.broken_lines)
    }

    pub(super) fn get(&self, name: &str) -> Option<&FileEntry> {
        self.entries.get(name)
    }

    fn read_top(&mut self, source: &FileText<'_>, table: &DeTable<'_>) {
        for (key, value) in table {
            let known = sections().any(|section| section == key.get_ref());
            match value.get_ref() {
                DeValue::Table(section) if known => {
                    self.read_section(source, key.get_ref(), section);
                }
                _ if known => {
                    let message = format!("\"{}\" is a section", key.get_ref());
                    let fault =
                        ValueError::new(message, format!("write [{}] above it", key.get_ref()));
                    self.problems.push(fault.at(&source.place(key.span())));
                }
                _ => self.read_entry(source, "", key, value),
            }
        }
    }

    fn read_section(&mut self, source: &FileText<'_>, section: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            self.read_entry(source, section, key, value);
        }
    }

    fn read_entry(
        &mut self,
        source: &FileText<'_>,
        section: &str,
        key: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let Some(setting) = find(section, key.get_ref()) else {
            self.problems.push(unknown(section, key.get_ref()).at(&source.place(key.span())));
            return;
        };
        let place = source.place(value.span());
        match text_of(setting, value.get_ref()) {
            Ok(text) => {
                let name = match section {
                    "" => key.get_ref().to_string(),
                    _ => format!("{section}.{}", key.get_ref()),
                };
                self.entries.insert(name, FileEntry { text, place });
            }
            Err(fault) => self.problems.push(fault.at(&place)),
        }
    }
}

/// Returns the setting of this key: by its own name, or as the file of a secret.
fn find(section: &str, key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().copied().filter(|setting| setting.in_file).find(|setting| {
        setting.section() == section
            && (setting.key() == key
                || setting.from_file && key.strip_suffix("_file") == Some(setting.key()))
    })
}

fn sections() -> impl Iterator<Item = &'static str> {
    SETTINGS
        .iter()
        .filter(|setting| setting.in_file)
        .map(|setting| setting.section())
        .filter(|section| !section.is_empty())
}

fn unknown(section: &str, key: &str) -> ValueError {
    let message = format!("unknown setting \"{}\"", key.escape_debug());
    let in_file = || SETTINGS.iter().filter(|setting| setting.in_file);
    let hint = if let Some(elsewhere) = in_file().find(|setting| setting.key() == key) {
        match elsewhere.section() {
            "" => "it belongs above the first section".to_owned(),
            section => format!("it belongs in [{section}]"),
        }
    } else {
        let here = in_file().filter(|setting| setting.section() == section);
        let names = here.map(|setting| setting.key());
        let candidates: Vec<&str> = match section {
            "" => names.chain(sections()).collect(),
            _ => names.collect(),
        };
        match nearest(key, candidates) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => "remove it; docs/settings.md lists all settings".to_owned(),
        }
    };
    ValueError::new(message, hint)
}

/// Returns the value as it would be written in the environment.
fn text_of(setting: &Setting, value: &DeValue<'_>) -> Result<String, ValueError> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Array(items) if setting.list => {
            let texts: Option<Vec<&str>> =
                items.iter().map(|item| item.get_ref().as_str()).collect();
            let hint = format!("write {} = [\"...\", \"...\"]", setting.key());
            texts
                .map(|texts| texts.join(","))
                .ok_or_else(|| ValueError::new("only texts can stand in this list", hint))
        }
        other => {
            let message = format!(
                "{} is not {}",
                kind(other),
                if setting.list { "a list" } else { "one value" }
            );
            Err(ValueError::new(message, format!("write {} = \"...\"", setting.key())))
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
        DeValue::Datetime(_) => "a date",
        _ => "this number",
    }
}

struct FileText<'a> {
    path: PathBuf,
    text: &'a str,
}

impl FileText<'_> {
    fn place(&self, span: Range<usize>) -> SettingSource {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        SettingSource::File {
            path: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}
