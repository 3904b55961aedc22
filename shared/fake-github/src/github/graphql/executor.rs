//! Walks a query over the graph.

use async_graphql_parser::types::{
    ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use serde_json::{Map, Value};

use super::super::middleware::RequestContext;
use super::super::state::GitHubState;
use super::nodes::{FieldValue, GraphNode};
use super::{error, fill};

/// The graph as one caller sees it, while one query is answered.
pub(crate) struct Graph<'a> {
    pub(crate) ctx: &'a RequestContext,
    pub(crate) state: &'a GitHubState,
    pub(crate) cost: u64,
    document: &'a ExecutableDocument,
    variables: Map<String, Value>,
}

/// The arguments of a field.
pub(crate) struct Arguments(Map<String, Value>);

impl Arguments {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    pub(crate) fn words(&self, name: &str) -> Option<Vec<String>> {
        let all = self.0.get(name)?;
        // GraphQL takes one value where it wants a list.
        let one = all.as_str().map(|it| vec![it.to_owned()]);
        let list = all.as_array();
        one.or_else(|| Some(list?.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()))
    }

    pub(crate) fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }
}

type Errors = Vec<Value>;

impl<'a> Graph<'a> {
    pub(crate) fn new(
        ctx: &'a RequestContext,
        state: &'a GitHubState,
        document: &'a ExecutableDocument,
        variables: Map<String, Value>,
        cost: u64,
    ) -> Self {
        Self { ctx, state, cost, document, variables }
    }

    pub(crate) fn select_root(&self, node: &GraphNode, set: &SelectionSet) -> (Value, Errors) {
        let mut errors = Errors::new();
        let data = self.select(node, set, &mut Vec::new(), &mut errors);
        // A field that is not there is found before anything is answered.
        let unknown = errors.iter().any(|it| it["extensions"]["code"] == "undefinedField");
        (if unknown { Value::Null } else { data }, errors)
    }

    /// Returns the requested part of a mutation's result.
    pub(crate) fn after(
        &self,
        operation: &OperationDefinition,
        roots: Vec<Result<GraphNode, (String, String)>>,
    ) -> (Value, Errors) {
        let (mut data, mut errors) = (Map::new(), Errors::new());
        let fields = operation.selection_set.node.items.iter().filter_map(|it| match &it.node {
            Selection::Field(field) => Some(&field.node),
            _ => None,
        });
        for (field, outcome) in fields.zip(roots) {
            let key = field.response_key().node.to_string();
            let value = match outcome {
                Ok(node) => {
                    let mut path = vec![key.clone()];
                    self.select(&node, &field.selection_set.node, &mut path, &mut errors)
                }
                Err((kind, message)) => {
                    errors.push(error(&kind, &message, std::slice::from_ref(&key)));
                    Value::Null
                }
            };
            data.insert(key, value);
        }
        (Value::Object(data), errors)
    }

    fn select(
        &self,
        node: &GraphNode,
        set: &SelectionSet,
        path: &mut Vec<String>,
        errors: &mut Errors,
    ) -> Value {
        let mut all = Map::new();
        self.select_into(node, set, &mut all, path, errors);
        Value::Object(all)
    }

    fn select_into(
        &self,
        node: &GraphNode,
        set: &SelectionSet,
        all: &mut Map<String, Value>,
        path: &mut Vec<String>,
        errors: &mut Errors,
    ) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.to_string();
                    path.push(key.clone());
                    let value = self.field(node, &field.node, path, errors);
                    path.pop();
                    all.insert(key, value);
                }
                Selection::InlineFragment(it) => {
                    let on = it.node.type_condition.as_ref().map(|it| it.node.on.node.as_str());
                    if on.is_none_or(|on| node.is(on)) {
                        self.select_into(node, &it.node.selection_set.node, all, path, errors);
                    }
                }
                Selection::FragmentSpread(it) => {
                    let found = self.document.fragments.get(&it.node.fragment_name.node);
                    let fits = |of: &&async_graphql_parser::Positioned<
                        async_graphql_parser::types::FragmentDefinition,
                    >| {
                        node.is(of.node.type_condition.node.on.node.as_str())
                    };
                    if let Some(of) = found.filter(fits) {
                        self.select_into(node, &of.node.selection_set.node, all, path, errors);
                    }
                }
            }
        }
    }

    fn field(
        &self,
        node: &GraphNode,
        field: &Field,
        path: &mut Vec<String>,
        errors: &mut Errors,
    ) -> Value {
        let name = field.name.node.as_str();
        if name == "__typename" {
            return node.type_name().into();
        }
        let given = field.arguments.iter();
        let given =
            given.map(|(name, value)| (name.node.to_string(), fill(&value.node, &self.variables)));
        let arguments = Arguments(given.collect());
        match self.resolve(node, name, &arguments) {
            FieldValue::Value(value) => value,
            FieldValue::Node(node) => self.select(&node, &field.selection_set.node, path, errors),
            FieldValue::Nodes(nodes) => {
                let one =
                    |node: &GraphNode| self.select(node, &field.selection_set.node, path, errors);
                nodes.iter().map(one).collect()
            }
            FieldValue::Missing(message) => {
                errors.push(error("NOT_FOUND", &message, path));
                Value::Null
            }
            FieldValue::Unknown => {
                let of = node.type_name();
                let message = format!("Field '{name}' doesn't exist on type '{of}'");
                let mut it = error("", &message, path);
                it["extensions"] = serde_json::json!({
                    "code": "undefinedField", "typeName": of, "fieldName": name,
                });
                errors.push(it);
                Value::Null
            }
        }
    }
}
