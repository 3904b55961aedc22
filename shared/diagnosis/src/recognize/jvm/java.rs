//! Java programs that end with an uncaught exception.
//!
//! ```text
//! Exception in thread "main" java.lang.IllegalStateException: import failed
//!     at Import.main(Import.java:12)
//! Caused by: java.lang.NumberFormatException: For input string: "seven"
//!     at java.base/java.lang.Integer.parseInt(Integer.java:668)
//!     ... 1 more
//! ```

use super::exception::Exception;
use crate::contract::{Category, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::Recognizer;

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "java", triggers: &["Exception in thread \"main\" "], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    if !log.content(at).starts_with("Exception in thread \"main\" ") {
        return;
    }
    let block = log
        .block(at, 200, |line| !line.starts_with(['\t', ' ']) && !line.starts_with("Caused by: "));
    // Each exception is caused by the one below it.
    let line = block.clone().rfind(|&line| log.content(line).starts_with("Caused by: "));
    let line = line.unwrap_or(at);
    let location = Exception::within(log, block.clone(), "").and_then(|it| it.location);
    let content = log.content(line);
    let message = content.strip_prefix("Caused by: ").unwrap_or(content);
    found.push(
        Finding::new("java", Category::Unknown, Strength::Cause, line, message)
            .with_block(block)
            .at(location)
            .with_verdict(Verdict::Investigate),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn the_deepest_cause_is_the_headline() {
        let text = "Exception in thread \"main\" java.lang.IllegalStateException: no\n\tat Import.main(Import.java:12)\nCaused by: java.io.IOException: line 3\n\tat Import.sum(Import.java:23)\ndone\n";
        let found = found_by("java", text);
        assert_eq!((found[0].line, found[0].block.clone()), (2, 0..4));
        assert!(found_by("java", "caught: Exception in thread \"main\" of the story\n").is_empty());
    }
}
