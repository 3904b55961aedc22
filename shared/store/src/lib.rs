//! The connection to Redis.
