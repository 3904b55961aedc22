//! The state that all parts of a lead share.

use std::time::Duration;

use greenline_queue::Queue;
use greenline_runtime::clock::Clock;

use crate::leadership::LeaderLease;
use crate::loops::loop_health::LoopHealth;
