//! The client against a real HTTP server of a few lines, and against what GitHub publishes.

mod asking;
mod double;
mod graphql;
mod limits;
mod logs;
mod published;
mod tokens;
mod writing;
