//! A program of the system, with limits: no shell, no input, so much time, so much output.

use std::{
    ffi::OsString,
    io::{ErrorKind, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

/// Bytes that are kept of what a program complains.
const MAX_COMPLAINT: usize = 64 << 10;
/// How long to wait for the end of a program whose output has ended.
const POLL: Duration = Duration::from_millis(2);

/// Why there is no output.
#[derive(Debug)]
pub(super) enum Stop {
    /// There is no such program.
    NotInstalled,
    /// It did not end in time and was stopped.
    TooSlow,
    /// It could not be started.
    Failed(std::io::Error),
}

/// What a program said.
#[derive(Debug)]
pub(super) struct Said {
    /// Whether it ended well, or was stopped because it had said as much as it may.
    pub(super) well: bool,
    /// Its output, cut at the limit.
    pub(super) output: Vec<u8>,
    /// What it wrote to the error stream, cut.
    pub(super) complaint: String,
}

/// Runs a program until it ends, says more than `max_output` bytes, or the deadline passes.
pub(super) fn run(
    program: &Path,
    arguments: &[OsString],
    deadline: Instant,
    max_output: usize,
) -> Result<Said, Stop> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => Stop::NotInstalled,
            _ => Stop::Failed(error),
        })?;
    let said = listen(&mut child, deadline, max_output);
    if said.is_err() {
        // Already ended is as good as stopped.
        let _ = child.kill();
        let _ = child.wait();
    }
    said
}

fn listen(child: &mut Child, deadline: Instant, max_output: usize) -> Result<Said, Stop> {
    let output = read_apart(child.stdout.take(), max_output);
    let complaint = read_apart(child.stderr.take(), MAX_COMPLAINT);
    let output = wait_for(&output, deadline)?;
    // A full pipe that nobody reads would keep it from ending.
    let cut = output.len() >= max_output;
    if cut {
        let _ = child.kill();
    }
    let complaint = wait_for(&complaint, deadline)?;
    let well = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success() || cut,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(POLL),
            Ok(None) => return Err(Stop::TooSlow),
            Err(error) => return Err(Stop::Failed(error)),
        }
    };
    Ok(Said {
        well,
        output,
        complaint: String::from_utf8_lossy(&complaint).into_owned(),
    })
}

/// Reads a stream in a thread of its own, which ends with the stream. It is not joined: a grandchild may hold the
/// stream open for as long as it likes.
fn read_apart(stream: Option<impl Read + Send + 'static>, most: usize) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What was read before an error is kept: whether it is enough is decided by its length.
            let _ = stream.take(most as u64).read_to_end(&mut bytes);
        }
        // Nobody listens after a deadline.
        let _ = sender.send(bytes);
    });
    receiver
}

fn wait_for(receiver: &Receiver<Vec<u8>>, deadline: Instant) -> Result<Vec<u8>, Stop> {
    let left = deadline.saturating_duration_since(Instant::now());
    receiver.recv_timeout(left).map_err(|error| match error {
        RecvTimeoutError::Timeout => Stop::TooSlow,
        RecvTimeoutError::Disconnected => {
            Stop::Failed(std::io::Error::other("a reader ended early"))
        }
    })
}
