//! A change to be committed, as files with their content, and what is refused about it. Pure.
//!
//! Limits and signs of cheating are not looked for here: a patch comes proven and guarded. What is
//! refused is what the API would publish otherwise than it was meant, or what reaches outside of
//! the repository: links, modes, binary content, odd paths.

use greenline_forge::{FileEdit, NewCommit, PullNumber, RepoName, Sha};
use greenline_queue::content_hash;
use serde::{Deserialize, Serialize};

use super::guarded::is_guarded;

/// The most bytes of all contents together.
const LARGEST: usize = 1 << 20;

/// The most files.
const MOST_FILES: usize = 100;

/// A file's mode, as Git has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileMode {
    /// 100644
    Regular,
    /// 100755
    Executable,
    /// 120000
    Symlink,
    /// 160000
    Submodule,
}

/// The change of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum PatchChange {
    /// It has this content from now on.
    Write {
        /// The content.
        content: String,
        /// Its mode before; none for a new file.
        #[serde(default)]
        was: Option<FileMode>,
        /// Its mode from now on.
        mode: FileMode,
    },
    /// It goes.
    Delete {
        /// Its mode before.
        was: FileMode,
    },
}

/// One file of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchEdit {
    /// From the root of the repository, with `/`.
    pub path: String,
    #[serde(flatten)]
    pub change: PatchChange,
}

/// A change to be committed on the head of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The repository.
    pub repo: RepoName,
    /// The pull request.
    pub pull: PullNumber,
    /// The commit that it was made for and proven on.
    pub head: Sha,
    /// The first line of its message.
    pub headline: String,
    /// The rest of its message.
    pub body: String,
    pub edits: Vec<PatchEdit>,
}

/// The reason why a patch is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// It changes nothing.
    #[error("it changes nothing")]
    Empty,
    /// It is too large.
    #[error("it is larger than {} bytes or {} files", LARGEST, MOST_FILES)]
    TooLarge,
    /// A path is not one of a file in the repository, or stands there twice.
    #[error("{0:?} is no path to publish")]
    Path(String),
    /// A file is binary.
    #[error("{0:?} is binary")]
    Binary(String),
    /// A file is or becomes a symbolic link or a submodule.
    #[error("{0:?} is a link")]
    Link(String),
    /// A file's mode changes, or a new file can be run.
    #[error("the mode of {0:?} changes")]
    Mode(String),
    /// A file configures CI or Greenline itself: only people change it.
    #[error("{0:?} configures CI, which Greenline never changes: a person has to apply the patch")]
    Guarded(String),
}

impl Patch {
    /// Returns the hash that an approval is bound to. It covers repository, pull request, head,
    /// message and every byte.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let whole = serde_json::to_vec(self).expect("texts and numbers are JSON");
        content_hash(&whole)
    }

    /// The hash's beginning: enough for people and names.
    #[must_use]
    pub fn short_hash(&self) -> String {
        self.content_hash().chars().take(12).collect()
    }

    /// Checks that the patch can be published as it is.
    ///
    /// # Errors
    ///
    /// The first problem.
    pub fn check(&self) -> Result<(), PatchError> {
        let bytes: usize = self.edits.iter().map(PatchEdit::bytes).sum();
        if self.edits.is_empty() {
            return Err(PatchError::Empty);
        }
        if bytes > LARGEST || self.edits.len() > MOST_FILES {
            return Err(PatchError::TooLarge);
        }
        let mut paths: Vec<&str> = self.edits.iter().map(|edit| edit.path.as_str()).collect();
        paths.sort_unstable();
        if let Some(twice) = paths.windows(2).find(|two| two[0] == two[1]) {
            return Err(PatchError::Path(twice[0].to_owned()));
        }
        self.edits.iter().try_for_each(PatchEdit::check)?;
        match self.edits.iter().find(|edit| is_guarded(&edit.path)) {
            Some(edit) => Err(PatchError::Guarded(edit.path.clone())),
            None => Ok(()),
        }
    }

    /// The commit that it makes on `branch`, with the trailer that it is found by.
    #[must_use]
    pub(crate) fn commit(&self, branch: &str, action: &str) -> NewCommit {
        let body = sanitize(&self.body);
        let trailer = trailer(action);
        NewCommit {
            branch: branch.to_owned(),
            expected_head: self.head.clone(),
            headline: sanitize(&self.headline).lines().next().unwrap_or_default().to_owned(),
            body: if body.is_empty() { trailer } else { format!("{body}\n\n{trailer}") },
            edits: self.edits.iter().map(PatchEdit::to_forge).collect(),
        }
    }
}

