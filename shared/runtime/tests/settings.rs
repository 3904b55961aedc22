//! Loading settings: who wins, what is refused, and how that is said.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use greenline_runtime::ProcessRole;
use greenline_runtime::settings::{
    GitHubLogin, LoadedSettings, LogFormat, RedisSource, SETTINGS, SettingFlags, SettingSource,
    SettingSources, SettingsError, UnsignedTasks, load,
};
use tempfile::TempDir;

/// A directory of its own and an environment of its own.
struct Setup {
    directory: TempDir,
    sources: SettingSources,
}

impl Setup {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sources = SettingSources {
            role: ProcessRole::Up,
            flags: SettingFlags::none(),
            environment: Default::default(),
            directory: directory.path().to_owned(),
            cores: NonZeroUsize::new(2).unwrap(),
            user: 1000,
        };
        Self { directory, sources }
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    fn toml(self, text: &str) -> Self {
        self.file("greenline.toml", text)
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.to_owned(), value.into());
        self
    }

    fn flag(mut self, name: &str, flag: &str, value: &str) -> Self {
        self.sources.flags = self.sources.flags.with(name, flag, Some(value.to_owned()));
        self
    }

    fn role(mut self, role: ProcessRole) -> Self {
        self.sources.role = role;
        self
    }

    fn load(&self) -> Result<LoadedSettings, SettingsError> {
        load(&self.sources)
    }

    fn loaded(&self) -> LoadedSettings {
        self.load().unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn rendered(&self) -> String {
        self.load().map(|_| ()).unwrap_err().to_string()
    }
}

#[test]
fn without_anything_the_defaults_hold() {
    let loaded = Setup::new().loaded();
    let settings = loaded.settings;
    assert!(matches!(settings.redis.source, RedisSource::Embedded));
    assert_eq!(settings.redis.database, 10);
    assert_eq!(settings.queue.lease, Duration::from_secs(15));
    assert_eq!(settings.queue.payload_max, 262_144);
    assert_eq!(settings.worker.slots.get(), 2);
    assert_eq!(settings.worker.types, None);
    assert_eq!(settings.lead.listen.to_string(), "127.0.0.1:7410");
    assert_eq!(settings.log.format, LogFormat::Text);
    assert_eq!(settings.state_dir, Path::new("/tmp/greenline-1000"));
    assert!(settings.github.login.is_none() && settings.keys.models.is_empty());
    assert_eq!(loaded.warnings.to_string(), "");
}

