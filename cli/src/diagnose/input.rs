//! Turns the command line's paths into logs: files, directories, archives, standard input.
//!
//! - The first bytes of a file decide its kind: gzip and zip are opened, whatever their names.
//! - Logs are read in pieces; none is ever in memory as a whole.
//! - Of an unpacked run, the logs of whole jobs count, not those of their steps beside them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use greenline_diagnosis::LogReader;
use greenline_diagnosis::archive::Archive;

use crate::error::CliError;
use crate::print::Output;
use crate::progress::Progress;

/// The size of one read.
const PIECE: usize = 256 * 1024;
/// The size from which progress is shown.
const SLOW: u64 = 32 * 1024 * 1024;

/// Receives each log with its name.
pub(super) type LogSink<'a> = &'a mut dyn FnMut(String, LogReader);

/// Refuses to wait for a log that no one pipes in.
pub(super) fn refuse_a_person_typing(paths: &[PathBuf]) -> Result<(), CliError> {
    let asked = paths.iter().any(|path| is_stdin(path));
    if asked && io::stdin().is_terminal() {
        return Err(CliError::usage("there is no log on standard input, only a terminal")
            .hint("name a log, or pipe one: gh run view --log-failed | greenline diagnose"));
    }
    Ok(())
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads all logs of a path. Returns an error if none holds anything.
pub(super) fn read(path: &Path, out: Output, take: LogSink<'_>) -> anyhow::Result<()> {
    if is_stdin(path) {
        let name = "standard input";
        let source = LogInput { name, size: 0, out };
        return one(source, BufReader::with_capacity(PIECE, io::stdin().lock()), take);
    }
    let name = path.display().to_string();
    let about = fs::metadata(path).map_err(|error| unreadable(&name, &error))?;
    if about.is_dir() {
        return folder(path, &name, out, take);
    }
    let mut file = File::open(path).map_err(|error| unreadable(&name, &error))?;
    if about.is_file() && has_zip(&mut file).map_err(|error| unreadable(&name, &error))? {
        return archive(&name, out, file, take);
    }
    one(
        LogInput { name: &name, size: about.len(), out },
        BufReader::with_capacity(PIECE, file),
        take,
    )
}

struct LogInput<'a> {
    name: &'a str,
    /// In bytes; 0 if unknown.
    size: u64,
    out: Output,
}

/// Reads one file, which must not be empty.
fn one(source: LogInput<'_>, mut bytes: impl BufRead, take: LogSink<'_>) -> anyhow::Result<()> {
    let name = source.name.to_owned();
    if is_zip(bytes.fill_buf().map_err(|error| unreadable(&name, &error))?) {
        // A zip is read from its end: piped input must be stored first.
        let mut file = tempfile::tempfile()?;
        io::copy(&mut bytes, &mut file).map_err(|error| unreadable(&name, &error))?;
        return archive(&name, source.out, file, take);
    }
    match log(source, bytes)? {
        Some(reader) => {
            take(name, reader);
            Ok(())
        }
        None => Err(empty(&name).into()),
    }
}

