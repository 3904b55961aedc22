//! The limits of GitHub's code scanning, from its documentation ("SARIF results exceed limits",
//! "SARIF support for code scanning"; read in 2026).

/// Bytes of a file, compressed with gzip.
pub const COMPRESSED: u64 = 10 * 1024 * 1024;
/// Runs in a file.
pub const RUNS: usize = 20;
/// Results in a run.
pub const RESULTS: usize = 25_000;
/// Results of a run that GitHub shows.
pub const RESULTS_SHOWN: usize = 5_000;
/// Rules in a run.
pub const RULES: usize = 25_000;
/// Extensions of a tool.
pub const EXTENSIONS: usize = 100;
/// Locations of a result.
pub const LOCATIONS: usize = 1_000;
/// Locations of a result that GitHub shows.
pub const LOCATIONS_SHOWN: usize = 100;
/// Locations of a result's code flows.
pub const FLOW_LOCATIONS: usize = 10_000;
/// Locations of a result's code flows that GitHub shows.
pub const FLOW_LOCATIONS_SHOWN: usize = 1_000;
/// Tags of a rule.
pub const TAGS: usize = 20;
/// Tags of a rule that GitHub shows.
pub const TAGS_SHOWN: usize = 10;
