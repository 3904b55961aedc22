//! Checks Redis itself: reachable, new enough, safe to keep tasks in.

use std::time::Instant;

use greenline_runtime::human;
use greenline_runtime::settings::{RedisSource, Settings};
use greenline_store::{ServerFacts, Store, StoreConfig, StoreError, cmd, server_program};

use super::finding::DoctorFinding;
use crate::print::when;
use crate::{find_redis, state_dir};

/// The clock difference in ms from which a warning is shown.
const MOST_SKEW: i64 = 2_000;

/// Checks the server; also returns a store if it answers.
pub(super) async fn check(settings: &Settings) -> (Vec<DoctorFinding>, Option<Store>) {
    if matches!(settings.redis.source, RedisSource::Embedded)
        && state_dir::embedded_redis().is_none()
    {
        return (vec![none_set()], None);
    }
    let found = find_redis::find(&settings.redis).and_then(|config| {
        let store = Store::lazy(config.clone())?;
        Ok((config, store))
    });
    let (config, store) = match found {
        Ok(found) => found,
        Err(error) => return (vec![DoctorFinding::fail("redis", format!("{error:#}"))], None),
    };
    match store.facts().await {
        Ok(facts) => {
            let mut findings = of_facts(&facts, &config);
            findings.extend(flush(&store, &facts).await);
            findings.extend(clock(&store).await);
            (findings, Some(store))
        }
        Err(error) => (vec![unreachable(&error, settings)], None),
    }
}

/// Reports that nothing is set and nothing runs here: `up` would start its own Redis.
fn none_set() -> DoctorFinding {
    match server_program() {
        Some(program) => DoctorFinding::info(
            "redis",
            format!("none is set; `greenline up` starts its own ({})", program.display()),
        ),
        None => DoctorFinding::fail("redis", "none is set, and no redis-server is installed")
            .hint("install redis-server or valkey-server, or set REDIS_URL"),
    }
}

fn unreachable(error: &StoreError, settings: &Settings) -> DoctorFinding {
    let finding = DoctorFinding::fail("redis", error.to_string());
    match error {
        StoreError::Denied(_) => finding.hint(
            "check REDIS_USERNAME and REDIS_PASSWORD; the user needs +info (deploy/make-secrets \
             writes users that fit)",
        ),
        StoreError::Unavailable { .. } => match settings.redis.source {
            RedisSource::Embedded => finding.hint("start `greenline up` in this directory"),
            _ => {
                finding.hint("start Redis, or correct its address (`greenline settings` shows it)")
            }
        },
        _ => finding,
    }
}

fn of_facts(facts: &ServerFacts, config: &StoreConfig) -> Vec<DoctorFinding> {
    let ServerFacts { product, version, .. } = facts;
    let place = format!(
        "{product} {version} at {}, database {}",
        config.address(),
        config.effective_database()
    );
    let namespace = match config.namespace.prefix() {
        "" => String::new(),
        prefix => format!(", namespace {}", prefix.trim_end_matches(':')),
    };
    let mut findings = vec![match facts.check() {
        Ok(()) => DoctorFinding::ok("redis", format!("{place}{namespace}")),
        Err(error) => DoctorFinding::fail("redis", format!("{place}: {error}")),
    }];
    if facts.role == "slave" {
        let finding = DoctorFinding::fail("redis", "this is a replica: it takes no writes");
        findings.push(finding.hint("name the master, or set GREENLINE_REDIS_SENTINELS"));
    }
    findings.push(policy(facts));
    findings.push(memory(facts));
    findings.extend(persistence(facts));
    findings
}

fn policy(facts: &ServerFacts) -> DoctorFinding {
    match facts.policy_warning() {
        None => DoctorFinding::ok("redis", "maxmemory-policy is noeviction"),
        Some(warning) => DoctorFinding::warn(
            "redis",
            format!("maxmemory-policy is {}: Redis may drop tasks when it is full", warning.policy),
        )
        .hint("redis-cli CONFIG SET maxmemory-policy noeviction"),
    }
}

fn memory(facts: &ServerFacts) -> DoctorFinding {
    let used = human::bytes(facts.used_memory);
    if facts.maxmemory == 0 {
        return DoctorFinding::ok("redis", format!("uses {used}; maxmemory sets no limit"));
    }
    let percent = facts.used_memory.saturating_mul(100) / facts.maxmemory;
    let message =
        format!("uses {used}, {percent} % of maxmemory ({})", human::bytes(facts.maxmemory));
    let hint = "raise maxmemory, or keep less: `greenline queue purge`, queue.retention_tasks";
    match percent {
        0..80 => DoctorFinding::ok("redis", message),
        80..95 => DoctorFinding::warn("redis", message).hint(hint),
        _ => DoctorFinding::fail(
            "redis",
            format!("{message}: new tasks are refused when it is full"),
        )
        .hint(hint),
    }
}

