//! Asking before something that can't be taken back.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::ending::Complaint;

/// Goes on if `yes` was given, or if the person at the terminal says so. Without a terminal
/// nobody can be asked, and nothing is done.
///
/// `what` says what would be done, as in "Forget 3 tasks".
pub(crate) fn before(what: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let says = format!("{what}: nobody is at the terminal to say yes");
        return Err(Complaint::wrong(says).mend("add --yes if that is what you want").into());
    }
    let mut stderr = anstream::stderr().lock();
    write!(stderr, "{what}. Go on? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Complaint::no("nothing was done").into()),
    }
}
