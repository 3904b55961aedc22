//! The container of docker-compose.yml, where a Docker engine answers.
//!
//! The suite runs itself in there: docker-compose makes the container of the file's worker, so it
//! has exactly that file's rights, mounts and bounds, and in it stands what is attacked elsewhere
//! too: a `greenline up` as root whose sandbox is Landlock alone. The program under attack is
//! mounted into the image and so needs its C library; Redis comes with its own. A control that the
//! container itself refuses makes its attempt "not tried": nobody in there can do it.
//!
//! What is not in here: the compose file's networks and its other services; `deploy/compose-test`
//! runs those.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use crate::attempt::{AttackAttempt, AttackVerdict};
use crate::report::AttackReport;
use crate::target::{DaemonUser, SandboxWalls};

/// Images to run in, the first that is there and starts the program.
const IMAGES: [&str; 2] = ["greenline:local", "debian:bookworm-slim"];

/// Where the programs are mounted.
const INSIDE: &str = "/attack";

/// One line of the suite that runs inside.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Attempt { name: String, words: String, result: AttackVerdict },
    Skipped { attempts: usize, not_tried: String },
}

/// Makes the attempts in the worker's container.
pub(crate) fn attack(
    programs: (&Path, &Path),
    only: Option<&str>,
    attempts: &[AttackAttempt],
    report: &mut AttackReport,
) {
    let here =
        attempts.iter().filter(|attempt| attempt.is_for(DaemonUser::Root, SandboxWalls::Landlock));
    let count = here.count();
    if count == 0 {
        return;
    }
    let mut seen = 0;
    let made = Container::prepare(programs).and_then(|container| {
        container.run(only, |line| {
            match line {
                Line::Attempt { name, words, result } => {
                    seen += 1;
                    report.add(&name, &words, result);
                }
                Line::Skipped { attempts, not_tried } => {
                    seen += attempts;
                    report.skip(attempts, &not_tried);
                }
            };
        })
    });
    let why = made.err().map_or("the container ended before".to_owned(), |it| format!("{it:#}"));
    if seen < count {
        report.skip(count - seen, &why);
    }
}

/// What docker-compose needs to make the container.
struct Container {
    folder: TempDir,
    compose: Vec<&'static str>,
    image: String,
    project: String,
}

impl Container {
    /// Finds the engine and an image, and copies what is mounted. `Err` says what is missing.
    fn prepare((program, probe): (&Path, &Path)) -> anyhow::Result<Self> {
        if !succeeds(Command::new("docker").arg("info")) {
            bail!("no Docker engine");
        }
        let compose = if succeeds(Command::new("docker").args(["compose", "version"])) {
            vec!["docker", "compose"]
        } else if succeeds(Command::new("docker-compose").arg("version")) {
            vec!["docker-compose"]
        } else {
            bail!("neither docker compose nor docker-compose");
        };
        let folder = tempfile::tempdir()?;
        let mounted = folder.path().join("mounted");
        fs::create_dir(&mounted)?;
        fs::copy(program, mounted.join("greenline"))?;
        fs::copy(probe, mounted.join("probe"))?;
        fs::copy(std::env::current_exe()?, mounted.join("greenline-attack"))?;
        bring_redis(&mounted.join("redis"))?;
        fs::write(folder.path().join("env"), "")?;
        let mut secrets = Command::new("deploy/make-secrets");
        secrets.arg(folder.path().join("secrets"));
        ensure!(succeeds(&mut secrets), "deploy/make-secrets failed");
        let own = std::env::var("GREENLINE_IMAGE").ok();
        let image = own
            .into_iter()
            .chain(IMAGES.map(ToOwned::to_owned))
            .find(|image| starts_in(image, &mounted))
            .context("no image whose C library fits the program: build the project's image")?;
        let project = format!("greenline-attack-{}", std::process::id());
        Ok(Self { folder, compose, image, project })
    }

