//! The check run `greenline` on a commit, with remarks at places in files.
//!
//! GitHub adds annotations and never takes any away. So a check run is recognised by its
//! `external_id`, which is made of the annotations: with the same ones it is brought up to date,
//! and of them only those are sent that it lacks; with others a new one is made, and GitHub shows
//! the newest.

use greenline_diagnosis::show::stripped;
use greenline_forge::Sha;
use greenline_forge::model::{
    AnnotationLevel, CheckRun, CheckRunAnnotation, CheckRunDraft, Conclusion,
};
use greenline_queue::content_hash;
use serde::{Deserialize, Serialize};

use super::super::comment_body::CommentBody;
use super::super::outcome::ActionOutcome;
use super::{ActionContext, ActionError};

/// Name of Greenline's check run.
const NAME: &str = "greenline";

/// More remarks than this help nobody.
const MOST_ANNOTATIONS: usize = 200;

/// Most annotations that GitHub takes in one request.
const ANNOTATIONS_AT_ONCE: usize = 50;

/// GitHub's limit on one message, with room to spare.
const LONGEST_MESSAGE: usize = 4_000;

/// The conclusion of Greenline's check run. Never a failure: the failed check is red already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// Still at it.
    Working,
    /// All is well.
    Success,
    /// It has something to say.
    Neutral,
    /// A person has to act.
    ActionRequired,
}

/// A remark at a line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckAnnotation {
    /// From the root of the repository.
    pub path: String,
    /// From 1.
    pub line: u64,
    pub title: String,
    pub message: String,
}

/// The content of the check run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The commit.
    pub head: Sha,
    pub result: CheckResult,
    /// One line.
    pub title: String,
    pub body: CommentBody,
    /// Remarks at places in files.
    pub annotations: Vec<CheckAnnotation>,
}

impl CheckReport {
    fn external_id(&self) -> String {
        let annotations =
            serde_json::to_vec(&self.annotations).expect("texts and numbers are JSON");
        let digest: String = content_hash(&annotations).chars().take(16).collect();
        format!("{NAME}:{digest}")
    }

    fn draft(&self) -> CheckRunDraft {
        let summary = self.body.markdown("").trim().to_owned();
        let conclusion = match self.result {
            CheckResult::Working => None,
            CheckResult::Success => Some(Conclusion::Success),
            CheckResult::Neutral => Some(Conclusion::Neutral),
            CheckResult::ActionRequired => Some(Conclusion::ActionRequired),
        };
        CheckRunDraft {
            name: NAME.to_owned(),
            external_id: self.external_id(),
            details_url: None,
            conclusion,
            title: line(&self.title, 200),
            summary,
            annotations: self
                .annotations
                .iter()
                .take(MOST_ANNOTATIONS)
                .filter_map(annotation)
                .collect(),
        }
    }
}

fn annotation(annotation: &CheckAnnotation) -> Option<CheckRunAnnotation> {
    let line_number = annotation.line.max(1);
    (!annotation.path.is_empty()).then(|| CheckRunAnnotation {
        path: annotation.path.clone(),
        start_line: line_number,
        end_line: line_number,
        annotation_level: AnnotationLevel::Failure,
        message: text(&annotation.message),
        title: Some(line(&annotation.title, 200)),
        raw_details: None,
    })
}

/// GitHub shows these as plain text; an empty one is refused.
fn text(text: &str) -> String {
    let text: String = stripped(text).chars().take(LONGEST_MESSAGE).collect();
    if text.trim().is_empty() { "see the log".to_owned() } else { text }
}

fn line(text: &str, most: usize) -> String {
    let words: Vec<String> = stripped(text).split_whitespace().map(str::to_owned).collect();
    words.join(" ").chars().take(most).collect()
}

impl ActionContext<'_> {
    pub(super) async fn check_run(
        &self,
        report: &CheckReport,
    ) -> Result<ActionOutcome, ActionError> {
        let mut draft = report.draft();
        let repo = &self.action.repo;
        let there = self.forge.check_runs_named(repo, &report.head, NAME).await?;
        let same = there.into_iter().find(|run| run.external_id == draft.external_id);
        if let Some(run) = same {
            return self.bring_up_to_date(&run, draft).await;
        }
        self.permit(requests(draft.annotations.len())).await?;
        // One request at a time, so that each counts alone when it fails.
        let rest = draft.annotations.split_off(draft.annotations.len().min(ANNOTATIONS_AT_ONCE));
        let made = self.forge.create_check_run(repo, &report.head, &draft).await?;
        for some in rest.chunks(ANNOTATIONS_AT_ONCE) {
            draft.annotations = some.to_vec();
            self.forge.update_check_run(repo, made.id, &draft).await?;
        }
        Ok(ActionOutcome::done(format!("check run {}", made.id)))
    }

    async fn bring_up_to_date(
        &self,
        run: &CheckRun,
        mut draft: CheckRunDraft,
    ) -> Result<ActionOutcome, ActionError> {
        let has = usize::try_from(run.output.annotations_count).unwrap_or(usize::MAX);
        let missing = draft.annotations.split_off(has.min(draft.annotations.len()));
        let what = format!("check run {}", run.id);
        let is_same = run.output.title == draft.title && run.output.summary == draft.summary;
        if missing.is_empty() && is_same && run.conclusion == draft.conclusion {
            return Ok(ActionOutcome::already_there(what));
        }
        self.permit(requests(missing.len())).await?;
        draft.annotations = missing;
        self.forge.update_check_run(&self.action.repo, run.id, &draft).await?;
        Ok(ActionOutcome::done(what))
    }
}

fn requests(annotations: usize) -> u64 {
    annotations.div_ceil(ANNOTATIONS_AT_ONCE).max(1) as u64
}
