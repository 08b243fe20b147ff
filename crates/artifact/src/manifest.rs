//! `manifest.json`: what the model is, and the digest of every file, its own included.

use std::path::Path;

use schema::{Column, FittedTarget, Task};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ArtifactError, name::MANIFEST};

/// Version of the folder's layout that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// What a saved model says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the folder's layout.
    pub format_version: u32,
    /// Version of the program that saved it.
    pub multifuse_version: String,
    /// When it was saved, RFC 3339.
    pub created: String,
    /// What is predicted.
    pub task: Task,
    /// The target as fitted on the training split.
    pub target: FittedTarget,
    /// Input columns with their modality, and the column that names a record if there is one.
    pub columns: Vec<Column>,
    /// The trained parts, in the order in which they were saved.
    pub parts: Vec<Part>,
    /// What it reached on held-out records; `{"metrics": {name: {"value", "low", "high"}}, ...}`.
    pub metrics: serde_json::Value,
    /// What it was trained on.
    pub data: DataFacts,
    /// Licence of the model, if somebody chose one.
    pub licence: Option<String>,
    /// Anything a person should know.
    pub notes: String,
    /// Everything that decided the run.
    pub settings: serde_json::Value,
    /// SHA-256 of this file with 64 zeros in this place. Must stay the last field.
    #[serde(default)]
    pub manifest_sha256: String,
}

/// What the caller of [`crate::save`] says; the rest of the manifest follows from the parts.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestInput {
    /// Now, RFC 3339; given by the caller so that saving reads no clock.
    pub created: String,
    /// The target as fitted on the training split.
    pub target: FittedTarget,
    /// Input columns with their modality, and the column that names a record if there is one.
    pub columns: Vec<Column>,
    /// What it reached on held-out records; `{"metrics": {name: {"value", "low", "high"}}, ...}`.
    pub metrics: serde_json::Value,
    /// What it was trained on.
    pub data: DataFacts,
    /// Licence of the model, if somebody chose one.
    pub licence: Option<String>,
    /// Anything a person should know.
    pub notes: String,
    /// Everything that decided the run.
    pub settings: serde_json::Value,
}

/// What a model was trained on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DataFacts {
    /// Name of the table.
    pub name: String,
    /// Records that it learned from.
    pub num_records: usize,
    /// Records that were held out to judge it.
    pub num_held_out: usize,
    /// SHA-256 of the table's bytes, hexadecimal, if it was a file.
    pub sha256: Option<String>,
}

/// One trained part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Name within the model, such as `joint`.
    pub name: String,
    /// Which kind of part reads it, such as `network`.
    pub kind: String,
    /// Its description (`.json`) and its numbers (`.safetensors`).
    pub files: Vec<PartFile>,
    /// Numbers in its tensors.
    pub num_values: u64,
}

/// One file of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartFile {
    /// Plain name within the folder.
    pub name: String,
    /// Its size in bytes.
    pub num_bytes: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Bytes as lower-case digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Digits of a SHA-256.
const DIGEST_LEN: usize = 64;
/// How the digest is introduced. Within a JSON string its quotes would be escaped, so this is the field itself, and
/// the last one if settings have a key of that name.
const DIGEST_KEY: &[u8] = b"\"manifest_sha256\": \"";

impl Manifest {
    /// The text of `manifest.json`, digest included.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut unsigned = self.clone();
        unsigned.manifest_sha256 = "0".repeat(DIGEST_LEN);
        let mut bytes = serde_json::to_vec_pretty(&unsigned)?;
        bytes.push(b'\n');
        if let Some(place) = digest_place(&bytes) {
            let digest = sha256(&bytes);
            bytes[place..place + DIGEST_LEN].copy_from_slice(digest.as_bytes());
        }
        Ok(bytes)
    }

    /// Reads `manifest.json` of a folder from its bytes: digest first, then version, then content.
    pub(crate) fn parse(dir: &Path, bytes: &[u8]) -> Result<Self, ArtifactError> {
        let file = dir.join(MANIFEST);
        let is_complete = check_digest(dir, bytes)?;
        let json = |source| ArtifactError::Json {
            file: file.clone(),
            source,
        };
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(json)?;
        let version = value.get("format_version").and_then(|found| found.as_u64());
        if let Some(got) = version.filter(|got| *got > u64::from(FORMAT_VERSION)) {
            return Err(ArtifactError::Newer {
                file,
                got,
                supported: FORMAT_VERSION,
            });
        }
        if !is_complete {
            return Err(ArtifactError::NoDigest { file });
        }
        serde_json::from_value(value).map_err(json)
    }
}

/// Where the digest's digits start.
fn digest_place(bytes: &[u8]) -> Option<usize> {
    let mut windows = bytes.windows(DIGEST_KEY.len());
    let place = windows.rposition(|window| window == DIGEST_KEY)? + DIGEST_KEY.len();
    (place + DIGEST_LEN <= bytes.len()).then_some(place)
}

/// Whether there is a digest, and an error if it is another than that of the bytes.
fn check_digest(dir: &Path, bytes: &[u8]) -> Result<bool, ArtifactError> {
    let Some(place) = digest_place(bytes) else {
        return Ok(false);
    };
    let digits = place..place + DIGEST_LEN;
    let expected = String::from_utf8_lossy(&bytes[digits.clone()]).into_owned();
    let mut unsigned = bytes.to_vec();
    unsigned[digits].fill(b'0');
    let got = sha256(&unsigned);
    if got == expected {
        return Ok(true);
    }
    Err(ArtifactError::Changed {
        file: dir.join(MANIFEST),
        got,
        expected,
    })
}
