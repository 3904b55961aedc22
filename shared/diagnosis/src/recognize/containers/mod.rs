//! `docker build`, BuildKit and classic: the instruction that failed, and its command's last line.
//! Unavailable images, Dockerfiles that don't parse and errors of the daemon are rules.

mod build;

use super::Recognizer;

pub(super) const RECOGNIZERS: &[Recognizer] = &[Recognizer {
    name: "docker build",
    triggers: &[
        "did not complete successfully",
        "returned a non-zero code: ",
        "executor failed running ",
    ],
    look: build::look,
}];
