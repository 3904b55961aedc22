//! The attempts on the sandbox of one ground.
//!
//! Most attempts of a phase share one task: a script makes them one after the other and prints one
//! line for each. Those that end their run, or need a `setup`, have a task of their own.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::attempt::{AttackAttempt, AttackEnd, AttackPhase, AttackVerdict, ControlUser, judge};
use crate::deployment::Deployment;
use crate::report::AttackReport;
use crate::target::{DaemonUser, SandboxWalls};

/// How long one line may take.
const LINE_SECONDS: u32 = 150;

/// How long the task of a single attempt may take.
const ALONE: Duration = Duration::from_secs(200);

/// How long a task with many attempts may take.
const BATCH: Duration = Duration::from_secs(280);

/// Marks the line that tells an attempt's end.
const MARK: &str = "@@";

/// Makes all attempts on this ground and reports each.
pub(crate) fn attack(
    programs: (&Path, &Path),
    (user, walls): (DaemonUser, SandboxWalls),
    attempts: &[AttackAttempt],
    report: &mut AttackReport,
) {
    let here: Vec<_> = attempts.iter().filter(|attempt| attempt.is_for(user, walls)).collect();
    if here.is_empty() {
        return;
    }
    let started = Deployment::start(programs.0, programs.1, user, walls)
        .and_then(|mut deployment| deployment.start_neighbor().map(|()| deployment));
    let mut deployment = match started {
        Ok(deployment) => deployment,
        Err(error) => {
            report.skip(here.len(), &format!("{error:#}"));
            return;
        }
    };
    let mut verdicts = AttackVerdicts { user, walls, report };
    for phase in [AttackPhase::Validation, AttackPhase::Setup] {
        let together: Vec<_> =
            here.iter().copied().filter(|it| !it.is_alone() && it.phase == phase).collect();
        run_together(&deployment, phase, &together, &mut verdicts);
    }
    for attempt in here.iter().copied().filter(|attempt| attempt.is_alone()) {
        run_alone(&deployment, attempt, &mut verdicts);
        if !deployment.lives() {
            let why = "it ended the worker".to_owned();
            verdicts.report.add(&attempt.name, &attempt.words, AttackVerdict::Broke(why));
            return;
        }
    }
}

struct AttackVerdicts<'a> {
    user: DaemonUser,
    walls: SandboxWalls,
    report: &'a mut AttackReport,
}

impl AttackVerdicts<'_> {
    fn add(&mut self, attempt: &AttackAttempt, verdict: AttackVerdict) {
        let documented = attempt.documented_on(self.user, self.walls);
        let verdict = match (verdict, documented) {
            (AttackVerdict::Broke(_), Some(says)) => AttackVerdict::Documented(says.to_owned()),
            (verdict, _) => verdict,
        };
        self.report.add(&attempt.name, &attempt.words, verdict);
    }
}

fn run_together(
    deployment: &Deployment,
    phase: AttackPhase,
    attempts: &[&AttackAttempt],
    verdicts: &mut AttackVerdicts<'_>,
) {
    if attempts.is_empty() {
        return;
    }
    let controls: Vec<_> = attempts.iter().map(|attempt| control(deployment, attempt)).collect();
    let mut script = script(deployment);
    for attempt in attempts {
        plant(deployment, attempt);
        let _infallible =
            writeln!(script, "attempt '{}' '{}'", attempt.name, quoted(&attempt.line));
    }
    script.push_str("exit 0\n");
    verdicts.report.progress("one task with many attempts");
    let (setup, validation) = match phase {
        AttackPhase::Validation => (vec![], vec![script]),
        AttackPhase::Setup => (vec![script], vec!["true".to_owned()]),
    };
    let id = match phase {
        AttackPhase::Validation => "validation",
        AttackPhase::Setup => "setup",
    };
    let ran = deployment.run_task(id, &setup, &validation, BATCH);
    let (output, error) = match ran {
        Ok(report) => (report.output, report.error),
        Err(error) => (String::new(), format!("{error:#}")),
    };
    verdicts.report.verbose(&output);
    let ends = ends(&output);
    for (attempt, control) in attempts.iter().zip(controls) {
        let inside = ends.get(attempt.name.as_str());
        let damage = attempt.damage.as_ref().filter(|_| inside.is_some());
        let damage = damage.map(|line| look(deployment, attempt, line, "", &attempt.name));
        let verdict = match judge(&control, inside, damage) {
            AttackVerdict::NotTried(why) if inside.is_none() && control.code == 0 => {
                AttackVerdict::NotTried(format!("{why}: {error}"))
            }
            verdict => verdict,
        };
        verdicts.add(attempt, verdict);
    }
}

