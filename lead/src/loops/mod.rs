//! The loops that every lead runs beside its HTTP server: the tick and the outbox, the check that
//! all loops make progress, and the logging and waiting that they share after errors.

pub(crate) mod loop_health;
pub(crate) mod outbox;
pub(crate) mod retry_log;
pub(crate) mod tick;
