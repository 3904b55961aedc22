//! One attempt, as the files under `attempts/` describe it, and the judgement of what it did.
//!
//! An attempt is a line of shell that exits with 0 if it got out and with 1 if it was refused. The
//! same line, or its `control`, runs outside of the sandbox first, where it must get out: an attempt
//! whose control fails proves nothing and is never counted as held.

use serde::{Deserialize, Serialize};

use crate::target::{DaemonUser, SandboxWalls};

/// The attempts on the sandbox, in the order in which they run.
const FILES: [(&str, &str); 5] = [
    ("breaks.toml", include_str!("../attempts/breaks.toml")),
    ("processes.toml", include_str!("../attempts/processes.toml")),
    ("files.toml", include_str!("../attempts/files.toml")),
    ("network.toml", include_str!("../attempts/network.toml")),
    ("kernel.toml", include_str!("../attempts/kernel.toml")),
];

/// Which commands of a task make the attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AttackPhase {
    /// A command that checks the work; it has no network.
    #[default]
    Validation,
    /// A command before the work; it has the network of `sandbox.hosts`.
    Setup,
}

/// Who makes the control.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ControlUser {
    /// The user of the ground.
    #[default]
    Same,
    /// Root, for what no ordinary user may do anywhere.
    Root,
}

/// One attempt on the sandbox.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttackAttempt {
    /// The number of the finding that it repeats, and a letter where there are several.
    pub(crate) name: String,
    /// A few words for the list.
    pub(crate) words: String,
    #[serde(default)]
    pub(crate) phase: AttackPhase,
    /// The line of shell.
    #[serde(rename = "try")]
    pub(crate) line: String,
    /// A task's `setup` before the line; such an attempt gets a task of its own.
    #[serde(default)]
    pub(crate) setup: Option<String>,
    /// Whether it ends its run, and so needs a task of its own.
    #[serde(default)]
    pub(crate) alone: bool,
    /// Another line for the control.
    #[serde(default)]
    pub(crate) control: Option<String>,
    #[serde(default)]
    pub(crate) control_as: ControlUser,
    /// A line that runs outside afterwards and exits with 0 if the attempt did its damage. Without
    /// it the attempt's own exit code counts.
    #[serde(default)]
    pub(crate) damage: Option<String>,
    /// A line that runs outside before the control and before the attempt.
    #[serde(default)]
    pub(crate) plant: Option<String>,
    /// The grounds that it is for; all of them if there are none.
    #[serde(default)]
    pub(crate) walls: Vec<SandboxWalls>,
    #[serde(default)]
    pub(crate) users: Vec<DaemonUser>,
    /// Where docs/security.md says that this is not kept out.
    #[serde(default)]
    pub(crate) documented: Option<Documented>,
}

/// A gap that the documentation names.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Documented {
    pub(crate) walls: Vec<SandboxWalls>,
    #[serde(default)]
    pub(crate) users: Vec<DaemonUser>,
    /// Words of docs/security.md.
    pub(crate) says: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttackFile {
    attempt: Vec<AttackAttempt>,
}

/// All attempts on the sandbox.
pub(crate) fn all() -> anyhow::Result<Vec<AttackAttempt>> {
    let mut attempts = Vec::new();
    for (name, text) in FILES {
        let file: AttackFile = toml::from_str(text)
            .map_err(|error| anyhow::anyhow!("attack/attempts/{name}: {error}"))?;
        attempts.extend(file.attempt);
    }
    Ok(attempts)
}

impl AttackAttempt {
    /// Returns `true` if the attempt makes sense on that ground.
    pub(crate) fn is_for(&self, user: DaemonUser, walls: SandboxWalls) -> bool {
        (self.users.is_empty() || self.users.contains(&user))
            && (self.walls.is_empty() || self.walls.contains(&walls))
    }

    /// Returns the documentation's words where they leave this open.
    pub(crate) fn documented_on(&self, user: DaemonUser, walls: SandboxWalls) -> Option<&str> {
        let documented = self.documented.as_ref()?;
        let users = &documented.users;
        let applies =
            documented.walls.contains(&walls) && (users.is_empty() || users.contains(&user));
        applies.then_some(documented.says.as_str())
    }

