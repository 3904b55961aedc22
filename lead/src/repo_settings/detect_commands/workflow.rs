//! Finds the script of the failing step in the base branch's workflow.
//!
//! The log names the job and the step's heading (`Run npm test`). The workflow holds the whole
//! script, its working directory, and the commands that prepared it. A command with an expression
//! (`${{ … }}`) can't be known from the file alone: such a step is not guessed, and such a
//! preparation is left out.

use super::yaml::YamlNode;

/// A step that could be found, as commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepCommands {
    /// The job's key in the file.
    pub(super) job: String,
    /// The scripts of the job's earlier steps.
    pub(super) setup: Vec<String>,
    /// The script of the step itself.
    pub(super) validation: String,
}

/// Finds the step of this heading in a workflow, first in the job that goes by the check's name.
pub(super) fn find(workflow: &str, check: &str, heading: &str) -> Option<StepCommands> {
    let document = YamlNode::parse(workflow)?;
    let jobs = document.get("jobs")?.entries();
    let (named, others): (Vec<_>, Vec<_>) =
        jobs.iter().partition(|(key, job)| is_called(key, job, check));
    let found = |jobs: &[&(String, YamlNode)]| {
        let mut found = jobs.iter().filter_map(|(key, job)| in_job(&document, key, job, heading));
        let first = found.next()?;
        // Two jobs with the same step, and no name that tells which: nothing is known.
        found.all(|other| other.validation == first.validation).then_some(first)
    };
    match found(&named) {
        Some(step) => Some(step),
        None if named.is_empty() => found(&others),
        None => None,
    }
}

/// Returns true if the job has this name: `test`, `test (3.12)`, or `CI / test` for its key or its
/// name.
fn is_called(key: &str, job: &YamlNode, check: &str) -> bool {
    let own = check.rsplit(" / ").next().unwrap_or(check);
    let plain = own.split(" (").next().unwrap_or(own);
    let name = job.get("name").and_then(YamlNode::text).unwrap_or(key);
    // A name of the matrix's values: only its beginning is known.
    let fixed = name.split("${{").next().unwrap_or("").trim();
    let begins = name.contains("${{") && !fixed.is_empty() && own.starts_with(fixed);
    begins || [own, plain].contains(&name) || [own, plain].contains(&key)
}

fn in_job(document: &YamlNode, key: &str, job: &YamlNode, heading: &str) -> Option<StepCommands> {
    let steps = job.get("steps")?.items();
    let at = steps.iter().position(|step| is_headed(step, heading))?;
    let places = [document, job];
    let validation = command(&steps[at], &places)?;
    // Whether a step with a condition ran is not known from the file.
    let before = steps[..at].iter().filter(|step| step.get("if").is_none());
    let setup = before.filter_map(|step| command(step, &places)).collect();
    Some(StepCommands { job: key.to_owned(), setup, validation })
}

/// Returns true if the step has this heading: its name, or `Run` and its script's first line.
fn is_headed(step: &YamlNode, heading: &str) -> bool {
    let heading = heading.trim().trim_start_matches("##[group]");
    let heading = heading.strip_prefix("Run ").unwrap_or(heading).trim();
    let name = step.get("name").and_then(YamlNode::text).map(str::trim);
    let first = step.get("run").and_then(YamlNode::text).and_then(|run| run.trim().lines().next());
    !heading.is_empty() && (name == Some(heading) || first.map(str::trim) == Some(heading))
}

/// A step's script as one command for `sh -c`; `places` are where defaults may stand, outermost
/// first. None: it runs no script, or one that the file alone does not tell.
fn command(step: &YamlNode, places: &[&YamlNode]) -> Option<String> {
    let script = step.get("run")?.text()?.trim();
    let shell = inherited(step, places, "shell").unwrap_or("bash");
    let known_shell = shell == "bash" || shell == "sh";
    if script.is_empty() || script.contains("${{") || !known_shell {
        return None;
    }
    let mut lines = environment(step, places);
    if let Some(folder) = inherited(step, places, "working-directory") {
        if folder.contains("${{") {
            return None;
        }
        lines.push(format!("cd {}", quoted(folder)));
    }
    Some(composed(lines, script, shell))
}

