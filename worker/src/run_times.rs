//! Measured run times per type, so that only short tasks are prefetched: a prefetched task waits
//! while other workers could take it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use greenline_queue::TaskType;

/// Tasks below this duration are short.
const SHORT: Duration = Duration::from_millis(100);

/// The number of runs after which a type is known.
const ENOUGH: u32 = 5;

/// The measured runs of each type: a mean that weighs recent runs most.
#[derive(Debug, Default)]
pub(crate) struct RunTimes {
    types: HashMap<TaskType, RunTime>,
    short: BTreeSet<TaskType>,
}

#[derive(Debug, Default)]
struct RunTime {
    runs: u32,
    mean: Duration,
}

impl RunTimes {
    /// Records a run.
    pub(crate) fn record(&mut self, kind: &TaskType, run: Duration) {
        let measured = match self.types.get_mut(kind) {
            Some(measured) => measured,
            None => self.types.entry(kind.clone()).or_default(),
        };
        measured.mean = if measured.runs == 0 { run } else { (measured.mean * 7 + run) / 8 };
        measured.runs = measured.runs.saturating_add(1);
        let is_short = measured.runs >= ENOUGH && measured.mean < SHORT;
        if is_short != self.short.contains(kind) {
            if is_short {
                self.short.insert(kind.clone());
            } else {
                self.short.remove(kind);
            }
        }
    }

    /// Returns the types whose tasks are short.
    pub(crate) fn short(&self) -> &BTreeSet<TaskType> {
        &self.short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_short_once_enough_runs_were() {
        let mut run_times = RunTimes::default();
        let kind = TaskType::run_command();
        for _ in 0..4 {
            run_times.record(&kind, Duration::from_millis(1));
        }
        assert!(run_times.short().is_empty());
        run_times.record(&kind, Duration::from_millis(1));
        assert!(run_times.short().contains(&kind));
        run_times.record(&kind, Duration::from_secs(2));
        assert!(run_times.short().is_empty());
    }
}
