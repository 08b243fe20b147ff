//! What can go wrong in the engine: shapes, indices, settings, and values that are not numbers.

/// A mistake in how the engine was used, or a value that is not finite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Two shapes do not go together.
    #[error("{op}: expected {expected}, got {got}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// The shape found, with the name of its owner.
        got: String,
        /// The shape that would have been right.
        expected: String,
    },
    /// An index lies outside its axis.
    #[error("{op}: expected an index below {limit}, got {got}")]
    Index {
        /// The operation.
        op: &'static str,
        /// The index found.
        got: usize,
        /// One more than the largest index allowed.
        limit: usize,
    },
    /// A setting of an operation has a value that cannot work.
    #[error("{op}: {setting} is {got}, expected {expected}")]
    Setting {
        /// The operation.
        op: &'static str,
        /// The name of the setting.
        setting: &'static str,
        /// The value found.
        got: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// Two parameters with one name.
    #[error("a parameter named \"{name}\" exists already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A state holds no tensor of this name, or one of another shape.
    #[error("optimiser state \"{name}\": expected {expected}, got {got}")]
    State {
        /// The name of the tensor.
        name: String,
        /// What was found.
        got: String,
        /// What would have been right.
        expected: String,
    },
    /// An operation without a gradient met a value that needs one.
    #[error("{op}: has no gradient, but its input needs one")]
    NoGradient {
        /// The operation.
        op: &'static str,
    },
    /// `backward` on a tape that recorded nothing, or a second time.
    #[error("backward: the tape holds no record of this value (inference tape, or used before)")]
    NotRecorded,
    /// A value is infinite or not a number.
    #[error("{op}: a value is not finite")]
    NotFinite {
        /// The operation.
        op: &'static str,
    },
}

impl From<EngineError> for schema::Problem {
    /// A misuse of the engine that reaches a person is a fault of multifuse, not of the person.
    fn from(error: EngineError) -> Self {
        let what = error.to_string();
        match &error {
            EngineError::Shape { op, got, expected } => {
                schema::Problem::new(schema::Code::Internal, "shapes do not fit")
                    .at(*op)
                    .got(got)
                    .expected(expected)
            }
            EngineError::NotFinite { .. } => schema::Problem::new(schema::Code::Internal, what)
                .help("lower the learning rate, or look for extreme values in the data"),
            _ => schema::Problem::new(schema::Code::Internal, what),
        }
    }
}

/// A shape with axis names, for messages: `[B=32, D=128]`.
pub(crate) fn named_shape(names: &[&str], shape: &[usize]) -> String {
    let mut parts = Vec::with_capacity(shape.len());
    for (axis, size) in shape.iter().enumerate() {
        match names.get(axis) {
            Some(name) if names.len() == shape.len() => parts.push(format!("{name}={size}")),
            _ => parts.push(size.to_string()),
        }
    }
    format!("[{}]", parts.join(", "))
}

/// Refuses with [`EngineError::Shape`] unless `fits`.
pub(crate) fn require(
    fits: bool,
    op: &'static str,
    got: impl FnOnce() -> String,
    expected: impl FnOnce() -> String,
) -> Result<(), EngineError> {
    if fits {
        return Ok(());
    }
    Err(EngineError::Shape {
        op,
        got: got(),
        expected: expected(),
    })
}

/// Refuses with [`EngineError::Setting`] unless `fits`.
pub(crate) fn require_setting(
    fits: bool,
    op: &'static str,
    setting: &'static str,
    got: impl std::fmt::Debug,
    expected: &'static str,
) -> Result<(), EngineError> {
    if fits {
        return Ok(());
    }
    Err(EngineError::Setting {
        op,
        setting,
        got: format!("{got:?}"),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_where_and_both_sides() {
        let error = EngineError::Shape {
            op: "linear",
            got: "x [2, 5]".to_owned(),
            expected: "[.., I=3]".to_owned(),
        };
        let problem = schema::Problem::from(error);
        assert_eq!(
            problem.to_string(),
            "linear: shapes do not fit: expected [.., I=3], got x [2, 5]"
        );
        assert_eq!(problem.exit_code(), 3);
    }

    #[test]
    fn axes_are_named_when_their_number_fits() {
        assert_eq!(named_shape(&["B", "D"], &[2, 5]), "[B=2, D=5]");
        assert_eq!(named_shape(&["B", "D"], &[2]), "[2]");
    }
}
