//! Questions before an action: for irreversible or long ones.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::ending::Complaint;

/// Continues if `yes` was given, or if the person at the terminal confirms. Without a terminal
/// there is no one to ask, and this returns an error.
///
/// `what` names the action, as in "Delete 3 tasks".
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

/// Asks whether to continue with something harmless; Enter is enough. Without a terminal nothing is
/// asked.
///
/// `what` describes the action in whole sentences.
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
