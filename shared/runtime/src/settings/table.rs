//! The one table of settings.
//!
//! The loader and the check of unknown names use it, and docs/settings.md and `greenline settings`
//! are written from it. A setting that is not here does not exist.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::github::{RepoPath, poll_interval, private_key, repos, webhook_secrets};
use super::log::LogFormat;
use super::network::{HostName, Network, host_names, networks};
use super::queue::{UnsignedTasks, task_key, task_public_keys};
use super::redis::{SentinelHost, redis_url, sentinel_hosts};
use super::sandbox::Walls;
use super::secret::Secret;
use super::value::{
    LogFilter, ParseResult, PlainName, absolute_paths, any_text, count, database, duration,
    host_patterns, hosts, listen, log_filter, long_secret, name, names, path, port, ports,
    positive_count, positive_duration, secret, size, slots, some_text, switch, user_range,
};
use crate::hosts::{HostList, HostPattern};
use crate::user_range::UserRange;

/// The documentation of one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// `section.key` as in greenline.toml; flags use the same name.
    pub name: &'static str,
    pub env: &'static str,
    /// The purpose in one sentence.
    pub about: &'static str,
    /// The value when it is not set.
    pub fallback: SettingDefault,
    /// True if greenline.toml may contain the setting. If false, only the environment or a flag sets it.
    pub in_file: bool,
    /// Whether it is a secret: never shown, and readable from a file.
    pub secret: bool,
    /// Whether it can be read from a file named by `{env}_FILE`.
    pub from_file: bool,
    /// Comma-separated in the environment, an array in greenline.toml.
    pub list: bool,
}

/// The value of a setting that is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingDefault {
    Value(&'static str),
    /// No value; the text explains the meaning.
    Unset(&'static str),
}

impl Setting {
    const fn new(name: &'static str, env: &'static str, about: &'static str) -> Self {
        let fallback = SettingDefault::Unset("not set");
        Self {
            name,
            env,
            about,
            fallback,
            in_file: true,
            secret: false,
            from_file: false,
            list: false,
        }
    }

    const fn default(mut self, value: &'static str) -> Self {
        self.fallback = SettingDefault::Value(value);
        self
    }

    const fn unset(mut self, means: &'static str) -> Self {
        self.fallback = SettingDefault::Unset(means);
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self.or_file()
    }

    const fn or_file(mut self) -> Self {
        self.from_file = true;
        self
    }

    const fn list(mut self) -> Self {
        self.list = true;
        self
    }

    const fn only_environment(mut self) -> Self {
        self.in_file = false;
        self
    }

    /// Returns the section in greenline.toml; empty for settings above all sections.
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// Returns the key within its section.
    pub fn key(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, key)| key)
    }

    /// The environment variable that names a file holding this value.
    pub fn env_file(&self) -> String {
        format!("{}_FILE", self.env)
    }
}

/// A setting with the parser of its value.
pub(super) struct SettingKey<T> {
    pub(super) setting: Setting,
    pub(super) parse: fn(&str) -> ParseResult<T>,
}

macro_rules! table {
    ($($name:ident: $value:ty = $parse:expr, $setting:expr;)*) => {
        $(pub(super) static $name: SettingKey<$value> = SettingKey { setting: $setting, parse: $parse };)*

        /// Every setting, in the order of the settings page.
        pub static SETTINGS: &[&Setting] = &[$(&$name.setting),*];
    };
}

