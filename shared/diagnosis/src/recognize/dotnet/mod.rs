//! `dotnet test`. The compilers, NuGet and the formatter are rules.

mod tests_of;

use super::Recognizer;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    Recognizer { name: "vstest", triggers: &["  Failed ", "  X "], look: tests_of::vstest },
    Recognizer { name: "mtp", triggers: &["failed "], look: tests_of::testing_platform },
    Recognizer { name: "xunit", triggers: &["[xUnit.net "], look: tests_of::xunit },
    Recognizer { name: "nunit", triggers: &[") Failed : ", ") Error : "], look: tests_of::nunit },
];
