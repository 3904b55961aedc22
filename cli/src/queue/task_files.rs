//! Tasks as text: one object, an array of them, or one per line.
//!
//! Everything is read and checked before anything is enqueued, and all errors are reported at once,
//! each with its place.

use greenline_queue::{Task, TaskError};
use serde_json::value::RawValue;

/// An error in one task, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaskFileError {
    /// `file:line` or `file:line:column`.
    pub(super) place: String,
    /// The error, beginning with the field.
    pub(super) message: String,
}

/// The tasks of a text.
#[derive(Debug, Default)]
pub(super) struct ParsedTasks {
    pub(super) tasks: Vec<Task>,
    pub(super) errors: Vec<TaskFileError>,
}

impl ParsedTasks {
    /// Reads one text. `name` names its place, `most` is the size limit of a task in bytes.
    pub(super) fn read(&mut self, name: &str, bytes: &[u8], most: usize) {
        let source = TaskFile { name, most };
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(error) => {
                let line = newlines(&bytes[..error.valid_up_to()]) + 1;
                let message = "this is not UTF-8 text".to_owned();
                self.errors.push(TaskFileError { place: format!("{name}:{line}"), message });
                return;
            }
        };
        let before = (self.tasks.len(), self.errors.len());
        if is_one_per_line(text) {
            self.read_lines(&source, text);
        } else {
            self.read_values(&source, text);
        }
        if before == (self.tasks.len(), self.errors.len()) {
            let message = "there is no task in it".to_owned();
            self.errors.push(TaskFileError { place: name.to_owned(), message });
        }
    }

    fn read_lines(&mut self, source: &TaskFile<'_>, text: &str) {
        for (at, line) in text.lines().enumerate() {
            let begins = line.len() - line.trim_start().len();
            if !line.trim().is_empty() {
                self.take(source, line.trim(), TextPosition { line: at + 1, column: begins + 1 });
            }
        }
    }

    fn read_values(&mut self, source: &TaskFile<'_>, text: &str) {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        loop {
            let value = match values.next() {
                None => return,
                Some(Ok(value)) => value,
                Some(Err(error)) => {
                    let spot = TextPosition { line: error.line(), column: error.column() };
                    let message = without_place(&error.to_string()).0.to_owned();
                    self.errors.push(source.error(spot, message));
                    return;
                }
            };
            let end = values.byte_offset();
            self.take_value(source, text, end - value.get().len(), value.get());
        }
    }

    /// Reads a task, or all tasks of an array.
    fn take_value(&mut self, source: &TaskFile<'_>, text: &str, begins: usize, value: &str) {
        if !value.starts_with('[') {
            self.take(source, value, TextPosition::of(text, begins));
            return;
        }
        let items: Vec<&RawValue> = match serde_json::from_str(value) {
            Ok(items) => items,
            Err(error) => {
                let message = without_place(&error.to_string()).0.to_owned();
                self.errors.push(source.error(TextPosition::of(text, begins), message));
                return;
            }
        };
        let mut from = begins;
        for item in items {
            // Items come in order, separated only by blanks and commas.
            let at = text[from..].find(item.get()).map_or(from, |at| from + at);
            self.take(source, item.get(), TextPosition::of(text, at));
            from = at + item.get().len();
        }
    }

    fn take(&mut self, source: &TaskFile<'_>, text: &str, spot: TextPosition) {
        match source.task(text) {
            Ok(task) => self.tasks.push(task),
            Err(error) => {
                let error = error.to_string();
                let (message, inside) = without_place(&error);
                let spot = inside.map_or(spot, |inside| spot.then(inside));
                self.errors.push(source.error(spot, message.to_owned()));
            }
        }
    }
}

struct TaskFile<'a> {
    name: &'a str,
    most: usize,
}

impl TaskFile<'_> {
    fn task(&self, text: &str) -> Result<Task, TaskError> {
        if text.len() > self.most {
            return Err(TaskError::TooLarge { bytes: text.len(), most: self.most });
        }
        Task::from_json(text)
    }

    fn error(&self, spot: TextPosition, message: String) -> TaskFileError {
        // Text that is not JSON has no field yet.
        let message = message.strip_prefix("?: ").unwrap_or(&message).to_owned();
        TaskFileError { place: format!("{}:{}:{}", self.name, spot.line, spot.column), message }
    }
}

