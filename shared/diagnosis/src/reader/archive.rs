//! The zip of a run's logs, as GitHub provides it.
//!
//! It holds a whole log per job (`0_test (3.12).txt`) and the same in pieces, one per step (`test
//! (3.12)/3_Run tests.txt`). The pieces are read only if the whole log is missing. A zip that a
//! person packed has a job per text file.
//!
//! - Names in a zip name jobs, never files: nothing is unpacked or written.
//! - An unreadable entry (encrypted, damaged, a nested zip, more bytes than any log has) is an
//!   error that names it; the other jobs stay readable.

use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroU32;

use thiserror::Error;
use zip::ZipArchive;

use super::LogReader;

/// The reason why a zip, or one log of it, can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Not a zip, or its directory is damaged.
    #[error("this is no zip that can be read")]
    NoZip(#[source] io::Error),
    /// More entries than any run has.
    #[error("the zip has more entries than the zip of any run")]
    TooManyEntries,
    #[error("`{entry}` is encrypted")]
    Encrypted {
        /// The name in the zip.
        entry: String,
    },
    #[error("`{entry}` is a zip itself; unpack it first")]
    Nested {
        /// The name in the zip.
        entry: String,
    },
    /// More bytes than any log has: a zip may hold a thousand times its own size.
    #[error("`{entry}` has more than {most} bytes, or all logs together have too many")]
    TooLarge {
        /// The name in the zip.
        entry: String,
        /// The limit in bytes.
        most: u64,
    },
    /// The content does not match the zip's directory.
    #[error("`{entry}` is damaged, or packed in a way that is not known here")]
    Damaged {
        /// The name in the zip.
        entry: String,
        source: io::Error,
    },
}

/// The logs in a run's zip.
#[derive(Debug)]
pub struct Archive<R> {
    zip: ZipArchive<R>,
    /// The entries' names, by index.
    names: Vec<String>,
    jobs: Vec<ArchivedJob>,
    /// The number of bytes that may still be unpacked.
    left: u64,
    most: u64,
}

/// One job's log in a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedJob {
    name: String,
    /// Indexes of its entries: one, or one per step.
    entries: Vec<usize>,
}

impl ArchivedJob {
    /// Returns the job's name, as far as GitHub can write it in a file name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<R: Read + Seek> Archive<R> {
    /// The most bytes of one log, and of all logs together.
    const MOST: (u64, u64) = (4 << 30, 16 << 30);

    /// Opens a zip and finds its jobs.
    ///
    /// # Errors
    ///
    /// When it is not a zip, or has more entries than any run.
    pub fn open(source: R) -> Result<Self, ArchiveError> {
        Self::with(source, Self::MOST)
    }

    fn with(mut source: R, (most, left): (u64, u64)) -> Result<Self, ArchiveError> {
        refuse_many_files(&mut source)?;
        let zip = ZipArchive::new(source).map_err(|error| ArchiveError::NoZip(error.into()))?;
        let name = |at| Some(zip.name_for_index(at)?.ok()?.into_owned());
        let names: Vec<String> = (0..zip.len()).map(|at| name(at).unwrap_or_default()).collect();
        let jobs = jobs_of(names.iter().map(String::as_str));
        Ok(Self { zip, names, jobs, left, most })
    }

    /// Returns the jobs in the run's order.
    pub fn jobs(&self) -> &[ArchivedJob] {
        &self.jobs
    }

    /// Reads one job's log.
    ///
    /// # Errors
    ///
    /// When the log can't be read; others may still be readable.
    pub fn read(&mut self, job: &ArchivedJob) -> Result<LogReader, ArchiveError> {
        let mut reader = LogReader::new();
        for &entry in &job.entries {
            self.read_entry(entry, &mut reader)?;
        }
        Ok(reader)
    }

