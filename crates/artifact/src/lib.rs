//! The saved model: one folder of JSON and safetensors, verified on open, nothing executable.
//!
//! In the flow: [`save`] takes what every trained part says about itself ([`schema::Pack`]) and writes
//!
//! ```text
//! artifact/
//!   manifest.json           what it predicts, from which columns, how good it is; size and SHA-256 of every file
//!   text_ngram.json         configuration and fitted facts of one part
//!   text_ngram.safetensors  its numbers
//! ```
//!
//! [`open`] gives the same packs back, or an error that names the file in which so much as one byte differs. A file
//! from a stranger can be opened without danger: sizes are bounded, names are plain, links are refused, nothing is
//! executed. It knows no tensor engine and no kind of expert.
//!
//! ```no_run
//! let mut artifact = artifact::open("run/artifact".as_ref())?;
//! println!("{}", artifact::card(&artifact.manifest));
//! let joint: Option<schema::Pack> = artifact.take("joint");
//! # Ok::<(), artifact::ArtifactError>(())
//! ```

mod card;
mod check;
mod error;
mod file;
mod manifest;
mod name;
mod open;
mod save;
mod tensors;

#[cfg(test)]
mod hostile;

pub use card::card;
pub use check::Check;
pub use error::ArtifactError;
pub use manifest::{DataFacts, FORMAT_VERSION, Manifest, ManifestInput, Part, PartFile};
pub use open::{Artifact, open, open_manifest, open_while_checking};
pub use save::save;