/// A position in a text; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TextPosition {
    line: usize,
    column: usize,
}

impl TextPosition {
    fn of(text: &str, at: usize) -> Self {
        let before = &text.as_bytes()[..at];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Self { line: newlines(before) + 1, column: at - line_start + 1 }
    }

    /// Returns a position within a text that begins here.
    fn then(self, inside: Self) -> Self {
        let column = if inside.line == 1 { self.column + inside.column - 1 } else { inside.column };
        Self { line: self.line + inside.line - 1, column }
    }
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Returns `true` if each line is a separate task.
fn is_one_per_line(text: &str) -> bool {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).all(|line| line.starts_with('{'))
}

/// Removes the place that serde puts at the end of its messages.
fn without_place(message: &str) -> (&str, Option<TextPosition>) {
    let found = || {
        let (message, place) = message.rsplit_once(" at line ")?;
        let (line, column) = place.split_once(" column ")?;
        let spot =
            TextPosition { line: line.parse().ok()?, column: column.parse::<usize>().ok()?.max(1) };
        Some((message, Some(spot)))
    };
    found().unwrap_or((message, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ParsedTasks {
        let mut tasks = ParsedTasks::default();
        tasks.read("in", text.as_bytes(), 1024);
        tasks
    }

    fn ids(text: &str) -> Vec<String> {
        let tasks = read(text);
        assert_eq!(tasks.errors, []);
        tasks.tasks.iter().map(|task| task.id().to_string()).collect()
    }

    fn errors(text: &str) -> Vec<String> {
        read(text)
            .errors
            .iter()
            .map(|error| format!("{}: {}", error.place, error.message))
            .collect()
    }

    fn task(id: &str) -> String {
        format!(r#"{{"task_id":"{id}","type":"t"}}"#)
    }

    #[test]
    fn one_task_many_lines_and_arrays_are_read() {
        assert_eq!(ids("{\n  \"task_id\": \"a\",\n  \"type\": \"t\"\n}\n"), ["a"]);
        assert_eq!(ids(&format!("{}\n\n{}\n", task("a"), task("b"))), ["a", "b"]);
        assert_eq!(ids(&format!("[{},\n {}]", task("a"), task("b"))), ["a", "b"]);
        assert_eq!(ids(&format!("\u{feff}{}", task("a"))), ["a"]);
    }

    #[test]
    fn a_task_keeps_its_bytes() {
        let text = "[ {\"task_id\":\"a\", \"type\":\"t\", \"x\":  1.0e3} ]";
        assert_eq!(read(text).tasks[0].payload(), &text[2..text.len() - 2]);
    }

    #[test]
    fn all_faults_are_told_each_with_its_place() {
        let lines = format!(
            "{}\n{{\"task_id\":\"b\"}}\n  {{\"task_id\":\"c d\",\"type\":\"t\"}}\n{{x\n",
            task("a")
        );
        let found = errors(&lines);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], "in:2:15: missing field `type`");
        assert!(found[1].starts_with("in:3:") && found[1].contains("task_id: "), "{}", found[1]);
        assert!(found[2].starts_with("in:4:2: key must be a string"), "{}", found[2]);
    }

    #[test]
    fn a_place_in_an_array_counts_from_the_start_of_the_file() {
        let text = format!("[\n  {},\n  {{\"task_id\": \"b\",\n   \"type\": 3}}\n]\n", task("a"));
        let found = errors(&text);
        assert!(found[0].starts_with("in:4:1"), "{found:?}");
        assert!(found[0].contains("type: invalid type: integer `3`"), "{found:?}");
        assert!(errors("[{\"task_id\": \"a\"")[0].starts_with("in:1:"));
    }

    #[test]
    fn what_is_no_task_is_named() {
        assert_eq!(errors(""), ["in: there is no task in it"]);
        assert_eq!(errors("[]"), ["in: there is no task in it"]);
        assert!(errors("3")[0].starts_with("in:1:1: invalid type: integer `3`"));
        let large = format!(r#"{{"task_id":"a","type":"t","prompt":"{}"}}"#, "x".repeat(2000));
        assert!(errors(&large)[0].contains("at most 1024 are allowed"));
        let mut tasks = ParsedTasks::default();
        tasks.read("in", b"{\n\xff}", 1024);
        assert_eq!(tasks.errors[0].place, "in:2");
    }
}