/// Returns a setting of the step, or of the nearest `defaults` around it.
fn inherited<'n>(step: &'n YamlNode, places: &[&'n YamlNode], key: &str) -> Option<&'n str> {
    let default = |place: &&'n YamlNode| place.get("defaults")?.get("run")?.get(key)?.text();
    step.get(key).and_then(YamlNode::text).or_else(|| places.iter().rev().find_map(default))
}

/// One line stays as it is; more than one stop at the first that fails, as they do on a runner.
fn composed(mut lines: Vec<String>, script: &str, shell: &str) -> String {
    if lines.is_empty() && !script.contains('\n') {
        return script.to_owned();
    }
    lines.push(script.to_owned());
    format!("{shell} -e -c {}", quoted(&lines.join("\n")))
}

/// The variables that are set for the step, outermost first, where they are plain texts.
fn environment(step: &YamlNode, places: &[&YamlNode]) -> Vec<String> {
    let all = places.iter().copied().chain([step]);
    let entries = all.filter_map(|place| place.get("env")).flat_map(YamlNode::entries);
    let plain = entries.filter_map(|(name, value)| {
        let value = value.text().filter(|value| !value.contains("${{"))?;
        is_variable(name).then(|| format!("export {name}={}", quoted(value)))
    });
    plain.collect()
}

fn is_variable(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(letter) && !name.as_bytes()[0].is_ascii_digit()
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKFLOW: &str = "
on: [push]
env: {CI_LEVEL: '2', TOKEN: '${{ secrets.X }}'}
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: npm ci
      - run: npm test
  unit:
    name: test (${{ matrix.node }})
    defaults: {run: {working-directory: web app}}
    steps:
      - uses: actions/checkout@v4
      - run: npm ci
      - run: echo ${{ matrix.node }}
      - run: npm run windows
        if: runner.os == 'Windows'
      - name: Unit tests
        env: {MODE: it's}
        run: |
          npm test
          npm run more
";

    #[test]
    fn the_whole_script_of_the_failing_step_is_found() {
        let found = find(WORKFLOW, "test (20)", "Run Unit tests").unwrap();
        assert_eq!(found.job, "unit");
        assert_eq!(
            found.validation,
            "bash -e -c 'export CI_LEVEL='\\''2'\\''\nexport MODE='\\''it'\\''\\'\\'''\\''s'\\''\n\
             cd '\\''web app'\\''\nnpm test\nnpm run more'"
        );
        assert_eq!(found.setup.len(), 1, "{:?}", found.setup);
    }

    #[test]
    fn a_step_that_only_expressions_tell_is_not_guessed() {
        assert_eq!(find(WORKFLOW, "test (20)", "Run echo 20"), None);
        assert_eq!(find(WORKFLOW, "test (20)", ""), None);
    }

    #[test]
    fn a_step_is_looked_for_in_the_job_of_that_name() {
        let plain = WORKFLOW.replace("env: {CI_LEVEL: '2', TOKEN: '${{ secrets.X }}'}", "");
        let found = find(&plain, "CI / lint", "Run npm test").unwrap();
        assert_eq!((found.job.as_str(), found.validation.as_str()), ("lint", "npm test"));
        assert_eq!(found.setup, ["npm ci"]);
        assert_eq!(find(&plain, "lint", "Run Unit tests"), None, "it is another job's");
    }

    #[test]
    fn what_a_shell_would_read_is_kept_together() {
        let Some(found) = find(WORKFLOW, "unit", "Unit tests") else { panic!("it is there") };
        let inner = found.validation.strip_prefix("bash -e -c ").unwrap();
        let printed = std::process::Command::new("sh")
            .args(["-c", &format!("printf %s {inner}")])
            .output()
            .unwrap();
        let script = String::from_utf8(printed.stdout).unwrap();
        assert!(script.ends_with("npm test\nnpm run more"), "{script}");
        assert!(script.contains(r"export MODE='it'\''s'"), "{script}");
    }

    #[test]
    fn any_text_is_fine() {
        for text in ["", "jobs:", "jobs: 3", "jobs: {a: 3}", "jobs: {a: {steps: {}}}", "- a"] {
            assert_eq!(find(text, "a", "Run x"), None, "{text}");
        }
    }
}