    fn read_entry(&mut self, at: usize, reader: &mut LogReader) -> Result<(), ArchiveError> {
        let entry = self.names[at].clone();
        if self.zip.by_index_raw(at).is_ok_and(|raw| raw.encrypted()) {
            return Err(ArchiveError::Encrypted { entry });
        }
        if entry.ends_with(".zip") {
            return Err(ArchiveError::Nested { entry });
        }
        let damaged =
            |entry: &str, source| ArchiveError::Damaged { entry: entry.to_owned(), source };
        let file = self.zip.by_index(at).map_err(|error| damaged(&entry, error.into()))?;
        let most = self.most.min(self.left);
        let mut file = file.take(most.saturating_add(1));
        let mut buffer = vec![0; 1 << 16];
        let mut total: u64 = 0;
        let mut last = b'\n';
        loop {
            let read = file.read(&mut buffer).map_err(|error| damaged(&entry, error))?;
            let bytes = &buffer[..read];
            if total == 0 && bytes.starts_with(b"PK\x03\x04") {
                return Err(ArchiveError::Nested { entry });
            }
            total += read as u64;
            if total > most {
                self.left = 0;
                return Err(ArchiveError::TooLarge { entry, most: self.most });
            }
            match bytes.last() {
                Some(&byte) => last = byte,
                None => break,
            }
            reader.push(bytes);
        }
        if last != b'\n' {
            reader.push(b"\n"); // The next step's log begins on its own line.
        }
        self.left -= total;
        Ok(())
    }
}

/// Checks a zip's end before its directory is read into memory.
fn refuse_many_files(source: &mut (impl Read + Seek)) -> Result<(), ArchiveError> {
    const ENTRIES: u16 = 20_000;
    const DIRECTORY: u32 = 8 << 20;
    let end = last_bytes(source).map_err(ArchiveError::NoZip)?;
    let Some(record) = memchr::memmem::rfind(&end, b"PK\x05\x06").map(|at| &end[at..]) else {
        return Ok(()); // No zip: opening it will say so.
    };
    let (Some(entries), Some(directory)) = (record.get(10..12), record.get(12..16)) else {
        return Ok(());
    };
    let entries = u16::from_le_bytes([entries[0], entries[1]]);
    let directory = u32::from_le_bytes([directory[0], directory[1], directory[2], directory[3]]);
    if entries > ENTRIES || directory > DIRECTORY {
        return Err(ArchiveError::TooManyEntries);
    }
    Ok(())
}

/// Returns the bytes that must hold a zip's last record.
fn last_bytes(source: &mut (impl Read + Seek)) -> io::Result<Vec<u8>> {
    const RECORD: u64 = 22 + u16::MAX as u64;
    let size = source.seek(SeekFrom::End(0))?;
    source.seek(SeekFrom::Start(size.saturating_sub(RECORD)))?;
    let mut end = Vec::new();
    source.take(RECORD).read_to_end(&mut end)?;
    source.seek(SeekFrom::Start(0))?;
    Ok(end)
}

/// Returns the jobs among a zip's entries.
fn jobs_of<'a>(names: impl Iterator<Item = &'a str>) -> Vec<ArchivedJob> {
    let mut whole: Vec<(NonZeroU32, ArchivedJob)> = Vec::new();
    let mut steps: Vec<(String, Vec<(NonZeroU32, usize)>)> = Vec::new();
    let mut other: Vec<ArchivedJob> = Vec::new();
    for (at, name) in names.enumerate() {
        match ArchiveEntry::of(name) {
            ArchiveEntry::Whole { place, job } => {
                whole.push((place, ArchivedJob { name: job.to_owned(), entries: vec![at] }));
            }
            ArchiveEntry::Step { job, place } => {
                match steps.iter_mut().find(|(name, _)| name == job) {
                    Some((_, entries)) => entries.push((place, at)),
                    None => steps.push((job.to_owned(), vec![(place, at)])),
                }
            }
            ArchiveEntry::Other { job } => {
                other.push(ArchivedJob { name: job.to_owned(), entries: vec![at] });
            }
            ArchiveEntry::Nothing => {}
        }
    }
    whole.sort_by_key(|(place, _)| *place);
    let mut jobs: Vec<ArchivedJob> = whole.into_iter().map(|(_, job)| job).collect();
    for (name, mut entries) in steps {
        if !jobs.iter().any(|job| letters(&job.name).eq(letters(&name))) {
            entries.sort_unstable();
            jobs.push(ArchivedJob {
                name,
                entries: entries.into_iter().map(|(_, at)| at).collect(),
            });
        }
    }
    jobs.extend(other);
    jobs
}

