//! Complaints about a SARIF file, with their remedies.

use serde::Serialize;

use super::limits;

/// The consequence on GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SarifSeverity {
    /// The upload fails, and nothing of the file is shown.
    Refused,
    /// The upload succeeds; a part of it is missing or wrong.
    Lost,
}

/// An error at one or many places of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SarifProblem {
    pub kind: SarifProblemKind,
    pub severity: SarifSeverity,
    /// The first place, as a JSON pointer.
    pub pointer: String,
    /// The line of that place, from 1.
    pub line: Option<usize>,
    /// The column, for text that is not JSON.
    pub column: Option<usize>,
    /// The number of places.
    pub count: usize,
    /// The error as a sentence without its period.
    pub message: String,
    /// The remedy.
    pub hint: &'static str,
    /// `--repair` fixes it.
    pub can_be_repaired: bool,
}

/// The kinds of complaints. Their names are public: they are in `greenline sarif check --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SarifProblemKind {
    /// The file does not exist.
    Missing,
    /// No bytes, or only blanks.
    Empty,
    /// UTF-16, a byte-order mark, or not text.
    Encoding,
    /// A syntax error.
    NotJson,
    /// JSON, but not an object.
    NotAnObject,
    /// No version, or another one.
    Version,
    /// No runs, or an empty list of them.
    NoRuns,
    /// More runs than GitHub takes.
    TooManyRuns,
    /// A value of another type than the schema's.
    WrongType,
    /// A property that the schema does not define.
    UnknownProperty,
    /// A run without a tool's name.
    NoTool,
    /// A run without a list of results.
    NoResults,
    /// Two runs of one tool with one category.
    SameCategory,
    /// More results than GitHub takes.
    TooManyResults,
    /// More results than GitHub shows.
    ResultsNotShown,
    /// More rules than GitHub takes.
    TooManyRules,
    /// More extensions than GitHub takes.
    TooManyExtensions,
    /// Rules with the same id.
    DuplicateRule,
    /// More tags than GitHub takes.
    TooManyTags,
    /// More tags than GitHub shows.
    TagsNotShown,
    /// A result without a message.
    NoMessage,
    /// A result without a rule.
    NoRule,
    /// A `ruleIndex` that points nowhere.
    RuleIndex,
    /// A level that SARIF does not know.
    Level,
    /// A result without a location.
    NoLocation,
    /// A location without a file.
    NoFile,
    /// More locations than GitHub takes.
    TooManyLocations,
    /// More locations than GitHub shows.
    LocationsNotShown,
    /// More locations of code flows than GitHub takes.
    TooManyFlowLocations,
    /// More locations of code flows than GitHub shows.
    FlowLocationsNotShown,
    /// Lines or columns that don't count from 1.
    Region,
    /// A file outside of the repository.
    OutsidePath,
    /// A path with `..` in it.
    ParentPath,
    /// A location with another scheme than `file`.
    ForeignScheme,
    /// Over the limit of bytes.
    TooLarge,
}

impl SarifProblemKind {
    #[must_use]
    pub const fn severity(self) -> SarifSeverity {
        match self {
            Self::ResultsNotShown
            | Self::DuplicateRule
            | Self::TagsNotShown
            | Self::NoRule
            | Self::RuleIndex
            | Self::LocationsNotShown
            | Self::FlowLocationsNotShown
            | Self::OutsidePath
            | Self::ParentPath => SarifSeverity::Lost,
            _ => SarifSeverity::Refused,
        }
    }

