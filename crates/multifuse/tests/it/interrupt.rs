//! Ctrl-C during training: ends soon, says how to go on, and going on gives what would have been.

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    program::{command, fresh_folder, multifuse, write},
    same_result::assert_same_tensors,
    tables,
};

/// Epochs: enough that the signal comes long before the last one.
const EPOCHS: usize = 150;

/// Looks at a process this often; nothing tells from outside that an epoch has ended or a process is about to.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Gives up after so many looks: a minute, far beyond what a slow machine needs.
const MOST_LOOKS: usize = 12_000;
/// Looks within which an interrupted run must have ended: ten seconds for one step and a small checkpoint.
const SOON: usize = 2_000;

#[test]
fn an_interrupted_run_says_how_to_go_on_and_ends_where_it_would_have() {
    let folder = fresh_folder();
    let at = folder.path();
    write(at, "table.csv", tables::binary(60));
    let words = format!("init table.csv --target label --experts joint --epochs {EPOCHS}");
    let config = multifuse(at, &words).succeeds();
    write(at, "run.toml", config);

    let arguments = ["train", "table.csv", "--config", "run.toml", "--out", "cut"];
    let mut command = command(at, &arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let log = at.join("cut/logs/joint/log.jsonl");
    wait(MOST_LOOKS, || num_epochs(&log) >= 3);
    interrupt(&child);
    wait(SOON, || child.try_wait().unwrap().is_some());
    let (code, said) = ended(&mut child);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("--resume"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let done = num_epochs(&log);
    assert!(done < EPOCHS, "the signal came after all {done} epochs");
    assert!(!at.join("cut/artifact").exists());
    multifuse(at, "predict cut table.csv").refuses_with(&["holds no trained model"]);
    multifuse(at, "train table.csv --config run.toml --out cut").refuses_with(&["--resume"]);

    multifuse(at, "train table.csv --out cut --resume").succeeds();
    assert_eq!(num_epochs(&log), EPOCHS, "each epoch is logged once");
    assert!(
        !at.join("cut/checkpoints").exists(),
        "nothing is left to go on with"
    );
    multifuse(at, "train table.csv --config run.toml --out whole").succeeds();
    assert_same_tensors(&at.join("cut"), &at.join("whole"));
}

fn num_epochs(log: &Path) -> usize {
    fs::read_to_string(log).map_or(0, |text| text.lines().count())
}

fn interrupt(child: &Child) {
    let id = child.id().to_string();
    let status = Command::new("kill").args(["-INT", &id]).status();
    assert!(status.is_ok_and(|status| status.success()));
}

fn wait(most_looks: usize, mut is_done: impl FnMut() -> bool) {
    for _ in 0..most_looks {
        if is_done() {
            return;
        }
        thread::sleep(LOOK_EVERY);
    }
    panic!("not within {:?}", LOOK_EVERY * most_looks as u32);
}

/// Exit code and standard error of a child that has ended.
fn ended(child: &mut Child) -> (Option<i32>, String) {
    let mut said = String::new();
    let stderr = child.stderr.as_mut().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}
