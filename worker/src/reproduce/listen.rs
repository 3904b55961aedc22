//! Hearing what commands write: for the diagnosis, all of what the last one wrote; for the task's
//! log, as much as that keeps.

use greenline_diagnosis::Reader;

use crate::command::{OutputEvent, OutputLog, OutputReader};

/// Hears what commands write.
pub(super) struct Listener {
    to_keep: OutputLog,
    keep_bytes: u64,
    command: usize,
    heard: Reader,
}

impl Listener {
    pub(super) fn new(to_keep: OutputLog, keep_bytes: u64) -> Self {
        Self { to_keep, keep_bytes, command: 0, heard: Reader::new() }
    }

    /// Listens to the end. A run ends with the command that failed, so the last one counts.
    pub(super) async fn listen(mut self, mut reader: OutputReader) -> Reader {
        while let Some(events) = reader.next().await {
            for event in events {
                self.hear(&event);
            }
        }
        self.heard
    }

    fn hear(&mut self, event: &OutputEvent) {
        let OutputEvent::Written { command, stream, bytes } = event else {
            // What follows a gap is no continuation of the line before it.
            return self.heard.push(b"\n");
        };
        // Something in the background of an earlier command may still speak.
        if *command > self.command {
            (self.command, self.heard) = (*command, Reader::new());
        }
        if *command == self.command {
            self.heard.push(bytes);
        }
        self.to_keep.write(*command, *stream, bytes, self.keep_bytes);
    }
}
