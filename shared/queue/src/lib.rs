//! The task queue.
