//! The connection to Redis, without any knowledge of tasks.
//!
//! A [`Store`] is a cheap handle on one Redis (or Valkey) server: one multiplexed connection that
//! many callers share. It reconnects when it breaks, and finds the master through Sentinel if
//! configured. It knows the [`Namespace`] that prefixes every key, and runs [`Script`]s by their
//! hash.
//!
//! - This is the only crate that lists `redis`. Other crates build their calls with the few types
//!   re-exported here.
//! - A call is tried once. A call whose reply was lost may have taken effect: its caller knows
//!   whether it may be repeated. [`backoff`] is the one retry schedule.
//! - Redis Cluster is refused: the queue's scripts touch keys of many slots.
//!
//! [`PrivateServer`] starts a redis-server that belongs to this process.

mod config;
mod connection;
mod error;
mod private_server;
mod retry;
mod script;
mod server;

pub use config::{Credentials, Endpoint, Namespace, StoreConfig, TlsFiles};
pub use connection::{BlockingConnection, Store};
pub use error::StoreError;
pub use private_server::{
    Persistence, PrivateServer, PrivateServerConfig, ServerLogin, server_program,
};
pub use retry::{Backoff, backoff};
pub use script::Script;
pub use server::{PolicyWarning, ServerFacts};

/// Re-exports of the Redis client, so that other crates need not list it.
pub use redis::{Cmd, FromRedisValue, Pipeline, Value, cmd, from_redis_value, pipe};
/// A message on a channel, and the stream of them.
pub use redis::{Msg, aio::PubSub};
