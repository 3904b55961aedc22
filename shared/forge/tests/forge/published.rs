//! What GitHub publishes about itself: example webhooks, and answers by the REST description.
//! `shared/fake-github/published/fetch` gets them; without them these tests say so, and pass.

use std::fs;
use std::path::Path;

use greenline_forge::model::{
    CheckRun, CheckRunAnnotation, CheckSuite, Commit, CommitStatus, Comparison, FileChange, Hook,
    HookDelivery, Installation, Issue, IssueComment, PullRequest, Repository, WorkflowJob,
    WorkflowRun,
};
use greenline_forge::webhook::WebhookEvent;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

fn published(name: &str) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../practice/published/node_modules");
    match fs::read(folder.join("@octokit").join(name)) {
        Ok(text) => Some(serde_json::from_slice(&text).unwrap()),
        Err(_) => {
            eprintln!("skipped: {name} is not there; run shared/fake-github/published/fetch");
            None
        }
    }
}

#[test]
fn every_example_webhook_is_read() {
    let Some(events) = published("webhooks-examples/api.github.com/index.json") else { return };
    let (mut read, mut other) = (0, 0);
    for event in events.as_array().unwrap() {
        let name = event["name"].as_str().unwrap();
        for example in event["examples"].as_array().unwrap() {
            match WebhookEvent::read(name, example.to_string().as_bytes()) {
                Ok(WebhookEvent::Other(_)) => other += 1,
                Ok(_) => read += 1,
                Err(error) => panic!("{name}: {error}\n{example:#}"),
            }
        }
    }
    assert!(read > 80 && other > 200, "{read} read, {other} of no interest");
}

/// A parse of an example, which says what is wrong.
type Parse = fn(Value) -> Result<(), String>;

fn one<T: DeserializeOwned>(value: Value) -> Result<(), String> {
    serde_path_to_error::deserialize::<_, T>(value).map(drop).map_err(|error| error.to_string())
}

fn many<T: DeserializeOwned>(value: Value) -> Result<(), String> {
    one::<Vec<T>>(value)
}

/// The list in an object, whatever it is called.
fn wrapped<T: DeserializeOwned>(value: Value) -> Result<(), String> {
    let object = value.as_object().cloned().unwrap_or_default();
    object
        .into_iter()
        .filter(|(_, value)| value.is_array())
        .try_for_each(|(_, list)| many::<T>(list))
}

const ANSWERS: &[(&str, &str, Parse)] = &[
    ("get", "/repos/{owner}/{repo}", one::<Repository>),
    ("get", "/installation/repositories", wrapped::<Repository>),
    ("get", "/user/repos", many::<Repository>),
    ("get", "/app/installations", many::<Installation>),
    ("get", "/repos/{owner}/{repo}/commits/{ref}/check-runs", wrapped::<CheckRun>),
    ("get", "/repos/{owner}/{repo}/check-runs/{check_run_id}", one::<CheckRun>),
    ("post", "/repos/{owner}/{repo}/check-runs", one::<CheckRun>),
    ("get", "/repos/{owner}/{repo}/check-suites/{check_suite_id}", one::<CheckSuite>),
    (
        "get",
        "/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations",
        many::<CheckRunAnnotation>,
    ),
    ("get", "/repos/{owner}/{repo}/commits/{ref}/statuses", many::<CommitStatus>),
    ("get", "/repos/{owner}/{repo}/commits/{ref}", one::<Commit>),
    ("get", "/repos/{owner}/{repo}/commits", many::<Commit>),
    ("get", "/repos/{owner}/{repo}/compare/{basehead}", one::<Comparison>),
    ("get", "/repos/{owner}/{repo}/commits/{commit_sha}/pulls", many::<PullRequest>),
    ("get", "/repos/{owner}/{repo}/pulls/{pull_number}", one::<PullRequest>),
    ("get", "/repos/{owner}/{repo}/pulls/{pull_number}/files", many::<FileChange>),
    ("get", "/repos/{owner}/{repo}/actions/runs/{run_id}", one::<WorkflowRun>),
    ("get", "/repos/{owner}/{repo}/actions/runs", wrapped::<WorkflowRun>),
    ("get", "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs", wrapped::<WorkflowJob>),
    ("get", "/repos/{owner}/{repo}/actions/jobs/{job_id}", one::<WorkflowJob>),
    ("get", "/repos/{owner}/{repo}/issues/{issue_number}/comments", many::<IssueComment>),
    ("patch", "/repos/{owner}/{repo}/issues/comments/{comment_id}", one::<IssueComment>),
    ("post", "/repos/{owner}/{repo}/issues", one::<Issue>),
    ("get", "/repos/{owner}/{repo}/hooks", many::<Hook>),
    ("get", "/repos/{owner}/{repo}/hooks/{hook_id}/deliveries", many::<HookDelivery>),
    ("get", "/app/hook/deliveries", many::<HookDelivery>),
];

