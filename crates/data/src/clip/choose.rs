//! Which frames of a clip are wanted.

/// How frames are chosen.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// This many, from the middles of as many equal parts of the clip; a clip of fewer frames gives what it has.
    Count(usize),
    /// This many a second, from the start on; a frame is never given twice.
    Rate(f64),
    /// A stretch from the start on: the middles of this many steps of time, of which those within the clip. A frame
    /// that is shown for several steps is given as often.
    First {
        /// How many.
        count: usize,
        /// Seconds of a step, above 0.
        every_secs: f64,
    },
    /// A stretch up to the end, as [`Sampling::First`] is one from the start on.
    Last {
        /// How many.
        count: usize,
        /// Seconds of a step, above 0.
        every_secs: f64,
    },
}

impl Sampling {
    /// Whether steps of time are what counts, not different frames.
    fn is_stretch(self) -> bool {
        matches!(self, Self::First { .. } | Self::Last { .. })
    }
}

/// When the frames of a clip are shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Timing {
    /// Seconds from the start, never falling.
    pub(super) starts: Vec<f64>,
    /// When the last one ends.
    pub(super) duration: f64,
}

impl Timing {
    /// Frames of durations in seconds.
    pub(super) fn of_durations(durations: impl IntoIterator<Item = f64>) -> Self {
        let mut duration = 0.0;
        let starts = durations.into_iter().map(|secs: f64| {
            let start = duration;
            duration += secs.max(0.0);
            start
        });
        Self {
            starts: starts.collect(),
            duration,
        }
    }

    /// Frames at a rate.
    pub(super) fn even(num_frames: usize, frame_secs: f64) -> Self {
        Self {
            starts: (0..num_frames)
                .map(|frame| frame as f64 * frame_secs)
                .collect(),
            duration: num_frames as f64 * frame_secs,
        }
    }
}

/// Numbers of the frames that are wanted, rising, at most `max_frames`.
pub(super) fn chosen(sampling: Sampling, timing: &Timing, max_frames: usize) -> Vec<usize> {
    let num_frames = timing.starts.len();
    if num_frames == 0 {
        return Vec::new();
    }
    // A moment at which a frame ends shows the next one, however it was rounded.
    let tolerance = 1e-6 * timing.duration / num_frames as f64;
    let shown_at = |secs: f64| {
        let after = timing
            .starts
            .partition_point(|start| *start <= secs + tolerance);
        after.saturating_sub(1)
    };
    let mut frames: Vec<usize> = match moments(sampling, timing.duration, max_frames) {
        Moments::Middles(count) if count >= num_frames => (0..num_frames).collect(),
        Moments::Middles(count) => (0..count)
            .map(|part| shown_at((part as f64 + 0.5) / count as f64 * timing.duration))
            .collect(),
        Moments::Every(first, secs, count) => (0..count)
            .map(|step| shown_at(first + step as f64 * secs))
            .collect(),
    };
    if !sampling.is_stretch() {
        frames.dedup();
    }
    frames
}

/// Moments at which a clip is looked at.
pub(super) enum Moments {
    /// The middles of this many equal parts.
    Middles(usize),
    /// From a moment on, this far apart, both in seconds; this many.
    Every(f64, f64, usize),
}

/// Moments of a clip of a duration in seconds, at most `max_frames`.
pub(super) fn moments(sampling: Sampling, duration: f64, max_frames: usize) -> Moments {
    match sampling {
        Sampling::Count(count) => Moments::Middles(count.clamp(1, max_frames.max(1))),
        Sampling::Rate(rate) => {
            let rate = if rate.is_finite() { rate.max(0.0) } else { 0.0 };
            // Casts stay at the ends of the range.
            let count = (duration * rate - 1e-6).ceil().max(1.0) as usize;
            if count > max_frames {
                Moments::Middles(max_frames.max(1))
            } else {
                Moments::Every(0.0, if count > 1 { 1.0 / rate } else { 0.0 }, count)
            }
        }
        Sampling::First { count, every_secs } => {
            let count = steps_within(duration, count.min(max_frames), every_secs);
            Moments::Every(every_secs / 2.0, every_secs, count)
        }
        Sampling::Last { count, every_secs } => {
            let count = steps_within(duration, count.min(max_frames), every_secs);
            let first = duration - (count as f64 - 0.5) * every_secs;
            Moments::Every(first.max(0.0), every_secs, count)
        }
    }
}