    /// Runs the suite inside and hands on each line as it comes.
    fn run(&self, only: Option<&str>, mut each: impl FnMut(Line)) -> anyhow::Result<()> {
        let mounted = self.folder.path().join("mounted");
        let mut run = self.compose();
        run.args(["run", "--rm", "--no-deps", "-T", "--workdir", "/workspace"]);
        run.arg("--entrypoint").arg(format!("{INSIDE}/greenline-attack"));
        run.arg("--volume").arg(format!("{}:{INSIDE}:ro", mounted.display()));
        let redis = mounted.join("redis/start");
        run.arg("--volume").arg(format!("{}:/usr/local/bin/redis-server:ro", redis.display()));
        run.args(["worker", "--json", "--target", "root-landlock"]);
        run.arg("--program").arg(format!("{INSIDE}/greenline"));
        run.arg("--probe").arg(format!("{INSIDE}/probe"));
        if let Some(only) = only {
            run.args(["--only", only]);
        }
        let log = self.folder.path().join("log");
        run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(&log)?);
        let mut child = run.spawn().context("failed to run docker-compose")?;
        let mut lines = 0;
        for text in stdout(&mut child)?.lines() {
            if let Ok(line) = serde_json::from_str(&text?) {
                lines += 1;
                each(line);
            }
        }
        let status = child.wait()?;
        if lines == 0 {
            let log = fs::read_to_string(log).unwrap_or_default();
            let last = log.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no output");
            bail!("the container did not start: {status}: {last}");
        }
        Ok(())
    }

    fn compose(&self) -> Command {
        let mut words = self.compose.iter();
        let mut command = Command::new(words.next().copied().unwrap_or("docker-compose"));
        let folder = self.folder.path();
        command.args(words).args(["--file", "docker-compose.yml", "--project-name", &self.project]);
        command.arg("--env-file").arg(folder.join("env"));
        command
            .env("GREENLINE_IMAGE", &self.image)
            .env("GREENLINE_SECRETS", folder.join("secrets"));
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Its networks and volumes.
        let mut down = self.compose();
        let _removed =
            output(down.args(["down", "--volumes", "--remove-orphans", "--timeout", "2"]));
    }
}

fn output(command: &mut Command) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).output()
}

fn succeeds(command: &mut Command) -> bool {
    output(command).is_ok_and(|it| it.status.success())
}

fn stdout(child: &mut Child) -> anyhow::Result<BufReader<std::process::ChildStdout>> {
    Ok(BufReader::new(child.stdout.take().context("no stdout")?))
}

/// Returns `true` if the image is on this machine and both programs start in it.
fn starts_in(image: &str, mounted: &Path) -> bool {
    let volume = format!("{}:{INSIDE}:ro", mounted.display());
    succeeds(Command::new("docker").args(["image", "inspect", image]))
        && ["greenline", "greenline-attack"].iter().all(|program| {
            let mut run = Command::new("docker");
            run.args(["run", "--rm", "--network", "none", "--volume", &volume]);
            run.arg("--entrypoint").arg(format!("{INSIDE}/{program}")).args([image, "--help"]);
            succeeds(&mut run)
        })
}

/// Copies this machine's Redis and all of its libraries, the loader included, so that it starts in
/// any image; `start` runs it.
fn bring_redis(folder: &Path) -> anyhow::Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = std::env::split_paths(&path).map(|directory| directory.join("redis-server"));
    let program = program.into_iter().find(|it| it.exists()).context("no redis-server")?;
    let listed = output(Command::new("ldd").arg(&program)).context("failed to run ldd")?;
    fs::create_dir(folder)?;
    fs::copy(program, folder.join("redis-server"))?;
    let mut loader = None;
    for library in libraries(&String::from_utf8_lossy(&listed.stdout)) {
        let name = library.file_name().context("a library without a name")?.to_owned();
        fs::copy(&library, folder.join(&name))?;
        if name.to_string_lossy().starts_with("ld-") {
            loader = Some(name);
        }
    }
    let loader = loader.context("redis-server has no loader")?;
    let inside = format!("{INSIDE}/redis");
    let loader = loader.to_string_lossy();
    let script = format!(
        "#!/bin/sh\nexec {inside}/{loader} --library-path {inside} {inside}/redis-server \"$@\"\n"
    );
    let start = folder.join("start");
    fs::write(&start, script)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    Ok(fs::set_permissions(start, mode)?)
}

/// The files that `ldd` lists.
fn libraries(listed: &str) -> Vec<PathBuf> {
    let words = listed.lines().filter_map(|line| {
        let place = line.split(" => ").last()?;
        place.split_whitespace().next()
    });
    words.filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_and_the_loader_are_found() {
        let listed = "\tlinux-vdso.so.1 (0x1)\n\tlibm.so.6 => /lib/libm.so.6 (0x2)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
        let expected = ["/lib/libm.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(libraries(listed), expected);
    }

    #[test]
    fn lines_of_the_suite_inside_are_read() {
        let text = r#"{"ground":"root-landlock","name":"9","words":"w","result":{"verdict":"broke","why":"x"}}"#;
        let Line::Attempt { name, result, .. } = serde_json::from_str(text).unwrap() else {
            panic!("not an attempt");
        };
        assert_eq!((name.as_str(), result), ("9", AttackVerdict::Broke("x".to_owned())));
        let text = r#"{"ground":"root-landlock","attempts":3,"not_tried":"x"}"#;
        assert!(matches!(serde_json::from_str(text).unwrap(), Line::Skipped { attempts: 3, .. }));
    }
}
