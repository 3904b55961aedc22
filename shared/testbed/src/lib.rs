//! The one test bed.
