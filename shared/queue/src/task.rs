//! A task as JSON: written by a producer, read by a worker.
//!
//! The text is kept byte for byte, including unknown fields. Known fields are parsed and checked
//! once, at the edge.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::{Label, Priority, Route, SharedKey, TaskId, TaskType};

/// The reason why a text is not a task, with the field and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// Not JSON, or a field has a wrong type or value.
    #[error("{field}{why}")]
    Malformed {
        /// `field: `, or empty for the whole text.
        field: String,
        /// The error with line and column.
        why: String,
    },
    /// A field's value is out of bounds.
    #[error("{field}: {why}")]
    Invalid {
        field: &'static str,
        /// The error and the allowed values.
        why: String,
    },
    #[error(
        "the task has {bytes} bytes, at most {most} are allowed: put large inputs in a file or an \
         artifact, and name it in `inputs`"
    )]
    TooLarge {
        bytes: usize,
        /// The limit in bytes.
        most: usize,
    },
}

/// The longest timeout in minutes: a day.
pub const LONGEST_TIMEOUT: u32 = 24 * 60;

const MOST_PARENTS: usize = 100;
const MOST_LABELS: usize = 8;

/// The content of a task. Stored as JSON: names here outlive a release.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskSpec {
    /// A deterministic id makes enqueueing twice harmless.
    pub task_id: TaskId,
    #[serde(rename = "type")]
    pub kind: TaskType,
    #[serde(default)]
    pub priority: Priority,
    /// The prompt for a model, for types that use one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// An object or an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Box<RawValue>>,
    /// The expected results, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliverables: Vec<String>,
    /// Commands before the work, with network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub setup: Vec<String>,
    /// Commands that check the work, without network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation: Vec<String>,
    /// The time limit of one attempt.
    #[serde(default = "default_timeout")]
    pub timeout_minutes: u32,
    /// The number of retries used when it was pushed.
    #[serde(default)]
    pub retry_count: u32,
    /// A time without zone is UTC.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_time")]
    pub created_at: Option<DateTime<Utc>>,
    /// Only one live task holds this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup_key: Option<SharedKey>,
    /// One task of this key runs at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_key: Option<SharedKey>,
    /// The earliest time to run.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_time")]
    pub not_before: Option<DateTime<Utc>>,
    /// The tasks that must succeed first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<TaskId>,
    /// A person must approve it before it runs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub requires_approval: bool,
    /// The labels that a worker must have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<Label>,
    /// The cost limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
    /// The trace it belongs to (W3C).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// A valid task: its content and its text.
#[derive(Debug, Clone)]
pub struct Task {
    spec: TaskSpec,
    payload: String,
}

fn default_timeout() -> u32 {
    30
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl TaskSpec {
    /// Creates a task of this id and type, with defaults for everything else.
    #[must_use]
    pub fn new(task_id: TaskId, kind: TaskType) -> Self {
        Self {
            task_id,
            kind,
            priority: Priority::default(),
            prompt: None,
            inputs: None,
            deliverables: vec![],
            setup: vec![],
            validation: vec![],
            timeout_minutes: default_timeout(),
            retry_count: 0,
            created_at: None,
            dedup_key: None,
            concurrency_key: None,
            not_before: None,
            depends_on: vec![],
            requires_approval: false,
            labels: BTreeSet::new(),
            max_cost_usd: None,
            traceparent: None,
        }
    }

    /// Creates a task that runs these commands in a separate workspace.
    #[must_use]
    pub fn command<T: Into<String>>(
        task_id: TaskId,
        commands: impl IntoIterator<Item = T>,
    ) -> Self {
        let validation = commands.into_iter().map(Into::into).collect();
        Self { validation, ..Self::new(task_id, TaskType::run_command()) }
    }

    /// Writes it as JSON and checks it.
    pub fn build(self) -> Result<Task, TaskError> {
        let payload = serde_json::to_string(&self).map_err(|error| TaskError::Malformed {
            field: String::new(),
            why: error.to_string(),
        })?;
        self.check()?;
        Ok(Task { spec: self, payload })
    }

    /// Returns its route; `None` if every worker may take it.
    #[must_use]
    pub fn route(&self) -> Option<Route> {
        Route::of(&self.kind, &self.labels)
    }

    fn check(&self) -> Result<(), TaskError> {
        let invalid = |field, why: String| Err(TaskError::Invalid { field, why });
        if !(1..=LONGEST_TIMEOUT).contains(&self.timeout_minutes) {
            return invalid(
                "timeout_minutes",
                format!("{} is not between 1 and {LONGEST_TIMEOUT} (a day)", self.timeout_minutes),
            );
        }
        if self.labels.len() > MOST_LABELS {
            return invalid("labels", format!("at most {MOST_LABELS} are allowed"));
        }
        if self.depends_on.len() > MOST_PARENTS {
            return invalid("depends_on", format!("at most {MOST_PARENTS} are allowed"));
        }
        if self.depends_on.contains(&self.task_id) {
            return invalid("depends_on", "a task can't wait for itself".to_owned());
        }
        if self.inputs.as_ref().is_some_and(|inputs| !inputs.get().starts_with(['{', '['])) {
            return invalid("inputs", "must be an object or an array".to_owned());
        }
        if self.max_cost_usd.is_some_and(|most| !most.is_finite() || most < 0.0) {
            return invalid("max_cost_usd", "must be 0 or more".to_owned());
        }
        self.check_commands()
    }

    fn check_commands(&self) -> Result<(), TaskError> {
        for (field, commands) in [("setup", &self.setup), ("validation", &self.validation)] {
            for (at, command) in commands.iter().enumerate() {
                let why = if command.trim().is_empty() {
                    "is empty"
                } else if command.contains('\0') {
                    "holds a NUL byte"
                } else {
                    continue;
                };
                return Err(TaskError::Invalid { field, why: format!("command {} {why}", at + 1) });
            }
        }
        let runs_commands = self.kind == TaskType::run_command();
        if runs_commands && self.setup.is_empty() && self.validation.is_empty() {
            return Err(TaskError::Invalid {
                field: "validation",
                why: "a run_command task needs at least one command".to_owned(),
            });
        }
        Ok(())
    }
}

impl Task {
    /// Parses a task; the text is kept unchanged.
    pub fn from_json(text: &str) -> Result<Self, TaskError> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let spec: TaskSpec = serde_path_to_error::deserialize(&mut reader).map_err(malformed)?;
        reader.end().map_err(|error| TaskError::Malformed {
            field: String::new(),
            why: format!("something follows the task: {error}"),
        })?;
        spec.check()?;
        Ok(Self { spec, payload: text.to_owned() })
    }

    #[must_use]
    pub fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    #[must_use]
    pub fn id(&self) -> &TaskId {
        &self.spec.task_id
    }

    /// Returns the text, byte for byte as it was written.
    #[must_use]
    pub fn payload(&self) -> &str {
        &self.payload
    }
}

