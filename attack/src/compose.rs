//! The container of docker-compose.yml, where a Docker engine answers.

use std::process::Command;

use crate::attempt::Attempt;
use crate::report::Report;

/// Makes the attempts in the worker's container.
pub(crate) fn attack(attempts: &[Attempt], report: &mut Report) {
    let answers = Command::new("docker").arg("info").output().is_ok_and(|it| it.status.success());
    if !answers {
        return report.skip(attempts.len(), "no Docker engine");
    }
    report.skip(attempts.len(), "not written: deploy/compose-test tries four ways there");
}
