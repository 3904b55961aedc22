//! PHPUnit, Pest and PHPStan's table. Composer, the formatters and PHP itself are rules.

mod pest;
mod phpstan;
mod phpunit;

use super::Recognizer;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    Recognizer {
        name: "phpunit",
        triggers: &["Test::", "::test", "Spec::"],
        look: phpunit::failure,
    },
    Recognizer { name: "pest", triggers: &["FAILED  "], look: pest::failure },
    Recognizer { name: "phpstan", triggers: &["  Line   "], look: phpstan::table },
];