fn malformed(error: serde_path_to_error::Error<serde_json::Error>) -> TaskError {
    let path = error.path().to_string();
    // Text that is not JSON has no path to name.
    let field =
        if [".", "?"].contains(&path.as_str()) { String::new() } else { format!("{path}: ") };
    TaskError::Malformed { field, why: error.into_inner().to_string() }
}

/// Times as RFC 3339; one without zone is UTC.
mod optional_time {
    use super::{DateTime, Deserialize, Deserializer, NaiveDateTime, Serializer, Utc, de};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(
        time: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = time.map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
        serializer.serialize_str(&text.unwrap_or_default())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        read(&text).map(Some).ok_or_else(|| {
            de::Error::custom(format!(
                "{text:?} is no time: write one such as 2026-01-31T12:00:00Z"
            ))
        })
    }

    fn read(text: &str) -> Option<DateTime<Utc>> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(time.to_utc());
        }
        let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
        let naive = formats.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        naive.map(|time| time.and_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = r#"{"task_id":"ci-fix-812-4471","type":"fix_test_failure","priority":"high","prompt":"…","inputs":{"repo":"acme/app","pr_number":812},"deliverables":["a patch"],"validation":["cargo test"],"timeout_minutes":30,"retry_count":0,"created_at":"2026-01-01T00:00:00Z"}"#;

    fn error(text: &str) -> String {
        Task::from_json(text).unwrap_err().to_string()
    }

    #[test]
    fn stored_tasks_keep_their_shape() {
        let task = Task::from_json(STORED).unwrap();
        assert_eq!(task.payload(), STORED);
        assert_eq!(serde_json::to_string(task.spec()).unwrap(), STORED);
    }

    #[test]
    fn unknown_fields_are_kept_byte_for_byte() {
        let text = r#"{ "task_id":"a", "type":"new_kind", "inputs":[], "mine": [1.0e3, {}] }"#;
        assert_eq!(Task::from_json(text).unwrap().payload(), text);
    }

    #[test]
    fn an_error_names_the_field_and_the_place() {
        assert_eq!(
            error(r#"{"task_id":"a","type":"run_command","timeout_minutes":"30"}"#),
            "timeout_minutes: invalid type: string \"30\", expected u32 at line 1 column 58"
        );
        assert!(error(r#"{"task_id":"a b","type":"x"}"#).starts_with("task_id: task id \"a b\""));
        assert!(
            error(r#"{"task_id":"a","type":"x","depends_on":["a:lock"]}"#)
                .contains("depends_on[0]")
        );
        assert!(error(r#"{"task_id":"a"}"#).contains("missing field `type`"));
        assert!(error("{").starts_with("EOF"));
        assert!(error(r#"{"task_id":"a","type":"x"} {}"#).contains("follows the task"));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        for (fields, field) in [
            (r#""timeout_minutes":0"#, "timeout_minutes"),
            (r#""timeout_minutes":525600"#, "timeout_minutes"),
            (r#""depends_on":["a"]"#, "depends_on"),
            (r#""inputs":3"#, "inputs"),
            (r#""setup":[" "]"#, "setup"),
            (r#""validation":["\u0000"]"#, "validation"),
            (r#""max_cost_usd":-1"#, "max_cost_usd"),
            (r#""created_at":"yesterday""#, "created_at"),
            (r#""priority":"urgent""#, "priority"),
        ] {
            let text = format!(r#"{{"task_id":"a","type":"deploy_step",{fields}}}"#);
            assert!(error(&text).starts_with(field), "{}", error(&text));
        }
        assert!(error(r#"{"task_id":"a","type":"run_command"}"#).contains("at least one command"));
    }

    #[test]
    fn a_time_without_zone_is_utc() {
        let text = r#"{"task_id":"a","type":"x","created_at":"2026-01-01T10:00:00","not_before":"2026-01-01T10:00:00+02:00"}"#;
        let task = Task::from_json(text).unwrap();
        assert_eq!(task.spec().created_at.unwrap().to_rfc3339(), "2026-01-01T10:00:00+00:00");
        assert_eq!(task.spec().not_before.unwrap().to_rfc3339(), "2026-01-01T08:00:00+00:00");
    }
}
