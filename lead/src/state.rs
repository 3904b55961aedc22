//! The state that all parts of a lead share.

use std::time::Duration;

use greenline_queue::Queue;
use greenline_runtime::clock::Clock;

use crate::leadership::LeaderLease;
use crate::loops::loop_health::LoopHealth;

pub(crate) struct LeadState {
    pub(crate) id: String,
    pub(crate) queue: Queue,
    pub(crate) lease: Duration,
    pub(crate) clock: Clock,
    /// By the steady clock.
    pub(crate) started_at: Duration,
    pub(crate) leadership: LeaderLease,
    pub(crate) loop_health: LoopHealth,
}
