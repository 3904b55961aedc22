//! Keys for outside services, under their common names.

use super::reader::SettingsReader;
use super::secret::Secret;
use super::table::{self, SettingKey};

/// The keys that are set. Without any, Greenline still runs and reports what it leaves undone.
#[derive(Debug, Clone, Default)]
pub struct ModelKeys {
    /// One entry per model provider whose key is set, in the order of the settings page.
    pub models: Vec<ModelKey>,
}

#[derive(Debug, Clone)]
pub struct ModelKey {
    /// The environment variable, such as `OPENAI_API_KEY`.
    pub env: &'static str,
    pub key: Secret,
}

pub(super) fn read(reader: &mut SettingsReader<'_>) -> ModelKeys {
    let providers: [&'static SettingKey<Secret>; 5] = [
        &table::ANTHROPIC_KEY,
        &table::OPENAI_KEY,
        &table::GOOGLE_KEY,
        &table::MISTRAL_KEY,
        &table::GROQ_KEY,
    ];
    let models = providers.into_iter().filter_map(|provider| {
        let key = reader.optional(provider).value?;
        Some(ModelKey { env: provider.setting.env, key })
    });
    ModelKeys { models: models.collect() }
}
