//! Folders of classes, archives, patterns and limits of memory, as a person names them.

use std::{fs, path::Path};

use multifuse::Table;

use crate::{
    program::{fresh_folder, multifuse, write},
    shared,
};

/// A quick network on one column of pictures; nothing is kept in memory.
fn config(target: &str, input: &str) -> String {
    format!(
        "[data]\ntarget = '{target}'\ninputs = ['{input}']\ncache_mib = 0\ncache_disk_mib = 0\n\
         [[experts]]\nkind = 'network'\nname = 'joint'\ninputs = ['{input}']\n\
         [experts.encoders.{input}]\ntype = 'image_conv'\nsize_px = 32\n[experts.trainer]\nepochs = 2\nbatch_size = 8\n"
    )
}

/// File and class of every post that has both.
fn pictures() -> Vec<(std::path::PathBuf, String)> {
    let posts = shared::posts();
    let table = Table::open(posts.join("train.csv")).unwrap();
    let text = |row, column: &str| match table.record(row).cell(column) {
        multifuse::Cell::Text(text) => Some(text.clone()),
        _ => None,
    };
    (0..table.num_records())
        .filter_map(|row| Some((posts.join(text(row, "image")?), text(row, "label")?)))
        .collect()
}

/// An archive of some files in the plainest dialect of tar.
fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes) in files {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(header);
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// Three archives of the posts' pictures and classes; the first also has a name that leads out of it.
fn shards(folder: &Path) {
    fs::create_dir_all(folder.join("shards")).unwrap();
    let pictures = pictures();
    for (shard, pictures) in pictures.chunks(pictures.len().div_ceil(3)).enumerate() {
        let mut files = Vec::new();
        if shard == 0 {
            files.push(("../out.txt".to_owned(), b"x".to_vec()));
        }
        for (at, (file, label)) in pictures.iter().enumerate() {
            files.push((format!("{shard}_{at}.png"), fs::read(file).unwrap()));
            files.push((format!("{shard}_{at}.cls"), label.clone().into_bytes()));
        }
        write(folder, &format!("shards/s-{shard}.tar"), archive(&files));
    }
}

#[test]
fn a_folder_of_classes_is_learned_judged_and_answered() {
    let folder = fresh_folder();
    let at = folder.path();
    for (row, (file, label)) in pictures().into_iter().enumerate() {
        let class = at.join("root/train").join(label);
        fs::create_dir_all(&class).unwrap();
        fs::copy(file, class.join(format!("{row}.png"))).unwrap();
    }
    write(at, "run.toml", config("label", "image"));
    let inspection = multifuse(at, "inspect root/train --target label").succeeds();
    assert!(
        inspection.contains("paths of pictures (png)"),
        "{inspection}"
    );
    multifuse(at, "inspect root").refuses_with(&["one folder of media for each class", "train"]);
    multifuse(at, "train root/train --config run.toml --out run").succeeds();
    let judged = multifuse(at, "evaluate run root/train --json").json();
    assert_eq!(judged["num_records"], pictures().len());
    multifuse(at, "predict run root/train --out answers.csv").succeeds();
    let answers = Table::open(at.join("answers.csv")).unwrap();
    assert_eq!(answers.num_records(), pictures().len());
}

#[test]
fn archives_that_are_read_anew_give_the_same_model_for_any_number_of_threads() {
    let folder = fresh_folder();
    let at = folder.path();
    shards(at);
    write(at, "run.toml", config("cls", "png"));
    let mut models = Vec::new();
    for (run, source, threads) in [("one", "shards", 1), ("two", "shards/s-{0..2}.tar", 2)] {
        let words = format!(
            "train {source} --config run.toml --memory-limit 2GiB --threads {threads} --out {run}"
        );
        let summary = multifuse(at, &words).succeeds();
        assert!(summary.contains("1 record"), "{summary}");
        multifuse(at, &format!("predict {run} {source} --out {run}.jsonl")).succeeds();
        models.push(fs::read_to_string(at.join(format!("{run}.jsonl"))).unwrap());
        let config = fs::read_to_string(at.join(run).join("config.toml")).unwrap();
        assert!(config.contains("memory_limit = \"2GiB\""), "{config}");
    }
    assert_eq!(models[0], models[1]);
    assert!(!at.join("out.txt").exists() && !at.parent().unwrap().join("out.txt").exists());
}

#[test]
fn what_cannot_be_a_source_or_a_limit_is_refused_in_words() {
    let folder = fresh_folder();
    let at = folder.path();
    fs::create_dir(at.join("empty")).unwrap();
    multifuse(at, "inspect empty")
        .refuses_with(&["one folder of media for each class", "cat/001.png"]);
    write(at, "a.tar", b"no tar");
    multifuse(at, "inspect a.tar").refuses_with(&["a.tar", "no tar archive"]);
    multifuse(at, "inspect s-{0..1}.tar").refuses_with(&["s-0.tar"]);
    multifuse(at, "inspect s3://bucket/a.csv").refuses_with(&["s3://bucket/a.csv", "help"]);
    write(at, "a.csv", "x,y\n1,2\n");
    for (limit, says) in [
        ("1", "1GiB"),
        ("lots", "lots"),
        ("10MiB", "at least 256MiB"),
    ] {
        let words = format!("train a.csv --target y --memory-limit {limit}");
        multifuse(at, &words).refuses_with(&["limit", says]);
    }
}
