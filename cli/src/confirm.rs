//! Questions before an action: for irreversible or long ones.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::error::CliError;
use crate::print::text::for_terminal;

/// Continues if `yes` was given, or if the person at the terminal confirms. Without a terminal
/// there is no one to ask, and this returns an error.
///
/// `what` names the action, as in "Delete 3 tasks".
pub(crate) fn require(what: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let message = format!("{what}: nobody is at the terminal to say yes");
        return Err(CliError::usage(message).hint("add --yes if that is what you want").into());
    }
    match read_answer(&format!("{what}. Go on? [y/N] "))?.as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::negative("nothing was done").into()),
    }
}

/// Asks whether to continue with something harmless; Enter is enough. Without a terminal nothing is
/// asked.
///
/// `what` describes the action in whole sentences.
pub(crate) fn offer(what: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    Ok(matches!(read_answer(&format!("{what} Go on? [Y/n] "))?.as_str(), "" | "y" | "yes"))
}

fn read_answer(question: &str) -> anyhow::Result<String> {
    let mut stderr = anstream::stderr().lock();
    write!(stderr, "{}", for_terminal(question))?;
    stderr.flush()?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        // The end of the input is not Enter.
        return Ok("no".to_owned());
    }
    Ok(answer.trim().to_lowercase())
}
