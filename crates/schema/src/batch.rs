//! Several examples as host buffers: the only thing that networks are given.

/// The numbers of one input column for a whole batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// Dense floats.
    Floats {
        /// Axis lengths, the first is `B`.
        shape: Vec<usize>,
        /// Row-major values.
        data: Vec<f32>,
    },
    /// Codes or token numbers.
    Ids {
        /// Axis lengths, the first is `B`.
        shape: Vec<usize>,
        /// Row-major codes.
        data: Vec<u32>,
        /// True marks a real element, false padding; same length as `data`.
        valid: Vec<bool>,
    },
    /// Sparse weighted bags, one a record.
    Bags {
        /// Where each record's entries start; `B + 1` long.
        offsets: Vec<usize>,
        /// Bucket of each entry.
        ids: Vec<u32>,
        /// Weight of each entry.
        weights: Vec<f32>,
    },
}

/// One input column of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct InputBatch {
    /// True where the record has this modality; `B` long. Values of absent records are zeros.
    pub present: Vec<bool>,
    /// The values.
    pub payload: Payload,
}

/// The truth of a batch, as numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetBatch {
    /// Class index of each record (binary and class).
    Classes(Vec<u32>),
    /// `[B, K]`, 1.0 where the label applies.
    Labels(Vec<f32>),
    /// One value a record, in the scale of [`crate::FittedTarget`].
    Values(Vec<f32>),
}

/// Several examples, ready for a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Row of each example in the data set it came from.
    pub rows: Vec<usize>,
    /// One entry an input column, in the order of the network's inputs.
    pub inputs: Vec<InputBatch>,
    /// The truth, if known.
    pub target: Option<TargetBatch>,
    /// Weight of each record in the loss; `None` for all 1.
    pub weights: Option<Vec<f32>>,
}

impl Batch {
    /// Number of examples, `B`.
    pub fn size(&self) -> usize {
        self.rows.len()
    }
}