table! {
    CONFIG: PathBuf = path, Setting::new("config", "GREENLINE_CONFIG",
        "The file to read settings from.").unset("`greenline.toml` if there is one").only_environment();
    STATE_DIR: PathBuf = path, Setting::new("state_dir", "GREENLINE_STATE_DIR",
        "Where running processes leave their sign of life.")
        .unset("`$XDG_RUNTIME_DIR/greenline`, else `greenline-<uid>` in the temporary directory");
    NO_COLOR: String = any_text, Setting::new("no_color", "NO_COLOR",
        "Any value switches colour off.").unset("colour on a terminal").only_environment();

    REDIS_URL: Secret = redis_url, Setting::new("redis.url", "REDIS_URL",
        "Redis as redis://, rediss:// (TLS) or unix://; what it says wins over the settings below.")
        .secret().unset("`sentinels` or `host`; with none of them, `greenline up` starts a Redis of its own");
    REDIS_HOST: String = some_text, Setting::new("redis.host", "REDIS_HOST",
        "Redis by host name, where neither a URL nor sentinels are set.");
    REDIS_PORT: u16 = port, Setting::new("redis.port", "REDIS_PORT",
        "The port at that host.").default("6379");
    REDIS_USERNAME: String = some_text, Setting::new("redis.username", "REDIS_USERNAME",
        "The ACL user.").unset("the server's default user");
    REDIS_PASSWORD: Secret = secret, Setting::new("redis.password", "REDIS_PASSWORD",
        "The password of that user.").secret();
    REDIS_DATABASE: u16 = database, Setting::new("redis.database", "GREENLINE_REDIS_DATABASE",
        "The database number.").default("10");
    NAMESPACE: PlainName = name, Setting::new("redis.namespace", "GREENLINE_NAMESPACE",
        "Goes before every key and channel, so that deployments can share a server.").unset("none");
    REDIS_SENTINELS: Vec<SentinelHost> = sentinel_hosts, Setting::new("redis.sentinels", "GREENLINE_REDIS_SENTINELS",
        "Sentinels to ask for the master, as host:port.").list();
    REDIS_MASTER: String = some_text, Setting::new("redis.master", "GREENLINE_REDIS_MASTER",
        "The name under which the sentinels know the master.");
    SENTINEL_PASSWORD: Secret = secret, Setting::new("redis.sentinel_password", "GREENLINE_SENTINEL_PASSWORD",
        "The sentinels' own password.").secret();
    REDIS_TLS: bool = switch, Setting::new("redis.tls", "GREENLINE_REDIS_TLS",
        "TLS to `redis.host` or the sentinels; a URL says it by rediss://.").default("off");
    REDIS_CA: PathBuf = path, Setting::new("redis.ca_file", "GREENLINE_REDIS_CA_FILE",
        "Certificates to trust, PEM.").unset("the usual public ones");
    REDIS_CERT: PathBuf = path, Setting::new("redis.cert_file", "GREENLINE_REDIS_CERT_FILE",
        "The certificate to show to Redis, PEM.");
    REDIS_KEY: PathBuf = path, Setting::new("redis.key_file", "GREENLINE_REDIS_KEY_FILE",
        "The key of that certificate, PEM.");

    LEASE: Duration = positive_duration, Setting::new("queue.lease", "GREENLINE_LEASE",
        "How long a task stays with a worker that is no longer heard from.").default("15s");
    HEARTBEAT: Duration = positive_duration, Setting::new("queue.heartbeat", "GREENLINE_HEARTBEAT",
        "How often a worker renews its leases; at most a third of the lease.").default("5s");
    MAX_RETRIES: u32 = count, Setting::new("queue.max_retries", "GREENLINE_MAX_RETRIES",
        "How often a task that failed is tried again.").default("2");
    MAX_CRASHES: u32 = positive_count, Setting::new("queue.max_crashes", "GREENLINE_MAX_CRASHES",
        "How often a task may lose its worker before it is given up.").default("3");
    RETRY_BACKOFF: Duration = positive_duration, Setting::new("queue.retry_backoff", "GREENLINE_RETRY_BACKOFF",
        "The wait before the first retry; each further one waits longer.").default("10s");
    RETRY_BACKOFF_MAX: Duration = positive_duration, Setting::new("queue.retry_backoff_max", "GREENLINE_RETRY_BACKOFF_MAX",
        "The longest wait before a retry.").default("10m");
    PAYLOAD_MAX: u64 = size, Setting::new("queue.payload_max", "GREENLINE_PAYLOAD_MAX",
        "The largest task that the queue takes.").default("256KiB");
    RETENTION_TASKS: u32 = positive_count, Setting::new("queue.retention_tasks", "GREENLINE_RETENTION_TASKS",
        "How many finished tasks are kept.").default("10000");
    RETENTION_AGE: Duration = positive_duration, Setting::new("queue.retention_age", "GREENLINE_RETENTION_AGE",
        "How long finished tasks are kept.").default("7d");
    TASK_KEY: Secret = task_key, Setting::new("queue.task_key", "GREENLINE_TASK_KEY",
        "The private key that tasks are signed with, for lead and operator; `greenline keys` makes one.")
        .secret().unset("one of its own where `greenline up` starts Redis, else tasks are not signed");
    TASK_PUBLIC_KEY: Vec<String> = task_public_keys, Setting::new("queue.task_public_key", "GREENLINE_TASK_PUBLIC_KEY",
        "The public key that workers check tasks with; two while one replaces the other.")
        .or_file().list().unset("that of `task_key`; with neither, signatures are not checked");
    UNSIGNED: UnsignedTasks = UnsignedTasks::parse, Setting::new("queue.unsigned", "GREENLINE_UNSIGNED",
        "What workers that check signatures do with tasks that have none: `run` or `quarantine`.").default("run");

    SLOTS: NonZeroUsize = slots, Setting::new("worker.slots", "GREENLINE_SLOTS",
        "How many tasks a worker runs at once.").unset("one per core");
    LABELS: BTreeSet<PlainName> = names, Setting::new("worker.labels", "GREENLINE_LABELS",
        "What this worker offers; it takes a task only if it has all of the task's labels.").list().unset("none");
    TYPES: BTreeSet<PlainName> = names, Setting::new("worker.types", "GREENLINE_TYPES",
        "The types of task this worker takes.").list().unset("all it knows");
    PASS_ENV: BTreeSet<PlainName> = names, Setting::new("worker.pass_env", "GREENLINE_PASS_ENV",
        "Variables of the worker that commands see too, such as JAVA_HOME; secrets are refused.").list().unset("none");
    PREFETCH: bool = switch, Setting::new("worker.prefetch", "GREENLINE_PREFETCH",
        "Claim tasks of short types ahead of a free slot.").default("on");
    GRACE: Duration = duration, Setting::new("worker.grace", "GREENLINE_GRACE",
        "How long running tasks may finish after a stop; then they go back to the queue.").default("30s");
    WORKSPACE: PathBuf = path, Setting::new("worker.workspace", "GREENLINE_WORKSPACE",
        "The directory in which tasks work.").default(".greenline/workspaces");
    WORKSPACE_LIMIT: u64 = size, Setting::new("worker.workspace_limit", "GREENLINE_WORKSPACE_LIMIT",
        "How much disk all workspaces together may use.").default("10GiB");
    WORKSPACE_ENTRIES: u32 = positive_count, Setting::new("worker.workspace_entries", "GREENLINE_WORKSPACE_ENTRIES",
        "How many files and directories one task may have in its workspace.").default("1000000");
    MEMORY_LIMIT: u64 = size, Setting::new("worker.memory_limit", "GREENLINE_MEMORY_LIMIT",
        "How much memory one task may use.").default("4GiB");
    OUTPUT_TAIL: u64 = size, Setting::new("worker.output_tail", "GREENLINE_OUTPUT_TAIL",
        "How much of each command's output its result keeps: the end.").default("64KiB");
    OUTPUT_LOG: u64 = size, Setting::new("worker.output_log", "GREENLINE_OUTPUT_LOG",
        "How much output a task's log keeps: the beginning, and the end.").default("2MiB");
    SANDBOX_READ: Vec<PathBuf> = absolute_paths, Setting::new("worker.sandbox_read", "GREENLINE_SANDBOX_READ",
        "Directories of toolchains that sandboxed commands may read and run, beside the system's and those on `PATH`.").list().unset("none");
    SANDBOX_PORTS: Vec<u16> = ports, Setting::new("worker.sandbox_ports", "GREENLINE_SANDBOX_PORTS",
        "Where the sandbox is Landlock alone: TCP ports that `setup` may connect to, on any host.").list().default("80, 443");
    SANDBOX_COMMANDS: bool = switch, Setting::new("worker.sandbox_commands", "GREENLINE_SANDBOX_COMMANDS",
        "Run the operator's own commands (`run_command`) in the sandbox too.").default("off");
    WITHOUT_ISOLATION: bool = switch, Setting::new("worker.run_untrusted_code_without_isolation", "GREENLINE_RUN_UNTRUSTED_CODE_WITHOUT_ISOLATION",
        "Where there is no sandbox, run what pull requests bring all the same: it can then do whatever the worker can.").default("off").only_environment();
    CHECKOUT_TOKEN: Secret = secret, Setting::new("worker.checkout_token", "GREENLINE_CHECKOUT_TOKEN",
        "A read-only token for checking out private repositories; never the lead's.").secret().unset("public repositories only");

    SANDBOX_WALLS: Walls = Walls::parse, Setting::new("sandbox.walls", "GREENLINE_SANDBOX_WALLS",
        "The walls of the sandbox: `all` that this machine has, or `landlock` alone, as inside containers.").default("all");
    SANDBOX_USERS: UserRange = user_range, Setting::new("sandbox.users", "GREENLINE_SANDBOX_USERS",
        "The user ids, first-last, of tasks where the worker is root: at least as many as `worker.slots`.")
        .unset("2000000000-2099999999, or 50000-59999 in containers that lack these");
    SANDBOX_HOSTS: HostList = hosts, Setting::new("sandbox.hosts", "GREENLINE_SANDBOX_HOSTS",
        "Hosts that sandboxed `setup` commands may reach; `@registries` are the public registries.").list().default("@registries");
    SANDBOX_PRIVATE_HOSTS: Vec<HostPattern> = host_patterns, Setting::new("sandbox.private_hosts", "GREENLINE_SANDBOX_PRIVATE_HOSTS",
        "Those of `hosts` that may lead to addresses of your own network, such as a mirror.").list().unset("none");

    LISTEN: SocketAddr = listen, Setting::new("lead.listen", "GREENLINE_LISTEN",
        "Where the lead answers HTTP; anything but loopback needs an operator token.").default("127.0.0.1:7410");
    VIEWER_TOKEN: Secret = long_secret, Setting::new("lead.viewer_token", "GREENLINE_VIEWER_TOKEN",
        "Lets its bearer read.").secret();
    OPERATOR_TOKEN: Secret = long_secret, Setting::new("lead.operator_token", "GREENLINE_OPERATOR_TOKEN",
        "Lets its bearer read, change and approve.").secret();
    LEADER_LEASE: Duration = positive_duration, Setting::new("lead.leader_lease", "GREENLINE_LEADER_LEASE",
        "How long a lead that is no longer heard from still leads.").default("10s");
    NOTIFY_WEBHOOK: Secret = secret, Setting::new("lead.notify_webhook", "GREENLINE_NOTIFY_WEBHOOK",
        "The address of a webhook that is told when a person has to look; Slack's incoming webhooks understand it.")
        .secret().unset("the comment alone says it");
    INTENT_KEY: Secret = long_secret, Setting::new("lead.intent_key", "GREENLINE_INTENT_KEY",
        "Signs actions that wait in Redis, so that only leads command any; the same for all leads.")
        .secret().unset("one is made and kept in .greenline/intent_key");
    INTENT_KEY_PREVIOUS: Secret = long_secret, Setting::new("lead.intent_key_previous", "GREENLINE_INTENT_KEY_PREVIOUS",
        "The intent key before this one: what it signed is still done.").secret().unset("none");
    HOST_NAMES: Vec<HostName> = host_names, Setting::new("lead.host_names", "GREENLINE_HOST_NAMES",
        "Names by which people ask the lead, beside its own address and loopback's.").list().unset("none");
    PROXIES: Vec<Network> = networks, Setting::new("lead.proxies", "GREENLINE_PROXIES",
        "Addresses or networks of proxies before the lead, whose X-Forwarded-For or Forwarded counts.").list().unset("none");

    REPOS: BTreeSet<RepoPath> = repos, Setting::new("github.repos", "GREENLINE_REPOS",
        "The repositories to watch, as owner/name.").list()
        .unset("all that the app is installed in; with a token, none");
    POLL_INTERVAL: Duration = poll_interval, Setting::new("github.poll_interval", "GREENLINE_POLL_INTERVAL",
        "How often GitHub is asked for news; every 10 minutes while webhooks arrive.").default("60s");
    GITHUB_TOKEN: Secret = secret, Setting::new("github.token", "GITHUB_TOKEN",
        "A token for GitHub; not used where an app is set.").secret();
    GITHUB_APP_ID: String = some_text, Setting::new("github.app_id", "GITHUB_APP_ID",
        "The id or client id of a GitHub App to act as.");
    GITHUB_APP_PRIVATE_KEY: Secret = private_key, Setting::new("github.app_private_key", "GITHUB_APP_PRIVATE_KEY",
        "The private key of that app, PEM.").secret();
    GITHUB_WEBHOOK_SECRET: Vec<Secret> = webhook_secrets, Setting::new("github.webhook_secret", "GITHUB_WEBHOOK_SECRET",
        "What webhooks are signed with; while it is being replaced, the new one and the old one.")
        .secret().list().unset("webhooks are refused");
    GITHUB_API_URL: String = some_text, Setting::new("github.api_url", "GITHUB_API_URL",
        "Where GitHub's API is; an Enterprise Server has it at https://HOST/api/v3.").default("https://api.github.com");

    LOG_FILTER: LogFilter = log_filter, Setting::new("log.level", "GREENLINE_LOG",
        "Which events are logged: a level, or levels per module.").default("info");
    LOG_FORMAT: LogFormat = LogFormat::parse, Setting::new("log.format", "GREENLINE_LOG_FORMAT",
        "How events are written: text or json.").default("text");

    ANTHROPIC_KEY: Secret = secret, Setting::new("keys.anthropic", "ANTHROPIC_API_KEY",
        "A key for Anthropic's models.").secret().only_environment();
    OPENAI_KEY: Secret = secret, Setting::new("keys.openai", "OPENAI_API_KEY",
        "A key for OpenAI's models.").secret().only_environment();
    GOOGLE_KEY: Secret = secret, Setting::new("keys.google", "GOOGLE_API_KEY",
        "A key for Google's models.").secret().only_environment();
    MISTRAL_KEY: Secret = secret, Setting::new("keys.mistral", "MISTRAL_API_KEY",
        "A key for Mistral's models.").secret().only_environment();
    GROQ_KEY: Secret = secret, Setting::new("keys.groq", "GROQ_API_KEY",
        "A key for Groq's models.").secret().only_environment();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_used_twice() {
        let mut taken = BTreeSet::new();
        for setting in SETTINGS {
            assert!(taken.insert(setting.name), "{}", setting.name);
            assert!(taken.insert(setting.env), "{}", setting.env);
        }
        for setting in SETTINGS.iter().filter(|setting| setting.secret) {
            assert!(!taken.contains(setting.env_file().as_str()), "{}", setting.env);
        }
    }

    #[test]
    fn every_description_is_one_sentence() {
        for Setting { name, about, .. } in SETTINGS {
            assert!(about.ends_with('.') && about.len() <= 110, "{name}: {about}");
        }
    }
}
