//! One file a metric, bootstrap intervals, slices
