//! Plain tables: columns two spaces apart, no lines. The last column takes the remaining width.

use std::fmt;

use anstyle::Style;

use super::text;

/// The alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Creates a colored cell.
    pub(crate) fn styled(text: impl fmt::Display, style: Style) -> Self {
        Self { text: text::one_line(&text.to_string()), style }
    }
}

impl<T: fmt::Display> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, Style::new())
    }
}

/// A table under construction.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
    width: Option<usize>,
}

impl Table {
    /// Creates a table of these columns, not wider than `width`.
    pub(crate) fn new(columns: &[(&'static str, Align)], width: Option<usize>) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), width }
    }

    /// Adds a row: one cell per column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn widths(&self) -> Vec<usize> {
        let column = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| text::width(&cell.text)).max().unwrap_or(0);
            widest.max(text::width(self.columns[at].0))
        };
        let mut widths: Vec<usize> = (0..self.columns.len()).map(column).collect();
        if let (Some(most), Some((last, others))) = (self.width, widths.split_last_mut()) {
            let taken: usize = others.iter().map(|width| width + 2).sum();
            *last = (*last).min(most.saturating_sub(taken).max(8));
        }
        widths
    }

    fn write_row<'a>(
        &self,
        f: &mut fmt::Formatter<'_>,
        widths: &[usize],
        cells: impl Iterator<Item = (&'a str, Style)>,
    ) -> fmt::Result {
        let last = widths.len().saturating_sub(1);
        for (at, (words, style)) in cells.take(widths.len()).enumerate() {
            let words = text::cut(words, widths[at]);
            let gap = " ".repeat(widths[at] - text::width(&words));
            match self.columns[at].1 {
                Align::Right if at == last && words.is_empty() => {}
                Align::Right => write!(f, "{gap}{style}{words}{style:#}")?,
                Align::Left if at == last => write!(f, "{style}{words}{style:#}")?,
                Align::Left => write!(f, "{style}{words}{style:#}{gap}")?,
            }
            if at < last {
                f.write_str("  ")?;
            }
        }
        f.write_str("\n")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let heads = self.columns.iter().map(|(name, _)| (*name, super::style::DIM));
        self.write_row(f, &widths, heads)?;
        for row in &self.rows {
            self.write_row(f, &widths, row.iter().map(|cell| (cell.text.as_str(), cell.style)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_styles(table: &Table) -> String {
        anstream::adapter::strip_str(&table.to_string()).to_string()
    }

    #[test]
    fn columns_line_up_and_the_last_gives_way() {
        let columns = [("id", Align::Left), ("age", Align::Right), ("detail", Align::Left)];
        let mut table = Table::new(&columns, Some(24));
        table.row(["a-1".into(), "3 s".into(), "short".into()]);
        table.row(["long-id".into(), "12 min".into(), "much too long\nfor this".into()]);
        let expected =
            "id          age  detail\na-1         3 s  short\nlong-id  12 min  much to…\n";
        assert_eq!(without_styles(&table), expected);
    }
}
