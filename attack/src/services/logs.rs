//! Logs that are made to hurt their reader. Each is bounded in time and memory.

use std::fs;
use std::io::Write;

use super::stage::Stage;
use super::{Case, verdict};
use crate::attempt::AttackVerdict;

pub(super) const CASES: &[Case] = &[
    Case { name: "112", words: "1 GB of zeros, compressed", run: zeros },
    Case { name: "113", words: "100 MB of errors, compressed", run: errors },
    Case { name: "114", words: "an archive of 60,000 entries", run: entries },
    Case { name: "115", words: "links and ../ in a directory of logs", run: links },
    Case { name: "116", words: "a line of 300 MB", run: long_line },
    Case { name: "117", words: "200,000 groups", run: groups },
    Case { name: "118", words: "quadratic shapes", run: quadratic },
    Case { name: "119", words: "nested groups", run: nested },
    Case { name: "120", words: "deep JSON and TOML", run: deep },
    Case { name: "121", words: "escape sequences in a log", run: escapes },
];

/// How much memory a diagnosis may take, in KiB: far above what it needs in a debug build.
const MOST_MEMORY: u32 = 400_000;

/// How long it may take, in seconds.
const MOST_SECONDS: u32 = 100;

/// Makes a log by a line of shell and diagnoses it within bounds.
fn bounded(stage: &Stage, name: &str, make: &str, read: &str) -> anyhow::Result<AttackVerdict> {
    let folder = stage.path("received");
    let program = stage.path("bin/greenline");
    let program = program.display();
    let small = format!(
        "cd {0}; printf 'error[E0308]: mismatched types\\n --> src/lib.rs:3:5\\n' >small.log\n\
         {program} diagnose small.log | grep -q E0308",
        folder.display(),
    );
    let works = stage.shell(&small)?.0 == 0;
    let made = format!("cd {}; {make}", folder.display());
    anyhow::ensure!(stage.shell(&made)?.0 == 0, "the log could not be made");
    let line = format!(
        "cd {0}; $P within {MOST_SECONDS} {MOST_MEMORY} {program} {read} >{name}.out 2>&1; \
         code=$?; tail -n 1 {name}.out; exit $code",
        folder.display(),
    );
    let (code, said) = stage.shell(&line)?;
    let said = said.trim().lines().last().unwrap_or_default().to_owned();
    Ok(match code {
        1 => verdict(works, None),
        0 => verdict(works, Some(said)),
        _ => AttackVerdict::NotTried(format!("exit code {code}: {said}")),
    })
}

fn zeros(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    bounded(stage, "112", "head -c 1000000000 /dev/zero | gzip -1 >112.gz", "diagnose 112.gz")
}

fn errors(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let make = "yes 'error[E0308]: mismatched types' | head -c 100000000 | gzip -1 >113.gz";
    bounded(stage, "113", make, "diagnose 113.gz")
}

fn entries(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let file = fs::File::create(stage.path("received/114.zip"))?;
    let mut archive = zip::ZipWriter::new(std::io::BufWriter::new(file));
    let plain =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for number in 0..60_000 {
        archive.start_file(format!("{number}_test.txt"), plain)?;
        archive.write_all(b"error[E0308]: mismatched types\n")?;
    }
    archive.finish()?;
    bounded(stage, "114", "true", "diagnose 114.zip")
}

fn links(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let works = stage.shell("grep -q planted-secret-file \"$HOME/.ssh/id_test\"")?.0 == 0;
    let folder = stage.path("received/115");
    fs::create_dir_all(&folder)?;
    let secret = stage.path("home/.ssh/id_test");
    let _there = std::os::unix::fs::symlink(&secret, folder.join("link.txt"));
    fs::write(folder.join("real.txt"), "error[E0308]: mismatched types\n")?;
    let line = format!(
        "{} diagnose --excerpt {}",
        stage.path("bin/greenline").display(),
        folder.display()
    );
    // Whoever calls it may read that file; it only has to write nothing beside what it is given.
    let (_, said) = stage.shell(&line)?;
    let extra = fs::read_dir(&folder)?.count();
    Ok(verdict(works && !said.is_empty(), super::broke_if(extra != 2, "a file was made")))
}

fn long_line(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let make = "head -c 300000000 /dev/zero | tr '\\0' x >116.log";
    bounded(stage, "116", make, "diagnose 116.log")
}

fn groups(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let make = "i=0; yes '##[group]x\nerror: y\n##[endgroup]' | head -n 600000 >117.log";
    bounded(stage, "117", make, "diagnose 117.log")
}

fn quadratic(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let make = "{ yes '--- FAIL: TestX (0.00s)' | head -n 200000; yes '    --- FAIL: a' | head -n 200000; \
                yes '=== RUN x' | head -n 100000; yes 'FAILED a.py::b - c' | head -n 100000; } >118.log";
    bounded(stage, "118", make, "diagnose 118.log")
}

fn nested(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    bounded(stage, "119", "yes '##[group]deep' | head -n 300000 >119.log", "diagnose 119.log")
}

fn deep(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let make = "head -c 5000000 /dev/zero | tr '\\0' '[' >120.sarif";
    bounded(stage, "120", make, "sarif check 120.sarif")
}

fn escapes(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let make = "printf 'error[E0308]: \\033]0;planted\\007\\033[2J mismatched\\n --> src/\\033[8mlib.rs:3:5\\n' >121.log";
    let first = bounded(stage, "121", make, "diagnose --excerpt 121.log")?;
    let said = fs::read(stage.path("received/121.out"))?;
    if first != AttackVerdict::Held {
        return Ok(first);
    }
    let moves =
        said.windows(2).any(|pair| pair == b"\x1b]" || pair == b"\x1b[") || said.contains(&7);
    Ok(verdict(true, super::broke_if(moves, "an escape sequence comes through")))
}
