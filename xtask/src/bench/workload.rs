//! What is measured, and the bars.

/// A network that both sides run.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// Records of a training step and of the larger inference.
    pub(crate) batch_size: u32,
    /// Billions of floating-point operations of forward on a batch, and of a training step, as
    /// `benches/peers/references.py` counts them.
    pub(crate) gflop: [f64; 2],
    /// Parameters that a training step changes, in millions: of a table of tokens only the rows of the batch.
    changed_millions: f64,
    has_convolutions: bool,
    /// Ratios to the fastest peer: training step, inference of one record, of a batch, peak memory of training.
    bars: [f64; 4],
    bf16_bar: Option<f64>,
}

/// S1 to S4 of the issue on speed.
pub(crate) const WORKLOADS: [Workload; 4] = [
    Workload {
        name: "S1",
        batch_size: 32,
        gflop: [0.580, 1.567],
        changed_millions: 2.088,
        has_convolutions: true,
        bars: [0.50, 0.25, 0.70, 0.4],
        bf16_bar: None,
    },
    Workload {
        name: "S2",
        batch_size: 16,
        gflop: [13.959, 42.413],
        changed_millions: 3.719,
        has_convolutions: false,
        bars: [0.68, 0.80, 0.75, 0.4],
        bf16_bar: Some(0.90),
    },
    Workload {
        name: "S3",
        batch_size: 8,
        gflop: [37.052, 111.646],
        changed_millions: 11.022,
        has_convolutions: false,
        bars: [0.72, 0.85, 0.85, 0.5],
        bf16_bar: Some(0.90),
    },
    Workload {
        name: "S4",
        batch_size: 8,
        gflop: [7.758, 22.801],
        changed_millions: 11.182,
        has_convolutions: true,
        bars: [0.85, 0.80, 0.85, 0.6],
        bf16_bar: None,
    },
];

/// Numbers that products multiply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Precision {
    F32,
    Bf16,
}

/// One line of the table.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) workload: &'static Workload,
    /// `train` or `infer16`, as the runners call it.
    pub(crate) phase: String,
    pub(crate) precision: Precision,
    pub(crate) bar: f64,
    pub(crate) memory_bar: Option<f64>,
}

impl Task {
    /// All lines of a workload.
    pub(crate) fn all(workload: &'static Workload) -> Vec<Self> {
        let [train, one, many, memory] = workload.bars;
        let task = |phase: String, precision, bar, memory_bar| Self {
            workload,
            phase,
            precision,
            bar,
            memory_bar,
        };
        let (f32, train_phase) = (Precision::F32, || "train".to_owned());
        let batch = format!("infer{}", workload.batch_size);
        let mut tasks = vec![
            task(train_phase(), f32, train, Some(memory)),
            task("infer1".to_owned(), f32, one, None),
            task(batch, f32, many, None),
        ];
        if let Some(bar) = workload.bf16_bar {
            tasks.push(task(train_phase(), Precision::Bf16, bar, None));
        }
        tasks
    }

    pub(crate) fn is_training(&self) -> bool {
        self.phase == "train"
    }

    /// The phase as it stands in the table.
    pub(crate) fn label(&self) -> String {
        match self.precision {
            Precision::F32 => self.phase.clone(),
            Precision::Bf16 => format!("{}-bf16", self.phase),
        }
    }

    /// Workload and phase.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.workload.name, self.label())
    }

    /// PyTorch's configurations.
    pub(crate) fn torch(&self) -> Vec<&'static str> {
        let convolutions = self.workload.has_convolutions;
        match (self.precision, self.is_training()) {
            (Precision::Bf16, _) => vec!["bf16+fused", "bf16+compile+fused"],
            (Precision::F32, true) if convolutions => vec![
                "eager",
                "fused",
                "compile+fused",
                "channels_last+fused",
                "channels_last+compile+fused",
            ],
            (Precision::F32, true) => vec!["eager", "fused", "compile+fused"],
            (Precision::F32, false) if convolutions => vec![
                "eager",
                "compile",
                "compile+freezing",
                "channels_last",
                "channels_last+compile+freezing",
            ],
            (Precision::F32, false) => vec!["eager", "compile", "compile+freezing"],
        }
    }

    /// TensorFlow's configurations.
    pub(crate) fn tensorflow(&self) -> &'static [&'static str] {
        match self.workload.name {
            "S1" => &["function", "function+xla"],
            _ => &[],
        }
    }

    /// Operations in billions.
    pub(crate) fn gflop(&self) -> f64 {
        let [forward, train] = self.workload.gflop;
        let Some(records) = self.phase.strip_prefix("infer") else {
            return train;
        };
        let records: f64 = records.parse().unwrap_or(1.0);
        forward * records / f64::from(self.workload.batch_size)
    }

    /// Gigabytes that the optimiser moves: weight, gradient and two moments read, all but the gradient written.
    pub(crate) fn optimiser_gb(&self) -> f64 {
        const BYTES: f64 = 7.0 * 4.0;
        if self.is_training() {
            self.workload.changed_millions * BYTES / 1e3
        } else {
            0.0
        }
    }
}