    /// Returns `true` if it needs a task of its own.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone || self.setup.is_some()
    }
}

/// The end of one line of shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttackEnd {
    pub(crate) code: i32,
    /// The last line that it printed.
    pub(crate) last: String,
}

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "why", rename_all = "snake_case")]
pub(crate) enum AttackVerdict {
    /// It was refused, and its control was not.
    Held,
    /// It got out.
    Broke(String),
    /// It got out, and docs/security.md says so.
    Documented(String),
    /// It proves nothing here.
    NotTried(String),
}

impl AttackVerdict {
    /// Returns the reason for anything but [`AttackVerdict::Held`], else nothing.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Held => String::new(),
            Self::Broke(why) | Self::NotTried(why) => why.clone(),
            Self::Documented(says) => format!("as docs/security.md says: \"{says}\""),
        }
    }
}

/// Judges an attempt by the ends of its control and of itself; `damage` is what the look outside
/// found afterwards, if there is one.
pub(crate) fn judge(
    control: &AttackEnd,
    inside: Option<&AttackEnd>,
    damage: Option<bool>,
) -> AttackVerdict {
    if control.code != 0 {
        return AttackVerdict::NotTried(format!("control failed: {}", control.last));
    }
    if let Some(done) = damage {
        return if done {
            AttackVerdict::Broke("seen outside".to_owned())
        } else {
            AttackVerdict::Held
        };
    }
    let Some(inside) = inside else {
        return AttackVerdict::NotTried("its task ended before it".to_owned());
    };
    match inside.code {
        0 => AttackVerdict::Broke(inside.last.clone()),
        1 => AttackVerdict::Held,
        // By a signal of the kernel's or of the worker's.
        code if code > 128 => AttackVerdict::Held,
        code => AttackVerdict::NotTried(format!("exit code {code}: {}", inside.last)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ended(code: i32) -> AttackEnd {
        AttackEnd { code, last: "words".to_owned() }
    }

    #[test]
    fn nothing_counts_as_held_whose_control_failed() {
        let failed = AttackVerdict::NotTried("control failed: words".to_owned());
        assert_eq!(judge(&ended(1), Some(&ended(1)), None), failed);
        assert_eq!(judge(&ended(1), Some(&ended(0)), Some(false)), failed);
        assert_eq!(judge(&ended(0), Some(&ended(1)), None), AttackVerdict::Held);
        assert_eq!(
            judge(&ended(0), Some(&ended(0)), None),
            AttackVerdict::Broke("words".to_owned())
        );
        assert_eq!(judge(&ended(0), Some(&ended(0)), Some(false)), AttackVerdict::Held);
        let missing = judge(&ended(0), None, None);
        assert!(matches!(missing, AttackVerdict::NotTried(_)), "{missing:?}");
        assert!(matches!(judge(&ended(0), Some(&ended(2)), None), AttackVerdict::NotTried(_)));
    }

    #[test]
    fn every_attempt_has_a_name_of_its_own_and_documented_gaps_are_in_the_documentation() {
        let attempts = all().unwrap();
        let names: BTreeSet<_> = attempts.iter().map(|attempt| &attempt.name).collect();
        assert_eq!(names.len(), attempts.len(), "a name is used twice");
        let page = include_str!("../../docs/security.md");
        for attempt in &attempts {
            let says = attempt.documented.as_ref().map(|documented| documented.says.as_str());
            assert!(says.is_none_or(|says| page.contains(says)), "{}: {says:?}", attempt.name);
        }
    }

    #[test]
    fn each_attempt_of_the_findings_on_the_sandbox_is_repeated() {
        let attempts = all().unwrap();
        let repeated = |name: &str| {
            let is_it = |attempt: &AttackAttempt| {
                attempt.name.trim_end_matches(|letter: char| letter.is_ascii_lowercase()) == name
            };
            attempts.iter().any(is_it)
        };
        let breaks = (1..=5).chain([10]).map(|number| format!("B{number}"));
        let held = (1..=56).map(|number| number.to_string());
        let missing: Vec<_> = breaks.chain(held).filter(|name| !repeated(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
