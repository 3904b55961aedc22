//! Reads the output of commands: for the diagnosis, all of the last one's; for the task's log, as
//! much as that keeps.

use greenline_diagnosis::LogReader;

use crate::command::{OutputEvent, OutputLog, OutputReader};

/// Reads the output of commands.
pub(super) struct OutputCapture {
    to_keep: OutputLog,
    keep_bytes: u64,
    command: usize,
    captured: LogReader,
}

impl OutputCapture {
    pub(super) fn new(to_keep: OutputLog, keep_bytes: u64) -> Self {
        Self { to_keep, keep_bytes, command: 0, captured: LogReader::new() }
    }

    /// Reads to the end. A run ends with the command that failed, so the last one counts.
    pub(super) async fn capture(mut self, mut reader: OutputReader) -> LogReader {
        while let Some(events) = reader.next().await {
            for event in events {
                self.record(&event);
            }
        }
        self.captured
    }

    fn record(&mut self, event: &OutputEvent) {
        let OutputEvent::Written { command, stream, bytes } = event else {
            // What follows a gap is no continuation of the line before it.
            return self.captured.push(b"\n");
        };
        // A background process of an earlier command may still write.
        if *command > self.command {
            (self.command, self.captured) = (*command, LogReader::new());
        }
        if *command == self.command {
            self.captured.push(bytes);
        }
        self.to_keep.write(*command, *stream, bytes, self.keep_bytes);
    }
}
