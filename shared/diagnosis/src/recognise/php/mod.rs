//! PHPUnit, Pest and PHPStan's table. Composer, the formatters and PHP itself are rules.

mod pest;
mod phpstan;
mod phpunit;

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[
    Recogniser {
        name: "phpunit",
        triggers: &["Test::", "::test", "Spec::"],
        look: phpunit::failure,
    },
    Recogniser { name: "pest", triggers: &["FAILED  "], look: pest::failure },
    Recogniser { name: "phpstan", triggers: &["  Line   "], look: phpstan::table },
];
