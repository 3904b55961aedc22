//! Checks a SARIF file as GitHub's code scanning reads it.
//!
//! The same error at a thousand places is one complaint with a count and the first place: a file
//! with 25,000 results without a location needs one remedy, not 25,000 lines.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value};

use super::problem::{SarifProblem, SarifProblemKind};
use super::{json_location, limits};
use crate::show::in_repository;

pub(super) type JsonObject = Map<String, Value>;

/// Returns every complaint, first those for which GitHub refuses the file.
#[must_use]
pub fn check(file: &[u8]) -> Vec<SarifProblem> {
    let (text, encoding) = match decoded(file) {
        Ok(it) => it,
        Err(problem) => return vec![*problem],
    };
    let mut problems: Vec<SarifProblem> = encoding.into_iter().collect();
    match serde_json::from_str::<Value>(&text) {
        Ok(value) => {
            let mut seen = seen_in(&value);
            seen.weigh(&text);
            problems.extend(seen.problems(&text));
        }
        Err(error) => problems.push(SarifProblem {
            line: Some(error.line()),
            column: Some(error.column()),
            ..problem(SarifProblemKind::NotJson, "", &without_place(&error.to_string()), 1)
        }),
    }
    problems.sort_by_key(|it| (it.severity, it.kind));
    problems
}

/// Returns the complaint about a missing file: tools that crash write none.
#[must_use]
pub fn missing() -> SarifProblem {
    problem(SarifProblemKind::Missing, "", "", 1)
}

/// Returns the text of a file, and a complaint about its encoding. Returns an error if it is not
/// text.
pub(super) fn decoded(file: &[u8]) -> Result<(String, Option<SarifProblem>), Box<SarifProblem>> {
    let encoding = |detail: &str| problem(SarifProblemKind::Encoding, "", detail, 1);
    let (text, wrong) = match file {
        [0xff, 0xfe, rest @ ..] => (of_utf16(rest, u16::from_le_bytes), Some("this is UTF-16")),
        [0xfe, 0xff, rest @ ..] => (of_utf16(rest, u16::from_be_bytes), Some("this is UTF-16")),
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            let wrong = "it begins with a byte-order mark, which is no JSON";
            (std::str::from_utf8(rest).ok().map(str::to_owned), Some(wrong))
        }
        _ => (std::str::from_utf8(file).ok().map(str::to_owned), None),
    };
    match text {
        None => Err(Box::new(SarifProblem {
            can_be_repaired: false,
            ..encoding("this is not UTF-8 text")
        })),
        Some(text) if text.trim().is_empty() => {
            Err(Box::new(problem(SarifProblemKind::Empty, "", "", 1)))
        }
        Some(text) => Ok((text, wrong.map(encoding))),
    }
}

fn of_utf16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> Option<String> {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|two| read([two[0], two[1]])).collect();
    String::from_utf16(&units).ok()
}

/// Removes the place that serde puts at the end of its messages.
fn without_place(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(message, _)| message).to_owned()
}

