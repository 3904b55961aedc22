//! Repairs a SARIF file so that GitHub accepts it.
//!
//! - Nothing is invented: missing information is left out, or marked as unknown.
//! - Losses are reported. If something must be dropped, the least severe goes first.
//! - Valid parts stay as they are, except for the order of an object's fields.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::check::{
    self, compressed, counts_from_1, flow_locations, has_message, identity, is_index, is_level,
    properties, unknown_properties, wrong_with,
};
use super::limits;
use super::problem::{SarifProblem, SarifProblemKind};
use crate::show::in_repository;

use super::check::JsonObject;

/// A repaired file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairedSarif {
    pub text: String,
    /// The repairs, one sentence each.
    pub repairs: Vec<String>,
    /// The remaining complaints.
    pub left: Vec<SarifProblem>,
}

/// Returns a file without results, for a tool that wrote none.
///
/// Its category is its own, so that it closes no alerts of other tools.
#[must_use]
pub fn empty() -> String {
    let run = json!({
        "tool": {"driver": {"name": "Greenline", "rules": []}},
        "automationDetails": {"id": "greenline/empty/"},
        "results": [],
    });
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }))
}

/// Repairs a file as far as possible.
///
/// # Errors
///
/// When the file is not JSON.
pub fn repair(file: &[u8]) -> Result<RepairedSarif, Vec<SarifProblem>> {
    let (text, encoding) = match check::decoded(file) {
        Ok(it) => it,
        Err(problem) if problem.kind == SarifProblemKind::Empty => {
            let repairs = vec!["wrote a run without results into the empty file".to_owned()];
            return Ok(RepairedSarif { text: empty(), repairs, left: Vec::new() });
        }
        Err(problem) => return Err(vec![*problem]),
    };
    let mut log = match serde_json::from_str::<Value>(&text) {
        Ok(log) if log.is_object() => log,
        _ => return Err(check::check(file)),
    };
    let mut done = RepairLog::default();
    if encoding.is_some() {
        done.repairs(SarifProblemKind::Encoding);
    }
    repair_log(&mut log, &mut done);
    let text = fitting(&mut log, &mut done);
    let left = check::check(text.as_bytes());
    Ok(RepairedSarif { text, repairs: done.sentences(), left })
}

/// The number of repairs of each kind.
#[derive(Debug, Default)]
struct RepairLog(BTreeMap<SarifProblemKind, usize>);

impl RepairLog {
    fn repairs(&mut self, kind: SarifProblemKind) {
        self.times(kind, 1);
    }

    fn times(&mut self, kind: SarifProblemKind, times: usize) {
        if times > 0 {
            *self.0.entry(kind).or_default() += times;
        }
    }

    fn sentences(self) -> Vec<String> {
        self.0.into_iter().map(|(kind, times)| sentence(kind, times)).collect()
    }
}

fn sentence(kind: SarifProblemKind, times: usize) -> String {
    let of = |one: &str, many: &str| match times {
        1 => format!("1 {one}"),
        _ => format!("{times} {many}"),
    };
    let results = || of("result", "results");
    match kind {
        SarifProblemKind::Encoding => "wrote it as UTF-8 without a byte-order mark".to_owned(),
        SarifProblemKind::Version => "set the version to 2.1.0".to_owned(),
        SarifProblemKind::NoRuns => "added a run without results".to_owned(),
        SarifProblemKind::TooManyRuns => format!("dropped {} without results", of("run", "runs")),
        SarifProblemKind::UnknownProperty => format!(
            "moved {} that SARIF does not know into \"properties\"",
            of("property", "properties")
        ),
        SarifProblemKind::NoResults => {
            format!("gave {} an empty list of results", of("run", "runs"))
        }
        SarifProblemKind::SameCategory => {
            format!("gave {} a category of its own", of("run", "runs"))
        }
        SarifProblemKind::TooManyResults => format!("dropped the {} of least severity", results()),
        SarifProblemKind::DuplicateRule => format!("dropped {} listed twice", of("rule", "rules")),
        SarifProblemKind::TooManyTags => format!("cut the tags of {}", of("rule", "rules")),
        SarifProblemKind::NoMessage => format!("gave {} its rule as message", results()),
        SarifProblemKind::NoRule => format!("gave {} the rule \"unknown\"", results()),
        SarifProblemKind::RuleIndex => format!("removed the ruleIndex of {}", results()),
        SarifProblemKind::Level => format!("translated the level of {}", results()),
        SarifProblemKind::NoLocation => {
            format!("dropped {} without the place of a file", results())
        }
        SarifProblemKind::TooManyLocations => format!("cut the locations of {}", results()),
        SarifProblemKind::TooManyFlowLocations => format!("cut the code flows of {}", results()),
        SarifProblemKind::Region => {
            format!("removed {} below 1", of("line or column", "lines or columns"))
        }
        SarifProblemKind::ParentPath => format!("resolved \"..\" in {}", of("path", "paths")),
        SarifProblemKind::TooLarge => {
            format!("dropped {} of least severity to fit into 10 MB", results())
        }
        _ => format!("mended {}", of("place", "places")),
    }
}

