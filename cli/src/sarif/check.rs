//! `greenline sarif check`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use greenline_diagnosis::sarif::{self, RepairedSarif, SarifProblem, SarifSeverity};
use greenline_diagnosis::show::visible;
use serde::Serialize;

use crate::error::{CliError, ExitStatus};
use crate::global::Global;
use crate::print::Output;
use crate::print::style::{BAD, DIM, GOOD, WARN};

/// Far more than what compresses to GitHub's limit.
const LARGEST: u64 = 256 * 1024 * 1024;

/// The memory that a file may take once it is read: enough for what compresses into 10 MB.
const HEAVIEST: u64 = 1024 * 1024 * 1024;

/// Report what GitHub would refuse or not show, and repair it
///
/// GitHub's code scanning refuses a whole upload for one result without a location, for two runs
/// with the same tool and category, or for an empty file. This command reports such errors first,
/// with their places.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline sarif check results.sarif
  greenline sarif check --repair results.sarif            mends the file where it is
  greenline sarif check --repair --output fit.sarif results.sarif
  semgrep --sarif | greenline sarif check --repair - >fit.sarif

A missing or empty file becomes one without results, so that an upload does not fail. A tool that
crashed then looks like one that found nothing: let its own exit code fail the job.

Exit codes: 0 GitHub takes it and shows all of it, 1 there are complaints,
2 wrong usage, 3 the file can't be read or written.")]
pub(crate) struct Args {
    /// The file, or - for standard input
    file: PathBuf,
    /// Repair what can be repaired, and list the repairs
    #[arg(long)]
    repair: bool,
    /// Write the repaired file here, and leave the original unchanged
    #[arg(long, value_name = "FILE", requires = "repair")]
    output: Option<PathBuf>,
}

/// The result of a check.
#[derive(Debug, Serialize)]
struct SarifReport {
    file: String,
    /// No errors are left.
    ok: bool,
    problems: Vec<SarifProblem>,
    repairs: Vec<String>,
    written: Option<String>,
}

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    let out = Output { json: global.json };
    let from = SarifInput::read(&args.file)?;
    let report = if args.repair {
        repair(args, &from, out)?
    } else {
        let problems = from.bytes.as_deref().map_or_else(|| vec![sarif::missing()], sarif::check);
        SarifReport {
            file: from.name,
            ok: problems.is_empty(),
            problems,
            repairs: Vec::new(),
            written: None,
        }
    };
    let data_is_taken = report.written.as_deref() == Some("-");
    match (out.json, data_is_taken) {
        (true, false) => out.line(serde_json::to_string(&report)?)?,
        (false, false) => out.block(page(&report, args.repair))?,
        (_, true) => out.note(page(&report, true).trim_end()),
    }
    Ok(if report.ok { ExitStatus::Success } else { ExitStatus::Negative })
}

struct SarifInput {
    name: String,
    /// `None` if the file does not exist.
    bytes: Option<Vec<u8>>,
}

