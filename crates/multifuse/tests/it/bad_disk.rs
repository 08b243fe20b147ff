//! Folders that cannot be written, full disks, damaged models.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    program::{Outcome, command, fresh_folder, multifuse, write},
    shared, tables,
};

#[test]
fn a_folder_that_cannot_be_made_refuses_with_its_path() {
    let at = &shared::binary().folder;
    multifuse(at, "train table.csv --target label --out table.csv/run")
        .refuses_with(&["table.csv/run", "help"]);
    multifuse(at, "sample posts table.csv/data --records 40").refuses_with(&["table.csv/data"]);
    multifuse(at, "demo --out table.csv/demo").refuses_with(&["table.csv/demo"]);
    multifuse(at, "predict run table.csv --out table.csv/answers.csv")
        .refuses_with(&["table.csv/answers.csv", "help"]);
    multifuse(at, "predict run table.csv --out nowhere/answers.csv")
        .refuses_with(&["nowhere/answers.csv", "help"]);
}

#[test]
fn a_folder_in_use_is_not_written_over() {
    let at = &shared::binary().folder;
    let before = fs::read(at.join("run/config.toml")).unwrap();
    multifuse(at, "train table.csv --target label --seed 9 --out run")
        .refuses_with(&["run", "in use", "--resume"]);
    multifuse(at, "train table.csv --seed 9 --out run --resume")
        .refuses_with(&["the run is finished", "help"]);
    assert_eq!(fs::read(at.join("run/config.toml")).unwrap(), before);
}

#[test]
fn a_run_that_failed_leaves_its_folder_free() {
    let folder = fresh_folder();
    let at = folder.path();
    write(
        at,
        "one.csv",
        tables::csv("label", &tables::drawn(30), |_| "sky".to_owned()),
    );
    multifuse(at, "train one.csv --target label --out run").refuses_with(&["one class"]);
    assert!(!at.join("run").exists());
    write(at, "two.csv", tables::binary(30));
    multifuse(at, "train two.csv --target label --out run").succeeds();
}

#[test]
fn a_full_standard_output_is_told() {
    if !Path::new("/dev/full").exists() {
        eprintln!("SKIPPED: this system has no /dev/full");
        return;
    }
    let at = &shared::binary().folder;
    for words in ["list", "predict run table.csv", "inspect table.csv"] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let arguments: Vec<&str> = words.split(' ').collect();
        let mut command = command(at, &arguments);
        // `Outcome::of` reads both outputs; here the first one is the full device.
        let output = command.stdout(full).stderr(Stdio::piped());
        let output = output.spawn().unwrap().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{words}: {said}");
        assert!(said.contains("standard output cannot be written"), "{said}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let at = &shared::binary().folder;
    let cases = [
        ("inspect nothing.csv", 2),
        ("predict run table.csv", 0),
        ("--help", 0),
    ];
    for (words, code) in cases {
        let arguments: Vec<&str> = words.split(' ').collect();
        let mut child = command(at, &arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(code), "{words}");
    }
    let folder = fresh_folder();
    write(folder.path(), "table.csv", tables::binary(30));
    let arguments = ["train", "table.csv", "--target", "label", "--out", "run"];
    let mut child = command(folder.path(), &arguments)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A limit on the size of a file fails a write half way, as a full disk does, and needs no rights.
#[test]
fn a_write_that_fails_half_way_is_told_and_leaves_nothing_half_written() {
    let at = &shared::binary().folder;
    let folder = fresh_folder();
    let out = folder.path().join("answers.csv");
    // `ulimit -f` counts blocks of 512 or 1024 bytes; the answers are some 4 KiB.
    let outcome = limited(
        at,
        1,
        &format!("predict run table.csv --out {}", out.display()),
    );
    outcome.refuses_with(&["answers.csv", "help"]);
    assert!(!out.exists());

    let run = folder.path().join("run");
    let train = format!("train table.csv --target label --out {}", run.display());
    let told = limited(at, 8, &train).refuses_with(&["cannot be written"]);
    assert!(!run.join("artifact/manifest.json").exists(), "{told}");
    multifuse(at, &train).succeeds();
}

/// Runs the program under a limit on the size of a file; the signal that goes with it is ignored.
fn limited(folder: &Path, blocks: usize, words: &str) -> Outcome {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" {words}");
    let mut shell = Command::new("sh");
    shell
        .current_dir(folder)
        .args(["-c", &script, env!("CARGO_BIN_EXE_multifuse")]);
    Outcome::of(words, &mut shell)
}

#[test]
fn a_full_disk_is_told() {
    let folder = fresh_folder();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let Some(_mounted) = SmallDisk::mount(&disk) else {
        eprintln!("SKIPPED: no small disk can be mounted here (mount -t tmpfs needs the rights)");
        return;
    };
    write(folder.path(), "table.csv", tables::binary(60));
    let train = "train table.csv --target label --out disk/run";
    multifuse(folder.path(), train).refuses_with(&["disk/run", "help"]);
    let run = shared::binary().folder.join("run");
    let words = format!(
        "predict {} table.csv --out disk/answers.jsonl",
        run.display()
    );
    let filler = vec![0_u8; 64 << 10];
    // Whatever is left of the disk goes.
    let _ = fs::write(disk.join("filler"), filler);
    multifuse(folder.path(), &words).refuses_with(&["answers.jsonl", "No space left"]);
}

/// A disk of 16 KiB in memory, gone when the test ends.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(place: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=16k", "multifuse-test"])
            .arg(place);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self(place))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // A disk that stays is seen by the folder's own removal, which fails aloud.
        let _ = Command::new("umount").arg(self.0).output();
    }
}

#[test]
fn a_model_with_one_byte_changed_or_a_file_gone_is_refused() {
    let folder = fresh_folder();
    let model = folder.path().join("model");
    let artifact = shared::binary().folder.join("run/artifact");
    let predict = format!("predict {} table.csv", model.display());
    for file in fs::read_dir(&artifact).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        copy(&artifact, &model);
        let path = model.join(&name);
        let mut bytes = fs::read(&path).unwrap();
        // The middle of the manifest is in the facts of a part; any byte of another file counts.
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).unwrap();
        multifuse(&shared::binary().folder, &predict).refuses_with(&[&name]);
        fs::write(&path, &bytes[..middle]).unwrap();
        multifuse(&shared::binary().folder, &predict).refuses_with(&[&name]);
        fs::remove_file(&path).unwrap();
        let told = multifuse(&shared::binary().folder, &predict).refuses_with(&["error"]);
        assert!(
            told.contains(&name) || told.contains("holds no trained model"),
            "{told}"
        );
    }
    let at = &shared::binary().folder;
    for words in [
        "predict no_run table.csv",
        "evaluate no_run table.csv",
        "report no_run",
    ] {
        multifuse(at, words).refuses_with(&["no_run", "help"]);
    }
}

fn copy(from: &Path, to: &Path) {
    // Of an earlier turn.
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
