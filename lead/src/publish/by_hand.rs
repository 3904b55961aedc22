//! A patch that only a person may apply, shown to them as a diff.

use greenline_forge::{Forge, ForgeError};

use super::comment_body::{CollapsedSection, CommentBody, MarkdownLine, SectionBlock};
use super::patch::{Patch, PatchChange, PatchEdit};

/// The largest file that is compared, in bytes.
const LARGEST: u64 = 1 << 20;

/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// Puts a patch into the comment, for a person to apply.
pub(super) async fn show(
    body: &mut CommentBody,
    forge: &Forge,
    patch: &Patch,
) -> Result<(), ForgeError> {
    let mut diff = String::new();
    for edit in &patch.edits {
        let before = before(forge, patch, edit).await?;
        let after = match &edit.change {
            PatchChange::Write { content, .. } => Some(content.as_str()),
            PatchChange::Delete { .. } => None,
        };
        diff.push_str(&unified(&edit.path, before.as_deref(), after));
    }
    body.next = vec![
        MarkdownLine::text("A repair is ready for")
            .and_code(patch.head.short())
            .and_text("and changes files that configure CI. Greenline never commits such files:")
            .and_text("look at the diff below, and apply it by hand if it is right."),
    ];
    let summary = MarkdownLine::text("The diff, for git apply");
    let fold = CollapsedSection { summary, blocks: vec![SectionBlock::Text(diff)] };
    body.sections.retain(|it| it.summary != fold.summary);
    body.sections.push(fold);
    Ok(())
}

/// The file at the head that the patch was made for.
async fn before(
    forge: &Forge,
    patch: &Patch,
    edit: &PatchEdit,
) -> Result<Option<String>, ForgeError> {
    if matches!(edit.change, PatchChange::Write { was: None, .. }) {
        return Ok(None);
    }
    match forge.file_at(&patch.repo, &edit.path, patch.head.as_str(), LARGEST).await {
        Ok(file) => Ok(file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
        Err(ForgeError::TooLarge { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A unified diff of one file: everything between the first line and the last one that differ, as
/// one hunk. Not the shortest diff, and one that `git apply` takes.
fn unified(path: &str, before: Option<&str>, after: Option<&str>) -> String {
    let old: Vec<&str> = before.unwrap_or_default().split_inclusive('\n').collect();
    let new: Vec<&str> = after.unwrap_or_default().split_inclusive('\n').collect();
    let same = |(one, other): &(&&str, &&str)| one == other;
    let head = old.iter().zip(&new).take_while(same).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(same).count();
    let (removed, added) = (&old_rest[..old_rest.len() - tail], &new_rest[..new_rest.len() - tail]);

    let lead = &old[head.saturating_sub(CONTEXT)..head];
    let follow = &old[old.len() - tail..][..tail.min(CONTEXT)];
    let around = lead.len() + follow.len();
    let first = head - lead.len();
    let range = |lines: usize| format!("{},{lines}", if lines == 0 { first } else { first + 1 });

    let mut diff = format!("diff --git a/{path} b/{path}\n");
    match (before, after) {
        (None, _) => diff.push_str("new file mode 100644\n"),
        (_, None) => diff.push_str("deleted file mode 100644\n"),
        _ => {}
    }
    let name = |side: &str, there: bool| {
        if there { format!("{side}/{path}") } else { "/dev/null".to_owned() }
    };
    diff.push_str(&format!(
        "--- {}\n+++ {}\n",
        name("a", before.is_some()),
        name("b", after.is_some())
    ));
    let (was, is) = (range(removed.len() + around), range(added.len() + around));
    diff.push_str(&format!("@@ -{was} +{is} @@\n"));
    for (sign, lines) in [(' ', lead), ('-', removed), ('+', added), (' ', follow)] {
        for line in lines {
            diff.push(sign);
            diff.push_str(line);
            if !line.ends_with('\n') {
                diff.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    diff
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The file after git has applied the diff.
    fn applied(before: Option<&str>, after: Option<&str>) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        if let Some(before) = before {
            std::fs::write(&file, before).unwrap();
        }
        std::fs::write(folder.path().join("d"), unified("f", before, after)).unwrap();
        let mut git = Command::new("git");
        git.current_dir(folder.path()).args(["apply", "d"]).env("GIT_CEILING_DIRECTORIES", "/");
        let output = git.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read_to_string(file).ok()
    }

    #[test]
    fn git_applies_every_diff() {
        let many: String = (0..20).map(|line| format!("line {line}\n")).collect();
        let cases = [
            (Some("a\nb\nc\n"), Some("a\nx\nc\n")),
            (Some("a\n"), Some("a\nb\n")),
            (Some("a\nb\n"), Some("b\n")),
            (Some("a"), Some("b")),
            (Some("a"), Some("a\n")),
            (None, Some("new\nfile\n")),
            (Some("gone\n"), None),
            (Some(many.as_str()), Some(&many.replace("line 10\n", "other\nmore\n"))),
            (Some(many.as_str()), Some(&many.replace("line 0\n", ""))),
            (Some(many.as_str()), Some(&many.replace("line 19\n", ""))),
        ];
        for (before, after) in cases {
            assert_eq!(applied(before, after).as_deref(), after, "{before:?} {after:?}");
        }
    }
}
