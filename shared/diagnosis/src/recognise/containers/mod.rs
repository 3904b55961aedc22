//! `docker build`, BuildKit and classic: which instruction failed, and what its command said last.
//! Images that can't be had, Dockerfiles that don't parse and the daemon's words are rules.

mod build;

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[Recogniser {
    name: "docker build",
    triggers: &[
        "did not complete successfully",
        "returned a non-zero code: ",
        "executor failed running ",
    ],
    look: build::look,
}];