fn run_alone(deployment: &Deployment, attempt: &AttackAttempt, verdicts: &mut AttackVerdicts<'_>) {
    verdicts.report.progress(&attempt.words);
    let control = control(deployment, attempt);
    if control.code != 0 {
        verdicts.add(attempt, judge(&control, None, None));
        return;
    }
    plant(deployment, attempt);
    let head = script(deployment);
    let line =
        |text: &str| format!("{head}attempt '{}' '{}'\nexit 0\n", attempt.name, quoted(text));
    // Not by `attempt`, whose directory is not the one in which the next command starts.
    let plain = |text: &str| {
        format!(
            "{head}N='{0}' OUT={1}/outside/{0}; FILE=$OUT/file; export N OUT FILE\n{text}\nexit 0\n",
            attempt.name,
            deployment.base().display()
        )
    };
    let setup: Vec<String> = attempt.setup.iter().map(|text| plain(text)).collect();
    let tried = match attempt.phase {
        AttackPhase::Validation => (setup, vec![line(&attempt.line)]),
        AttackPhase::Setup => (vec![line(&attempt.line)], vec!["true".to_owned()]),
    };
    let id = format!("alone-{}", attempt.name);
    let ran = deployment.run_task(&id, &tried.0, &tried.1, ALONE);
    let verdict = match ran {
        Err(error) => AttackVerdict::NotTried(format!("{error:#}")),
        Ok(report) => {
            verdicts.report.verbose(&report.output);
            verdicts.report.verbose(&report.error);
            let ends = ends(&report.output);
            let damage = attempt.damage.as_ref();
            let damage = damage.map(|line| look(deployment, attempt, line, "", &id));
            match (ends.get(attempt.name.as_str()), damage) {
                // The run was ended: by a limit, or because what was done before was seen.
                (None, None) if report.status != "success" => AttackVerdict::Held,
                (inside, damage) => judge(&control, inside, damage),
            }
        }
    };
    verdicts.add(attempt, verdict);
}

/// Makes an attempt in the open, where it has to work.
fn control(deployment: &Deployment, attempt: &AttackAttempt) -> AttackEnd {
    plant(deployment, attempt);
    let line = attempt.control.as_ref().unwrap_or(&attempt.line);
    let mut text = script(deployment);
    // A workspace of its own, as every task has.
    let is_root = attempt.control_as == ControlUser::Root;
    let (base, open) = (deployment.base().display(), deployment.open(is_root));
    let open = open.display();
    let _infallible =
        writeln!(text, "cd {open} && rm -rf -- * && mkdir work home tmp && cd work || exit 2",);
    if attempt.control.is_none()
        && let Some(setup) = &attempt.setup
    {
        let _infallible = writeln!(
            text,
            "(N='{0}' OUT={base}/outside/{0}; FILE=$OUT/file; export N OUT FILE\n{setup}\n)\n\
             cd {open}/work",
            attempt.name,
        );
    }
    let _infallible = writeln!(text, "attempt '{}' '{}'", attempt.name, quoted(line));
    let mut ended = match deployment.run_open(&text, is_root) {
        Err(error) => AttackEnd { code: 2, last: format!("{error:#}") },
        Ok(output) => ends(&output)
            .remove(attempt.name.as_str())
            .unwrap_or(AttackEnd { code: 2, last: "it printed nothing".to_owned() }),
    };
    if let Some(damage) = &attempt.damage {
        // A look that sees no damage after the control would see none after the attempt.
        let seen = look(deployment, attempt, damage, "AFTER_CONTROL=1", "control");
        ended.code = if seen { 0 } else { 2 };
        if !seen {
            ended.last = format!("no damage is seen: {}", ended.last);
        }
    }
    ended
}

