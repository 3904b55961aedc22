//! A lead from settings.

use anyhow::Context;
use greenline_lead::publish::{IntentKeys, Notifier};
use greenline_lead::watch::WatchOptions;
use greenline_lead::{ApiTokens, Lead, LeadOptions, Reach};
use greenline_queue::Queue;
use greenline_runtime::ProcessRole;
use greenline_runtime::clock::Clock;
use greenline_runtime::metrics::{BuildInfo, MetricsExporter};
use greenline_runtime::settings::{LeadSettings, Secret, Settings};

use crate::error::CliError;
use crate::state_dir;

/// The source of a lead's operator token.
pub(crate) enum TokenOrigin {
    /// The settings.
    Set,
    /// An earlier run, in `.greenline/`.
    Kept,
    /// This run.
    New(Secret),
}

/// Binds the lead's address. Returns its HTTP state, and the source of its token.
pub(crate) async fn bind(
    queue: Queue,
    all: &Settings,
    role: ProcessRole,
) -> anyhow::Result<(Lead, TokenOrigin)> {
    let settings = &all.lead;
    let (tokens, token) = tokens(settings)?;
    let clock = Clock::system();
    let watch = WatchOptions::of(&all.github, &clock)
        .map_err(|error| CliError::usage(error.to_string()).hint("docs/github.md says how"))?;
    let notifier = match &settings.notify_webhook {
        Some(url) => Some(Notifier::new(url).map_err(|error| {
            CliError::usage(format!("GREENLINE_NOTIFY_WEBHOOK can't be used: {error}"))
                .hint("write the address as the other side gives it, with https://")
        })?),
        None => None,
    };
    let intent_keys = intent_keys(settings, role, watch.is_some())?;
    let build = BuildInfo { version: env!("CARGO_PKG_VERSION"), role };
    let lead = Lead::bind(LeadOptions {
        id: super::fresh_id(),
        queue,
        listen: settings.listen,
        tokens,
        lease: settings.leader_lease,
        exporter: MetricsExporter::install(&build, &clock)?,
        clock,
        pulse: super::pulse("the lead")?,
        watch,
        notifier,
        intent_keys,
        reach: Reach::new(settings.host_names.clone(), settings.proxies.clone()),
    })
    .await?;
    Ok((lead, token))
}

/// Returns the tokens of the settings; on loopback, which needs none, this directory's own.
fn tokens(settings: &LeadSettings) -> anyhow::Result<(ApiTokens, TokenOrigin)> {
    let LeadSettings { viewer_token, operator_token, .. } = settings.clone();
    if let Some(tokens) = ApiTokens::of(viewer_token, operator_token) {
        return Ok((tokens, TokenOrigin::Set));
    }
    let state_dir::OperatorToken { token, is_new } = state_dir::operator_token()?;
    let from = if is_new { TokenOrigin::New(token.clone()) } else { TokenOrigin::Kept };
    Ok((ApiTokens::Operator(token), from))
}

/// The keys that are set, or one that is kept in this directory. One that lived no longer than the
/// process would set aside, at each start, what the lead before it had still to do.
fn intent_keys(
    settings: &LeadSettings,
    role: ProcessRole,
    acts: bool,
) -> anyhow::Result<IntentKeys> {
    let previous = settings.intent_key_previous.clone();
    if let Some(key) = settings.intent_key.clone() {
        return Ok(IntentKeys::new(key, previous));
    }
    if !acts {
        // It has no account on GitHub: it writes no intents and does none.
        return Ok(IntentKeys::new(super::fresh_id().into(), None));
    }
    let key = state_dir::intent_key().context(
        "GREENLINE_INTENT_KEY is not set, and none can be kept in .greenline/intent_key: set it \
         (openssl rand -hex 32 makes one), the same for all leads",
    )?;
    if role == ProcessRole::Lead {
        tracing::info!(
            "Intents are signed with the key in .greenline/intent_key; leads that run elsewhere \
             need the same in GREENLINE_INTENT_KEY"
        );
    }
    Ok(IntentKeys::new(key, previous))
}
