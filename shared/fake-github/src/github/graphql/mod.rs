//! GraphQL for what Greenline uses: a real parser, a graph with a part of GitHub's fields under
//! GitHub's names, and points counted by the formula that GitHub publishes.
//!
//! A field that this graph does not have is an error, as it is when GitHub does not have it; a
//! test holds the graph's answers against GitHub's schema. Directives are not carried out.

mod cost;
mod executor;
mod mutations;
mod nodes;

use std::sync::Arc;

use async_graphql_parser::parse_query;
use async_graphql_parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::fake_server::FakeServer;
use super::middleware::RequestContext;
use super::response::{ApiRefusal, ApiResult, json_response};
use executor::Graph;
use nodes::GraphNode;

/// The cost of a query, and if all of it was answered; attached to the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GraphqlOutcome {
    pub(crate) points: u64,
    pub(crate) whole: bool,
}

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new().route("/graphql", post(answer))
}

/// An error in GitHub's shape.
pub(crate) fn error(kind: &str, message: &str, path: &[String]) -> Value {
    json!({"type": kind, "message": message, "path": path, "locations": [{"line": 1, "column": 1}]})
}

fn operation(document: &ExecutableDocument, name: Option<&str>) -> Option<OperationDefinition> {
    match &document.operations {
        DocumentOperations::Single(one) => Some(one.node.clone()),
        DocumentOperations::Multiple(all) => {
            // A document's only operation needs no name.
            let fits = |it: &str| name.map_or(all.len() == 1, |name| it == name);
            all.iter().find(|(it, _)| fits(it)).map(|(_, it)| it.node.clone())
        }
    }
}

fn read(body: &Value) -> Result<(ExecutableDocument, OperationDefinition), String> {
    let query = body["query"]
        .as_str()
        .ok_or("A query attribute must be specified and must be a string.")?;
    let document = parse_query(query).map_err(|error| error.to_string())?;
    let found = operation(&document, body["operationName"].as_str());
    let found = found.ok_or("An operation name is required")?;
    Ok((document, found))
}

/// The fields that a document asks of its root.
pub(crate) fn roots(body: &Value) -> Vec<String> {
    let Ok((_, operation)) = read(body) else { return Vec::new() };
    let name = |selection: &Selection| match selection {
        Selection::Field(field) => Some(field.node.name.node.to_string()),
        _ => None,
    };
    operation.selection_set.node.items.iter().filter_map(|it| name(&it.node)).collect()
}

pub(crate) fn is_mutation(root: &str) -> bool {
    mutations::NAMES.contains(&root)
}

async fn answer(ctx: RequestContext, Json(body): Json<Value>) -> ApiResult {
    if matches!(ctx.caller, super::access::Caller::Nobody) {
        return Err(ApiRefusal::new(401, "This endpoint requires you to be authenticated."));
    }
    let (document, operation) = match read(&body) {
        Ok(read) => read,
        Err(message) => return Ok(respond(&json!({"errors": [{"message": message}]}), 1)),
    };
    let variables = body["variables"].as_object().cloned().unwrap_or_default();
    let variables = with_defaults(variables, &operation);
    let points = match cost::of(&document, &operation, &variables) {
        Ok(points) => points,
        Err(errors) => return Ok(respond(&json!({"errors": errors}), 1)),
    };
    let roots = match operation.ty {
        OperationType::Query => Vec::new(),
        OperationType::Mutation => mutations::carry_out(&ctx, &operation, &variables).await,
        OperationType::Subscription => return Err(ApiRefusal::new(400, "Not supported")),
    };
    let state = ctx.state();
    let graph = Graph::new(&ctx, &state, &document, variables, points);
    let (data, mut errors) = match operation.ty {
        OperationType::Mutation => graph.after(&operation, roots),
        _ => graph.select_root(&GraphNode::Query, &operation.selection_set.node),
    };
    if ctx.partial {
        let text = "Something went wrong while executing your query. This may be the result of a timeout, or it could be a GitHub bug.";
        errors.push(json!({"message": text}));
    }
    let mut all = json!({"data": data});
    if !errors.is_empty() {
        all["errors"] = errors.into();
    }
    Ok(respond(&all, points))
}

fn respond(body: &Value, points: u64) -> Response {
    let mut response = json_response(StatusCode::OK, body);
    response.extensions_mut().insert(GraphqlOutcome { points, whole: body["errors"].is_null() });
    response
}

fn with_defaults(
    mut variables: Map<String, Value>,
    operation: &OperationDefinition,
) -> Map<String, Value> {
    for definition in &operation.variable_definitions {
        let name = definition.node.name.node.to_string();
        let default = definition.node.default_value.as_ref();
        if let (None, Some(default)) = (variables.get(&name), default) {
            let value = default.node.clone().into_json().unwrap_or_default();
            variables.insert(name, value);
        }
    }
    variables
}

/// A value with its variables filled in.
pub(crate) fn fill(value: &async_graphql_value::Value, variables: &Map<String, Value>) -> Value {
    use async_graphql_value::Value as Given;
    match value {
        Given::Variable(name) => variables.get(name.as_str()).cloned().unwrap_or_default(),
        Given::List(all) => all.iter().map(|it| fill(it, variables)).collect(),
        Given::Object(all) => {
            let pair = |(name, it): (&async_graphql_value::Name, &Given)| {
                (name.to_string(), fill(it, variables))
            };
            Value::Object(all.iter().map(pair).collect())
        }
        Given::Enum(name) => name.as_str().into(),
        Given::String(text) => text.as_str().into(),
        Given::Boolean(it) => (*it).into(),
        Given::Number(it) => Value::Number(it.clone()),
        Given::Null | Given::Binary(_) => Value::Null,
    }
}