/// The line of a commit's message that says which action made it.
pub(crate) fn trailer(action: &str) -> String {
    format!("Greenline-OutsideAction: {action}")
}

impl PatchEdit {
    fn bytes(&self) -> usize {
        match &self.change {
            PatchChange::Write { content, .. } => content.len() + self.path.len(),
            PatchChange::Delete { .. } => self.path.len(),
        }
    }

    fn check(&self) -> Result<(), PatchError> {
        let path = || self.path.clone();
        if !is_path(&self.path) {
            return Err(PatchError::Path(path()));
        }
        let (was, mode, content) = match &self.change {
            PatchChange::Write { content, was, mode } => {
                (was.unwrap_or(FileMode::Regular), *mode, content.as_str())
            }
            PatchChange::Delete { was } => (*was, *was, ""),
        };
        match (was, mode) {
            (FileMode::Symlink | FileMode::Submodule, _)
            | (_, FileMode::Symlink | FileMode::Submodule) => Err(PatchError::Link(path())),
            _ if was != mode => Err(PatchError::Mode(path())),
            _ if content.contains('\0') => Err(PatchError::Binary(path())),
            _ => Ok(()),
        }
    }

    fn to_forge(&self) -> FileEdit {
        let path = self.path.clone();
        match &self.change {
            PatchChange::Write { content, .. } => {
                FileEdit::Write { path, content: content.clone().into_bytes() }
            }
            PatchChange::Delete { .. } => FileEdit::Delete { path },
        }
    }
}

/// A plain path inside: no way out, nothing of Git's own, nothing hidden.
fn is_path(path: &str) -> bool {
    let is_name = |name: &str| {
        let git = name.trim_end_matches(['.', ' ']).to_ascii_lowercase();
        !matches!(name, "" | "." | "..") && git != ".git" && !is_short_name(&git)
    };
    path.len() <= 1_000
        && path.split('/').all(is_name)
        && !path.contains(['\\', ':', '\0'])
        && greenline_diagnosis::show::stripped(path) == path
        && !path.contains(['\n', '\t'])
}