fn repair_log(log: &mut Value, done: &mut RepairLog) {
    if log.get("version").is_none() {
        log["version"] = json!("2.1.0");
        done.repairs(SarifProblemKind::Version);
    }
    if let Some(log) = log.as_object_mut() {
        keep_unknown(log, properties::LOG, done);
    }
    let none = log.get("runs").is_none_or(|runs| runs.as_array().is_some_and(Vec::is_empty));
    if none {
        log["runs"] =
            serde_json::from_str::<Value>(&empty()).map_or(json!([]), |mut it| it["runs"].take());
        done.repairs(SarifProblemKind::NoRuns);
    }
    let Some(runs) = log["runs"].as_array_mut() else { return };
    for run in runs.iter_mut().filter_map(Value::as_object_mut) {
        repair_run(run, done);
    }
    drop_empty_runs(runs, done);
    give_runs_categories(runs, done);
}

/// Moves unknown properties to `properties`, where the schema allows anything.
fn keep_unknown(object: &mut JsonObject, known: &str, done: &mut RepairLog) {
    for name in unknown_properties(object, known) {
        let Some(value) = object.remove(&name) else { continue };
        let bag = object.entry("properties").or_insert_with(|| json!({}));
        if let Some(bag) = bag.as_object_mut() {
            bag.insert(name, value);
        }
        done.repairs(SarifProblemKind::UnknownProperty);
    }
}

/// Drops runs without results if there are too many runs.
fn drop_empty_runs(runs: &mut Vec<Value>, done: &mut RepairLog) {
    let mut over = runs.len().saturating_sub(limits::RUNS);
    let before = runs.len();
    runs.retain(|run| {
        let empty = run["results"].as_array().is_some_and(Vec::is_empty);
        let goes = over > 0 && empty;
        over -= usize::from(goes);
        !goes
    });
    done.times(SarifProblemKind::TooManyRuns, before - runs.len());
}

/// Numbers runs of the same tool and category, except the first.
fn give_runs_categories(runs: &mut [Value], done: &mut RepairLog) {
    let mut taken: HashSet<(String, String)> =
        runs.iter().filter_map(|run| run.as_object().map(identity)).collect();
    let mut seen = HashSet::new();
    for run in runs.iter_mut().filter_map(Value::as_object_mut) {
        let (tool, category) = identity(run);
        if seen.insert((tool.clone(), category.clone())) {
            continue;
        }
        let id = run.get("automationDetails").and_then(|it| it.get("id")).and_then(Value::as_str);
        // Without a slash, the whole id names the run, and the category is empty.
        let own = id.map_or("", |id| id.rsplit_once('/').map_or(id, |(_, own)| own)).to_owned();
        let stem = if category.is_empty() { slug(&tool) } else { category };
        let free = (2..)
            .map(|number| format!("{stem}-{number}"))
            .find(|name| taken.insert((tool.clone(), name.clone())));
        if let Some(name) = free {
            let details = run.entry("automationDetails").or_insert_with(|| json!({}));
            if let Some(details) = details.as_object_mut() {
                details.insert("id".to_owned(), json!(format!("{name}/{own}")));
                done.repairs(SarifProblemKind::SameCategory);
            }
        }
    }
}

fn slug(tool: &str) -> String {
    let dashed = |letter: char| if letter.is_alphanumeric() { letter } else { '-' };
    tool.to_lowercase().chars().map(dashed).collect()
}

fn repair_run(run: &mut JsonObject, done: &mut RepairLog) {
    keep_unknown(run, properties::RUN, done);
    if !run.contains_key("results") {
        run.insert("results".to_owned(), json!([]));
        done.repairs(SarifProblemKind::NoResults);
    }
    let moved = repair_rules(run, done);
    let rules = RuleSeverities::of(run);
    let Some(results) = run.get_mut("results").and_then(Value::as_array_mut) else { return };
    for result in results.iter_mut().filter_map(Value::as_object_mut) {
        repair_result(result, &rules, &moved, done);
    }
    let before = results.len();
    results.retain(|result| result["locations"].as_array().is_none_or(|places| !places.is_empty()));
    done.times(SarifProblemKind::NoLocation, before - results.len());
    let dropped = keep_most_severe(results, limits::RESULTS_SHOWN, &rules);
    done.times(SarifProblemKind::TooManyResults, dropped);
}

