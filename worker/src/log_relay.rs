//! Copies the output of commands to the task's log in Redis.

use greenline_queue::LARGEST_PIECE;

use crate::command::{OutputEvent, OutputReader, OutputStream};
use crate::handler::TaskLog;

/// Copies output until it ends.
pub(crate) async fn relay(mut reader: OutputReader, log: TaskLog) {
    let mut lost = false;
    while let Some(events) = reader.next().await {
        let mut pieces = Vec::new();
        if lost {
            pieces.push(("note", "some output is missing here: Redis was away".to_owned()));
        }
        for event in events {
            append(&mut pieces, event);
        }
        lost = !log.write(pieces).await;
    }
}

fn append(pieces: &mut Vec<(&'static str, String)>, event: OutputEvent) {
    match event {
        OutputEvent::Written { stream, bytes, .. } => {
            let stream = match stream {
                OutputStream::Stdout => "out",
                OutputStream::Stderr => "err",
            };
            for chunk in bytes.chunks(LARGEST_PIECE) {
                pieces.push((stream, String::from_utf8_lossy(chunk).into_owned()));
            }
        }
        OutputEvent::LeftOut { bytes } => {
            pieces.push(("note", format!("{bytes} bytes of output are left out here")));
        }
        OutputEvent::KeptBack { limit } => {
            pieces.push((
                "note",
                format!("the last {limit} bytes of what follows come when the commands have ended"),
            ));
        }
    }
}
