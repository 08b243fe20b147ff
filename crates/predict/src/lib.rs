//! Artifact and raw records to named answers.
//!
//! Next to last room of the flow: a saved artifact and a table (or one record) come in, answers and judgements go
//! out. It runs the same code as training, from the artifact alone, and must not know how the model was trained.

mod answers;
mod drop_loss;
mod error;
mod judgement;
mod predictor;

pub use answers::{AnswerFormat, write_answers};
pub use drop_loss::DropLoss;
pub use error::PredictError;
pub use judgement::{Judgement, PatternValue, by_presence};
pub use predictor::Predictor;