/// Returns the size of the upload, which is compressed with gzip.
pub(super) fn compressed(text: &str) -> u64 {
    struct CompressedSize(u64);
    impl Write for CompressedSize {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut encoder = GzEncoder::new(CompressedSize(0), Compression::default());
    let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    // Counting can't fail.
    written.map_or(0, |count| count.0)
}

fn problem(kind: SarifProblemKind, pointer: &str, detail: &str, count: usize) -> SarifProblem {
    SarifProblem {
        kind,
        severity: kind.severity(),
        pointer: pointer.to_owned(),
        line: None,
        column: None,
        count,
        message: kind.message(count, detail),
        hint: kind.hint(),
        can_be_repaired: kind.can_be_repaired(),
    }
}

/// The first place of each kind of complaint, and its count.
#[derive(Debug, Default)]
pub(super) struct SarifChecker(BTreeMap<SarifProblemKind, (String, String, usize)>);

impl SarifChecker {
    fn see(&mut self, kind: SarifProblemKind, pointer: &str, detail: impl ToString) {
        match self.0.entry(kind) {
            Entry::Vacant(new) => {
                new.insert((pointer.to_owned(), detail.to_string(), 1));
            }
            Entry::Occupied(mut known) => known.get_mut().2 += 1,
        }
    }

    fn weigh(&mut self, text: &str) {
        // A file that is small uncompressed grows by only some bytes.
        if text.len() as u64 > limits::COMPRESSED {
            let size = compressed(text);
            if size > limits::COMPRESSED {
                self.see(SarifProblemKind::TooLarge, "", format!("{:.1} MB", size as f64 / 1e6));
            }
        }
    }

    fn problems(self, text: &str) -> Vec<SarifProblem> {
        let whole =
            |(kind, (pointer, detail, count)): (SarifProblemKind, (String, String, usize))| {
                SarifProblem {
                    line: json_location::line_of(text, &pointer),
                    ..problem(kind, &pointer, &detail, count)
                }
            };
        self.0.into_iter().map(whole).collect()
    }

    /// Returns a field, which must have this type if it is present.
    fn field<'a, T>(
        &mut self,
        (object, at): (&'a JsonObject, &str),
        name: &str,
        wanted: &str,
        read: fn(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = object.get(name)?;
        let found = read(value);
        if found.is_none() {
            let message = format!("{name} is {}, not {wanted}", kind_of(value));
            self.see(SarifProblemKind::WrongType, &format!("{at}/{name}"), message);
        }
        found
    }

    fn array<'a>(&mut self, it: (&'a JsonObject, &str), name: &str) -> Option<&'a Vec<Value>> {
        self.field(it, name, "an array", Value::as_array)
    }

    fn object<'a>(&mut self, it: (&'a JsonObject, &str), name: &str) -> Option<&'a JsonObject> {
        self.field(it, name, "an object", Value::as_object)
    }

    fn text<'a>(&mut self, it: (&'a JsonObject, &str), name: &str) -> Option<&'a str> {
        self.field(it, name, "a text", Value::as_str)
    }

    fn known(&mut self, (object, at): (&JsonObject, &str), names: &str) {
        for name in unknown_properties(object, names) {
            self.see(SarifProblemKind::UnknownProperty, at, format!("{name:?}"));
        }
    }

    fn more_than(
        &mut self,
        at: &str,
        count: usize,
        refused: (usize, SarifProblemKind),
        lost: (usize, SarifProblemKind),
    ) {
        if count > refused.0 {
            self.see(refused.1, at, count);
        } else if count > lost.0 {
            self.see(lost.1, at, count);
        }
    }
}

/// Returns the properties that the schema does not define for this object.
pub(super) fn unknown_properties(object: &JsonObject, names: &str) -> Vec<String> {
    let known: HashSet<&str> = names.split_whitespace().chain(["properties"]).collect();
    object.keys().filter(|name| !known.contains(name.as_str())).cloned().collect()
}

/// The schema's properties by object. Other objects are not checked for unknown properties.
pub(super) mod properties {
    pub(in crate::sarif) const LOG: &str = "$schema inlineExternalProperties runs version";
    pub(in crate::sarif) const RUN: &str = "addresses artifacts automationDetails baselineGuid \
        columnKind conversion defaultEncoding defaultSourceLanguage externalPropertyFileReferences \
        graphs invocations language logicalLocations newlineSequences originalUriBaseIds policies \
        redactionTokens results runAggregates specialLocations taxonomies threadFlowLocations tool \
        translations versionControlProvenance webRequests webResponses";
    pub(in crate::sarif) const RESULT: &str = "analysisTarget attachments baselineState codeFlows \
        correlationGuid fingerprints fixes graphTraversals graphs guid hostedViewerUri kind level \
        locations message occurrenceCount partialFingerprints provenance rank relatedLocations rule \
        ruleId ruleIndex stacks suppressions taxa webRequest webResponse workItemUris";
    pub(in crate::sarif) const RULE: &str = "defaultConfiguration deprecatedGuids deprecatedIds \
        deprecatedNames fullDescription guid help helpUri id messageStrings name relationships \
        shortDescription";
}

