//! Asking before something is done: what can't be taken back, or what takes a while.

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
    match asked(&format!("{what}. Go on? [y/N] "))?.as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Complaint::no("nothing was done").into()),
    }
}

/// Whether to go on with something harmless, for which Enter is enough. Without a terminal nobody
/// is asked.
///
/// `what` says what is done, in whole sentences.
pub(crate) fn whether_to_go_on(what: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    Ok(matches!(asked(&format!("{what} Go on? [Y/n] "))?.as_str(), "" | "y" | "yes"))
}

fn asked(question: &str) -> anyhow::Result<String> {
    let mut stderr = anstream::stderr().lock();
    write!(stderr, "{question}")?;
    stderr.flush()?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        // The end of the input is not Enter.
        return Ok("no".to_owned());
    }
    Ok(answer.trim().to_lowercase())
}
