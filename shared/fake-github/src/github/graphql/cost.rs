//! The cost of a query by GitHub's published formula: count the requests that it takes to fill each
//! connection once, divide by a hundred, round, and never less than one. A connection without
//! `first` or `last`, or with more than a hundred, is refused.

use async_graphql_parser::types::{
    ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use serde_json::{Map, Value, json};

use super::fill;

/// Fields that are connections: they want to know how many.
const CONNECTIONS: [&str; 14] = [
    "annotations",
    "assignees",
    "associatedPullRequests",
    "checkRuns",
    "checkSuites",
    "comments",
    "commits",
    "contexts",
    "files",
    "issues",
    "labels",
    "pullRequests",
    "refs",
    "reviewRequests",
];

/// GitHub answers no query that could hold more nodes.
const MOST_NODES: u64 = 500_000;

struct CostCounter<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Map<String, Value>,
    requests: u64,
    nodes: u64,
    errors: Vec<Value>,
}

/// The points, or why the query is refused.
pub(crate) fn of(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Map<String, Value>,
) -> Result<u64, Vec<Value>> {
    let mut count = CostCounter { document, variables, requests: 0, nodes: 0, errors: Vec::new() };
    count.set(&operation.selection_set.node, 1);
    if count.nodes > MOST_NODES {
        let text = format!(
            "This query requests up to {} possible nodes which exceeds the maximum limit of 500,000.",
            count.nodes
        );
        count.errors.push(json!({"type": "MAX_NODE_LIMIT_EXCEEDED", "message": text}));
    }
    if count.errors.is_empty() {
        Ok(((count.requests + 50) / 100).max(1))
    } else {
        Err(count.errors)
    }
}

impl CostCounter<'_> {
    fn set(&mut self, set: &SelectionSet, parents: u64) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => self.field(&field.node, parents),
                Selection::InlineFragment(it) => self.set(&it.node.selection_set.node, parents),
                Selection::FragmentSpread(it) => {
                    let found = self.document.fragments.get(&it.node.fragment_name.node);
                    if let Some(fragment) = found {
                        self.set(&fragment.node.selection_set.node, parents);
                    }
                }
            }
        }
    }

    fn field(&mut self, field: &Field, parents: u64) {
        let name = field.name.node.as_str();
        let inner = &field.selection_set.node;
        if !CONNECTIONS.contains(&name) {
            return self.set(inner, parents);
        }
        let many = self.size(field, name);
        self.requests = self.requests.saturating_add(parents);
        self.nodes = self.nodes.saturating_add(parents.saturating_mul(many));
        self.set(inner, parents.saturating_mul(many));
    }

    fn size(&mut self, field: &Field, name: &str) -> u64 {
        let number = |of: &str| {
            let value = field.get_argument(of)?;
            fill(&value.node, self.variables).as_u64()
        };
        match number("first").or_else(|| number("last")) {
            Some(many @ 1..=100) => many,
            Some(many) => {
                let text = format!(
                    "Requesting {many} records on the `{name}` connection exceeds the `first` limit of 100 records."
                );
                self.errors.push(json!({"type": "EXCESSIVE_PAGINATION", "message": text}));
                1
            }
            None => {
                let text = format!(
                    "You must provide a `first` or `last` value to properly paginate the `{name}` connection."
                );
                self.errors.push(json!({"type": "MISSING_PAGINATION_BOUNDARIES", "message": text}));
                1
            }
        }
    }
}