    /// Returns `true` if `--repair` fixes it. A repair lists the remaining places of a kind.
    #[must_use]
    pub const fn can_be_repaired(self) -> bool {
        !matches!(
            self,
            Self::NotJson
                | Self::NotAnObject
                | Self::WrongType
                | Self::TooManyRules
                | Self::TooManyExtensions
                | Self::NoTool
                | Self::OutsidePath
        )
    }

    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Missing | Self::Empty | Self::NoRuns => {
                "a tool that found nothing should write one run with an empty list of results"
            }
            Self::Encoding => "write it as UTF-8 without a byte-order mark",
            Self::NotJson => {
                "run the tool again: what wrote this was stopped, or mixed it with other output"
            }
            Self::NotAnObject => "a SARIF file is one object with \"version\" and \"runs\"",
            Self::Version => "have the tool write SARIF 2.1.0",
            Self::TooManyRuns => "upload them in several files, each with a category of its own",
            Self::WrongType => "compare with the schema of SARIF 2.1.0",
            Self::UnknownProperty => "put it into the object's \"properties\"",
            Self::NoTool => "set tool.driver.name",
            Self::NoResults => "a run without findings has \"results\": []",
            Self::SameCategory => {
                "give each run an automationDetails.id of its own, such as \"lint-api/\", or merge them"
            }
            Self::TooManyResults | Self::ResultsNotShown => {
                "let the tool report less: switch off its noisiest rules"
            }
            Self::TooManyRules => "list only rules that results use",
            Self::TooManyExtensions => "list only extensions that results use",
            Self::DuplicateRule => "list each rule once",
            Self::TooManyTags | Self::TagsNotShown => "give the rule fewer tags",
            Self::NoMessage => "give the result a message.text",
            Self::NoRule => "give the result a ruleId",
            Self::RuleIndex => "leave ruleIndex out where ruleId says it",
            Self::Level => "use none, note, warning or error",
            Self::NoLocation => {
                "give the result the place of a file in the repository, or leave it out"
            }
            Self::NoFile => "give the location a physicalLocation.artifactLocation.uri",
            Self::TooManyLocations | Self::LocationsNotShown => "give a result one location",
            Self::TooManyFlowLocations | Self::FlowLocationsNotShown => {
                "shorten the result's code flows"
            }
            Self::Region => "lines and columns count from 1",
            Self::OutsidePath => "use paths relative to the repository's root",
            Self::ParentPath => "use paths relative to the repository's root, without \"..\"",
            Self::ForeignScheme => {
                "use paths relative to the repository's root, or file:// URIs below it"
            }
            Self::TooLarge => "report less, or leave out snippets and code flows",
        }
    }

    /// Describes the error. `count` places have it; `detail` concerns the first.
    pub(super) fn message(self, count: usize, detail: &str) -> String {
        let these = |one: &str, many: &str| match count {
            1 => format!("a {one}"),
            _ => format!("{count} {many}"),
        };
        let results = |what: &str| match count {
            1 => format!("a result {what}"),
            _ => format!("{count} results {what}"),
        };
        match self {
            Self::Missing => "there is no such file".to_owned(),
            Self::Empty => "the file is empty".to_owned(),
            Self::Encoding | Self::NotJson => detail.to_owned(),
            Self::NotAnObject => format!("this is {detail}, not an object"),
            Self::Version if detail.is_empty() => "there is no version".to_owned(),
            Self::Version => format!("version {detail} is not 2.1.0, the only one GitHub reads"),
            Self::NoRuns => "there is no run: GitHub wants at least one".to_owned(),
            Self::TooManyRuns => over(detail, "runs", limits::RUNS),
            Self::WrongType => also(detail, count),
            Self::UnknownProperty => also(&format!("SARIF knows no property {detail} here"), count),
            Self::NoTool => format!("{} no tool.driver.name", these("run has", "runs have")),
            Self::NoResults => format!("{} no list of results", these("run has", "runs have")),
            Self::SameCategory => format!(
                "{} the same tool and category as another ({detail}): refused since July 2025",
                these("run has", "runs have")
            ),
            Self::TooManyResults => over(detail, "results in a run", limits::RESULTS),
            Self::ResultsNotShown => {
                format!(
                    "{detail} results in a run: GitHub shows the worst {}",
                    limits::RESULTS_SHOWN
                )
            }
            Self::TooManyRules => over(detail, "rules in a run", limits::RULES),
            Self::TooManyExtensions => over(detail, "extensions of a tool", limits::EXTENSIONS),
            Self::DuplicateRule => also(&format!("rule {detail} is listed twice"), count),
            Self::TooManyTags => over(detail, "tags of a rule", limits::TAGS),
            Self::TagsNotShown => {
                format!("{detail} tags of a rule: GitHub shows {}", limits::TAGS_SHOWN)
            }
            Self::NoMessage => {
                results(if count == 1 { "has no message" } else { "have no message" })
            }
            Self::NoRule => results(if count == 1 { "names no rule" } else { "name no rule" }),
            Self::RuleIndex => also(&format!("ruleIndex {detail} points to no rule"), count),
            Self::Level => also(&format!("there is no level {detail}"), count),
            Self::NoLocation => {
                results(if count == 1 { "has no location" } else { "have no location" })
            }
            Self::NoFile => results(if count == 1 {
                "has a location without a file"
            } else {
                "have a location without a file"
            }),
            Self::TooManyLocations => over(detail, "locations of a result", limits::LOCATIONS),
            Self::LocationsNotShown => {
                format!("{detail} locations of a result: GitHub shows {}", limits::LOCATIONS_SHOWN)
            }
            Self::TooManyFlowLocations => {
                over(detail, "locations in a result's code flows", limits::FLOW_LOCATIONS)
            }
            Self::FlowLocationsNotShown => format!(
                "{detail} locations in a result's code flows: GitHub shows {}",
                limits::FLOW_LOCATIONS_SHOWN
            ),
            Self::Region => also(&format!("{detail} is no number from 1"), count),
            Self::OutsidePath => also(&format!("{detail} is outside of the repository"), count),
            Self::ParentPath => also(&format!("{detail} has \"..\" in it"), count),
            Self::ForeignScheme => also(&format!("{detail} is not a file"), count),
            Self::TooLarge => format!("compressed it has {detail}: GitHub takes 10 MB"),
        }
    }
}

fn over(detail: &str, what: &str, most: usize) -> String {
    format!("{detail} {what}: GitHub takes {most}")
}

fn also(message: &str, count: usize) -> String {
    if count > 1 { format!("{message} (and {} more)", count - 1) } else { message.to_owned() }
}
