//! Damaged and hostile models: every one is refused with the name of the file.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use schema::{
    Column, FittedTarget, Modality, Pack, PackTensor, Problem, Role, Seed, SharedBytes, Task,
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    ArtifactError, DataFacts, Manifest, ManifestInput, Part, PartFile, manifest::sha256, open,
    open_while_checking, save, tensors,
};

/// What a caller says about a small model.
pub(crate) fn example_input() -> ManifestInput {
    let column = |name: &str, modality, role| Column {
        name: name.into(),
        modality,
        role,
    };
    ManifestInput {
        created: "2026-11-24T08:00:00Z".into(),
        target: FittedTarget {
            column: "label".into(),
            task: Task::Binary,
            classes: vec!["cat".into(), "dog".into()],
            scale: None,
            // No short decimal: must read back bit for bit.
            prior: vec![1.0 / 3.0, 2.0 / 3.0],
        },
        columns: vec![
            column("text", Modality::Text, Role::Input),
            column("image", Modality::Image, Role::Input),
            column("id", Modality::Category, Role::Id),
        ],
        metrics: json!({"metrics": {
            "accuracy": {"value": 0.91, "low": 0.88, "high": 0.94},
            "log_loss": 1.2e-4,
        }}),
        data: DataFacts {
            name: "posts.csv".into(),
            num_records: 800,
            num_held_out: 200,
            sha256: Some("ab".repeat(32)),
        },
        licence: Some("CC-BY-4.0".into()),
        notes: "Cats only from one street.".into(),
        settings: json!({"manifest_sha256": "0000", "run": {"seed": 7}}),
    }
}

/// The manifest of the small model.
pub(crate) fn example_manifest() -> Manifest {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("artifact");
    save(&dir, example_input(), &example_parts()).unwrap();
    open(&dir).unwrap().manifest
}

pub(crate) fn example_parts() -> Vec<(String, String, Pack)> {
    let mut joint = Pack {
        description: json!({"embed_dim": 2, "vocabulary": ["so", "cute"], "mean": 0.1 + 0.2}),
        ..Pack::default()
    };
    let odd = vec![f32::NAN, f32::INFINITY, -0.0, 1e-45];
    joint
        .tensors
        .insert("weight".into(), PackTensor::f32(&[2, 2], odd));
    joint
        .tensors
        .insert("mean".into(), PackTensor::f64(&[1], vec![0.1]));
    joint
        .tensors
        .insert("ids".into(), PackTensor::u32(&[1], vec![u32::MAX]));
    joint
        .tensors
        .insert("none".into(), PackTensor::f32(&[0, 3], vec![]));
    let stack = Pack {
        description: json!({"scalars": {"joint": 1.0}}),
        ..Pack::default()
    };
    vec![
        ("joint".into(), "network".into(), joint),
        ("stack/late".into(), "stack".into(), stack),
    ]
}

fn saved() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("artifact");
    save(&dir, example_input(), &example_parts()).unwrap();
    (folder, dir)
}

/// Opens and gives the one-line text of the error.
fn refused(dir: &Path) -> String {
    let error = open(dir).expect_err("must not open");
    Problem::from(error).to_string()
}

/// Rewrites the manifest, digest and all, as an attacker would.
fn forge(dir: &Path, change: impl FnOnce(&mut Manifest)) {
    let mut manifest = open(dir).unwrap().manifest;
    change(&mut manifest);
    fs::write(dir.join("manifest.json"), manifest.to_bytes().unwrap()).unwrap();
}

/// Puts other bytes in a file and makes the manifest agree.
fn forge_file(dir: &Path, name: &str, bytes: &[u8]) {
    fs::write(dir.join(name), bytes).unwrap();
    let path = dir.join("manifest.json");
    let mut manifest = Manifest::parse(dir, &fs::read(&path).unwrap()).unwrap();
    let files = manifest.parts.iter_mut().flat_map(|part| &mut part.files);
    for file in files.filter(|file| file.name == name) {
        file.num_bytes = bytes.len() as u64;
        file.sha256 = sha256(bytes);
    }
    fs::write(path, manifest.to_bytes().unwrap()).unwrap();
}

