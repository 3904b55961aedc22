//! Options that every command takes: where settings come from, and how output looks.

use std::path::PathBuf;

use anstream::ColorChoice;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use greenline_runtime::settings::SettingFlags;

use crate::error::CliError;

/// Options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Print data as JSON: one object, or one per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Read settings from this file instead of greenline.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use this Redis instead of REDIS_URL, which hides a password from ps
    #[arg(long, global = true, value_name = "URL")]
    redis: Option<String>,
    /// Prefix every key and channel with this name
    #[arg(long, global = true, value_name = "NAME")]
    namespace: Option<String>,
    /// Use color: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: Color,
}

impl Global {
    /// Returns these options as settings.
    pub(crate) fn flags(&self) -> SettingFlags {
        let config = self.config.as_ref().map(|path| path.display().to_string());
        SettingFlags::none()
            .with("config", "--config", config)
            .with("redis.url", "--redis", self.redis.clone())
            .with("redis.namespace", "--namespace", self.namespace.clone())
    }

    /// Returns an error for options that a command without settings would ignore.
    pub(crate) fn refuse_settings(&self, why: &str) -> Result<(), CliError> {
        let given = [
            ("--config", self.config.is_some()),
            ("--redis", self.redis.is_some()),
            ("--namespace", self.namespace.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((flag, _)) => {
                let message = format!("{flag} can't be used here: {why}");
                Err(CliError::usage(message).hint("leave it out"))
            }
        }
    }
}

/// The `--color` option.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Color(ColorChoice);

impl Color {
    /// Applies to the whole process from now on.
    pub(crate) fn write_global(self) {
        self.0.write_global();
    }
}

impl ValueEnum for Color {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(ColorChoice::Auto), Self(ColorChoice::Always), Self(ColorChoice::Never)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self.0 {
            ColorChoice::Always | ColorChoice::AlwaysAnsi => {
                PossibleValue::new("always").help("colour wherever it goes")
            }
            ColorChoice::Never => PossibleValue::new("never").help("plain text"),
            ColorChoice::Auto => {
                PossibleValue::new("auto").help("colour on a terminal, unless NO_COLOR is set")
            }
        })
    }
}
