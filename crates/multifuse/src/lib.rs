//! Learns from records whose columns are of several kinds: text, images, numbers, categories, dates
