//! make and ninja: mostly echoes of the commands they ran.
//!
//! ```text
//! make[1]: *** [Makefile:12: store.o] Error 1
//! make: *** No rule to make target 'open.c', needed by 'open.o'.  Stop.
//! FAILED: CMakeFiles/store.dir/open.cc.o
//! ninja: build stopped: subcommand failed.
//! ```

use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "make", triggers: &["*** ", "FAILED: ", "ninja: "], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let make = pattern!(
        r"^(?:g|ming\S*)?make(?:\[[0-9]+\])?: \*\*\* (\S.*)$|^\S+:[0-9]+: \*\*\* (\S.*?)(?:  Stop\.)$"
    );
    if let Some(hit) = make.captures(content) {
        let message = hit.get(1).or(hit.get(2)).map_or("", |it| it.as_str());
        let own = hit.get(2).is_some()
            || message.starts_with("No ")
            || message.contains("missing separator");
        let (category, strength) = if own {
            (Category::CompileError, Strength::Cause)
        } else {
            (Category::Unknown, Strength::Echo)
        };
        found.push(Finding::new("make", category, strength, at, message));
    } else if let Some(message) = content.strip_prefix("ninja: ") {
        let own = message.starts_with("error: ") || message.starts_with("fatal: ");
        let strength = if own { Strength::Cause } else { Strength::Echo };
        if own || message.starts_with("build stopped") {
            found.push(Finding::new("ninja", Category::CompileError, strength, at, message));
        }
    } else if pattern!(r"^FAILED: (?:\[code=[0-9]+\] )?\S+\.(?:o|obj|a|so|dll|exe|stamp|util)\b")
        .is_match(content)
    {
        found.push(Finding::new("ninja", Category::CompileError, Strength::Echo, at, content));
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::Strength;
    use crate::recognize::found_by;

    #[test]
    fn an_exit_code_is_an_echo_and_a_missing_rule_is_not() {
        let found = found_by(
            "make",
            "make[1]: *** [Makefile:12: store.o] Error 1\nmake: *** No rule to make target 'open.c'.  Stop.\n",
        );
        assert_eq!(found[0].strength, Strength::Echo);
        assert_eq!(found[1].strength, Strength::Cause);
        assert!(found_by("make", "*** important ***\nmake: Nothing to be done\n").is_empty());
    }
}