/// A name such as `github~1`, by which Windows finds a file that is called otherwise.
fn is_short_name(name: &str) -> bool {
    let base = name.split('.').next().unwrap_or_default();
    let number = base.rsplit_once('~').map_or("", |(_, number)| number);
    base.len() <= 8 && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// A text for a commit's message, which GitHub reads for mentions, references and words that skip
/// CI: without what they are made of.
fn sanitize(text: &str) -> String {
    let text = greenline_diagnosis::show::stripped(text);
    let kept: String = text.chars().filter(|letter| !['@', '#'].contains(letter)).collect();
    let kept = kept.replace('[', "(").replace(']', ")");
    // A line of ours is the only trailer.
    let lines = kept.trim().lines().map(|line| match line.split_once(':') {
        Some((word, rest)) if is_trailer(word) => format!("{word} -{rest}"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn is_trailer(word: &str) -> bool {
    word.contains('-') && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(edits: Vec<PatchEdit>) -> Patch {
        Patch {
            repo: "acme/app".parse().unwrap(),
            pull: PullNumber(812),
            head: "3f2a91c00000000000000000000000000000000f".parse().unwrap(),
            headline: "Return an empty list".to_owned(),
            body: String::new(),
            edits,
        }
    }

    fn write(path: &str, content: &str, was: Option<FileMode>, mode: FileMode) -> PatchEdit {
        let content = content.to_owned();
        PatchEdit { path: path.to_owned(), change: PatchChange::Write { content, was, mode } }
    }

    fn plain(path: &str) -> PatchEdit {
        write(path, "x\n", Some(FileMode::Regular), FileMode::Regular)
    }

    #[test]
    fn what_the_api_would_publish_otherwise_is_refused() {
        use FileMode::{Executable, Regular, Submodule, Symlink};
        let link = || PatchError::Link("a".to_owned());
        let mode = || PatchError::Mode("a".to_owned());
        let cases = [
            (write("a", "x", None, Regular), Ok(())),
            (write("a", "x", Some(Executable), Executable), Ok(())),
            (write("a", "x", None, Executable), Err(mode())),
            (write("a", "x", Some(Regular), Executable), Err(mode())),
            (write("a", "x", Some(Symlink), Symlink), Err(link())),
            (write("a", "x", Some(Regular), Symlink), Err(link())),
            (write("a", "x", None, Submodule), Err(link())),
            (write("a", "x\0y", None, Regular), Err(PatchError::Binary("a".to_owned()))),
            (
                PatchEdit { path: "a".to_owned(), change: PatchChange::Delete { was: Regular } },
                Ok(()),
            ),
            (
                PatchEdit { path: "a".to_owned(), change: PatchChange::Delete { was: Symlink } },
                Err(link()),
            ),
        ];
        for (edit, expected) in cases {
            assert_eq!(patch(vec![edit.clone()]).check(), expected, "{edit:?}");
        }
    }

    #[test]
    fn paths_stay_inside() {
        for path in ["a", "src/x.rs", "a b/c", "日本/x", "..a/b..", "a~", "a~b", "longer-name~1"]
        {
            assert_eq!(patch(vec![plain(path)]).check(), Ok(()), "{path}");
        }
        for path in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/../b",
            ".",
            ".git/config",
            "a/.GIT/x",
            ".git./x",
            "git~1/x",
            "GITHUB~1/workflows/x.yml",
            "GREENL~1.TOM",
            "./.github/workflows/x.yml",
            "a/../.github/workflows/x.yml",
            "a\\b",
            "C:x",
            "a\nb",
            "a\u{202e}b",
            "a\0",
        ] {
            assert!(patch(vec![plain(path)]).check().is_err(), "{path:?}");
        }
        let twice = patch(vec![plain("a"), plain("a")]);
        assert_eq!(twice.check(), Err(PatchError::Path("a".to_owned())));
        assert_eq!(patch(Vec::new()).check(), Err(PatchError::Empty));
        assert_eq!(patch(vec![plain("a"); 101]).check(), Err(PatchError::TooLarge));
        let large = write("a", &"x".repeat(LARGEST), None, FileMode::Regular);
        assert_eq!(patch(vec![large]).check(), Err(PatchError::TooLarge));
    }

    #[test]
    fn what_configures_ci_is_never_published() {
        let path = ".github/workflows/ci.yml";
        let guarded = || Err(PatchError::Guarded(path.to_owned()));
        assert_eq!(patch(vec![plain("a"), plain(path)]).check(), guarded());
        let was = FileMode::Regular;
        let goes =
            |path: &str| PatchEdit { path: path.to_owned(), change: PatchChange::Delete { was } };
        assert_eq!(patch(vec![goes(path), plain("a")]).check(), guarded(), "renamed away");
        assert_eq!(patch(vec![goes("a"), plain(path)]).check(), guarded(), "renamed to it");
        for (was, mode) in [(None, FileMode::Symlink), (Some(was), FileMode::Executable)] {
            assert!(patch(vec![write(path, "x", was, mode)]).check().is_err());
        }
    }

    #[test]
    fn a_yes_is_bound_to_every_byte_and_to_the_head() {
        let one = patch(vec![plain("a")]);
        let mut others = vec![patch(vec![plain("b")]), patch(vec![plain("a"), plain("b")])];
        others.push(Patch { head: "0".repeat(40).parse().unwrap(), ..one.clone() });
        others.push(Patch { pull: PullNumber(813), ..one.clone() });
        others.push(Patch { body: "x".to_owned(), ..one.clone() });
        for other in others {
            assert_ne!(other.content_hash(), one.content_hash());
        }
        assert_eq!(one.clone().content_hash(), one.content_hash());
        assert_eq!(one.short_hash().len(), 12);
    }

    #[test]
    fn a_message_calls_nobody_and_skips_nothing() {
        let mut it = patch(vec![plain("a")]);
        it.headline = "Fixes #12 for @ada [skip ci]\nmore".to_owned();
        it.body =
            "MarkdownLine\u{202e}\nGreenline-OutsideAction: other\nCo-authored-by: x\nNote: y"
                .to_owned();
        let commit = it.commit("feat/x", "commit:1");
        assert_eq!(commit.headline, "Fixes 12 for ada (skip ci)");
        let expected = "MarkdownLine\nGreenline-OutsideAction - other\nCo-authored-by - x\nNote: y\n\n\
            Greenline-OutsideAction: commit:1";
        assert_eq!(commit.body, expected);
    }
}