/// The known facts about the rules of a run's driver.
struct RuleSeverities {
    ids: Vec<Option<String>>,
    /// By id: the severity of a result that names none itself.
    severity: HashMap<String, (u8, u32)>,
}

impl RuleSeverities {
    fn of(run: &JsonObject) -> Self {
        let rules = run
            .get("tool")
            .and_then(|tool| tool.pointer("/driver/rules"))
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let id = |rule: &Value| rule.get("id").and_then(Value::as_str).map(str::to_owned);
        let severity = rules.iter().filter_map(|rule| Some((id(rule)?, severity_of_rule(rule))));
        Self { ids: rules.iter().map(id).collect(), severity: severity.collect() }
    }

    fn id_at(&self, index: Option<&Value>) -> Option<&String> {
        let index = usize::try_from(index?.as_u64()?).ok()?;
        self.ids.get(index)?.as_ref()
    }

    fn severity(&self, result: &Value) -> (u8, u32) {
        let id = result.get("ruleId").and_then(Value::as_str);
        let id = id.or_else(|| self.id_at(result.get("ruleIndex")).map(String::as_str));
        let (level, score) =
            id.and_then(|id| self.severity.get(id)).copied().unwrap_or((rank("warning"), 0));
        (result.get("level").and_then(Value::as_str).map_or(level, rank), score)
    }
}

fn severity_of_rule(rule: &Value) -> (u8, u32) {
    let level = rule.pointer("/defaultConfiguration/level").and_then(Value::as_str);
    let score = rule.pointer("/properties/security-severity");
    let score = score.and_then(|it| it.as_f64().or_else(|| it.as_str()?.parse().ok()));
    (rank(level.unwrap_or("warning")), (score.unwrap_or(0.0).clamp(0.0, 10.0) * 10.0) as u32)
}

fn rank(level: &str) -> u8 {
    match level {
        "error" => 3,
        "warning" => 2,
        "note" => 1,
        _ => 0,
    }
}

/// Keeps the `most` most severe results in their order, and returns the number of dropped ones.
fn keep_most_severe(results: &mut Vec<Value>, most: usize, rules: &RuleSeverities) -> usize {
    let over = results.len().saturating_sub(most);
    if over == 0 {
        return 0;
    }
    let mut order: Vec<usize> = (0..results.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(rules.severity(&results[*at])));
    let kept: HashSet<usize> = order.into_iter().take(most).collect();
    let mut at = 0;
    results.retain(|_| {
        at += 1;
        kept.contains(&(at - 1))
    });
    over
}

/// Drops duplicate rules and cuts tags. Returns the new index for each old index of the driver's
/// rules.
fn repair_rules(run: &mut JsonObject, done: &mut RepairLog) -> Vec<usize> {
    let rules = run.get_mut("tool").and_then(|tool| tool.pointer_mut("/driver/rules"));
    let Some(rules) = rules.and_then(Value::as_array_mut) else { return Vec::new() };
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut moved = Vec::with_capacity(rules.len());
    let mut kept = Vec::with_capacity(rules.len());
    for mut rule in std::mem::take(rules) {
        if let Some(rule) = rule.as_object_mut() {
            keep_unknown(rule, properties::RULE, done);
        }
        if let Some(tags) = rule.pointer_mut("/properties/tags").and_then(Value::as_array_mut)
            && tags.len() > limits::TAGS_SHOWN
        {
            tags.truncate(limits::TAGS_SHOWN);
            done.repairs(SarifProblemKind::TooManyTags);
        }
        let known = rule.get("id").and_then(Value::as_str).map(str::to_owned);
        let place = known.as_ref().and_then(|id| places.get(id)).copied();
        moved.push(place.unwrap_or(kept.len()));
        if place.is_some() {
            done.repairs(SarifProblemKind::DuplicateRule);
            continue;
        }
        places.extend(known.map(|id| (id, kept.len())));
        kept.push(rule);
    }
    *rules = kept;
    moved
}

fn repair_result(
    result: &mut JsonObject,
    rules: &RuleSeverities,
    moved: &[usize],
    done: &mut RepairLog,
) {
    keep_unknown(result, properties::RESULT, done);
    repair_rule_of(result, rules, moved, done);
    if !has_message(result.get("message").and_then(Value::as_object)) {
        let rule = result.get("ruleId").and_then(Value::as_str).unwrap_or("no message");
        result.insert("message".to_owned(), json!({"text": rule}));
        done.repairs(SarifProblemKind::NoMessage);
    }
    if let Some(level) = result.get_mut("level").filter(|level| !is_level(level)) {
        *level = json!(nearest_level(level.as_str().unwrap_or_default()));
        done.repairs(SarifProblemKind::Level);
    }
    repair_locations(result, done);
    if flow_locations(result) > limits::FLOW_LOCATIONS_SHOWN {
        result.remove("codeFlows");
        done.repairs(SarifProblemKind::TooManyFlowLocations);
    }
}

