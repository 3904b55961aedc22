//! Progress: a bar with the remaining time on a terminal, one line a minute elsewhere.

use std::fmt;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use greenline_runtime::human;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::print::Output;

/// The interval of lines without a bar.
const LINE_EVERY: Duration = Duration::from_secs(60);

pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    out: Output,
    what: &'static str,
    began: Instant,
    printed_at: Instant,
}

impl Progress {
    /// Starts the progress of `total` items. `what` names the activity.
    pub(crate) fn new(out: Output, what: &'static str, total: u64) -> Self {
        let now = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| bar(what, total));
        Self { bar, out, what, began: now, printed_at: now }
    }

    /// Sets the number of finished items, and the total.
    pub(crate) fn set(&mut self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
        } else if self.printed_at.elapsed() >= LINE_EVERY {
            self.printed_at = Instant::now();
            let left = left(self.began.elapsed(), done, total)
                .map(|left| format!(", about {} left", human::duration(left)))
                .unwrap_or_default();
            let (done, total) = (human::number(done), human::number(total));
            self.out.note(format_args!("{}: {done} of {total}{left}", self.what));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str, total: u64) -> ProgressBar {
    let form = "{msg} {wide_bar} {human_pos} of {human_len}{left}";
    let style = ProgressStyle::with_template(form).expect("the template is a constant that parses");
    let style = style.with_key("left", |state: &ProgressState, f: &mut dyn fmt::Write| {
        // There is no estimate before the first item is done; and a bar is no place for errors.
        if state.pos() > 0 {
            let _drawn = write!(f, ", {} left", human::duration(state.eta()));
        }
    });
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    bar.set_style(style);
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// Estimates the remaining time from the pace so far.
fn left(took: Duration, done: u64, total: u64) -> Option<Duration> {
    let rest = total.checked_sub(done)?;
    let each = took.checked_div(u32::try_from(done).ok()?)?;
    each.checked_mul(u32::try_from(rest).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_goes_as_the_part_before() {
        let minute = Duration::from_secs(60);
        assert_eq!(left(minute, 1, 4), Some(minute * 3));
        assert_eq!(left(minute, 0, 4), None);
        assert_eq!(left(minute, 4, 4), Some(Duration::ZERO));
    }
}
