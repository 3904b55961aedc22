//! Tasks as nobody wrote them: seeded mutations of real ones.

use greenline_fuzzing::mutate_and_read;
use greenline_queue::Task;

const SAMPLES: [&str; 4] = [
    r#"{"task_id":"hello-1","type":"run_command","validation":["echo hello"]}"#,
    r#"{"task_id":"a.b-2","type":"fix_test_failure","priority":"high","prompt":"x","inputs":{"repo":"acme/app","head_sha":"0123456789abcdef0123456789abcdef01234567","fork":false},"labels":["gpu","linux"],"depends_on":["hello-1"],"timeout_minutes":30,"dedup_key":"k","concurrency_key":"c","requires_approval":true}"#,
    r#"{"task_id":"t","type":"investigate_failure","created_at":"2026-01-31T12:00:00Z","not_before":"2026-02-01T00:00:00","max_cost_usd":1.5,"retry_count":1,"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","unknown":[{"a":[1e9,null]}]}"#,
    r#"{"task_id":"s","type":"run_command","setup":["true","cd x && make"],"validation":["make test"],"deliverables":["a patch"]}"#,
];

#[test]
fn no_task_makes_its_reader_panic() {
    let samples = SAMPLES.map(|sample| sample.as_bytes().to_vec());
    mutate_and_read("tasks", &samples, 150_000, |text| {
        let text = String::from_utf8_lossy(text);
        match Task::from_json(&text) {
            // The text is kept byte for byte, and reads the same again.
            Ok(task) => {
                assert_eq!(task.payload(), text);
                assert!(Task::from_json(task.payload()).is_ok());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