pub(super) fn seen_in(log: &Value) -> SarifChecker {
    let mut seen = SarifChecker::default();
    let Some(log) = log.as_object() else {
        seen.see(SarifProblemKind::NotAnObject, "", kind_of(log));
        return seen;
    };
    let it = (log, "");
    seen.known(it, properties::LOG);
    match log.get("version") {
        Some(Value::String(version)) if version == "2.1.0" => {}
        Some(other) => seen.see(SarifProblemKind::Version, "/version", other),
        None => seen.see(SarifProblemKind::Version, "", ""),
    }
    match seen.array(it, "runs") {
        Some(runs) if !runs.is_empty() => all_runs(&mut seen, runs),
        Some(_) => seen.see(SarifProblemKind::NoRuns, "/runs", ""),
        None if log.contains_key("runs") => {}
        None => seen.see(SarifProblemKind::NoRuns, "", ""),
    }
    seen
}

fn all_runs(seen: &mut SarifChecker, runs: &[Value]) {
    if runs.len() > limits::RUNS {
        seen.see(SarifProblemKind::TooManyRuns, "/runs", runs.len());
    }
    let mut identities = HashSet::new();
    for (index, value) in runs.iter().enumerate() {
        let at = format!("/runs/{index}");
        let Some(run) = value.as_object() else {
            let message = format!("a run is {}, not an object", kind_of(value));
            seen.see(SarifProblemKind::WrongType, &at, message);
            continue;
        };
        one_run(seen, (run, &at));
        let (tool, category) = identity(run);
        let detail = format!("{tool}, {}", or_none(&category));
        if !identities.insert((tool, category)) {
            seen.see(SarifProblemKind::SameCategory, &at, detail);
        }
    }
}

fn or_none(category: &str) -> String {
    if category.is_empty() { "no category".to_owned() } else { format!("category {category:?}") }
}

/// Returns the identity of a run: the tool, and the category, which is the id up to its last slash.
pub(super) fn identity(run: &JsonObject) -> (String, String) {
    let text = |pointer: [&str; 3]| {
        let mut value = run.get(pointer[0])?;
        for name in pointer[1..].iter().filter(|name| !name.is_empty()) {
            value = value.get(name)?;
        }
        value.as_str().map(str::to_owned)
    };
    let tool = text(["tool", "driver", "name"]).unwrap_or_default();
    let id = text(["automationDetails", "id", ""]).unwrap_or_default();
    (tool, id.rsplit_once('/').map_or(String::new(), |(category, _)| category.to_owned()))
}

fn one_run(seen: &mut SarifChecker, it: (&JsonObject, &str)) {
    let at = it.1;
    seen.known(it, properties::RUN);
    let tool_at = format!("{at}/tool");
    let mut rules = Vec::new();
    if let Some(tool) = seen.object(it, "tool") {
        let tool = (tool, tool_at.as_str());
        if let Some(driver) = seen.object(tool, "driver") {
            rules.push(component(seen, (driver, &format!("{tool_at}/driver"))));
        }
        let extensions = seen.array(tool, "extensions").map_or(&[][..], Vec::as_slice);
        if extensions.len() > limits::EXTENSIONS {
            seen.see(
                SarifProblemKind::TooManyExtensions,
                &format!("{tool_at}/extensions"),
                extensions.len(),
            );
        }
        for (index, extension) in extensions.iter().enumerate() {
            if let Some(extension) = extension.as_object() {
                let at = format!("{tool_at}/extensions/{index}");
                rules.push(component(seen, (extension, &at)));
            }
        }
    }
    if identity(it.0).0.is_empty() {
        seen.see(SarifProblemKind::NoTool, at, "");
    }
    let all: usize = rules.iter().sum();
    if all > limits::RULES {
        seen.see(SarifProblemKind::TooManyRules, &tool_at, all);
    }
    match seen.array(it, "results") {
        Some(results) => all_results(seen, results, at, rules.first().copied().unwrap_or(0)),
        None if it.0.contains_key("results") => {}
        None => seen.see(SarifProblemKind::NoResults, at, ""),
    }
}

