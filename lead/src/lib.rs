//! The lead daemon.
