//! Learns from records whose columns are of several kinds: text, images, numbers, categories, dates.
//!
//! The last room of the flow: it wires the others together. What the command line can do takes a few lines:
//!
//! ```no_run
//! use multifuse::{Predictor, Table, Trainer, record, secs};
//!
//! # fn main() -> Result<(), multifuse::Problem> {
//! let table = Table::open("posts.csv")?;
//! let run = Trainer::new("label").inputs(["image", "text"]).time_limit(secs(240)).fit(&table)?;
//! println!("{}", run.summary()); // metric, interval, baselines, what mattered
//! let model = Predictor::open(run.folder())?;
//! let answer = model.predict(&record! { image: std::path::Path::new("cat.jpg"), text: "so cute" })?;
//! # let _ = answer;
//! # Ok(())
//! # }
//! ```

pub mod demo;
mod commented;
mod listing;
mod memory;
mod plan;
mod prepare;
mod run;
mod summary;
pub mod template;
mod trainer;

use std::time::Duration;

pub use data::{Inspection, Table, inspect};
pub use listing::{Section, listing};
pub use memory::peak as peak_memory;
pub use plan::{ExpertPlan, PartLine, Plan};
pub use predict::{
    AnswerFormat, DropLoss, Judgement, PatternValue, PredictError, Predictor, write_answers,
};
pub use run::Run;
pub use schema::{
    Answer, ByteSize, Cell, Code, Config, Modality, Prediction, Problem, Record, Task,
};
pub use train::PrecisionConfig;
pub use trainer::Trainer;

/// So many seconds.
pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Makes a [`Record`] from `column: value` pairs.
///
/// ```
/// let record = multifuse::record! { text: "so cute", age: 3.0 };
/// assert_eq!(record.cell("age"), &multifuse::Cell::Number(3.0));
/// ```
#[macro_export]
macro_rules! record {
    ($($column:ident : $value:expr),* $(,)?) => {
        $crate::Record::new()$(.with(stringify!($column), $value))*
    };
}

/// Limits the threads that all rooms share. Results do not depend on it.
///
/// # Errors
/// If work has already begun with another number.
pub fn set_threads(threads: usize) -> Result<(), Problem> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|error| {
            Problem::new(Code::Internal, "the number of threads cannot be set")
                .got(error.to_string())
        })
}
