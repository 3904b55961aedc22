//! Commands in comments on the fake GitHub: which of them the lead takes up.

use greenline_fake_github::github::{GitChange, NewPull, RepoRole};

use super::stage::Stage;
use super::{Case, broke_if, verdict};
use crate::attempt::AttackVerdict;

pub(super) const CASES: &[Case] = &[
    Case { name: "B10m", words: "commands that are quoted, hidden or escaped", run: hidden },
    Case { name: "B10n", words: "a command of one who may not push", run: stranger },
];

/// What a person may paste without meaning it.
const HIDDEN: [&str; 12] = [
    "<details>\n\n@greenline explain\n\n</details>",
    "<blockquote>\n\n@greenline explain\n\n</blockquote>",
    "<div hidden>\n\n@greenline explain\n\n</div>",
    "<svg>\n\n@greenline explain\n\n</svg>",
    "<table><tr><td>\n\n@greenline explain\n\n</td></tr></table>",
    "see[^1]\n\n[^1]: a\n\n    @greenline explain",
    "$$\n@greenline explain\n$$",
    "\\@greenline explain",
    "&#64;greenline explain",
    "> @greenline explain",
    "```\n@greenline explain\n```",
    "<!--\n@greenline explain\n-->",
];

/// Opens a pull request with comments, the last of which is a plain command of one who may push;
/// returns which of the others the lead reacted to, once it has reacted to the last.
fn reacted(stage: &Stage, branch: &str, others: &[(&str, &str)]) -> anyhow::Result<Vec<usize>> {
    let number = stage.runtime.block_on(async {
        let changes = vec![GitChange::write(&format!("{branch}.txt"), "x\n")];
        stage.repo.open_pull(NewPull::new(branch, "A change", changes)).await
    })?;
    let number = number.number;
    stage.repo.collaborator("ada", RepoRole::Write);
    let comment = |(author, text): &(&str, &str)| stage.repo.comment(number, author, text);
    let ids: Vec<u64> = others.iter().map(comment).collect();
    let last = comment(&("ada", "@greenline explain"));
    stage.until("the lead's reaction to a command", || reacted_to(stage, last))?;
    let taken = ids.into_iter().enumerate().filter(|(_, id)| reacted_to(stage, *id));
    Ok(taken.map(|(at, _)| at).collect())
}

/// Returns `true` if a comment has a sign of the lead's that it is taken up.
fn reacted_to(stage: &Stage, comment: u64) -> bool {
    let path = format!("/issues/comments/{comment}/reactions");
    stage.github.calls().iter().any(|call| {
        let eyes = call.body.as_ref().is_some_and(|body| body["content"] == "eyes");
        call.method == "POST" && call.path.ends_with(&path) && eyes
    })
}

fn hidden(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let comments: Vec<_> = HIDDEN.iter().map(|text| ("ada", *text)).collect();
    let taken = reacted(stage, "hidden-commands", &comments)?;
    let broke = taken.first().map(|at| format!("{:?} is taken up", HIDDEN[*at]));
    Ok(verdict(true, broke))
}

fn stranger(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    stage.repo.collaborator("mallory", RepoRole::Read);
    let taken = reacted(stage, "strangers-command", &[("mallory", "@greenline explain")])?;
    Ok(verdict(true, broke_if(!taken.is_empty(), "it is taken up")))
}
