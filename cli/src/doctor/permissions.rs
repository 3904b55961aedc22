//! Checks the permissions of this Redis user: complete, or what is missing.
//!
//! A script asks Redis itself, without executing anything. Scripts run with the caller's
//! permissions, as the queue's own do.

use greenline_store::{Store, StoreError, cmd};

use super::finding::DoctorFinding;

/// Returns the entries of ARGV (words separated by newlines) that may not run.
const ASK: &str = "#!lua
local denied = {}
for i = 1, #ARGV do
  local words = {}
  for word in string.gmatch(ARGV[i], '[^\\n]+') do words[#words + 1] = word end
  local known, allowed = pcall(redis.acl_check_cmd, unpack(words))
  if known and not allowed then denied[#denied + 1] = ARGV[i] end
end
return denied";

/// The operations of the queue's scripts and calls on its keys, by the kind of key.
const ON_KEYS: [(&str, &[&str]); 7] = [
    (
        "tasks:probe",
        &[
            "LPUSH\nK\nx",
            "RPUSH\nK\nx",
            "LPOP\nK",
            "RPOP\nK",
            "LRANGE\nK\n0\n1",
            "LINDEX\nK\n0",
            "LLEN\nK",
            "LREM\nK\n0\nx",
            "LTRIM\nK\n0\n1",
            "SADD\nK\nx",
            "SREM\nK\nx",
            "SCARD\nK",
            "SISMEMBER\nK\nx",
            "SMEMBERS\nK",
            "ZADD\nK\n1\nx",
            "ZREM\nK\nx",
            "ZRANGE\nK\n0\n1",
            "ZREVRANGE\nK\n0\n1",
            "ZRANGEBYSCORE\nK\n0\n1",
            "ZREVRANGEBYSCORE\nK\n1\n0",
            "ZCARD\nK",
            "ZSCORE\nK\nx",
            "XADD\nK\n*\na\nb",
            "XRANGE\nK\n-\n+",
            "XREVRANGE\nK\n+\n-",
            "XREAD\nSTREAMS\nK\n0",
            "BLPOP\nK\n1",
            "SET\nK\nx",
            "GET\nK",
            "DEL\nK",
            "EXISTS\nK",
            "PEXPIRE\nK\n1",
            "TYPE\nK",
        ],
    ),
    (
        "task:probe",
        &[
            "HSET\nK\nf\nx",
            "HGET\nK\nf",
            "HMGET\nK\nf",
            "HGETALL\nK",
            "HDEL\nK\nf",
            "HLEN\nK",
            "HKEYS\nK",
            "HEXISTS\nK\nf",
            "HINCRBY\nK\nf\n1",
            "SET\nK\nx",
            "MGET\nK",
            "DEL\nK",
        ],
    ),
    ("worker:probe", &["HSET\nK\nf\nx", "PEXPIRE\nK\n1", "DEL\nK"]),
    ("workers", &["ZADD\nK\n1\nx", "ZREM\nK\nx", "ZREMRANGEBYSCORE\nK\n0\n1"]),
    ("schema", &["GET\nK"]),
    ("approval:probe", &["HMGET\nK\nf"]),
    ("lead", &["GET\nK"]),
];

/// Other operations of the queue's calls.
const ANYWHERE: [&str; 5] = ["TIME", "SCAN\n0", "INFO", "SCRIPT\nLOAD\nreturn 1", "EVALSHA\nx\n0"];

/// Operations that only a lead and an operator need.
const OF_LEADS: [(&str, &str); 5] = [
    ("schema", "SET\nK\nx"),
    ("lead", "SET\nK\nx"),
    ("lead:intents", "ZADD\nK\n1\nx"),
    ("lead:intent:probe", "HSET\nK\nf\nx"),
    ("approval:probe", "HSET\nK\nf\nx"),
];

/// Checks the permissions of the configured user.
pub(super) async fn check(store: &Store) -> Vec<DoctorFinding> {
    let prefix = format!("{}agent:", store.namespace().prefix());
    let user = whoami(store).await;
    let for_work = match denied(store, &of_work(&prefix)).await {
        Ok(denied) => denied,
        Err(error) => return vec![no_scripts(&user, &error)],
    };
    if !for_work.is_empty() {
        return vec![lacks(&user, &for_work)];
    }
    let for_leads = denied(store, &of_leads(&prefix)).await.unwrap_or_default();
    let may = if for_leads.is_empty() {
        "work, lead and approve"
    } else {
        "work, but not lead or approve"
    };
    vec![DoctorFinding::ok("rights", format!("user {user} may {may}"))]
}

async fn whoami(store: &Store) -> String {
    let name: Result<String, StoreError> = store.command(cmd("ACL").arg("WHOAMI")).await;
    name.unwrap_or_else(|_| "of these settings".to_owned())
}

async fn denied(store: &Store, wishes: &[String]) -> Result<Vec<String>, StoreError> {
    store.command(cmd("EVAL").arg(ASK).arg(0).arg(wishes)).await
}

fn no_scripts(user: &str, error: &StoreError) -> DoctorFinding {
    DoctorFinding::fail("rights", format!("user {user} can't run scripts: {error}"))
        .hint("grant +eval +evalsha +script|load; deploy/make-secrets writes users that fit")
}

fn of_work(prefix: &str) -> Vec<String> {
    let on_keys = ON_KEYS
        .iter()
        .flat_map(|(key, wishes)| wishes.iter().map(move |wish| on_key(wish, prefix, key)));
    let channels =
        [format!("PUBLISH\n{prefix}tasks:new\nx"), format!("SUBSCRIBE\n{prefix}tasks:completed")];
    on_keys.chain(channels).chain(ANYWHERE.iter().map(|wish| (*wish).to_owned())).collect()
}

fn of_leads(prefix: &str) -> Vec<String> {
    OF_LEADS.iter().map(|(key, wish)| on_key(wish, prefix, key)).collect()
}

fn on_key(wish: &str, prefix: &str, key: &str) -> String {
    wish.replace("\nK", &format!("\n{prefix}{key}"))
}

/// Formats `HSET on agent:task:…, TIME`.
fn lacks(user: &str, denied: &[String]) -> DoctorFinding {
    let some: Vec<String> = denied.iter().take(8).map(|wish| in_words(wish)).collect();
    let more = match denied.len().saturating_sub(some.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    DoctorFinding::fail("rights", format!("user {user} may not: {}{more}", some.join(", ")))
        .hint("grant it by ACL SETUSER; deploy/make-secrets writes users that fit")
}

fn in_words(wish: &str) -> String {
    let mut words = wish.split('\n');
    let command = words.next().unwrap_or_default();
    match words.find(|word| word.contains("agent:")) {
        Some(key) => format!("{command} on {}", key.replace("probe", "*")),
        None => command.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_named_with_its_key() {
        let finding = lacks("worker", &of_leads("acme:agent:")[..1]);
        assert_eq!(finding.message, "user worker may not: SET on acme:agent:schema");
        assert_eq!(in_words("SCAN\n0"), "SCAN");
        assert_eq!(in_words(&of_work("agent:")[33]), "HSET on agent:task:*");
    }
}
