//! Copies a command's output to its tail and the log, as fast as it comes.

use std::future::{Future, pending};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;

use nix::fcntl::{FcntlArg, fcntl};
use tokio::net::unix::pipe::Receiver;
use tokio::select;

use super::output::{OutputLog, OutputStream};
use super::tail::Tail;

const PIECE_BYTES: usize = 16 << 10;

/// Reads both outputs of one command.
#[derive(Debug)]
pub(super) struct Pump {
    command: usize,
    stdout: Option<Receiver>,
    stderr: Option<Receiver>,
    piece: Box<[u8]>,
    tail: Tail,
    log: OutputLog,
    log_limit: u64,
}

/// The destination of a pump's output.
pub(super) struct Destination {
    pub(super) command: usize,
    pub(super) tail: Tail,
    pub(super) log: OutputLog,
    pub(super) log_limit: u64,
}

impl Pump {
    pub(super) fn new(stdout: OwnedFd, stderr: OwnedFd, to: Destination) -> io::Result<Self> {
        Ok(Self {
            command: to.command,
            stdout: Some(Receiver::from_owned_fd(stdout)?),
            stderr: Some(Receiver::from_owned_fd(stderr)?),
            piece: vec![0; PIECE_BYTES].into_boxed_slice(),
            tail: to.tail,
            log: to.log,
            log_limit: to.log_limit,
        })
    }

    /// Reads until `work` is done.
    pub(super) async fn run_while<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            select! {
                biased;
                output = &mut work => return output,
                stream = self.readable() => self.read(stream),
            }
        }
    }

    /// Reads until every holder has closed both outputs.
    pub(super) async fn run_to_end(mut self) {
        while self.stdout.is_some() || self.stderr.is_some() {
            let stream = self.readable().await;
            self.read(stream);
        }
    }

    /// Reads the current content of the pipes without waiting. This includes everything that the
    /// command wrote before it ended, and a process that keeps writing can't keep this busy for
    /// long.
    pub(super) fn drain(&mut self) {
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            let mut left = self.pipe(stream).as_ref().map_or(0, capacity);
            while left > 0
                && let Some(pipe) = self.pipe(stream).take()
            {
                // Tokio knows only what its reactor has seen so far, so this reads directly.
                let count = nix::unistd::read(&pipe, &mut self.piece).unwrap_or(0);
                *self.pipe(stream) = Some(pipe);
                self.accept(stream, count);
                left = if count == 0 { 0 } else { left.saturating_sub(count) };
            }
        }
    }

    /// Returns the end of the output so far, and the number of bytes before it.
    pub(super) fn tail(&self) -> (String, u64) {
        self.tail.text()
    }

    async fn readable(&self) -> OutputStream {
        select! {
            () = readable(self.stdout.as_ref()) => OutputStream::Stdout,
            () = readable(self.stderr.as_ref()) => OutputStream::Stderr,
        }
    }

    fn read(&mut self, stream: OutputStream) {
        let Some(pipe) = self.pipe(stream).take() else { return };
        match pipe.try_read(&mut self.piece) {
            Ok(0) => {}
            Ok(count) => {
                *self.pipe(stream) = Some(pipe);
                self.accept(stream, count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                *self.pipe(stream) = Some(pipe);
            }
            Err(error) => tracing::warn!("Lost the {stream:?} of a command: {error}"),
        }
    }

    fn accept(&mut self, stream: OutputStream, count: usize) {
        let bytes = &self.piece[..count];
        self.tail.push(bytes);
        self.log.write(self.command, stream, bytes, self.log_limit);
    }

    fn pipe(&mut self, stream: OutputStream) -> &mut Option<Receiver> {
        match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        }
    }
}

async fn readable(pipe: Option<&Receiver>) {
    match pipe {
        // An error appears again at the read.
        Some(pipe) => drop(pipe.readable().await),
        None => pending().await,
    }
}

fn capacity(pipe: &Receiver) -> usize {
    let asked = fcntl(pipe, FcntlArg::F_GETPIPE_SZ);
    asked.ok().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(1 << 16)
}
