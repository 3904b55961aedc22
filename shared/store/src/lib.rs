//! The connection to Redis, and nothing about tasks.
//!
//! A [`Store`] is a cheap handle on one Redis (or Valkey) server: one
//! multiplexed connection that many callers share, made again when it breaks,
//! found through Sentinel where there is one. It knows the [`Namespace`] that
//! goes before every key, and runs [`Script`]s by their hash.
//!
//! - This is the only crate that lists `redis`. Others build their calls with
//!   the few types that are passed on here.
//! - A call is tried once. A call whose answer was lost may have taken effect:
//!   whether it may be repeated is for its caller to know. [`backoff`] is the
//!   one rhythm for those who repeat.
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
pub use connection::{Blocking, Store};
pub use error::StoreError;
pub use private_server::{
    Persistence, PrivateServer, PrivateServerConfig, ServerLogin, server_program,
};
pub use retry::{Backoff, backoff};
pub use script::Script;
pub use server::{PolicyWarning, ServerFacts};

/// What is passed on from the Redis client, so that others need not list it.
pub use redis::{Cmd, FromRedisValue, Pipeline, Value, cmd, from_redis_value, pipe};
/// A message on a channel, and the stream of them.
pub use redis::{Msg, aio::PubSub};
