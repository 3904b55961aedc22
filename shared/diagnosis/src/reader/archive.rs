//! The zip of a run.
