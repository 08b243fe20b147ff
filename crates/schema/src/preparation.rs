//! How a column is made ready for an encoder: asked for by the encoder, done by the data room.

/// How text is cut into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokenizer {
    /// Lower-cased runs of letters and digits; the vocabulary is fitted on the training split.
    #[default]
    Word,
    /// The text already is a list of token numbers separated by blanks, each below the vocabulary size.
    Ids,
}

/// Which part of a sound that is too long is listened to.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The middle.
    #[default]
    Centre,
    /// The start; a shorter sound is followed by silence.
    Start,
    /// The end; a shorter sound has silence before it.
    End,
    /// The stretch with the most energy.
    Loudest,
    /// Up to five stretches, evenly spread: training draws one of them for each epoch, prediction takes the middle
    /// one; statistics are taken over all of them.
    Windows,
}

/// Shape of a log-mel spectrogram.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct SpectrogramForm {
    /// Samples a second that every sound is brought to.
    pub rate_hz: u32,
    /// Milliseconds that every sound is brought to: shorter ones are put into the middle of silence (unless `keep`
    /// says otherwise), of longer ones a part is kept.
    pub len_ms: u32,
    /// Milliseconds from one frame to the next; a frame looks at two and a half times as much.
    pub hop_ms: u32,
    /// Bands.
    pub num_mels: usize,
    /// Which part of a longer sound is kept.
    #[serde(default)]
    pub keep: Keep,
}

impl SpectrogramForm {
    /// Frames of every spectrogram; of one that is kept in several windows, of each.
    pub fn num_frames(&self) -> usize {
        (self.len_ms / self.hop_ms.max(1)).max(1) as usize
    }

    /// Stretches of a longer sound that are kept, at most.
    pub fn max_windows(&self) -> usize {
        const MOST: usize = 5;
        if self.keep == Keep::Windows { MOST } else { 1 }
    }
}

/// How the values of a series are scaled.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SeriesScale {
    /// Each series less its own mean by channel, divided by the deviation of the training split.
    #[default]
    Centred,
    /// Each series by its own mean and deviation by channel.
    Own,
    /// By mean and deviation of the training split by channel.
    Train,
}

/// What an encoder wants to be given.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "form")]
pub enum Preparation {
    /// Token numbers `[B, T]` with a valid mask; 0 is padding, 1 is unknown (tokenizer `word`).
    Tokens {
        /// How text is cut.
        tokenizer: Tokenizer,
        /// Most distinct tokens, padding and unknown included.
        vocab_size: usize,
        /// Longest sequence in tokens; longer text is cut.
        max_len: usize,
    },
    /// Bags of hashed word (1-2) and character (3-5) n-grams with tf-idf weights, L2 norm 1 a block.
    Ngrams {
        /// Buckets of each of the two blocks (words, characters).
        buckets: usize,
        /// An n-gram in fewer training records than this is dropped.
        min_records: usize,
    },
    /// Pixels `[B, 3, H, W]`, mean and deviation by channel fitted on the training split if `normalise`,
    /// otherwise plain [0, 1].
    Pixels {
        /// Height and width in pixels.
        size_px: usize,
        /// Whether to standardise by channel.
        normalise: bool,
    },
    /// A log-mel spectrogram `[B, F, M]` of `F` frames and `M` bands, each band standardised by the training split.
    Spectrogram(SpectrogramForm),
    /// A series `[B, C, T]` of as many channels as the training split has, brought to one length.
    Series {
        /// Moments that every series is brought to, `T`.
        len: usize,
        /// How values are scaled.
        scale: SeriesScale,
    },
    /// Frames of a video, or slices of a volume, evenly spread: `[B, N, 3, H, W]`.
    Frames {
        /// How many, `N`.
        num_frames: usize,
        /// Height and width in pixels.
        size_px: usize,
        /// Whether to standardise by channel.
        normalise: bool,
    },
    /// A standardised number `[B, 1 + num_bins]`: the value, then its piecewise-linear place among quantile bins.
    Number {
        /// Quantile bins; 0 for the plain value only.
        num_bins: usize,
    },
    /// A code `[B, 1]`: 0 is "not seen in training", then the values in order.
    Category {
        /// Most distinct values, the unseen one included; rarer values count as unseen.
        max_values: usize,
    },
    /// Parts of a date `[B, 9]`: standardised time, then sine and cosine of month, day of month, weekday, hour.
    Date,
}

impl Preparation {
    /// Its `form` in stored configurations.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tokens { .. } => "tokens",
            Self::Ngrams { .. } => "ngrams",
            Self::Pixels { .. } => "pixels",
            Self::Spectrogram(_) => "spectrogram",
            Self::Series { .. } => "series",
            Self::Frames { .. } => "frames",
            Self::Number { .. } => "number",
            Self::Category { .. } => "category",
            Self::Date => "date",
        }
    }
}