fn repair_rule_of(
    result: &mut JsonObject,
    rules: &RuleSeverities,
    moved: &[usize],
    done: &mut RepairLog,
) {
    let elsewhere = result.get("rule").is_some_and(|rule| rule.get("toolComponent").is_some());
    if let Some(index) = result.get("ruleIndex").cloned()
        && !elsewhere
    {
        let new = index.as_u64().and_then(|at| moved.get(usize::try_from(at).ok()?));
        match new {
            Some(new) => drop(result.insert("ruleIndex".to_owned(), json!(new))),
            None if !is_index(&index, rules.ids.len(), result) => {
                result.remove("ruleIndex");
                done.repairs(SarifProblemKind::RuleIndex);
            }
            None => {}
        }
    }
    if let Some(rule) = result.get_mut("rule").and_then(Value::as_object_mut)
        && !elsewhere
        && let Some(index) = rule.get("index").and_then(Value::as_u64)
        && let Some(new) = usize::try_from(index).ok().and_then(|at| moved.get(at))
    {
        rule.insert("index".to_owned(), json!(new));
    }
    if !["ruleId", "ruleIndex", "rule"].iter().any(|name| result.contains_key(*name)) {
        result.insert("ruleId".to_owned(), json!("unknown"));
        done.repairs(SarifProblemKind::NoRule);
    }
}

/// Maps the levels of other formats.
fn nearest_level(level: &str) -> &'static str {
    match level.to_ascii_lowercase().as_str() {
        "error" | "critical" | "high" | "fatal" | "failure" => "error",
        "note" | "info" | "information" | "low" | "notice" | "style" => "note",
        "none" => "none",
        _ => "warning",
    }
}

fn repair_locations(result: &mut JsonObject, done: &mut RepairLog) {
    let locations = result.entry("locations").or_insert_with(|| json!([]));
    let Some(locations) = locations.as_array_mut() else { return };
    locations.retain(|location| {
        let artifact = location.pointer("/physicalLocation/artifactLocation");
        let uri = artifact.and_then(|artifact| artifact.get("uri")).and_then(Value::as_str);
        match uri {
            Some(uri) => {
                !uri.is_empty() && wrong_with(uri) != Some(SarifProblemKind::ForeignScheme)
            }
            None => artifact.is_some_and(|artifact| artifact.get("index").is_some()),
        }
    });
    if locations.len() > limits::LOCATIONS_SHOWN {
        locations.truncate(limits::LOCATIONS_SHOWN);
        done.repairs(SarifProblemKind::TooManyLocations);
    }
    for location in locations {
        repair_location(location, done);
    }
}

fn repair_location(location: &mut Value, done: &mut RepairLog) {
    let uri = location.pointer_mut("/physicalLocation/artifactLocation/uri");
    if let Some(uri) = uri
        && let Some(text) = uri.as_str()
        && wrong_with(text) == Some(SarifProblemKind::ParentPath)
        && let Some(inside) = in_repository(text)
    {
        *uri = json!(inside);
        done.repairs(SarifProblemKind::ParentPath);
    }
    let region = location.pointer_mut("/physicalLocation/region").and_then(Value::as_object_mut);
    let Some(region) = region else { return };
    let before = region.len();
    region.retain(|name, number| !check::REGION.contains(&name.as_str()) || counts_from_1(number));
    done.times(SarifProblemKind::Region, before - region.len());
    if !region.contains_key("startLine") && before > region.len() {
        // Without its first line a region has no meaning, or another one.
        region.clear();
        region.insert("startLine".to_owned(), json!(1));
    }
}

/// Returns the text after dropping as many results as needed to fit.
fn fitting(log: &mut Value, done: &mut RepairLog) -> String {
    let mut text = pretty(log);
    while text.len() as u64 > limits::COMPRESSED {
        let size = compressed(&text);
        if size <= limits::COMPRESSED || !shrink(log, limits::COMPRESSED as f64 / size as f64, done)
        {
            break;
        }
        text = pretty(log);
    }
    text
}

/// Reduces each run's results to slightly less than this share. Returns `false` if there is nothing
/// to drop.
fn shrink(log: &mut Value, share: f64, done: &mut RepairLog) -> bool {
    let mut dropped = 0;
    for run in log["runs"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        let rules = RuleSeverities::of(run);
        if let Some(results) = run.get_mut("results").and_then(Value::as_array_mut) {
            let most = (results.len() as f64 * share * 0.95) as usize;
            dropped += keep_most_severe(results, most, &rules);
        }
    }
    done.times(SarifProblemKind::TooLarge, dropped);
    dropped > 0
}

fn pretty(log: &Value) -> String {
    format!("{log:#}\n")
}

#[cfg(test)]
mod tests;
