//! The tiny project is red for the reason that its story says, and the diagnosis finds it.

use std::path::Path;
use std::process::Command;

use greenline_diagnosis::{Category, Diagnosis, DiagnosisOptions, Verdict, diagnose};
use greenline_fake_github::github::{PullHandle, RepoHandle, RunHandle};
use greenline_fake_github::project::{Story, found};

use crate::bed::Bed;

/// The log of the one red job of a run.
async fn red_log(bed: &Bed, run: RunHandle, story: Story) -> String {
    let path = format!("/repos/acme/slug/actions/runs/{}/jobs", run.id);
    let jobs = bed.get(&path).await.body["jobs"].as_array().unwrap().clone();
    let red: Vec<_> = jobs.iter().filter(|job| job["conclusion"] == "failure").collect();
    assert_eq!(red.len(), 1, "{story:?}");
    assert_eq!(red[0]["name"], story.job(), "{story:?}");
    let logs = format!("/repos/acme/slug/actions/jobs/{}/logs", red[0]["id"]);
    let there = bed.get(&logs).await.header("location").to_owned();
    bed.ask("GET", &there, &[], None).await.unwrap().text
}

/// What the job says when somebody runs it in a checkout of the pull request.
fn by_hand(repo: &RepoHandle, pull: &PullHandle, job: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        assert!(git.current_dir(folder.path()).args(args).status().unwrap().success());
    };
    git(&["clone", "--quiet", &repo.git_folder().to_string_lossy(), "."]);
    git(&["checkout", "--quiet", "--detach", &pull.sha]);
    let script = format!("./{job}.sh");
    let output = Command::new("sh").arg(script).current_dir(folder.path()).output().unwrap();
    [output.stdout, output.stderr].concat()
}

fn read(log: &[u8]) -> Diagnosis {
    diagnose(log, &DiagnosisOptions::default())
}

#[tokio::test]
async fn every_story_ends_red_for_its_reason_and_says_the_same_by_hand() {
    let bed = Bed::new().await;
    for story in Story::ALL {
        let repo = found(&bed.github, "acme/slug").await.unwrap();
        let pull = story.open(&repo).await.unwrap();
        let run = story.run(&repo, &pull).await.unwrap();
        let ci = read(red_log(&bed, run, story).await.as_bytes());
        let (category, verdict, headline) = match story {
            Story::Assertion | Story::Fork | Story::BrokenBase => {
                (Category::TestAssertion, Verdict::Fixable, "not ok 3 - dots go")
            }
            Story::Flaky => (
                Category::TestAssertion,
                Verdict::Fixable,
                "not ok 5 - a slug is made within its time",
            ),
            Story::Lint => {
                (Category::LintError, Verdict::Fixable, "slug.sh:7: trailing whitespace.")
            }
            Story::Infrastructure => (
                Category::NetworkOrFlaky,
                Verdict::Rerun,
                "##[error]fatal: unable to access 'https://github.com/acme/slug/': Could not resolve host: github.com",
            ),
        };
        assert_eq!((ci.category, ci.verdict), (category, verdict), "{story:?}");
        assert_eq!(ci.headline.map(|it| it.text).as_deref(), Some(headline), "{story:?}");
        let again = read(&by_hand(&repo, &pull, story.job()));
        match story {
            // What comes and goes does not come when it is run by hand.
            Story::Flaky | Story::Infrastructure => assert_eq!(again.signature, None),
            _ => assert_eq!(again.signature, ci.signature, "{story:?}"),
        }
        repo.delete();
    }
}

#[tokio::test]
async fn what_is_not_the_changes_fault_passes_when_it_runs_again() {
    let bed = Bed::new().await;
    for story in [Story::Flaky, Story::Infrastructure] {
        let repo = found(&bed.github, "acme/slug").await.unwrap();
        let pull = story.open(&repo).await.unwrap();
        let run = story.run(&repo, &pull).await.unwrap();
        let path = format!("/repos/acme/slug/actions/runs/{}", run.id);
        assert_eq!(bed.get(&path).await.body["conclusion"], "failure");
        bed.call("POST", &format!("{path}/rerun-failed-jobs"), None).await;
        assert_eq!(bed.get(&path).await.body["conclusion"], "success");
        repo.delete();
    }
}

#[test]
fn a_story_is_found_by_its_name() {
    for story in Story::ALL {
        assert_eq!(Story::named(story.name()), Some(story));
    }
    assert_eq!(Story::named("Assertion"), None);
}

#[tokio::test]
async fn the_base_branch_says_how_the_project_is_checked() {
    let bed = Bed::new().await;
    let repo = found(&bed.github, "acme/slug").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clone = |to: &Path| {
        let mut git = Command::new("git");
        git.args(["clone", "--quiet"]).arg(repo.git_folder()).arg(to).status().unwrap()
    };
    assert!(clone(folder.path()).success());
    let settings = std::fs::read_to_string(folder.path().join(".greenline.toml")).unwrap();
    for command in ["sh ./test.sh", "sh ./lint.sh"] {
        assert!(settings.contains(&format!("validation = [\"{command}\"]")));
        let mut sh = Command::new("sh");
        let ran = sh.arg("-c").arg(command).current_dir(folder.path()).output().unwrap();
        assert!(ran.status.success(), "{command} is green on main");
    }
}