/// Checks the rules of a tool or an extension, and returns their number.
fn component(seen: &mut SarifChecker, it: (&JsonObject, &str)) -> usize {
    let rules = seen.array(it, "rules").map_or(&[][..], Vec::as_slice);
    let mut ids = HashSet::new();
    for (index, value) in rules.iter().enumerate() {
        let at = format!("{}/rules/{index}", it.1);
        let Some(rule) = value.as_object() else {
            let message = format!("a rule is {}, not an object", kind_of(value));
            seen.see(SarifProblemKind::WrongType, &at, message);
            continue;
        };
        seen.known((rule, &at), properties::RULE);
        match seen.text((rule, &at), "id") {
            Some(id) if !ids.insert(id) => {
                seen.see(SarifProblemKind::DuplicateRule, &at, format!("{id:?}"));
            }
            None if !rule.contains_key("id") => {
                seen.see(SarifProblemKind::WrongType, &at, "a rule has no id");
            }
            _ => {}
        }
        let tags = value.pointer("/properties/tags").and_then(Value::as_array);
        let refused = (limits::TAGS, SarifProblemKind::TooManyTags);
        let lost = (limits::TAGS_SHOWN, SarifProblemKind::TagsNotShown);
        let tags_at = format!("{at}/properties/tags");
        seen.more_than(&tags_at, tags.map_or(0, Vec::len), refused, lost);
    }
    rules.len()
}

fn all_results(seen: &mut SarifChecker, results: &[Value], at: &str, rules: usize) {
    let refused = (limits::RESULTS, SarifProblemKind::TooManyResults);
    let lost = (limits::RESULTS_SHOWN, SarifProblemKind::ResultsNotShown);
    seen.more_than(&format!("{at}/results"), results.len(), refused, lost);
    for (index, value) in results.iter().enumerate() {
        let at = format!("{at}/results/{index}");
        match value.as_object() {
            Some(result) => one_result(seen, (result, &at), rules),
            None => {
                let message = format!("a result is {}, not an object", kind_of(value));
                seen.see(SarifProblemKind::WrongType, &at, message);
            }
        }
    }
}

fn one_result(seen: &mut SarifChecker, it: (&JsonObject, &str), rules: usize) {
    let (result, at) = it;
    seen.known(it, properties::RESULT);
    if !has_message(seen.object(it, "message")) {
        seen.see(SarifProblemKind::NoMessage, at, "");
    }
    rule_of(seen, it, rules);
    if let Some(level) = result.get("level").filter(|level| !is_level(level)) {
        seen.see(SarifProblemKind::Level, &format!("{at}/level"), level);
    }
    let locations = seen.array(it, "locations").map_or(&[][..], Vec::as_slice);
    if locations.is_empty() {
        seen.see(SarifProblemKind::NoLocation, at, "");
    }
    let refused = (limits::LOCATIONS, SarifProblemKind::TooManyLocations);
    let lost = (limits::LOCATIONS_SHOWN, SarifProblemKind::LocationsNotShown);
    seen.more_than(&format!("{at}/locations"), locations.len(), refused, lost);
    for (index, location) in locations.iter().enumerate() {
        one_location(seen, location, &format!("{at}/locations/{index}"));
    }
    let refused = (limits::FLOW_LOCATIONS, SarifProblemKind::TooManyFlowLocations);
    let lost = (limits::FLOW_LOCATIONS_SHOWN, SarifProblemKind::FlowLocationsNotShown);
    seen.more_than(&format!("{at}/codeFlows"), flow_locations(result), refused, lost);
}

