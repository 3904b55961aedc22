//! `greenline settings`.

use greenline_runtime::ProcessRole;
use greenline_runtime::settings::{
    EffectiveSetting, SettingDefault, SettingSource, SettingSources, load,
};
use serde_json::json;

use crate::error::ExitStatus;
use crate::global::Global;
use crate::print::Output;
use crate::print::style::{BOLD, DIM};
use crate::print::table::{Align, Cell, Table};

/// Show all settings, and the source of each
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline settings
  greenline settings --set
  greenline settings --json | jq 'select(.from != \"default\")'

Secrets are never shown. docs/settings.md says what each setting is for.")]
pub(crate) struct Args {
    /// Only those that are set
    #[arg(long)]
    set: bool,
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    let out = Output { json: global.json };
    let loaded = load(&SettingSources::of_process(ProcessRole::Client, global.flags()))?;
    if !loaded.warnings.0.is_empty() {
        out.note(&loaded.warnings);
    }
    let shown =
        loaded.effective.iter().filter(|one| !args.set || one.from != SettingSource::Default);
    if out.json {
        for one in shown {
            out.object(&json!({
                "name": one.setting.name,
                "env": one.setting.env,
                "value": one.value,
                "secret": one.setting.secret,
                "from": one.from.to_string(),
                "about": one.setting.about,
            }))?;
        }
        return Ok(ExitStatus::Success);
    }
    let columns = [("setting", Align::Left), ("from", Align::Left), ("value", Align::Left)];
    let mut table = Table::new(&columns, out.width());
    shown.for_each(|one| table.row(row(one)));
    if table.is_empty() {
        out.note("Nothing is set: all settings have their defaults.");
    } else {
        out.block(table)?;
    }
    Ok(ExitStatus::Success)
}

fn row(one: &EffectiveSetting) -> [Cell; 3] {
    let style = if one.from == SettingSource::Default { DIM } else { BOLD };
    [
        Cell::styled(one.setting.name, style),
        Cell::from(&one.from),
        Cell::styled(value(one), if one.value.is_some() { style } else { DIM }),
    ]
}

fn value(one: &EffectiveSetting) -> String {
    match (&one.value, one.setting.fallback) {
        (Some(value), _) => value.clone(),
        (None, _) if one.from != SettingSource::Default => "[secret, set]".to_owned(),
        (None, SettingDefault::Unset(means)) => means.replace('`', ""),
        (None, SettingDefault::Value(value)) => value.to_owned(),
    }
}
