//! Commands to Greenline in comments: `@greenline retry`.
//!
//! What a comment asks for is read without asking anybody ([`words`]); whether its author may ask
//! for it is asked of GitHub at that moment ([`Intake`]). What comes out is a [`Command`] for the
//! plan: nothing is done here.
//!
//! - A command counts when it is written: not when a comment is edited later, not twice.
//! - Bots, and we ourselves, command nothing.
//! - Whoever may not push gets a confused reaction, whoever may gets eyes; other comments none.

mod intake;
mod markup;
mod words;

pub use intake::{Command, Heard, HearingError, Intake, Spoken};
pub use words::{MOST_WORDS, Word, words};
