//! Log events: one line each, on stderr, so that stdout carries only data.
//!
//! Text is for people: `Finished task ci-7 as success task.id=ci-7 duration_ms=160213`. JSON is for
//! machines. In both formats an event is exactly one line: a newline inside a value is written as
//! `\n`, so that foreign text can't pose as an event. Colors appear only on a terminal and never
//! when `NO_COLOR` is set.

use std::io::{self, IsTerminal, Write};

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

use crate::settings::{LogFormat, LogSettings};

/// Enables colors in text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogColor {
    Plain,
    /// Terminal colors.
    Colored,
}

impl LogColor {
    /// Chooses colors for a terminal, unless the user disabled them.
    pub fn of(stream: &impl IsTerminal, settings: &LogSettings) -> Self {
        if stream.is_terminal() && !settings.no_color { Self::Colored } else { Self::Plain }
    }
}

/// Sends the events of this process to stderr from now on.
///
/// # Errors
///
/// When this process already has a subscriber.
pub fn init(settings: &LogSettings) -> Result<(), TryInitError> {
    subscriber(settings, LogColor::of(&io::stderr(), settings), io::stderr).try_init()
}

/// Builds the subscriber that [`init`] installs, with another writer.
pub fn subscriber<W>(
    settings: &LogSettings,
    color: LogColor,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = match settings.format {
        LogFormat::Text => fmt::layer()
            .compact()
            .with_target(false)
            .with_ansi(color == LogColor::Colored)
            .with_writer(OneLineEach(writer))
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_ansi(false)
            .with_writer(writer)
            .boxed(),
    };
    Registry::default().with(lines.with_filter(settings.filter.build()))
}

/// Keeps every event on one line.
struct OneLineEach<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLineEach<W> {
    type Writer = OneLine<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine(self.0.make_writer())
    }
}

/// Receives one event per call, because the formatter writes so.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (body, end) = match event.split_last() {
            Some((b'\n', body)) => (body, "\n"),
            _ => (event, ""),
        };
        if body.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0x80..)) {
            let escaped = escape(&String::from_utf8_lossy(body));
            self.0.write_all(format!("{escaped}{end}").as_bytes())?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Escapes newlines, and characters outside of ASCII that are invisible or reorder text.
fn escape(event: &str) -> String {
    let mut escaped = String::with_capacity(event.len());
    let mut letter_text = String::new();
    for letter in event.chars() {
        match letter {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            _ if letter.is_ascii() => escaped.push(letter),
            _ => {
                // Behind another letter, an accent that combines with it counts as visible.
                letter_text.clear();
                letter_text.extend(['a', letter]);
                escaped.extend(letter_text.escape_debug().skip(1));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str, events: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let filter = filter.parse().unwrap();
        let settings = LogSettings { format, filter, no_color: false };
        let subscriber = subscriber(&settings, LogColor::Plain, move || writer.clone());
        tracing::subscriber::with_default(subscriber, events);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn hidden_characters_of_an_event_are_escaped() {
        let line =
            logged(LogFormat::Text, "info", || info!("a\u{202e}b\u{200b}\u{9b}c é e\u{301} 日本"));
        assert!(line.ends_with("a\\u{202e}b\\u{200b}\\u{9b}c é e\u{301} 日本\n"), "{line}");
    }

    fn finish_a_task() {
        let span = info_span!("task", task.id = "ci-7", task.attempt = 1);
        span.in_scope(|| info!(duration_ms = 160_213, "Finished task ci-7 as success"));
    }

    #[test]
    fn text_is_a_sentence_and_its_fields() {
        let text = logged(LogFormat::Text, "info", finish_a_task);
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(time.ends_with('Z'), "{time}");
        assert_eq!(
            rest.trim_start(),
            "INFO task: Finished task ci-7 as success duration_ms=160213 task.id=\"ci-7\" task.attempt=1\n"
        );
    }

    #[test]
    fn json_is_one_object_with_the_ids_of_its_spans() {
        let line = logged(LogFormat::Json, "info", finish_a_task);
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["message"], "Finished task ci-7 as success");
        assert_eq!(event["duration_ms"], 160_213);
        assert_eq!(event["spans"][0]["task.id"], "ci-7");
    }

    #[test]
    fn text_from_outside_cannot_pose_as_an_event() {
        let line = "all good\n2026-01-01T00:00:00Z  INFO everything was approved";
        let text = logged(LogFormat::Text, "info", || info!("Command said {line}"));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("all good\\n2026"), "{text}");
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        assert_eq!(logged(LogFormat::Text, "warn", finish_a_task), "");
    }
}
