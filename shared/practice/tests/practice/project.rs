//! The tiny project is red for the reason that its story says.

use greenline_practice::project::{Story, files};

use crate::bed::Bed;

#[tokio::test]
async fn every_story_ends_with_its_job_red_and_a_log_that_says_why() {
    let bed = Bed::new().await;
    let repo = bed.github.repo_with("acme/slug", &files()).await.unwrap();
    for story in Story::ALL {
        let pull = story.open(&repo).await.unwrap();
        let run = story.run(&repo, &pull).await.unwrap();
        let path = format!("/repos/acme/slug/actions/runs/{}/jobs", run.id);
        let jobs = bed.get(&path).await.body["jobs"].as_array().unwrap().clone();
        let red: Vec<_> = jobs.iter().filter(|job| job["conclusion"] == "failure").collect();
        assert_eq!(red.len(), 1, "{story:?}");
        assert_eq!(red[0]["name"], story.job(), "{story:?}");
        let logs = format!("/repos/acme/slug/actions/jobs/{}/logs", red[0]["id"]);
        let there = bed.get(&logs).await.header("location").to_owned();
        let log = bed.ask("GET", &there, &[], None).await.unwrap().text;
        let says = match story {
            Story::Assertion | Story::Fork => "not ok 3 - dots go",
            Story::Flaky => "not ok 5 - a slug is made within its time",
            Story::Infrastructure => "Could not resolve host",
            Story::Lint => "slug.sh:7:22: error: trailing whitespace",
        };
        assert!(log.contains(says), "{story:?}: {log}");
    }
}

#[tokio::test]
async fn the_flaky_job_is_green_when_it_runs_again() {
    let bed = Bed::new().await;
    let repo = bed.github.repo_with("acme/slug", &files()).await.unwrap();
    let pull = Story::Flaky.open(&repo).await.unwrap();
    let run = Story::Flaky.run(&repo, &pull).await.unwrap();
    let path = format!("/repos/acme/slug/actions/runs/{}", run.id);
    bed.call("POST", &format!("{path}/rerun-failed-jobs"), None).await;
    assert_eq!(bed.get(&path).await.body["conclusion"], "success");
}
