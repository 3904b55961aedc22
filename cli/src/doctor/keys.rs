//! Checks the type of each key under `agent:`.

use std::collections::BTreeMap;

use greenline_store::{Store, StoreError, Value, cmd, from_redis_value, pipe};

use super::finding::DoctorFinding;

/// The most keys to check: enough for most deployments, and no burden for any.
const MOST_KEYS: usize = 100_000;

/// The most keys of a kind to name.
const NAMED: usize = 5;

/// The result of a scan over the keys.
#[derive(Debug, Default)]
pub(super) struct KeyScan {
    seen: usize,
    cut: bool,
    /// Key, expected type, actual type.
    wrong: Vec<(String, &'static str, String)>,
    /// Keys of task locks.
    pub(super) locks: Vec<String>,
}

impl KeyScan {
    /// Scans the keys of the deployment.
    pub(super) async fn over(store: &Store) -> Result<Self, StoreError> {
        let prefix = format!("{}agent:", store.namespace().prefix());
        let mut key_scan = Self::default();
        let mut cursor = 0_u64;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{prefix}*")).arg("COUNT").arg(1_000);
            let (next, keys): (u64, Vec<String>) = store.command(&scan).await?;
            key_scan.look_at(store, &prefix, keys).await?;
            cursor = next;
            if cursor == 0 {
                return Ok(key_scan);
            }
            if key_scan.seen >= MOST_KEYS {
                key_scan.cut = true;
                return Ok(key_scan);
            }
        }
    }

    async fn look_at(
        &mut self,
        store: &Store,
        prefix: &str,
        keys: Vec<String>,
    ) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut calls = pipe();
        for key in &keys {
            calls.cmd("TYPE").arg(key);
        }
        let types: Vec<Value> = store.pipeline(&calls).await?;
        for (key, kind) in keys.into_iter().zip(types) {
            let kind: String = from_redis_value(kind).unwrap_or_default();
            self.judge(prefix, key, kind);
        }
        Ok(())
    }

    fn judge(&mut self, prefix: &str, key: String, kind: String) {
        self.seen += 1;
        let name = key.strip_prefix(prefix).unwrap_or(&key);
        let is_lock = name.starts_with("task:") && name.ends_with(":lock");
        match expected(name) {
            // Deleted between the two reads.
            _ if kind == "none" => {}
            Some(wanted) if wanted != kind => self.wrong.push((key, wanted, kind)),
            _ if is_lock => self.locks.push(key),
            _ => {}
        }
    }

    /// Returns the results of the scan.
    pub(super) fn findings(&self) -> Vec<DoctorFinding> {
        let seen = match self.cut {
            true => format!("the first {} keys", self.seen),
            false => format!("all {} keys", self.seen),
        };
        if self.wrong.is_empty() {
            return vec![DoctorFinding::ok(
                "keys",
                format!("{seen} have the type that they should have"),
            )];
        }
        let mut findings: Vec<DoctorFinding> =
            self.wrong.iter().take(NAMED).map(of_wrong).collect();
        if self.wrong.len() > NAMED {
            let more = self.wrong.len() - NAMED;
            let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
            for (_, wanted, _) in &self.wrong[NAMED..] {
                *kinds.entry(wanted).or_default() += 1;
            }
            let kinds: Vec<String> =
                kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let message = format!("{more} more keys have the wrong type ({})", kinds.join(", "));
            findings.push(DoctorFinding::fail("keys", message));
        }
        findings
    }
}

fn of_wrong((key, wanted, kind): &(String, &'static str, String)) -> DoctorFinding {
    let message =
        format!("{key} is a {kind}, and should be a {wanted}: whatever needs it stops there");
    DoctorFinding::fail("keys", message)
        .hint(format!("look at it, then redis-cli RENAME {key} {key}.set-aside"))
}

/// Returns the expected type of a key by its name after `agent:`; `None` for unknown names.
fn expected(name: &str) -> Option<&'static str> {
    let (family, rest) = name.split_once(':').unwrap_or((name, ""));
    Some(match (family, rest) {
        ("schema", "") | ("lead", "" | "epoch") => "string",
        ("lead", "intents") | ("workers", "") => "zset",
        ("lead", "set_aside") => "list",
        ("lead", rest) if rest.starts_with("intent:") => "hash",
        ("approval" | "worker", rest) if !rest.is_empty() => "hash",
        ("task", rest) => return of_task(rest),
        ("tasks", rest) => return of_tasks(rest),
        _ => return None,
    })
}

fn of_task(rest: &str) -> Option<&'static str> {
    Some(match rest.split_once(':') {
        None => "hash",
        Some((_, "lock")) => "string",
        Some((_, "attempts")) => "list",
        Some((_, "log")) => "stream",
        Some((_, "children")) => "set",
        Some(_) => return None,
    })
}

fn of_tasks(rest: &str) -> Option<&'static str> {
    let family = rest.split([':', '@']).next().unwrap_or_default();
    Some(match (family, rest == family) {
        ("pending" | "wake", _) | ("adopting" | "quarantine", true) => "list",
        ("blocked", true) | ("slots", false) => "set",
        ("blocked" | "rate", false) => "list",
        ("leases" | "scheduled" | "waiting" | "dead" | "done" | "outbox", true) => "zset",
        ("routes" | "paused" | "limits" | "marked" | "tick", true) => "hash",
        ("dedup", false) | ("alone", true) => "string",
        ("events", true) => "stream",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_type() {
        for (name, kind) in [
            ("schema", Some("string")),
            ("lead", Some("string")),
            ("lead:intents", Some("zset")),
            ("lead:intent:publish-1", Some("hash")),
            ("lead:set_aside", Some("list")),
            ("workers", Some("zset")),
            ("worker:w1", Some("hash")),
            ("approval:a", Some("hash")),
            ("task:a", Some("hash")),
            ("task:a:lock", Some("string")),
            ("task:a:log", Some("stream")),
            ("task:a:children", Some("set")),
            ("tasks:pending", Some("list")),
            ("tasks:pending:high@run_command+gpu", Some("list")),
            ("tasks:wake@run_command+gpu", Some("list")),
            ("tasks:blocked", Some("set")),
            ("tasks:blocked:@type:deploy_step", Some("list")),
            ("tasks:slots:acme/app#812", Some("set")),
            ("tasks:leases", Some("zset")),
            ("tasks:dedup:x", Some("string")),
            ("tasks:events", Some("stream")),
            ("run:1:results", None),
            ("mine", None),
        ] {
            assert_eq!(expected(name), kind, "{name}");
        }
    }

    #[test]
    fn a_wrong_type_is_named_with_both_types_and_the_mend() {
        let mut key_scan = KeyScan::default();
        key_scan.judge("agent:", "agent:tasks:pending".to_owned(), "string".to_owned());
        key_scan.judge("agent:", "agent:task:a:lock".to_owned(), "string".to_owned());
        assert_eq!(key_scan.locks, ["agent:task:a:lock"]);
        let findings = key_scan.findings();
        assert_eq!(findings.len(), 1);
        assert!(
            findings[0]
                .message
                .starts_with("agent:tasks:pending is a string, and should be a list")
        );
        assert!(findings[0].hint.as_ref().unwrap().contains("RENAME agent:tasks:pending "));
    }
}