#[test]
fn every_setting_of_the_table_is_read() {
    let effective = Setup::new().loaded().effective;
    let read: Vec<&str> = effective.iter().map(|one| one.setting.name).collect();
    let listed: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(read, listed);
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file() {
    let file = "[queue]\nlease = \"31s\"\nheartbeat = \"6s\"\nmax_retries = 5\n";
    let loaded = Setup::new()
        .toml(file)
        .env("GREENLINE_LEASE", "32s")
        .env("GREENLINE_HEARTBEAT", "7s")
        .flag("queue.lease", "--lease", "33s")
        .loaded();
    let queue = &loaded.settings.queue;
    assert_eq!(queue.lease, Duration::from_secs(33));
    assert_eq!(queue.heartbeat, Duration::from_secs(7));
    assert_eq!(queue.max_retries, 5);

    let from = |name: &str| {
        let mut effective = loaded.effective.iter();
        effective.find(|one| one.setting.name == name).map(|one| one.from.to_string()).unwrap()
    };
    assert_eq!(from("queue.lease"), "--lease");
    assert_eq!(from("queue.heartbeat"), "GREENLINE_HEARTBEAT");
    assert_eq!(from("queue.max_retries"), "greenline.toml:4:15");
    assert_eq!(from("queue.max_crashes"), "default");
}

#[test]
fn a_broken_file_is_told_whole() {
    let rendered = Setup::new()
        .toml(
            r#"lease = "20s"

[queue]
heartbaet = "5s"
lease = 15
max_retries = "few"
retry_backoff = "20m"
payload_max = 262144

[worker]
labels = ["gpu", "two words"]
prefetch = "maybe"
memory_limit = "lots"
workspace = ["a", "b"]

[laed]
listen = "0.0.0.0:7410"

[log]
format = "jsn"
level = "inof"
"#,
        )
        .env("GREENLINE_HEARTBEAT", "fast")
        .flag("worker.slots", "--slots", "0")
        .rendered();
    assert_eq!(
        rendered,
        r#"error: greenline.toml:1:1: unknown setting "lease"
       it belongs in [queue]
error: greenline.toml:4:1: unknown setting "heartbaet"
       did you mean "heartbeat"?
error: greenline.toml:5:9: "15" has no unit
       write a duration such as 15s or 2m
error: greenline.toml:6:15: "few" is not a count
       write a whole number, 0 or more
error: greenline.toml:7:17: the first wait before a retry, 20 min, is longer than the longest, 10 min
       write a shorter first wait or a longer longest one
error: greenline.toml:8:15: "262144" has no unit
       write a size such as 256KiB or 10GiB
error: greenline.toml:11:10: "two words" is not a name
       write 1 to 64 of A-Z a-z 0-9 . _ -
error: greenline.toml:12:12: "maybe" is not on or off
       write on or off
error: greenline.toml:13:16: "lots" is not a size
       write a size such as 256KiB or 10GiB
error: greenline.toml:14:13: a list is not one value
       write workspace = "..."
error: greenline.toml:16:2: unknown setting "laed"
       did you mean "lead"?
error: greenline.toml:20:10: "jsn" is not one of text, json
       did you mean "json"?
error: greenline.toml:21:9: "inof" is not a log level
       did you mean "info"?
error: --slots: "0" is not a number of slots
       write 1 to 4096
error: GREENLINE_HEARTBEAT: "fast" is not a duration
       write a duration such as 15s or 2m"#
    );
}

#[test]
fn broken_toml_is_told_with_the_rest() {
    let rendered = Setup::new()
        .toml("[queue]\nlease =\nheartbeat = \"9s\"\nmax_retires = 3\nmax_crashes = 1\nmax_crashes = 2\n")
        .rendered();
    assert_eq!(
        rendered,
        r#"error: greenline.toml:2:8: string values must be quoted, expected literal string
       correct the TOML in this line
error: greenline.toml:4:1: unknown setting "max_retires"
       did you mean "max_retries"?
error: greenline.toml:6:1: duplicate key
       correct the TOML in this line"#
    );
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let mut setup = Setup::new();
    let latin = std::os::unix::ffi::OsStringExt::from_vec(b"p\xe4ss".to_vec());
    setup.sources.environment.insert("REDIS_PASSWORD".to_owned(), latin);
    assert_eq!(
        setup.rendered(),
        "error: REDIS_PASSWORD: is not UTF-8 text\n       write it in UTF-8"
    );
}

#[test]
fn the_environment_is_judged_like_the_file() {
    let rendered = Setup::new()
        .env("GREENLINE_LEASE", "15")
        .env("GREENLINE_NAMESPACE", "team a")
        .env("REDIS_URL", "http://somewhere")
        .env("GREENLINE_LISTEN", "localhost")
        .rendered();
    assert_eq!(
        rendered,
        r#"error: GREENLINE_LEASE: "15" has no unit
       write a duration such as 15s or 2m
error: GREENLINE_LISTEN: "localhost" is not an address to listen on
       write an IP address and a port, such as 127.0.0.1:7410 or 0.0.0.0:7410
error: GREENLINE_NAMESPACE: "team a" is not a name
       write 1 to 64 of A-Z a-z 0-9 . _ -
error: REDIS_URL: does not begin as a URL of Redis does
       write redis://host:6379, rediss://host:6379 (TLS) or unix:///path/to/redis.sock"#
    );
}

#[test]
fn a_heartbeat_must_fit_three_times_into_the_lease() {
    assert!(Setup::new().env("GREENLINE_LEASE", "15s").load().is_ok());
    assert_eq!(
        Setup::new().env("GREENLINE_LEASE", "12s").rendered(),
        "error: GREENLINE_LEASE: a heartbeat of 5 s is too slow for a lease of 12 s\n       \
         write a heartbeat of at most 4 s, or a lease of at least 15 s"
    );
}

#[test]
fn a_door_that_others_reach_needs_an_operator_token() {
    let open = || Setup::new().env("GREENLINE_LISTEN", "0.0.0.0:7410");
    assert_eq!(
        open().rendered(),
        "error: GREENLINE_LISTEN: 0.0.0.0:7410 can be reached from other machines, and no operator \
         token is set\n       set GREENLINE_OPERATOR_TOKEN or GREENLINE_OPERATOR_TOKEN_FILE \
         (openssl rand -hex 32 makes one), or listen on 127.0.0.1:7410"
    );
    assert!(open().role(ProcessRole::Worker).load().is_ok(), "a worker does not listen");
    assert!(open().env("GREENLINE_OPERATOR_TOKEN", "0123456789abcdef").load().is_ok());
}

#[test]
fn tokens_are_long_differ_and_are_never_repeated() {
    let same = Setup::new()
        .env("GREENLINE_VIEWER_TOKEN", "correct-horse-battery")
        .env("GREENLINE_OPERATOR_TOKEN", "correct-horse-battery")
        .rendered();
    assert!(same.starts_with(
        "error: GREENLINE_VIEWER_TOKEN: is the same as the operator token (GREENLINE_OPERATOR_TOKEN)"
    ));
    let short = Setup::new().env("GREENLINE_VIEWER_TOKEN", "hunter2").rendered();
    assert!(short.contains("has 7 characters; at least 16 are needed"), "{short}");

    let kept = Setup::new()
        .env("GREENLINE_VIEWER_TOKEN", "correct-horse-battery")
        .env("REDIS_URL", "redis://:correct-horse-battery@h:1")
        .loaded();
    assert!(!format!("{same}{short}{kept:?}").contains("horse"));
}

#[test]
fn a_secret_comes_from_a_file_without_its_last_newline() {
    let settings = Setup::new()
        .file("redis", "s3cret\n")
        .file("key", &format!("{}\r\n", "0123456789abcdef".repeat(4)))
        .env("REDIS_PASSWORD_FILE", "redis")
        .env("OPENAI_API_KEY_FILE", "redis")
        .toml("[queue]\ntask_key_file = \"key\"\n")
        .loaded()
        .settings;
    assert_eq!(settings.redis.password.unwrap().expose(), "s3cret");
    assert_eq!(settings.queue.task_key.unwrap().expose(), "0123456789abcdef".repeat(4));
    assert_eq!(settings.keys.models[0].env, "OPENAI_API_KEY");
}

#[test]
fn task_keys_are_checked_and_two_public_ones_may_be_trusted() {
    let (one, two) = ("0123456789abcdef".repeat(4), "fedcba9876543210".repeat(4));
    let loaded = Setup::new()
        .file("public", &format!("{one},{two}\n"))
        .env("GREENLINE_TASK_PUBLIC_KEY_FILE", "public")
        .env("GREENLINE_UNSIGNED", "quarantine")
        .role(ProcessRole::Worker)
        .loaded();
    assert_eq!(loaded.settings.queue.task_public_keys, [one.clone(), two.clone()]);
    assert_eq!(loaded.settings.queue.unsigned, UnsignedTasks::Quarantine);
    let shown = loaded.effective.iter().find(|it| it.setting.name == "queue.task_public_key");
    assert!(shown.unwrap().value.as_ref().unwrap().contains(&two), "it is no secret");

    let three = format!("{one},{two},{one}");
    let rendered = Setup::new().env("GREENLINE_TASK_PUBLIC_KEY", &three).rendered();
    assert!(rendered.contains("holds 3 keys"), "{rendered}");
    let rendered = Setup::new().env("GREENLINE_TASK_KEY", "correct-horse-battery").rendered();
    assert!(
        rendered.contains("64 hexadecimal digits") && rendered.contains("greenline keys"),
        "{rendered}"
    );
    assert!(!rendered.contains("horse"), "{rendered}");
    let alone = || Setup::new().env("GREENLINE_UNSIGNED", "quarantine");
    let rendered = alone().role(ProcessRole::Worker).rendered();
    assert!(rendered.contains("there is no key to check signatures with"), "{rendered}");
    assert!(alone().load().is_ok(), "who runs no tasks checks none");
}

#[test]
fn each_slot_needs_a_user_id() {
    let with = |slots: &str| {
        Setup::new().env("GREENLINE_SANDBOX_USERS", "50000-50001").env("GREENLINE_SLOTS", slots)
    };
    assert!(with("2").load().is_ok());
    let rendered = with("3").rendered();
    let needed = ["GREENLINE_SANDBOX_USERS", "50000-50001 has 2 user ids", "worker.slots is 3"];
    for part in needed {
        assert!(rendered.contains(part), "{part} in {rendered}");
    }
}

#[test]
fn a_secret_given_twice_or_from_nowhere_is_refused() {
    let rendered = Setup::new()
        .file("empty", "\n")
        .env("REDIS_PASSWORD", "a")
        .env("REDIS_PASSWORD_FILE", "b")
        .env("GREENLINE_TASK_KEY_FILE", "missing")
        .env("GITHUB_TOKEN_FILE", "empty")
        .rendered();
    assert_eq!(
        rendered,
        "error: GITHUB_TOKEN_FILE: empty is empty\n       write the secret into it\n\
         error: GREENLINE_TASK_KEY_FILE: failed to read missing: No such file or directory (os error 2)\n       \
         name a file that this user can read\n\
         error: REDIS_PASSWORD: is set, and so is REDIS_PASSWORD_FILE\n       keep one of them"
    );
}

#[test]
fn unknown_variables_of_ours_are_warned_about() {
    let loaded = Setup::new()
        .env("GREENLINE_HEARTBAET", "1s")
        .env("GREENLINE_SPEED", "9")
        .env("GREENLINE_SERVICE_HOST", "10.0.0.1")
        .env("GREENLINE_LEAD_PORT_7410_TCP_ADDR", "10.0.0.1")
        .env("GREENLINE_LEAD_PORT", "tcp://10.0.0.1:7410")
        .env("SPEED", "9")
        .loaded();
    assert_eq!(
        loaded.warnings.to_string(),
        "warning: GREENLINE_HEARTBAET: no setting has this name\n         \
         did you mean GREENLINE_HEARTBEAT?\n\
         warning: GREENLINE_SPEED: no setting has this name\n         \
         remove it; docs/settings.md lists all settings"
    );
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let settings = Setup::new()
        .env("REDIS_URL", "")
        .env("GREENLINE_LEASE", "")
        .env("GREENLINE_TASK_KEY_FILE", "")
        .loaded()
        .settings;
    assert!(matches!(settings.redis.source, RedisSource::Embedded));
    assert!(settings.queue.task_key.is_none());
}

#[test]
fn the_file_is_where_the_flag_or_the_variable_says() {
    let two = || {
        Setup::new()
            .file("a.toml", "[queue]\nmax_retries = 7\n")
            .file("b.toml", "[queue]\nmax_retries = 8\n")
            .env("GREENLINE_CONFIG", "a.toml")
    };
    assert_eq!(two().loaded().settings.queue.max_retries, 7);
    assert_eq!(two().flag("config", "--config", "b.toml").loaded().settings.queue.max_retries, 8);
    assert_eq!(
        two().flag("config", "--config", "c.toml").rendered(),
        "error: --config: failed to read c.toml: No such file or directory (os error 2)\n       \
         name a file that this user can read"
    );
}

#[test]
fn redis_is_found_by_url_by_host_or_by_sentinels() {
    let address = |setup: Setup| {
        let redis = setup.loaded().settings.redis;
        match redis.source {
            RedisSource::Server(url) => {
                format!("{} {url} {} {}", url.url.expose(), redis.database, redis.tls.is_some())
            }
            RedisSource::Sentinel { hosts, master, .. } => format!("{master} {}", hosts.len()),
            RedisSource::Embedded => "embedded".to_owned(),
        }
    };
    let url = "rediss://u:p@h:7000/3";
    assert_eq!(address(Setup::new().env("REDIS_URL", url)), format!("{url} h:7000 3 true"));
    assert_eq!(
        address(Setup::new().env("REDIS_URL", "unix:///run/r.sock").env("REDIS_HOST", "other")),
        "unix:///run/r.sock /run/r.sock 10 false"
    );
    assert_eq!(
        address(Setup::new().env("REDIS_HOST", "redis").env("REDIS_PORT", "tcp://10.0.0.1:6379")),
        "redis://redis:6379/10 redis:6379 10 false"
    );
    assert_eq!(
        address(Setup::new().env("REDIS_HOST", "::1").env("GREENLINE_REDIS_TLS", "on")),
        "rediss://[::1]:6379/10 [::1]:6379 10 true"
    );
    let sentinels = "[redis]\nsentinels = [\"a:26379\", \"b\"]\nmaster = \"main\"\n";
    assert_eq!(address(Setup::new().toml(sentinels)), "main 2");
}

#[test]
fn settings_of_redis_must_fit_together() {
    let rendered = Setup::new()
        .env("REDIS_URL", "redis://h")
        .env("GREENLINE_REDIS_SENTINELS", "a")
        .env("GREENLINE_REDIS_CA_FILE", "ca.pem")
        .env("GREENLINE_REDIS_CERT_FILE", "cert.pem")
        .rendered();
    assert_eq!(
        rendered,
        "error: GREENLINE_REDIS_CA_FILE: is for TLS, but the connection to Redis has none\n       \
         write rediss:// in the URL, or set GREENLINE_REDIS_TLS=on\n\
         error: GREENLINE_REDIS_CERT_FILE: is for TLS, but the connection to Redis has none\n       \
         write rediss:// in the URL, or set GREENLINE_REDIS_TLS=on\n\
         error: GREENLINE_REDIS_CERT_FILE: a certificate and its key go together\n       \
         set GREENLINE_REDIS_KEY_FILE too\n\
         error: GREENLINE_REDIS_SENTINELS: sentinels need the name of their master\n       \
         set GREENLINE_REDIS_MASTER\n\
         error: REDIS_URL: is set, and so are sentinels (GREENLINE_REDIS_SENTINELS)\n       \
         keep one of them"
    );
}

#[test]
fn places_are_ordered_as_people_look_for_them() {
    let file = |line| SettingSource::File { path: "a".into(), line, column: 1 };
    let flag = SettingSource::Flag("--x".to_owned());
    assert!(
        file(2) < file(10) && file(10) < flag && flag < SettingSource::Environment("A".to_owned())
    );
}

#[test]
fn the_state_directory_follows_the_session() {
    let at = |setup: Setup| setup.loaded().settings.state_dir.display().to_string();
    assert_eq!(at(Setup::new().env("XDG_RUNTIME_DIR", "/run/user/7")), "/run/user/7/greenline");
    assert_eq!(at(Setup::new().env("TMPDIR", "/scratch")), "/scratch/greenline-1000");
    assert_eq!(at(Setup::new().env("GREENLINE_STATE_DIR", "/run/gl")), "/run/gl");
}

#[test]
fn half_an_app_is_none() {
    let rendered = Setup::new().env("GITHUB_APP_ID", "12").rendered();
    assert!(rendered.contains("GITHUB_APP_ID: is only one half of a GitHub app"), "{rendered}");
    assert!(
        rendered.contains("set GITHUB_APP_PRIVATE_KEY or GITHUB_APP_PRIVATE_KEY_FILE too"),
        "{rendered}"
    );
    let pem = "-----BEGIN X-----\nabc\n-----END X-----\n";
    let whole =
        Setup::new().file("app.pem", pem).env("GITHUB_TOKEN", "t").env("GITHUB_APP_ID", "12");
    let login = whole.env("GITHUB_APP_PRIVATE_KEY_FILE", "app.pem").loaded().settings.github.login;
    assert!(matches!(login, Some(GitHubLogin::App { id, .. }) if id == "12"));
}

#[test]
fn who_watches_must_be_known_to_github() {
    let setup = || Setup::new().toml("[github]\nrepos = [\"acme/app\"]\n");
    let rendered = setup().rendered();
    assert!(rendered.contains("greenline.toml:2:9: is set, but nothing that GitHub"), "{rendered}");
    assert_eq!(setup().env("GITHUB_TOKEN", "t").loaded().settings.github.repos.len(), 1);
    // The file is shared; a worker needs no token.
    setup().role(ProcessRole::Worker).loaded();
    let rendered = Setup::new().env("GITHUB_WEBHOOK_SECRET", &"s".repeat(32)).rendered();
    assert!(rendered.contains("GITHUB_WEBHOOK_SECRET: is set, but nothing"), "{rendered}");
}

#[test]
fn no_file_makes_its_reader_panic() {
    const FILE: &str = "state_dir = \"/tmp/x\"\n[redis]\nhost = \"redis\"\nport = 6379\n\
        [queue]\nlease = \"15s\"\npayload_max = \"256KiB\"\n[worker]\nslots = 2\n\
        labels = [\"gpu\", \"linux\"]\nsandbox_ports = [80, 443]\nprefetch = \"on\"\n\
        [lead]\nlisten = \"127.0.0.1:7410\"\noperator_token_file = \"token\"\n\
        [github]\nrepos = [\"acme/app\"]\npoll_interval = \"60s\"\n[log]\nlevel = \"info,x=debug\"\n";
    let setup = Setup::new().file("token", "a-token-of-an-operator-that-is-long-enough\n");
    let file = setup.directory.path().join("greenline.toml");
    greenline_fuzzing::mutate_and_read("settings", &[FILE.into()], 3_000, |text| {
        fs::write(&file, text).unwrap();
        if let Err(problems) = setup.load() {
            let rendered = problems.to_string();
            assert!(!rendered.is_empty() && !rendered.contains('\u{1b}'), "{rendered:?}");
        }
    });
}
