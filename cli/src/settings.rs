//! `greenline settings`.

use greenline_runtime::Role;
use greenline_runtime::settings::{Effective, Fallback, Place, Sources, load};
use serde_json::json;

use crate::args::Global;
use crate::ending::Ended;
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

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<Ended> {
    let out = Output { json: global.json };
    let loaded = load(&Sources::of_process(Role::Client, global.flags()))?;
    if !loaded.warnings.0.is_empty() {
        out.note(&loaded.warnings);
    }
    let shown = loaded.effective.iter().filter(|one| !args.set || one.from != Place::Default);
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
        return Ok(Ended::Done);
    }
    let columns = [("setting", Align::Left), ("from", Align::Left), ("value", Align::Left)];
    let mut table = Table::new(&columns, out.width());
    shown.for_each(|one| table.row(row(one)));
    if table.is_empty() {
        out.note("Nothing is set: all settings have their defaults.");
    } else {
        out.block(table)?;
    }
    Ok(Ended::Done)
}

fn row(one: &Effective) -> [Cell; 3] {
    let style = if one.from == Place::Default { DIM } else { BOLD };
    [
        Cell::styled(one.setting.name, style),
        Cell::from(&one.from),
        Cell::styled(value(one), if one.value.is_some() { style } else { DIM }),
    ]
}

fn value(one: &Effective) -> String {
    match (&one.value, one.setting.fallback) {
        (Some(value), _) => value.clone(),
        (None, _) if one.from != Place::Default => "[secret, set]".to_owned(),
        (None, Fallback::Unset(means)) => means.replace('`', ""),
        (None, Fallback::Value(value)) => value.to_owned(),
    }
}
