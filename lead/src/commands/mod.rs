//! Commands to Greenline in comments: `@greenline retry`.
//!
//! What a comment asks for is read without asking anybody ([`parse_commands`]); whether its author may ask
//! for it is asked of GitHub at that moment ([`CommandAuthorizer`]). What comes out is a [`CommentCommand`] for the
//! plan: nothing is done here.
//!
//! - A command counts when it is written: not when a comment is edited later, not twice.
//! - Bots, and we ourselves, command nothing.
//! - Whoever may not push gets a confused reaction, whoever may gets eyes; other comments none.

mod authorize;
mod markup;
mod parser;

pub use authorize::{
    AuthorizeError, CommandAuthorizer, CommandsFound, CommentCommand, PullComment,
};
pub use parser::{CommandKind, MOST_COMMANDS, parse_commands};