/// Puts the private file of an attempt in place, and what else it wants.
fn plant(deployment: &Deployment, attempt: &AttackAttempt) {
    let mut text = script(deployment);
    let base = deployment.base().display();
    let more = attempt.plant.as_deref().unwrap_or("true");
    let _infallible = write!(
        text,
        "N='{0}'; OUT={base}/outside/{0}; FILE=$OUT/file\nchmod u+rwx \"$OUT\" 2>/dev/null\n\
         mkdir -p \"$OUT\"; rm -f \"$FILE\"; echo planted-secret-file >\"$FILE\"\n\
         chmod 600 \"$FILE\"; chmod 711 \"$OUT\"; cd \"$OUT\"\n{more}\n",
        attempt.name,
    );
    let _shown_by_the_control = deployment.run_open(&text, false);
}

/// Returns `true` if the look outside finds damage.
fn look(
    deployment: &Deployment,
    attempt: &AttackAttempt,
    line: &str,
    more: &str,
    id: &str,
) -> bool {
    let base = deployment.base().display();
    let text = format!(
        "{}N='{name}'; OUT={base}/outside/{name}; FILE=$OUT/file; TASK_ID='{id}'; {more}\n\
         if ( {line}\n ) >/dev/null 2>&1; then echo damage; fi\n",
        script(deployment),
        name = attempt.name,
    );
    deployment.run_open(&text, false).is_ok_and(|output| output.contains("damage"))
}

/// The beginning of every script.
fn script(deployment: &Deployment) -> String {
    let base = deployment.base().display();
    let variables = deployment.variables();
    let names: Vec<_> = variables
        .split_whitespace()
        .filter_map(|assignment| assignment.split_once('=').map(|(name, _)| name))
        .collect();
    format!(
        "{variables}export {}\n\
         attempt() {{\n\
         N=$1; OUT={base}/outside/$1; FILE=$OUT/file; export N OUT FILE\n\
         mkdir -p \"try-$1\" 2>/dev/null\n\
         {{ (cd \"try-$1\" 2>/dev/null; exec timeout -k 1 {LINE_SECONDS} sh -c \"$2\") 2>&1 </dev/null\n\
         printf '\\n%s\\n' \"code $?\"; }} | tail -c 400 | tr -cd '[:print:]\\n' | grep -v '^$' |\n\
         awk -v name=\"$1\" '/^code [0-9]+$/ {{ print \"{MARK}\" name, $2, last }} {{ last = $0 }}'\n\
         }}\n",
        names.join(" "),
    )
}

fn quoted(line: &str) -> String {
    line.replace('\'', r"'\''")
}

/// Parses the script's output and returns the result of each attempt.
fn ends(output: &str) -> BTreeMap<String, AttackEnd> {
    let lines = output.lines().filter_map(|line| line.strip_prefix(MARK));
    let parsed = lines.filter_map(|line| {
        let mut words = line.splitn(3, ' ');
        let (name, code) = (words.next()?, words.next()?.parse().ok()?);
        Some((
            name.to_owned(),
            AttackEnd { code, last: words.next().unwrap_or_default().to_owned() },
        ))
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_attempts_are_read_from_between_other_output() {
        let ends = ends("noise\n@@12 1 refused: /x: No\n@@B1a 0 \nnoise @@3 0\n");
        let refused = AttackEnd { code: 1, last: "refused: /x: No".to_owned() };
        assert_eq!(ends.get("12"), Some(&refused));
        assert_eq!(ends.get("B1a"), Some(&AttackEnd { code: 0, last: String::new() }));
        assert_eq!(ends.len(), 2);
    }
}