pub(super) fn has_message(message: Option<&JsonObject>) -> bool {
    message.is_some_and(|message| {
        ["text", "id"].iter().any(|name| {
            message.get(*name).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
        })
    })
}

pub(super) fn is_level(level: &Value) -> bool {
    matches!(level.as_str(), Some("none" | "note" | "warning" | "error"))
}

/// A result refers to its rule by id, by index, or by a reference that may lead into an extension.
fn rule_of(seen: &mut SarifChecker, it: (&JsonObject, &str), rules: usize) {
    let (result, at) = it;
    seen.text(it, "ruleId");
    let index = result.get("ruleIndex");
    if !["ruleId", "ruleIndex", "rule"].iter().any(|name| result.contains_key(*name)) {
        seen.see(SarifProblemKind::NoRule, at, "");
    }
    if let Some(index) = index.filter(|index| !is_index(index, rules, result)) {
        seen.see(SarifProblemKind::RuleIndex, &format!("{at}/ruleIndex"), index);
    }
}

pub(super) fn is_index(index: &Value, rules: usize, result: &JsonObject) -> bool {
    // With a reference to an extension, the index refers to that extension's rules.
    let elsewhere = result.get("rule").is_some_and(|rule| rule.get("toolComponent").is_some());
    match index.as_i64() {
        Some(-1) => true,
        Some(index) => elsewhere || usize::try_from(index).is_ok_and(|index| index < rules),
        None => false,
    }
}

pub(super) fn flow_locations(result: &JsonObject) -> usize {
    let array = |value: Option<&Value>| value.and_then(Value::as_array).map_or(0, Vec::len);
    let flows = result.get("codeFlows").and_then(Value::as_array);
    flows
        .into_iter()
        .flatten()
        .filter_map(|flow| flow.get("threadFlows")?.as_array())
        .flatten()
        .map(|thread| array(thread.get("locations")))
        .sum()
}

fn one_location(seen: &mut SarifChecker, location: &Value, at: &str) {
    let physical = location.get("physicalLocation");
    let artifact = physical.and_then(|physical| physical.get("artifactLocation"));
    let uri = artifact.and_then(|artifact| artifact.get("uri")).and_then(Value::as_str);
    let index = artifact.and_then(|artifact| artifact.get("index"));
    match uri {
        Some("") => seen.see(SarifProblemKind::NoFile, at, ""),
        None if index.is_none() => seen.see(SarifProblemKind::NoFile, at, ""),
        None => {}
        Some(uri) => {
            let uri_at = format!("{at}/physicalLocation/artifactLocation/uri");
            if let Some(kind) = wrong_with(uri) {
                seen.see(kind, &uri_at, format!("{uri:?}"));
            }
        }
    }
    if let Some(region) = physical.and_then(|physical| physical.get("region")) {
        for name in REGION {
            if let Some(number) = region.get(name).filter(|number| !counts_from_1(number)) {
                let at = format!("{at}/physicalLocation/region/{name}");
                seen.see(SarifProblemKind::Region, &at, format!("{name} {number}"));
            }
        }
    }
}

/// The numbers of a region.
pub(super) const REGION: [&str; 4] = ["startLine", "startColumn", "endLine", "endColumn"];

pub(super) fn counts_from_1(number: &Value) -> bool {
    number.as_u64().is_some_and(|number| number > 0)
}

/// Returns the error in a file's address.
pub(super) fn wrong_with(uri: &str) -> Option<SarifProblemKind> {
    let scheme = uri.split_once("://").map(|(scheme, _)| scheme);
    let absolute = uri.starts_with('/') || uri.get(1..2) == Some(":") || scheme.is_some();
    if scheme.is_some_and(|scheme| scheme != "file") {
        Some(SarifProblemKind::ForeignScheme)
    } else if absolute {
        in_repository(uri).is_none().then_some(SarifProblemKind::OutsidePath)
    } else {
        uri.split(['/', '\\']).any(|name| name == "..").then_some(SarifProblemKind::ParentPath)
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
