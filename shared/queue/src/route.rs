//! Routes: types and labels of tasks in one canonical word.

use std::collections::BTreeSet;

use crate::{Label, TaskType};

/// The tasks of one type that require the same labels, as a word such as `run_command+gpu+linux`.
/// Tasks of built-in types without labels have no route: they are in the lists that all workers
/// share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route(String);

impl Route {
    /// Returns the route of a task; `None` if every worker may take it.
    #[must_use]
    pub fn of(kind: &TaskType, labels: &BTreeSet<Label>) -> Option<Self> {
        if kind.is_built_in() && labels.is_empty() {
            return None;
        }
        let mut word = kind.as_str().to_owned();
        for label in labels {
            word.push('+');
            word.push_str(label.as_str());
        }
        Some(Self(word))
    }

    /// Creates a route from its stored word.
    #[must_use]
    pub fn stored(word: &str) -> Self {
        Self(word.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `true` if its tasks run alone on a worker, because they may have killed others.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.0.starts_with('!')
    }

    /// Returns the type of its tasks.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.words().next().unwrap_or_default()
    }

    /// Returns the labels that its tasks require.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.words().skip(1)
    }

    /// Returns `true` if a worker with these types and labels may take its tasks.
    #[must_use]
    pub fn suits(&self, types: &BTreeSet<TaskType>, labels: &BTreeSet<Label>) -> bool {
        types.iter().any(|kind| kind.as_str() == self.kind())
            && self.labels().all(|wanted| labels.iter().any(|label| label.as_str() == wanted))
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.0.trim_start_matches('!').split('+')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<T: std::str::FromStr + Ord>(words: &[&str]) -> BTreeSet<T>
    where
        T::Err: std::fmt::Debug,
    {
        words.iter().map(|word| word.parse().unwrap()).collect()
    }

    #[test]
    fn labels_are_in_one_order_whatever_the_producer_wrote() {
        let kind = TaskType::run_command();
        assert_eq!(Route::of(&kind, &set(&[])), None);
        let route = Route::of(&kind, &set(&["linux", "gpu"])).unwrap();
        assert_eq!(route.as_str(), "run_command+gpu+linux");
    }

    #[test]
    fn an_unknown_type_has_a_route_without_labels() {
        let route = Route::of(&"train_model".parse().unwrap(), &set(&[])).unwrap();
        assert_eq!(route.as_str(), "train_model");
    }

    #[test]
    fn a_worker_needs_the_type_and_all_labels() {
        let route = Route::stored("!run_command+gpu");
        assert!(route.is_alone());
        let types = set(&["run_command"]);
        assert!(route.suits(&types, &set(&["gpu", "linux"])));
        assert!(!route.suits(&types, &set(&["linux"])));
        assert!(!route.suits(&set(&["deploy_step"]), &set(&["gpu"])));
    }
}