/// A safetensors file with a header of one's own.
fn tensor_file(header: &str, num_bytes: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + num_bytes, 0);
    bytes
}

#[test]
fn opens_what_was_saved_bit_for_bit() {
    let (_folder, dir) = saved();
    let mut artifact = open(&dir).unwrap();
    let input = example_input();
    assert_eq!(artifact.manifest.target, input.target);
    assert_eq!(artifact.manifest.columns, input.columns);
    assert_eq!(artifact.manifest.settings, input.settings);
    assert_eq!(artifact.manifest.parts[1].name, "stack/late");
    assert_eq!(artifact.manifest.parts[1].files[0].name, "stack_late.json");
    for (name, _, pack) in example_parts() {
        let got = artifact.take(&name).unwrap();
        assert_eq!(got.description, pack.description);
        // NaN equals nothing: compare what is printed, which tells -0 and every digit.
        assert_eq!(format!("{:?}", got.tensors), format!("{:?}", pack.tensors));
    }
    assert!(artifact.part("joint").is_none(), "was taken");
    let mut again = crate::open_manifest(&dir).unwrap();
    again.manifest_sha256.clear();
    artifact.manifest.manifest_sha256.clear();
    assert_eq!(again, artifact.manifest);
}

#[test]
fn one_changed_byte_anywhere_is_found_and_its_file_named() {
    let (_folder, dir) = saved();
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            // The lowest bit keeps text text, the highest does not.
            changed[place] ^= [0x01, 0x80][place % 2];
            fs::write(&path, &changed).unwrap();
            let text = refused(&dir);
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(text.contains(name), "byte {place} of {name}: {text}");
        }
        fs::write(&path, bytes).unwrap();
    }
    assert!(open(&dir).is_ok());
}

#[test]
fn changed_numbers_are_found_while_others_already_use_them() {
    let (_folder, dir) = saved();
    let (artifact, check) = open_while_checking(&dir).unwrap();
    assert!(check.wait().is_ok() && check.wait().is_ok());
    let weight = artifact.part("joint").unwrap().floats("weight", 4).unwrap();
    assert_eq!(weight.is_shared(), cfg!(target_endian = "little"));
    let path = dir.join("joint.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    let (_, check) = open_while_checking(&dir).unwrap();
    for _ in 0..2 {
        let error = check.wait().unwrap_err();
        assert!(error.to_string().contains("joint.safetensors"), "{error}");
    }
}

#[test]
fn a_truncated_or_longer_file_is_named_with_both_sizes() {
    for name in ["joint.safetensors", "joint.json", "manifest.json"] {
        let (_folder, dir) = saved();
        let path = dir.join(name);
        let bytes = fs::read(&path).unwrap();
        for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&path, &bytes[..length]).unwrap();
            let text = refused(&dir);
            assert!(text.contains(name), "{text}");
            if name != "manifest.json" {
                let expected = format!("expected {} bytes, got {length} bytes", bytes.len());
                assert!(text.contains(&expected), "{text}");
            }
        }
        fs::write(&path, [&bytes[..], b" "].concat()).unwrap();
        assert!(refused(&dir).contains(name));
    }
}

#[test]
fn a_missing_file_or_folder_is_named() {
    let (folder, dir) = saved();
    fs::remove_file(dir.join("joint.json")).unwrap();
    assert!(refused(&dir).ends_with("joint.json is missing"));
    let nowhere = folder.path().join("nowhere");
    let error = open(&nowhere).unwrap_err();
    assert!(matches!(error, ArtifactError::NotThere { .. }), "{error}");
    let file = dir.join("joint.safetensors");
    assert!(open(&file).is_err(), "a file is no folder");
}