fn persistence(facts: &ServerFacts) -> Vec<DoctorFinding> {
    let mut findings = vec![if facts.append_only {
        DoctorFinding::ok("redis", "writes its append-only file")
    } else {
        DoctorFinding::warn("redis", "the append-only file is off: a crash of Redis loses tasks")
            .hint("redis-cli CONFIG SET appendonly yes, and appendonly yes in redis.conf")
    }];
    if facts.append_only && !facts.append_only_healthy {
        let message = "the last write of the append-only file failed: Redis refuses writes";
        findings.push(
            DoctorFinding::fail("redis", message)
                .hint("free the disk of Redis; it recovers by itself"),
        );
    }
    if !facts.snapshots_healthy {
        let message = "the last snapshot failed: Redis may refuse writes until one succeeds";
        let hint = "see to memory and disk of Redis, then redis-cli BGSAVE";
        findings.push(DoctorFinding::fail("redis", message).hint(hint));
    }
    findings
}

/// Checks how often the append-only file is synced, if this user may ask.
async fn flush(store: &Store, facts: &ServerFacts) -> Option<DoctorFinding> {
    let answer: Result<Vec<String>, _> =
        store.command(cmd("CONFIG").arg("GET").arg("appendfsync")).await;
    if matches!(answer, Err(StoreError::Denied(_))) {
        let message = "appendfsync is not looked at: this user may not read Redis's settings";
        let hint = "to see it too, run doctor as a user with +config|get, such as operator";
        return Some(DoctorFinding::info("redis", message).hint(hint));
    }
    let rhythm = answer.ok()?.into_iter().nth(1)?;
    (facts.append_only && rhythm == "no").then(|| {
        DoctorFinding::warn(
            "redis",
            "appendfsync is no: a crash of its machine loses up to half a minute",
        )
        .hint("redis-cli CONFIG SET appendfsync everysec")
    })
}

/// Times come from Redis; a machine with another clock shows them wrong.
async fn clock(store: &Store) -> Option<DoctorFinding> {
    let asked = Instant::now();
    let (seconds, micros): (i64, i64) = store.command(&cmd("TIME")).await.ok()?;
    let half = i64::try_from(asked.elapsed().as_millis() / 2).unwrap_or(0);
    let skew = when::now_ms() - half - (seconds * 1000 + micros / 1000);
    let apart = human::duration(std::time::Duration::from_millis(skew.unsigned_abs().max(1)));
    Some(if skew.abs() <= MOST_SKEW {
        DoctorFinding::ok("clock", format!("within {apart} of Redis's"))
    } else {
        let side = if skew > 0 { "ahead of" } else { "behind" };
        DoctorFinding::warn("clock", format!("this machine is {apart} {side} Redis"))
            .hint("let both keep time by NTP, such as timedatectl set-ntp true")
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::FindingLevel;
    use super::*;

    fn facts() -> ServerFacts {
        ServerFacts {
            product: "redis".to_owned(),
            version: "7.0.15".to_owned(),
            cluster: false,
            maxmemory_policy: "noeviction".to_owned(),
            maxmemory: 0,
            used_memory: 1024,
            append_only: true,
            append_only_healthy: true,
            snapshots_healthy: true,
            role: "master".to_owned(),
            replicas: 0,
        }
    }

    fn levels(facts: &ServerFacts) -> Vec<FindingLevel> {
        let config = StoreConfig::at("redis://localhost");
        let found = of_facts(facts, &config).into_iter().map(|finding| finding.level);
        found.filter(|level| *level != FindingLevel::Ok).collect()
    }

    #[test]
    fn each_danger_has_its_level() {
        assert_eq!(levels(&facts()), []);
        let with = |change: fn(&mut ServerFacts)| {
            let mut facts = facts();
            change(&mut facts);
            levels(&facts)
        };
        assert_eq!(with(|it| it.maxmemory_policy = "allkeys-lru".to_owned()), [FindingLevel::Warn]);
        assert_eq!(with(|it| it.append_only = false), [FindingLevel::Warn]);
        assert_eq!(with(|it| it.append_only_healthy = false), [FindingLevel::Fail]);
        assert_eq!(with(|it| it.snapshots_healthy = false), [FindingLevel::Fail]);
        assert_eq!(with(|it| it.role = "slave".to_owned()), [FindingLevel::Fail]);
        assert_eq!(with(|it| it.cluster = true), [FindingLevel::Fail]);
        assert_eq!(with(|it| it.version = "6.2.0".to_owned()), [FindingLevel::Fail]);
        assert_eq!(with(|it| it.maxmemory = 1200), [FindingLevel::Warn]);
        assert_eq!(with(|it| it.maxmemory = 1030), [FindingLevel::Fail]);
    }
}
