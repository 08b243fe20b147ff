//! The shared words of multifuse.
//!
//! First room of the flow: everything here is plain data that the other rooms speak with - columns, cells,
//! records, configuration, host batches, predictions, problems, seeds. It knows no tensor, no network, and of files
//! only how to write one safely.

mod atomic;
mod batch;
mod byte_size;
mod column;
mod config;
mod numbers;
mod pack;
mod prediction;
mod preparation;
mod problem;
mod random;
mod record;
mod suggest;
mod target;
mod value;

pub use atomic::{write_atomic, write_atomic_with};
pub use batch::{Batch, InputBatch, Payload, TargetBatch};
pub use byte_size::ByteSize;
pub use column::{Column, Modality, Role, Task};
pub use config::{
    Config, DataConfig, ExpertConfig, OnBad, RunConfig, Settings, Validation, set_by_path,
};
pub use numbers::{Number, Numbers, SharedBytes};
pub use pack::{Pack, PackTensor, PackValues};
pub use prediction::{Answer, Prediction};
pub use preparation::{Keep, Preparation, SeriesScale, SpectrogramForm, Tokenizer};
pub use problem::{Code, Problem, Problems};
pub use random::{Rng, Seed};
pub use record::{Cell, Record};
pub use suggest::{closest, known};
pub use target::{FittedTarget, Scale};
pub use value::{Clip, Picture, Series, Sound, Volume};
