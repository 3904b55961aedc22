//! Any text as a task: `cargo fuzz run task`.

#![no_main]

use greenline_queue::Task;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(task) = Task::from_json(text) {
        assert_eq!(task.payload(), text);
    }
});
