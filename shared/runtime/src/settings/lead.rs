//! Where the lead listens, and whom it lets in.

use std::net::SocketAddr;
use std::time::Duration;

use super::reader::{Read, Reader};
use super::secret::Secret;
use super::table;

/// The lead's settings.
#[derive(Debug, Clone)]
pub struct LeadSettings {
    /// Where it answers HTTP.
    pub listen: SocketAddr,
    /// Lets its bearer read.
    pub viewer_token: Option<Secret>,
    /// Lets its bearer read, change and approve.
    pub operator_token: Option<Secret>,
    /// How long leadership holds without being renewed.
    pub leader_lease: Duration,
    /// Who is told when a person has to look.
    pub notify_webhook: Option<Secret>,
}

pub(super) fn read(reader: &mut Reader<'_>) -> LeadSettings {
    let listen = reader.value(&table::LISTEN);
    let viewer = reader.optional(&table::VIEWER_TOKEN);
    let operator = reader.optional(&table::OPERATOR_TOKEN);
    if reader.sources().role.serves_http() {
        check_reach(reader, &listen, &operator);
    }
    check_tokens_differ(reader, &viewer, &operator);
    LeadSettings {
        listen: listen.value,
        viewer_token: viewer.value,
        operator_token: operator.value,
        leader_lease: reader.value(&table::LEADER_LEASE).value,
        notify_webhook: reader.optional(&table::NOTIFY_WEBHOOK).value,
    }
}

/// Whoever can reach the port can try the doors, so a door that others reach needs a lock. Only
/// for a process that listens: a worker may share the file and need not hold the lead's token.
fn check_reach(
    reader: &mut Reader<'_>,
    listen: &Read<SocketAddr>,
    operator: &Read<Option<Secret>>,
) {
    if listen.value.ip().is_loopback() || operator.value.is_some() || !operator.sound {
        return;
    }
    let says = format!(
        "{} can be reached from other machines, and no operator token is set",
        listen.value
    );
    let setting = &table::OPERATOR_TOKEN.setting;
    let mend = format!(
        "set {} or {} (openssl rand -hex 32 makes one), or listen on 127.0.0.1:{}",
        setting.env,
        setting.env_file(),
        listen.value.port()
    );
    reader.object(&listen.place, says, mend);
}

fn check_tokens_differ(
    reader: &mut Reader<'_>,
    viewer: &Read<Option<Secret>>,
    operator: &Read<Option<Secret>>,
) {
    let (Some(viewer_token), Some(operator_token)) = (&viewer.value, &operator.value) else {
        return;
    };
    if viewer_token.expose() == operator_token.expose() {
        let says = format!("is the same as the operator token ({})", operator.place);
        reader.object(&viewer.place, says, "make another one with: openssl rand -hex 32");
    }
}