#[test]
fn a_newer_format_says_to_upgrade() {
    let (_folder, dir) = saved();
    forge(&dir, |manifest| manifest.format_version = 9);
    let problem = Problem::from(open(&dir).unwrap_err());
    assert_eq!(problem.got.as_deref(), Some("format version 9"));
    assert_eq!(
        problem.help.as_deref(),
        Some("upgrade multifuse to use this model")
    );
    // Even if the newer format has no digest in the place where this one has it.
    let path = dir.join("manifest.json");
    fs::write(&path, br#"{"format_version": 12}"#).unwrap();
    assert!(matches!(
        open(&dir),
        Err(ArtifactError::Newer { got: 12, .. })
    ));
    fs::write(&path, br#"{"format_version": 1}"#).unwrap();
    assert!(matches!(open(&dir), Err(ArtifactError::NoDigest { .. })));
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    for name in [
        "../joint.json",
        "/etc/a.json",
        "a/b.json",
        "..\\a.json",
        ".a.json",
        "manifest.json",
    ] {
        let (_folder, dir) = saved();
        forge(&dir, |manifest| {
            manifest.parts[0].files[0].name = name.into()
        });
        let error = open(&dir).unwrap_err();
        assert!(matches!(error, ArtifactError::FileName { .. }), "{error}");
    }
    let (_folder, dir) = saved();
    forge(&dir, |manifest| {
        manifest.parts[1].files[0] = manifest.parts[0].files[0].clone();
    });
    assert!(matches!(open(&dir), Err(ArtifactError::FileName { .. })));
}

#[test]
fn parts_that_are_not_whole_are_refused() {
    let changes: [fn(&mut Part); 4] = [
        |part| part.files.truncate(1),
        |part| part.files.reverse(),
        |part| part.name = "stack/late".into(),
        |part| part.name.clear(),
    ];
    for change in changes {
        let (_folder, dir) = saved();
        forge(&dir, |manifest| change(&mut manifest.parts[0]));
        let error = open(&dir).unwrap_err();
        assert!(matches!(error, ArtifactError::Part { .. }), "{error}");
    }
}

#[test]
fn sizes_beyond_the_limits_are_refused_before_anything_is_read() {
    let (_folder, dir) = saved();
    forge(&dir, |manifest| {
        manifest.parts[0].files[1].num_bytes = u64::MAX
    });
    let error = open(&dir).unwrap_err();
    assert!(matches!(error, ArtifactError::TooLarge { .. }), "{error}");
    let (_folder, dir) = saved();
    forge(&dir, |manifest| {
        let empty = |file: &PartFile| PartFile {
            num_bytes: 0,
            ..file.clone()
        };
        let many = (0..1001).map(|number| Part {
            name: format!("p{number}"),
            files: manifest.parts[0].files.iter().map(empty).collect(),
            ..manifest.parts[0].clone()
        });
        manifest.parts = many.collect();
    });
    assert!(matches!(
        open(&dir),
        Err(ArtifactError::TooLarge { what: "parts", .. })
    ));
    let (_folder, dir) = saved();
    let manifest = fs::File::options()
        .write(true)
        .open(dir.join("manifest.json"));
    // Sparse: takes no room on the disk.
    manifest.unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(open(&dir), Err(ArtifactError::TooLarge { .. })));
}

#[cfg(unix)]
#[test]
fn links_and_folders_in_place_of_files_are_refused() {
    for name in ["joint.json", "manifest.json"] {
        let (folder, dir) = saved();
        let outside = folder.path().join("outside");
        fs::rename(dir.join(name), &outside).unwrap();
        std::os::unix::fs::symlink(&outside, dir.join(name)).unwrap();
        let error = open(&dir).unwrap_err();
        assert!(matches!(error, ArtifactError::NotRegular { .. }), "{error}");
    }
    let (_folder, dir) = saved();
    fs::remove_file(dir.join("joint.json")).unwrap();
    fs::create_dir(dir.join("joint.json")).unwrap();
    assert!(matches!(open(&dir), Err(ArtifactError::NotRegular { .. })));
}

/// The header of a file with one tensor, `a`.
fn one(shape: &str, kind: &str, end: &str) -> String {
    format!(r#"{{"a":{{"dtype":"{kind}","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
}

/// Hostile tensor files, and what must be said about each.
fn hostile_files() -> Vec<(&'static str, Vec<u8>)> {
    let mut endless = tensor_file("{}", 0);
    endless[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let entry = |n| format!(r#""{n}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
    let many = (0..100_001).map(entry).collect::<Vec<_>>().join(",");
    let long = one("[1]", "F32", "4").replace("\"a\"", &format!("{:?}", "n".repeat(257)));
    let axes = one(&format!("[{}]", vec!["1"; 17].join(",")), "F32", "4");
    let overlap = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
        "b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let overflow = one("[4294967296,4294967296,4]", "F32", "4");
    let far = one("[1]", "F32", "18446744073709551615");
    vec![
        ("header too small", Vec::new()),
        ("header too small", vec![0; 7]),
        ("at most 16777216 header bytes", endless),
        ("invalid header length", tensor_file("{}", 0)[..9].to_vec()),
        ("invalid JSON", tensor_file("{{{{", 0)),
        ("invalid JSON", tensor_file(&"[".repeat(100_000), 0)),
        (
            "invalid JSON",
            tensor_file(&format!("{{\"a\":{}", "[".repeat(100_000)), 0),
        ),
        (
            "invalid UTF-8",
            [&1_u64.to_le_bytes()[..], &[0xff]].concat(),
        ),
        ("invalid shape", tensor_file(&one("[2]", "F32", "4"), 4)),
        ("overflow", tensor_file(&overflow, 4)),
        ("invalid JSON", tensor_file(&one("[-1]", "F32", "4"), 4)),
        (
            "not fully covered",
            tensor_file(&one("[4]", "F32", "16"), 4),
        ),
        ("invalid shape", tensor_file(&far, 4)),
        ("not fully covered", tensor_file(&one("[1]", "F32", "4"), 8)),
        ("invalid offset", tensor_file(overlap, 4)),
        ("got \"a\" of F16", tensor_file(&one("[2]", "F16", "4"), 4)),
        ("unknown variant", tensor_file(&one("[2]", "Q4", "4"), 4)),
        ("at most 256 bytes in a tensor name", tensor_file(&long, 4)),
        ("at most 16 axes", tensor_file(&axes, 4)),
        (
            "at most 100000 tensors",
            tensor_file(&format!("{{{many}}}"), 0),
        ),
    ]
}

#[test]
fn hostile_tensor_headers_are_refused() {
    let (_folder, dir) = saved();
    for (expected, bytes) in hostile_files() {
        forge_file(&dir, "joint.safetensors", &bytes);
        let text = refused(&dir);
        assert!(text.contains("joint.safetensors"), "{text}");
        assert!(text.contains(expected), "expected {expected:?} in {text}");
    }
}

#[test]
fn no_change_of_a_tensor_file_panics() {
    let (_folder, dir) = saved();
    let file = dir.join("joint.safetensors");
    let bytes = fs::read(&file).unwrap();
    let mut rng = Seed(11).rng();
    for _ in 0..20_000 {
        let mut changed = bytes.clone();
        for _ in 0..=rng.below(3) {
            let place = rng.below(changed.len());
            changed[place] = rng.next_u64() as u8;
        }
        changed.truncate(bytes.len() - rng.below(2) * rng.below(bytes.len()));
        // Opened or refused, either is right: the digest is what tells.
        let memory: SharedBytes = Arc::new(changed);
        let _ = tensors::parse(&file, &memory);
    }
}

#[test]
fn a_description_that_is_no_json_is_refused() {
    for bytes in [&b""[..], b"{", b"\xff", "[".repeat(100_000).as_bytes()] {
        let (_folder, dir) = saved();
        forge_file(&dir, "joint.json", bytes);
        let error = open(&dir).unwrap_err();
        assert!(matches!(error, ArtifactError::Json { .. }), "{error}");
    }
}

#[test]
#[ignore = "slow: measures speed, run in release with --nocapture"]
fn a_hundred_megabytes_are_saved_and_opened_in_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("artifact");
    let mut pack = Pack::default();
    let values = vec![0.5; 25_000_000];
    pack.tensors
        .insert("weight".into(), PackTensor::f32(&[25_000_000], values));
    let parts = [("joint".into(), "network".into(), pack)];
    let start = std::time::Instant::now();
    save(&dir, example_input(), &parts).unwrap();
    println!("save {:.2} s", start.elapsed().as_secs_f64());
    let start = std::time::Instant::now();
    open(&dir).unwrap();
    println!("open {:.2} s", start.elapsed().as_secs_f64());
}
