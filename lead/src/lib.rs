//! The lead daemon: who leads, what time brings about, what has ended, and HTTP.
//!
//! Any number of leads may run over one queue. All of them tick and answer HTTP; one of them
//! *leads*: it alone takes note of what has ended, and later acts outside.
//!
//! - A lead acts only while its lease holds by its own steady clock, which ends before Redis's
//!   does. One that can't renew in time stops leading by itself, before another may begin.
//! - Whoever takes over reads the open intents, and says which there are, before it acts.
//! - Events are hints that wake it up. The outbox is the truth about what has ended, so nothing
//!   is missed when events are lost.
//! - Redis may go away: everything waits, says so once, and goes on when it is back.
//!
//! What happens on GitHub is [seen](watch) once, whoever saw it first, [judged](history) by what is
//! known from before and [decided](plan); what is said and done there goes through [one
//! way](publish) that repeats nothing and forgets nothing.
//!
//! # Example
//!
//! ```no_run
//! use std::time::Duration;
//! use greenline_lead::publish::IntentKeys;
//! use greenline_lead::{Lead, LeadOptions, Reach, ApiTokens};
//! use greenline_queue::{Queue, QueueOptions};
//! use greenline_runtime::ProcessRole;
//! use greenline_runtime::clock::Clock;
//! use greenline_runtime::liveness::Watchdog;
//! use greenline_runtime::metrics::{BuildInfo, MetricsExporter};
//! use greenline_runtime::shutdown::Shutdown;
//! use greenline_store::{Store, StoreConfig};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Clock::system();
//! let build = BuildInfo { version: env!("CARGO_PKG_VERSION"), role: ProcessRole::Lead };
//! let exporter = MetricsExporter::install(&build, &clock)?;
//! let (watchdog, pulse) = Watchdog::new("the lead", Duration::from_secs(60), clock.clone());
//! watchdog.on_own_thread(|stuck| panic!("{stuck}"))?;
//! let store = Store::connect(StoreConfig::at("redis://localhost")).await?;
//! let lead = Lead::bind(LeadOptions {
//!     id: "laptop-4711-0198f3".to_owned(),
//!     queue: Queue::open(store, QueueOptions::default()).await?,
//!     listen: "127.0.0.1:7410".parse()?,
//!     tokens: ApiTokens::Operator("a long random text".to_owned().into()),
//!     lease: Duration::from_secs(10),
//!     clock,
//!     pulse,
//!     exporter,
//!     watch: None,
//!     notifier: None,
//!     intent_keys: IntentKeys::new("another long random text".to_owned().into(), None),
//!     reach: Reach::default(),
//! })
//! .await?;
//! println!("http://{}", lead.address());
//! lead.run(Shutdown::new()).await?;
//! # Ok(())
//! # }
//! ```

pub mod check;
pub mod commands;
mod daemon;
mod handlers;
pub mod history;
mod http;
mod leadership;
mod loops;
mod metrics;
pub mod plan;
pub mod prompts;
pub mod publish;
pub mod repo_settings;
mod state;
pub mod watch;

pub use daemon::{Lead, LeadError, LeadOptions};
pub use http::Reach;
pub use http::access::ApiTokens;
pub use http::health_check::{HealthCheckError, health_check};
pub use leadership::LeaderStatus;
