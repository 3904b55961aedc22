//! What every Greenline process needs.
