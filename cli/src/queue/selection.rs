//! Selects tasks: by id or unique prefix, or by a filter.

use std::collections::BTreeSet;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use greenline_queue::{Priority, Queue, TaskFilter, TaskId, TaskLookup, TaskStatus, TaskType};

use crate::error::CliError;

/// The most tasks of one call.
const MOST: usize = 50_000;

/// Conditions on tasks.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Which tasks")]
pub(crate) struct FilterArgs {
    /// Only with this status; several with commas
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status_parser(), hide_possible_values = true)]
    status: Vec<TaskStatus>,
    /// Only of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<TaskType>,
    /// Only of this priority
    #[arg(long, value_name = "PRIORITY", value_parser = priority_parser(), hide_possible_values = true)]
    priority: Option<Priority>,
    /// Only ids starting with this prefix
    #[arg(long, value_name = "PREFIX")]
    id: Option<String>,
    /// Only with this text in the error or result
    #[arg(long, value_name = "TEXT")]
    containing: Option<String>,
}

/// A selection of tasks, by id or by conditions.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct TaskSelection {
    /// Task ids, or unique prefixes of them
    #[arg(value_name = "ID", conflicts_with_all = ["all", "status", "kind", "priority", "id", "containing"])]
    ids: Vec<String>,
    /// All tasks to which it applies
    #[arg(long, help_heading = "Which tasks")]
    all: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

/// The selected tasks.
#[derive(Debug)]
pub(crate) struct SelectedTasks {
    pub(crate) ids: Vec<TaskId>,
    /// Each was named, not found by a filter.
    pub(crate) by_name: bool,
    /// There may be more tasks than were taken.
    pub(crate) cut: bool,
}

impl FilterArgs {
    /// Returns the filter for the queue, with `default` statuses by default.
    pub(crate) fn with_default(&self, default: &[TaskStatus]) -> TaskFilter {
        let statuses = if self.status.is_empty() { default } else { &self.status };
        TaskFilter {
            statuses: statuses.iter().copied().collect::<BTreeSet<_>>(),
            kind: self.kind.as_ref().map(ToString::to_string),
            priority: self.priority,
            id_prefix: self.id.clone(),
            containing: self.containing.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        let Self { status, kind, priority, id, containing } = self;
        let none_of_the_texts = kind.is_none() && id.is_none() && containing.is_none();
        status.is_empty() && priority.is_none() && none_of_the_texts
    }
}

impl TaskSelection {
    /// Finds the tasks, with `default` statuses by default.
    pub(crate) async fn find(
        &self,
        queue: &Queue,
        default: &[TaskStatus],
    ) -> anyhow::Result<SelectedTasks> {
        if !self.ids.is_empty() {
            let mut ids = Vec::with_capacity(self.ids.len());
            for text in &self.ids {
                ids.push(resolve(queue, text).await?);
            }
            return Ok(SelectedTasks { ids, by_name: true, cut: false });
        }
        if !self.all && self.filter.is_empty() {
            let message = "this needs to know which tasks";
            return Err(CliError::usage(message)
                .hint("name ids, or add --all or a filter such as --status dead")
                .into());
        }
        let records = queue.list(&self.filter.with_default(default), MOST).await?;
        let cut = records.len() == MOST;
        let ids = records.into_iter().filter_map(|record| record.id.parse().ok()).collect();
        Ok(SelectedTasks { ids, by_name: false, cut })
    }
}

/// Returns the only task whose id is, or begins with, `text`.
pub(crate) async fn resolve(queue: &Queue, text: &str) -> anyhow::Result<TaskId> {
    match queue.find(text).await? {
        TaskLookup::One(id) => Ok(id),
        TaskLookup::None => {
            let hint = "`greenline queue list` shows what there is; ended tasks are forgotten after a while";
            Err(CliError::negative(format!("there is no task {text:?}")).hint(hint).into())
        }
        TaskLookup::Several(ids) => {
            let some: Vec<&str> = ids.iter().take(8).map(TaskId::as_str).collect();
            let more = if ids.len() > some.len() { ", …" } else { "" };
            let message = format!("{text:?} begins the ids of several tasks");
            Err(CliError::usage(message).hint(format!("one of {}{more}", some.join(", "))).into())
        }
    }
}

/// Parses a status by its name in Redis, and `dead` and `done`.
fn status_parser() -> impl TypedValueParser<Value = TaskStatus> {
    let value = |status: TaskStatus| match status {
        TaskStatus::Failed => PossibleValue::new("failed").alias("dead"),
        TaskStatus::Success => PossibleValue::new("success").alias("done"),
        _ => PossibleValue::new(status.as_str()),
    };
    PossibleValuesParser::new(TaskStatus::ALL.map(value)).try_map(|name| match name.as_str() {
        "dead" => Ok(TaskStatus::Failed),
        "done" => Ok(TaskStatus::Success),
        name => name.parse::<TaskStatus>(),
    })
}

/// Parses a priority by name.
pub(super) fn priority_parser() -> impl TypedValueParser<Value = Priority> {
    PossibleValuesParser::new(Priority::ALL.map(Priority::as_str))
        .try_map(|name| name.parse::<Priority>())
}
