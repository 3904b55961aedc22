//! Settings of the lead: its address and its tokens.

use std::net::SocketAddr;
use std::time::Duration;

use super::network::{HostName, Network};
use super::reader::{ReadSetting, SettingsReader};
use super::secret::Secret;
use super::table;

#[derive(Debug, Clone)]
pub struct LeadSettings {
    /// The address of the HTTP server.
    pub listen: SocketAddr,
    /// Allows reading.
    pub viewer_token: Option<Secret>,
    /// Allows reading, changing and approving.
    pub operator_token: Option<Secret>,
    /// The time for which leadership holds without renewal.
    pub leader_lease: Duration,
    /// Receives a message when a person has to look.
    pub notify_webhook: Option<Secret>,
    /// Signs the actions that the lead writes down before it does them.
    pub intent_key: Option<Secret>,
    /// The key before that one, while one replaces the other.
    pub intent_key_previous: Option<Secret>,
    /// Names that the lead is asked by, beside its address and those of loopback.
    pub host_names: Vec<HostName>,
    /// Proxies before the lead, which say whom they speak for.
    pub proxies: Vec<Network>,
}

pub(super) fn read(reader: &mut SettingsReader<'_>) -> LeadSettings {
    let listen = reader.value(&table::LISTEN);
    let viewer = reader.optional(&table::VIEWER_TOKEN);
    let operator = reader.optional(&table::OPERATOR_TOKEN);
    if reader.sources().role.serves_http() {
        check_reach(reader, &listen, &operator);
    }
    check_tokens_differ(reader, &viewer, &operator);
    let (intent_key, previous) =
        (reader.optional(&table::INTENT_KEY), reader.optional(&table::INTENT_KEY_PREVIOUS));
    check_rotation(reader, &intent_key, &previous);
    LeadSettings {
        listen: listen.value,
        viewer_token: viewer.value,
        operator_token: operator.value,
        leader_lease: reader.value(&table::LEADER_LEASE).value,
        notify_webhook: reader.optional(&table::NOTIFY_WEBHOOK).value,
        intent_key: intent_key.value,
        intent_key_previous: previous.value,
        host_names: reader.optional(&table::HOST_NAMES).value.unwrap_or_default(),
        proxies: reader.optional(&table::PROXIES).value.unwrap_or_default(),
    }
}

/// Requires a token if other machines can reach the port. Applies only to a process that listens: a
/// worker may share the file without the lead's token.
fn check_reach(
    reader: &mut SettingsReader<'_>,
    listen: &ReadSetting<SocketAddr>,
    operator: &ReadSetting<Option<Secret>>,
) {
    if listen.value.ip().is_loopback() || operator.value.is_some() || !operator.valid {
        return;
    }
    let message = format!(
        "{} can be reached from other machines, and no operator token is set",
        listen.value
    );
    let setting = &table::OPERATOR_TOKEN.setting;
    let hint = format!(
        "set {} or {} (openssl rand -hex 32 makes one), or listen on 127.0.0.1:{}",
        setting.env,
        setting.env_file(),
        listen.value.port()
    );
    reader.report(&listen.place, message, hint);
}

fn check_tokens_differ(
    reader: &mut SettingsReader<'_>,
    viewer: &ReadSetting<Option<Secret>>,
    operator: &ReadSetting<Option<Secret>>,
) {
    let (Some(viewer_token), Some(operator_token)) = (&viewer.value, &operator.value) else {
        return;
    };
    if viewer_token.expose() == operator_token.expose() {
        let message = format!("is the same as the operator token ({})", operator.place);
        reader.report(&viewer.place, message, "make another one with: openssl rand -hex 32");
    }
}

/// A previous key alone would leave the lead to make a key of its own.
fn check_rotation(
    reader: &mut SettingsReader<'_>,
    current: &ReadSetting<Option<Secret>>,
    previous: &ReadSetting<Option<Secret>>,
) {
    if previous.value.is_some() && current.value.is_none() && current.valid {
        let setting = &table::INTENT_KEY.setting;
        let hint = format!("set {} or {} too", setting.env, setting.env_file());
        reader.report(&previous.place, "is set, and the key that replaces it is not", hint);
    }
}
