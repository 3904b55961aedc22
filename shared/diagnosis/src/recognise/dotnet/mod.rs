//! `dotnet test`. The compilers, NuGet and the formatter are rules.

mod tests_of;

use super::Recogniser;

pub(super) const RECOGNISERS: &[Recogniser] = &[
    Recogniser { name: "vstest", triggers: &["  Failed ", "  X "], look: tests_of::vstest },
    Recogniser { name: "mtp", triggers: &["failed "], look: tests_of::testing_platform },
    Recogniser { name: "xunit", triggers: &["[xUnit.net "], look: tests_of::xunit },
    Recogniser { name: "nunit", triggers: &[") Failed : ", ") Error : "], look: tests_of::nunit },
];
