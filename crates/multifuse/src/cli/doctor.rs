//! `multifuse doctor`: what this machine offers.

use std::{
    env,
    path::{Path, PathBuf},
};

use engine::{SIMD_VARIABLE, SimdChoice, SimdLevel};
use schema::Problem;
use serde_json::json;

use super::output::Output;

/// A program that multifuse can use but does not need.
struct Optional {
    program: &'static str,
    gives: &'static str,
}

const OPTIONAL: [Optional; 1] = [Optional {
    program: "tensorboard",
    gives: "shows the event files that a run folder holds; report.html shows the same curves without it",
}];

/// Whether tables and archives behind web addresses are read.
const HAS_OBJECT_STORE: bool = cfg!(feature = "object-store");

pub(crate) fn run(output: Output) -> Result<(), Problem> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let simd = instruction_sets();
    let choice = engine::simd_choice();
    let writable = tempdir_is_writable();
    let optional: Vec<_> = OPTIONAL
        .iter()
        .map(|optional| (optional, find(optional.program)))
        .collect();

    let mut text = format!(
        "multifuse {}\n  cores         {cores}\n  instructions  {}\n  kernels       {}\n  temp folder   {}\n",
        env!("CARGO_PKG_VERSION"),
        simd.join(", "),
        kernels(choice),
        if writable {
            "writable"
        } else {
            "NOT writable: set TMPDIR to a folder that is"
        },
    );
    for (optional, found) in &optional {
        let state = match found {
            Some(path) => path.display().to_string(),
            None => format!("not installed (optional: {})", optional.gives),
        };
        text.push_str(&format!("  {:<13} {state}\n", optional.program));
    }
    let addresses = if HAS_OBJECT_STORE {
        "read (built with the feature object-store)"
    } else {
        "not read (cargo install --path crates/multifuse --features object-store builds that in)"
    };
    text.push_str(&format!("  s3://, https://  {addresses}\n"));
    text.push_str("Nothing else is needed: text, images and tables work with this program alone.");
    let value = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "cores": cores,
        "instructions": simd,
        "kernels": choice.level.name(),
        "temp_folder_writable": writable,
        "object_store": HAS_OBJECT_STORE,
        "optional": optional.iter().map(|(optional, found)| json!({
            "program": optional.program, "path": found, "gives": optional.gives,
        })).collect::<Vec<_>>(),
    });
    output.result(&text, &value)
}

/// Which instruction set the kernels use, and how that is changed.
fn kernels(choice: &SimdChoice) -> String {
    let name = choice.level.name();
    let lower: Vec<_> = SimdLevel::ALL
        .into_iter()
        .filter(|level| *level < choice.found)
        .map(SimdLevel::name)
        .collect();
    if let Some(word) = &choice.unknown_word {
        return format!(
            "{name} ({SIMD_VARIABLE}={word:?} is ignored: it knows {})",
            SimdLevel::ALL.map(SimdLevel::name).join(", ")
        );
    }
    if choice.level < choice.found {
        let found = choice.found.name();
        return format!("{name} (lowered from {found} by {SIMD_VARIABLE})");
    }
    if lower.is_empty() {
        return name.to_owned();
    }
    format!("{name} ({SIMD_VARIABLE} lowers it: {})", lower.join(", "))
}

#[cfg(target_arch = "x86_64")]
fn instruction_sets() -> Vec<&'static str> {
    [
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
    ]
    .into_iter()
    .filter_map(|(name, found)| found.then_some(name))
    .collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn instruction_sets() -> Vec<&'static str> {
    vec![env::consts::ARCH]
}

fn tempdir_is_writable() -> bool {
    let probe = env::temp_dir().join(format!("multifuse-doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"probe").is_ok();
    written && std::fs::remove_file(&probe).is_ok()
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder: PathBuf| folder.join(Path::new(program)))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_line_says_what_was_asked_and_what_is_used() {
        let line = |level, word: Option<&str>| {
            kernels(&SimdChoice {
                level,
                found: SimdLevel::Avx512,
                unknown_word: word.map(str::to_owned),
            })
        };
        assert_eq!(
            line(SimdLevel::Avx512, None),
            "avx512 (MULTIFUSE_SIMD lowers it: portable, avx2)"
        );
        assert_eq!(
            line(SimdLevel::Avx2, None),
            "avx2 (lowered from avx512 by MULTIFUSE_SIMD)"
        );
        assert_eq!(
            line(SimdLevel::Avx512, Some("sse9")),
            "avx512 (MULTIFUSE_SIMD=\"sse9\" is ignored: it knows portable, avx2, avx512, avx512bf16)"
        );
    }
}