/// How many steps have their middle in a clip: at least one, at most `most`.
fn steps_within(duration: f64, most: usize, every_secs: f64) -> usize {
    let within = (duration / every_secs + 0.5).floor();
    // Casts stay at the ends of the range; no step of time is no number.
    (within as usize).clamp(1, most.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sampling: Sampling, timing: &Timing) -> Vec<usize> {
        chosen(sampling, timing, 8)
    }

    #[test]
    fn counts_take_the_middles_and_rates_what_is_shown() {
        let ten = Timing::even(10, 0.1);
        assert_eq!(of(Sampling::Count(1), &ten), [5]);
        assert_eq!(of(Sampling::Count(2), &ten), [2, 7]);
        assert_eq!(of(Sampling::Count(5), &ten), [1, 3, 5, 7, 9]);
        assert_eq!(of(Sampling::Count(0), &ten), [5]);
        assert_eq!(of(Sampling::Rate(5.0), &ten), [0, 2, 4, 6, 8]);
        assert_eq!(of(Sampling::Rate(1.0), &ten), [0]);
        assert_eq!(of(Sampling::Rate(0.0), &ten), [0]);
        assert_eq!(of(Sampling::Rate(f64::NAN), &ten), [0]);
        // 1000 would be too many: the eight middles.
        assert_eq!(of(Sampling::Rate(1000.0), &ten), [0, 1, 3, 4, 5, 6, 8, 9]);
        let three = Timing::even(3, 0.5);
        assert_eq!(of(Sampling::Count(8), &three), [0, 1, 2]);
        assert_eq!(of(Sampling::Rate(5.0), &three), [0, 1, 2]);
    }

    #[test]
    fn stretches_are_counted_from_their_end() {
        let first = |count, every_secs| Sampling::First { count, every_secs };
        let last = |count, every_secs| Sampling::Last { count, every_secs };
        let ten = Timing::even(10, 0.1);
        assert_eq!(of(first(3, 0.1), &ten), [0, 1, 2]);
        assert_eq!(of(last(3, 0.1), &ten), [7, 8, 9]);
        assert_eq!(of(last(2, 0.3), &ten), [5, 8]);
        // Steps finer than frames: a frame stands for each of them.
        assert_eq!(of(last(4, 0.05), &ten), [8, 8, 9, 9]);
        // No more than the clip holds, and no more than may be read.
        let three = Timing::even(3, 0.1);
        assert_eq!(of(first(5, 0.1), &three), [0, 1, 2]);
        assert_eq!(of(last(5, 0.1), &three), [0, 1, 2]);
        assert_eq!(of(last(20, 0.1), &ten), [2, 3, 4, 5, 6, 7, 8, 9]);
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(of(last(5, odd), &three).iter().all(|frame| *frame < 3));
            assert!(of(first(5, odd), &three).iter().all(|frame| *frame < 3));
        }
    }

    #[test]
    fn long_frames_are_seen_by_their_time() {
        let timing = Timing::of_durations([0.1, 2.0, 0.1, 0.1]);
        assert_eq!(of(Sampling::Count(2), &timing), [1]);
        assert_eq!(of(Sampling::Count(4), &timing), [0, 1, 2, 3]);
        let still = Timing::of_durations([0.0, 0.0]);
        assert_eq!(of(Sampling::Count(2), &still), [0, 1]);
        assert_eq!(of(Sampling::Rate(9.0), &still), [1]);
        assert!(of(Sampling::Count(2), &Timing::even(0, 0.1)).is_empty());
    }
}