impl SarifInput {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let stdin = is_stdin(path);
        let name = if stdin { "standard input".to_owned() } else { path.display().to_string() };
        let read = if stdin { whole(io::stdin().lock()) } else { File::open(path).and_then(whole) };
        match read {
            Ok(bytes) if bytes.len() as u64 > LARGEST => {
                Err(CliError::external(format!("{name} has more than 256 MiB"))
                    .hint("GitHub takes 10 MB, compressed: let the tool report less")
                    .into())
            }
            Ok(bytes) if sarif::weight(&bytes) > HEAVIEST => {
                let size = bytes.len() >> 20;
                Err(CliError::external(format!(
                    "{name} has {size} MiB in so many small parts that reading it would take more \
                     than 1 GiB of memory"
                ))
                .hint("let the tool report less, or split its report into several files")
                .into())
            }
            Ok(bytes) => Ok(Self { name, bytes: Some(bytes) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { name, bytes: None }),
            Err(error) => Err(CliError::external(format!("failed to read {name}: {error}")).into()),
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn whole(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn repair(args: &Args, from: &SarifInput, out: Output) -> anyhow::Result<SarifReport> {
    let repaired = match &from.bytes {
        Some(bytes) => sarif::repair(bytes),
        None => Ok(RepairedSarif {
            text: sarif::empty(),
            repairs: vec!["wrote a file with a run without results, for there was none".to_owned()],
            left: Vec::new(),
        }),
    };
    let mut report = SarifReport {
        file: from.name.clone(),
        ok: false,
        problems: Vec::new(),
        repairs: Vec::new(),
        written: None,
    };
    match repaired {
        Err(problems) => report.problems = problems,
        Ok(repaired) => {
            let to = args.output.as_deref().unwrap_or(&args.file);
            // A valid file is not rewritten.
            if !repaired.repairs.is_empty() || to != args.file || is_stdin(to) {
                write(to, &repaired.text, out)?;
                report.written = Some(to.display().to_string());
            }
            report.ok = repaired.left.is_empty();
            (report.problems, report.repairs) = (repaired.left, repaired.repairs);
        }
    }
    Ok(report)
}

/// Writes a file as a whole, or not at all.
fn write(path: &Path, text: &str, out: Output) -> anyhow::Result<()> {
    if is_stdin(path) {
        return Ok(out.block(text)?);
    }
    let failed = || format!("failed to write {}", path.display());
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mode = std::fs::metadata(path).map_or(0o666, |about| about.permissions().mode() & 0o777);
    let mut draft = tempfile::Builder::new()
        .prefix(".greenline-")
        .permissions(std::fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
        .with_context(failed)?;
    draft.write_all(text.as_bytes()).with_context(failed)?;
    draft.persist(path).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}

fn page(report: &SarifReport, repaired: bool) -> String {
    let mut page = String::new();
    for repairs in &report.repairs {
        page.push_str(&format!("{GOOD}done{GOOD:#}  {repairs}\n"));
    }
    for it in &report.problems {
        let (mark, style) = match it.severity {
            SarifSeverity::Refused => ("fail", BAD),
            SarifSeverity::Lost => ("warn", WARN),
        };
        let line = it.line.map_or(String::new(), |line| format!(":{line}"));
        let column = it.column.map_or(String::new(), |column| format!(":{column}"));
        let at = if it.pointer.is_empty() { String::new() } else { format!(" ({})", it.pointer) };
        let message = visible(&it.message);
        let file = &report.file;
        page.push_str(&format!(
            "{style}{mark}{style:#}  {file}{line}{column}: {message}{DIM}{at}{DIM:#}\n"
        ));
        page.push_str(&format!("      {DIM}hint: {}{DIM:#}\n", it.hint));
    }
    page.push_str(&summary(report, repaired));
    page
}

fn summary(report: &SarifReport, repaired: bool) -> String {
    let of = |severity| report.problems.iter().filter(|it| it.severity == severity).count();
    let count = |count: usize, one: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    };
    let written = report.written.as_deref().filter(|path| *path != "-");
    let mut summary = match (report.ok, written) {
        (true, Some(path)) => format!("GitHub takes {path}\n"),
        (true, None) => format!("GitHub takes {}\n", report.file),
        (false, _) => {
            let (refused, lost) = (of(SarifSeverity::Refused), of(SarifSeverity::Lost));
            let end =
                if refused > 0 { "GitHub refuses it" } else { "GitHub does not show all of it" };
            format!("{}, {}: {end}\n", count(refused, "failure"), count(lost, "warning"))
        }
    };
    let repairable = report.problems.iter().filter(|it| it.can_be_repaired).count();
    if !repaired && repairable > 0 {
        summary.push_str(&format!(
            "--repair mends {repairable} of {}\n",
            count(report.problems.len(), "complaint")
        ));
    }
    summary
}