/// Returns a name without the characters that files and folders spell differently.
fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|char| char.is_alphanumeric())
}

/// The meaning of an entry's name.
#[derive(Debug, PartialEq, Eq)]
enum ArchiveEntry<'a> {
    /// `0_test (3.12).txt`
    Whole { place: NonZeroU32, job: &'a str },
    /// `test (3.12)/3_Run tests.txt`
    Step { job: &'a str, place: NonZeroU32 },
    /// A log by its name, or an unreadable zip.
    Other { job: &'a str },
    /// A folder, the runner's own log, or something else.
    Nothing,
}

impl<'a> ArchiveEntry<'a> {
    fn of(name: &'a str) -> Self {
        let text = name.strip_suffix(".txt");
        let (folder, file) = match text.unwrap_or(name).rsplit_once('/') {
            Some((folder, file)) => (Some(folder), file),
            None => (None, text.unwrap_or(name)),
        };
        match (text.and_then(|_| placed(file)), folder) {
            (Some((place, job)), None) => Self::Whole { place, job },
            (Some((place, _)), Some(job)) => Self::Step { job, place },
            (None, Some(_)) if file == "system" => Self::Nothing,
            (None, _) => {
                let job = text.or(name.strip_suffix(".log")).or(name.strip_suffix(".zip"));
                job.map_or(Self::Nothing, |job| Self::Other { job })
            }
        }
    }
}

/// Splits `3_Run tests` into its place (from 1) and its name.
fn placed(file: &str) -> Option<(NonZeroU32, &str)> {
    let (place, name) = file.split_once('_')?;
    let digits = place.bytes().all(|byte| byte.is_ascii_digit());
    let place: u32 = place.parse().ok().filter(|_| digits)?;
    Some((NonZeroU32::new(place.checked_add(1)?)?, name))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::{Archive, ArchiveError};
    use crate::log::Log;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            zip.start_file(*name, SimpleFileOptions::default()).expect("a new file");
            zip.write_all(bytes).expect("memory takes it");
        }
        zip.finish().expect("memory takes it").into_inner()
    }

    fn open(bytes: Vec<u8>) -> Archive<Cursor<Vec<u8>>> {
        Archive::open(Cursor::new(bytes)).expect("a zip")
    }

    fn names(files: &[&str]) -> Vec<String> {
        let files: Vec<(&str, &[u8])> = files.iter().map(|name| (*name, &b"x"[..])).collect();
        open(packed(&files)).jobs().iter().map(|job| job.name().to_owned()).collect()
    }

    fn read(archive: &mut Archive<Cursor<Vec<u8>>>, at: usize) -> Result<Log, ArchiveError> {
        let job = archive.jobs()[at].clone();
        archive.read(&job).map(crate::LogReader::finish)
    }

    #[test]
    fn whole_logs_come_in_the_runs_order_and_before_their_pieces() {
        let found = names(&[
            "10_deploy.txt",
            "2_test (3.12).txt",
            "test (3.12)/1_Set up job.txt",
            "test (3.12)/system.txt",
            "0_build _ linux.txt",
            "build / linux/1_Set up job.txt",
            "extra/2_Run a_b.txt",
            "extra/1_Set up job.txt",
        ]);
        assert_eq!(found, ["build _ linux", "test (3.12)", "deploy", "extra"]);
    }

    #[test]
    fn pieces_are_joined_in_order() {
        let mut archive = open(packed(&[
            ("test/10_Post.txt", b"third\n"),
            ("test/1_Set up job.txt", b"\xef\xbb\xbffirst"),
            ("test/2_Run.txt", b"\xef\xbb\xbfsecond\n"),
        ]));
        let log = read(&mut archive, 0).expect("a log");
        let lines: Vec<&str> = (0..log.len()).map(|at| log.text(at)).collect();
        assert_eq!(lines, ["first", "second", "third"]);
    }

    #[test]
    fn zips_packed_by_hand_have_a_job_per_text() {
        assert_eq!(
            names(&["logs/a.log", "b.txt", "c.png", "../../d.txt"]),
            ["logs/a", "b", "../../d"]
        );
        assert!(names(&["c.png"]).is_empty());
    }

    #[test]
    fn zips_in_zips_are_refused_by_name_and_by_content() {
        let inner = packed(&[("0_a.txt", b"x")]);
        let mut archive = open(packed(&[("0_a.txt", &inner), ("b.zip", &inner), ("c.txt", b"c")]));
        assert!(matches!(read(&mut archive, 0), Err(ArchiveError::Nested { .. })));
        assert!(matches!(read(&mut archive, 1), Err(ArchiveError::Nested { .. })));
        assert_eq!(read(&mut archive, 2).expect("a log").text(0), "c");
    }

    #[test]
    fn bombs_are_cut_short_one_by_one_and_all_together() {
        let bytes =
            packed(&[("0_a.txt", &[b'a'; 5_000]), ("1_b.txt", b"b"), ("2_c.txt", &[b'c'; 900])]);
        let mut archive = Archive::with(Cursor::new(bytes.clone()), (1_000, 9_000)).expect("a zip");
        assert!(matches!(read(&mut archive, 0), Err(ArchiveError::TooLarge { most: 1_000, .. })));
        let mut archive = Archive::with(Cursor::new(bytes), (9_000, 5_500)).expect("a zip");
        assert!(read(&mut archive, 0).is_ok() && read(&mut archive, 1).is_ok());
        assert!(matches!(read(&mut archive, 2), Err(ArchiveError::TooLarge { .. })));
    }

    #[test]
    fn an_encrypted_or_damaged_log_is_named_and_the_others_are_read() {
        let mut bytes =
            packed(&[("0_secret.txt", b"hush"), ("1_torn.txt", &[b'y'; 99]), ("2_c.txt", b"c")]);
        let central = memchr::memmem::find(&bytes, b"PK\x01\x02").expect("a directory");
        bytes[central + 8] |= 1; // "encrypted", in the directory and before the file
        bytes[6] |= 1;
        let torn = memchr::memmem::find(&bytes, b"1_torn.txt").expect("a file") + 10;
        bytes[torn] ^= 0xff;
        let mut archive = open(bytes);
        let secret = read(&mut archive, 0).expect_err("no key");
        assert_eq!(secret.to_string(), "`0_secret.txt` is encrypted");
        assert!(matches!(read(&mut archive, 1), Err(ArchiveError::Damaged { .. })));
        assert_eq!(read(&mut archive, 2).expect("a log").text(0), "c");
    }

    #[test]
    fn what_is_no_zip_says_so() {
        for bytes in [&b""[..], b"PK", b"PK\x05\x06", b"an error log", &[0; 100_000]] {
            assert!(matches!(Archive::open(Cursor::new(bytes)), Err(ArchiveError::NoZip(_))));
        }
        let mut crowded = packed(&[("0_a.txt", b"x")]);
        let end = memchr::memmem::rfind(&crowded, b"PK\x05\x06").expect("an end");
        crowded[end + 10..end + 12].copy_from_slice(&60_000_u16.to_le_bytes());
        let refused = Archive::open(Cursor::new(crowded)).expect_err("too many");
        assert!(matches!(refused, ArchiveError::TooManyEntries));
    }
}