/// The JSON of an endpoint's good answer, as the description has it.
fn answer<'a>(api: &'a Value, method: &str, path: &str) -> &'a Value {
    let responses = &api["paths"][path][method]["responses"];
    let response = ["200", "201"].iter().find_map(|status| responses.get(status)).unwrap();
    &resolve(api, response)["content"]["application/json"]
}

fn resolve<'a>(api: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => resolve(api, api.pointer(&reference[1..]).unwrap()),
        None => value,
    }
}

#[test]
fn every_example_answer_is_read() {
    let Some(api) = published("openapi/generated/api.github.com.json") else { return };
    let mut read = 0;
    for (method, path, parse) in ANSWERS {
        let Some(examples) = answer(&api, method, path)["examples"].as_object() else { continue };
        for (name, example) in examples {
            let value = resolve(&api, example)["value"].clone();
            parse(value).unwrap_or_else(|error| panic!("{method} {path} {name}: {error}"));
            read += 1;
        }
    }
    assert!(read >= ANSWERS.len() - 2, "{read}");
}

/// The least that the description allows: null where it may be, nothing that may be left out.
fn least(api: &Value, name: &str, schema: &Value) -> Value {
    let schema = resolve(api, schema);
    let types = &schema["type"];
    let nullable = schema["nullable"] == true
        || types.as_array().is_some_and(|types| types.contains(&json!("null")));
    if nullable {
        return Value::Null;
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choice].as_array() {
            return least(api, name, &choices[0]);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().map(|part| least(api, name, part)).reduce(merge).unwrap();
    }
    if let Some(word) = schema["enum"].as_array() {
        return word[0].clone();
    }
    match types.as_str() {
        Some("array") => json!([least(api, name, &schema["items"])]),
        Some("string") => least_text(name, schema),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(false),
        _ => least_object(api, schema),
    }
}

fn least_object(api: &Value, schema: &Value) -> Value {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let property = |name: &Value| {
        let name = name.as_str().unwrap();
        (name.to_owned(), least(api, name, &schema["properties"][name]))
    };
    Value::Object(required.iter().map(property).collect::<Map<_, _>>())
}

/// Texts that are names have the names' form, which the description does not say.
fn least_text(name: &str, schema: &Value) -> Value {
    match (name, schema["format"].as_str()) {
        (_, Some("date-time")) => json!("2023-11-14T22:13:20Z"),
        ("full_name", _) => json!("acme/app"),
        (name, _) if name.ends_with("sha") => json!("0".repeat(40)),
        _ => json!(""),
    }
}

fn merge(a: Value, b: Value) -> Value {
    match (a, b) {
        (Value::Object(mut a), Value::Object(b)) => {
            a.extend(b);
            Value::Object(a)
        }
        (_, b) => b,
    }
}

#[test]
fn the_least_that_the_description_allows_is_read() {
    let Some(api) = published("openapi/generated/api.github.com.json") else { return };
    for (method, path, parse) in ANSWERS {
        let value = least(&api, "", &answer(&api, method, path)["schema"]);
        parse(value.clone()).unwrap_or_else(|error| panic!("{method} {path}: {error}\n{value:#}"));
    }
}