fn is_zip(bytes: &[u8]) -> bool {
    // The second is an empty zip.
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

fn has_zip(file: &mut File) -> io::Result<bool> {
    let mut first = Vec::with_capacity(4);
    file.take(4).read_to_end(&mut first)?;
    file.rewind()?;
    Ok(is_zip(&first))
}

/// Reads the logs of a run's jobs. An unreadable one is reported, and does not affect the others.
fn archive(name: &str, out: Output, file: File, take: LogSink<'_>) -> anyhow::Result<()> {
    let broken = |error: &dyn std::error::Error| {
        CliError::external(format!("failed to read {name}: {error}")).hint("download it again")
    };
    let mut archive =
        Archive::open(BufReader::with_capacity(PIECE, file)).map_err(|error| broken(&error))?;
    let jobs = archive.jobs().to_vec();
    let mut last_error = None;
    let mut found = false;
    for job in &jobs {
        match archive.read(job) {
            Ok(reader) => {
                take(job.name().to_owned(), reader);
                found = true;
            }
            Err(error) => {
                out.note(format_args!("left out: {error}"));
                last_error = Some(error);
            }
        }
    }
    match (found, last_error) {
        (true, _) => Ok(()),
        (false, Some(error)) => Err(broken(&error).into()),
        (false, None) => Err(CliError::external(format!("{name}: there is no log in this zip"))
            .hint("`gh api repos/OWNER/REPO/actions/runs/RUN/logs >logs.zip` has a run's logs")
            .into()),
    }
}

/// Reads a log to its end. Returns `None` if it is empty.
fn log(source: LogInput<'_>, mut bytes: impl BufRead) -> Result<Option<LogReader>, CliError> {
    let failed = |error: &io::Error| unreadable(source.name, error);
    let gzip = bytes.fill_buf().map_err(|error| failed(&error))?.starts_with(&[0x1f, 0x8b]);
    let mut progress = (source.size >= SLOW)
        .then(|| Progress::new(source.out, "reading the log, MB", source.size / 1_000_000));
    let mut reader = LogReader::new();
    let mut total = 0;
    let mut push = |piece: &[u8]| {
        reader.push(piece);
        total += piece.len() as u64;
        if let Some(progress) = &mut progress
            && !gzip
        {
            progress.set(total / 1_000_000, source.size / 1_000_000);
        }
    };
    let read = if gzip {
        each_piece(MultiGzDecoder::new(bytes), &mut push)
    } else {
        each_piece(bytes, &mut push)
    };
    read.map_err(|error| failed(&error))?;
    Ok((total > 0).then_some(reader))
}

fn each_piece(mut bytes: impl Read, push: &mut impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => push(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn folder(path: &Path, name: &str, out: Output, take: LogSink<'_>) -> anyhow::Result<()> {
    let mut files = Vec::new();
    walk(path, &mut files).map_err(|error| unreadable(name, &error))?;
    files.sort();
    let mut found = false;
    for file in &files {
        let shown = file.strip_prefix(path).unwrap_or(file).display().to_string();
        let opened = File::open(file).and_then(|opened| Ok((opened.metadata()?.len(), opened)));
        let (size, opened) = opened.map_err(|error| unreadable(&shown, &error))?;
        let source = LogInput { name: &shown, size, out };
        if let Some(reader) = log(source, BufReader::with_capacity(PIECE, opened))? {
            take(shown, reader);
            found = true;
        }
    }
    match (found, files.len()) {
        (true, _) => Ok(()),
        (false, 0) => Err(CliError::external(format!("{name}: no *.log and no *.txt is below it"))
            .hint("name the files, if their names end otherwise")
            .into()),
        (false, _) => Err(empty(name).into()),
    }
}

/// Collects files that look like logs. Symbolic links are not followed: they may lead anywhere.
fn walk(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries: Vec<fs::DirEntry> = fs::read_dir(path)?.collect::<io::Result<_>>()?;
    let names: Vec<String> =
        entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    for (entry, name) in entries.iter().zip(&names) {
        let kind = entry.file_type()?;
        if kind.is_dir() && !names.iter().any(|other| is_job_of(other, name)) {
            walk(&entry.path(), files)?;
        } else if kind.is_file() && (name.ends_with(".log") || name.ends_with(".txt")) {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Returns `true` if a file is the log of the job whose steps' logs are in this directory: GitHub
/// packs `0_build.txt` beside `build/1_Set up job.txt`.
fn is_job_of(file: &str, directory: &str) -> bool {
    let job = file.strip_suffix(".txt").and_then(|stem| stem.split_once('_'));
    job.is_some_and(|(number, job)| {
        job == directory && !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
    })
}

fn empty(name: &str) -> CliError {
    CliError::external(format!("{name} is empty"))
        .hint("was it downloaded while the job ran? `gh run view --log-failed` prints a log")
}

fn unreadable(name: &str, error: &io::Error) -> CliError {
    let complaint = CliError::external(format!("failed to read {name}: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => {
            complaint.hint("name a log, a directory of logs, or - for standard input")
        }
        io::ErrorKind::PermissionDenied => {
            complaint.hint("it is there, and this user may not read it")
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            complaint.hint("it is compressed, and cut off or broken: download it again")
        }
        _ => complaint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jobs_log_stands_for_its_steps() {
        assert!(is_job_of("0_build (3.12).txt", "build (3.12)"));
        assert!(is_job_of("12_a_b.txt", "a_b"));
        for (file, directory) in
            [("build.txt", "build"), ("x_build.txt", "build"), ("0_build.log", "build")]
        {
            assert!(!is_job_of(file, directory), "{file}");
        }
    }
}
