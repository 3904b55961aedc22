//! Secrets, looked for wherever they could have been written.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::stage::{HOOK_SECRET, OPERATOR, Stage, VIEWER};
use super::{Case, broke_if, verdict};
use crate::attempt::AttackVerdict;
use crate::deployment::TOKEN;

/// Before the queue is busy with other attempts.
pub(super) const EARLY: &[Case] = &[
    Case { name: "B7a", words: "a plain command reads the lead's environment", run: environment },
    Case { name: "B7b", words: "core files of lead and worker", run: core_files },
];

pub(super) const CASES: &[Case] = &[
    Case { name: "122", words: "trace logs of lead and worker", run: logs },
    Case { name: "123", words: "settings, --json and doctor", run: settings },
    Case { name: "124", words: "Redis, every key", run: keys },
    Case { name: "125", words: "command lines", run: command_lines },
    Case { name: "126", words: "modes of .greenline", run: modes },
    Case { name: "B10p", words: "the operator's token in what `up` prints", run: printed },
    Case { name: "127", words: "/proc of worker and lead", run: processes },
];

fn secrets(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let fixed = [TOKEN, OPERATOR, VIEWER, HOOK_SECRET].map(str::to_owned);
    let users = ["lead", "worker", "operator"];
    let passwords = users.into_iter().map(|user| stage.password(user));
    fixed.into_iter().map(Ok).chain(passwords).collect()
}

/// The first secret that stands in a text.
fn found(stage: &Stage, text: &str) -> anyhow::Result<Option<String>> {
    Ok(secrets(stage)?.into_iter().find(|secret| text.contains(secret.as_str())))
}

/// A journal keeps what a service prints.
fn printed(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let line = format!(
        "mkdir -p \"$HOME/up\" && cd \"$HOME/up\" || exit 2\n\
         export GREENLINE_LISTEN=127.0.0.1:0\n\
         {} up >out.log 2>&1 & pid=$!\n\
         i=0; while [ $i -lt 600 ]; do i=$((i+1)); grep -q '^try ' out.log && break; sleep 0.1; done\n\
         kill -TERM $pid; wait $pid\n\
         grep -q '^try ' out.log && test -s .greenline/operator_token || exit 2\n\
         grep -qF \"$(cat .greenline/operator_token)\" out.log && exit 0; exit 1",
        stage.path("bin/greenline").display(),
    );
    Ok(match stage.shell(&line)? {
        (0, _) => AttackVerdict::Broke("it is printed".to_owned()),
        (1, _) => AttackVerdict::Held,
        (code, said) => AttackVerdict::NotTried(format!("exit code {code}: {said}")),
    })
}

fn environment(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let read = |pid: u32| format!("tr '\\0' '\\n' </proc/{pid}/environ");
    let commands = [stage.victim.id(), stage.lead.id(), stage.worker.id()].map(read);
    let command = commands.join("; ");
    stage.enqueue(&json!({
        "task_id": "b7", "type": "run_command", "validation": [format!("{command}; true")],
    }))?;
    let story = stage.ended("b7")?.to_string();
    let works = story.contains("PLANTED=");
    Ok(verdict(works, found(stage, &story)?.map(|secret| format!("{secret:.14}… is printed"))))
}

fn core_files(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let limit = |pid: u32| {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
        let line =
            limits.lines().find(|line| line.starts_with("Max core file size")).map(str::to_owned);
        line.unwrap_or_default()
    };
    let works = limit(stage.victim.id()).contains("core");
    let open = [stage.lead.id(), stage.worker.id()]
        .into_iter()
        .map(limit)
        .find(|line| line.split_whitespace().nth(5) != Some("0"));
    Ok(verdict(works, open.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))))
}

fn logs(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let read = |name: &str| fs::read_to_string(stage.path("received").join(name));
    let text = format!("{}{}", read("lead.log")?, read("worker.log")?);
    let works = text.contains("TRACE") || text.contains("DEBUG");
    Ok(verdict(works, found(stage, &text)?.map(|secret| format!("{secret:.14}… is logged"))))
}

fn settings(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let mut text = String::new();
    for arguments in
        [&["settings"][..], &["settings", "--json"], &["doctor"], &["doctor", "--json"]]
    {
        text.push_str(&stage.greenline(arguments)?.1);
    }
    let works = text.contains("secret, set");
    Ok(verdict(works, found(stage, &text)?.map(|secret| format!("{secret:.14}… is shown"))))
}

fn keys(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let all = stage.redis("admin", &["KEYS", "*"])?;
    let mut text = String::new();
    let mut count = 0;
    for key in all.lines().filter(|key| !key.is_empty()) {
        text.push_str(&stage.redis("admin", &["DUMP", key])?);
        count += 1;
    }
    let shown = found(stage, &text)?;
    Ok(verdict(count > 5, shown.map(|secret| format!("{secret:.14}… is stored"))))
}

fn command_lines(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let mut text = String::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        // The call of redis-cli in this suite passes its passwords by the environment too.
        text.push_str(&String::from_utf8_lossy(&line));
        text.push('\n');
    }
    let works = text.contains("73121213");
    Ok(verdict(works, found(stage, &text)?.map(|secret| format!("{secret:.14}… is an argument"))))
}

fn modes(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let folder = stage.path("deploy/.greenline");
    let mut open = None;
    let mut seen = 0;
    for entry in fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).chain([folder.clone()])
    {
        seen += 1;
        let mode = fs::symlink_metadata(&entry)?.permissions().mode() & 0o7777;
        let is_workspaces = entry.is_dir() && entry != folder;
        let harmless = entry.ends_with(".gitignore") || is_workspaces;
        if mode & 0o077 != 0 && !harmless {
            open = Some(format!("{} has mode {mode:o}", entry.display()));
        }
    }
    Ok(verdict(seen > 1, open))
}

fn processes(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let read = |pid: &str| {
        stage.shell(&format!(
            "$P read /proc/{pid}/environ || $P read /proc/{pid}/maps || $P list /proc/{pid}/fd"
        ))
    };
    let works = read("$VICTIM")?.0 == 0;
    let open = ["$LEAD", "$WORKER"].into_iter().find_map(|pid| {
        let read = read(pid).ok()?;
        broke_if(read.0 == 0, &format!("{pid} can be read"))
    });
    Ok(verdict(works, open))
}
