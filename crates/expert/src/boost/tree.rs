//! One regression tree on the slopes of a loss, grown leaf by leaf from histograms.
//!
//! # Source
//! Ke et al. 2017, "LightGBM"; scikit-learn's `HistGradientBoosting`, whose rules for gain, missing values and order
//! of growth are followed, so that results can be compared.

use rayon::prelude::*;

use super::bins::{Binned, MISSING};

/// How trees grow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth {
    pub(super) max_leaves: usize,
    pub(super) max_depth: usize,
    /// Fewest records of a leaf.
    pub(super) min_leaf: usize,
    /// Added to the curvature in gains and leaf values.
    pub(super) l2: f64,
}

/// Least curvature of a leaf.
const MIN_CURVATURE: f64 = 1e-3;
/// Bins of a histogram, the missing one included.
const NUM_BINS: usize = 256;
/// Below this many records times features, starting threads costs more than it saves.
const PARALLEL_FROM: usize = 30_000;

/// A fitted tree: node 0 is the root; a node without children is a leaf.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
}

/// A node of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    /// Feature that is compared.
    pub(super) feature: u32,
    /// Values up to this go left.
    pub(super) threshold: f32,
    /// Whether missing values go left.
    pub(super) missing_left: bool,
    /// Left child; 0 in a leaf. The right child follows it.
    pub(super) left: u32,
    /// What a leaf adds.
    pub(super) value: f32,
}

impl Tree {
    /// The leaf in which a record with these features ends.
    pub(super) fn leaf(&self, features: &[f32]) -> usize {
        let mut at = 0;
        while self.nodes[at].left != 0 {
            let node = self.nodes[at];
            let value = features[node.feature as usize];
            let is_left = if value.is_nan() {
                node.missing_left
            } else {
                value <= node.threshold
            };
            at = node.left as usize + usize::from(!is_left);
        }
        at
    }
}

/// Sums over the records of a bin.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    slope: f64,
    curvature: f64,
    count: u32,
}

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self {
            slope: self.slope + other.slope,
            curvature: self.curvature + other.curvature,
            count: self.count + other.count,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            slope: self.slope - other.slope,
            curvature: self.curvature - other.curvature,
            count: self.count - other.count,
        }
    }

    fn score(self, l2: f64) -> f64 {
        self.slope * self.slope / (self.curvature + l2 + 1e-15)
    }
}

/// The best way to split a node.
#[derive(Debug, Clone, Copy)]
struct Split {
    gain: f64,
    feature: usize,
    /// Last bin that goes left.
    bin: u8,
    missing_left: bool,
    left: Sums,
}

/// A leaf that may still be split.
struct Open {
    node: usize,
    depth: usize,
    start: usize,
    end: usize,
    sums: Sums,
    /// `[features, NUM_BINS]`
    histogram: Vec<Sums>,
    split: Option<Split>,
}

/// Grows one tree.
pub(super) struct Grower<'a> {
    pub(super) binned: &'a Binned,
    /// Slope and curvature of the loss of each record.
    pub(super) slopes: &'a [(f32, f32)],
    /// Features that may be split on.
    pub(super) features: &'a [usize],
    pub(super) growth: Growth,
}

impl Grower<'_> {
    /// Grows a tree on some records. Also gives where each leaf's records lie in `records`: `(node, start, end)`.
    pub(super) fn grow(&self, records: &mut [u32]) -> (Tree, Vec<(usize, usize, usize)>) {
        let mut tree = Tree {
            nodes: vec![leaf(0.0)],
        };
        let mut open = vec![self.root(records)];
        let mut done = Vec::new();
        let mut num_leaves = 1;
        while num_leaves < self.growth.max_leaves {
            let best = (0..open.len())
                .filter_map(|place| Some((place, open[place].split?.gain)))
                // The first of equal gains, so that the order does not matter elsewhere.
                .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            let Some((place, _)) = best else {
                break;
            };
            let parent = open.remove(place);
            let (left, right) = self.divide(parent, records, &mut tree);
            open.extend([left, right]);
            num_leaves += 1;
        }
        for leaf in open {
            let value = -leaf.sums.slope / (leaf.sums.curvature + self.growth.l2 + 1e-15);
            tree.nodes[leaf.node].value = value as f32;
            done.push((leaf.node, leaf.start, leaf.end));
        }
        (tree, done)
    }

    fn root(&self, records: &[u32]) -> Open {
        let mut sums = Sums::default();
        for record in records {
            let (slope, curvature) = self.slopes[*record as usize];
            sums = sums.plus(Sums {
                slope: f64::from(slope),
                curvature: f64::from(curvature),
                count: 1,
            });
        }
        let mut root = Open {
            node: 0,
            depth: 0,
            start: 0,
            end: records.len(),
            sums,
            histogram: self.histogram(records),
            split: None,
        };
        root.split = self.best_split(&root);
        root
    }

    fn divide(&self, parent: Open, records: &mut [u32], tree: &mut Tree) -> (Open, Open) {
        let Some(split) = parent.split else {
            unreachable!("only leaves with a split are divided");
        };
        let column = self.binned.column(split.feature);
        let is_left = |record: u32| {
            let bin = column[record as usize];
            if bin == MISSING {
                split.missing_left
            } else {
                bin <= split.bin
            }
        };
        let own = &mut records[parent.start..parent.end];
        let (left, right): (Vec<u32>, Vec<u32>) = own.iter().partition(|record| is_left(**record));
        own[..left.len()].copy_from_slice(&left);
        own[left.len()..].copy_from_slice(&right);
        let child = tree.nodes.len();
        tree.nodes.extend([leaf(0.0), leaf(0.0)]);
        tree.nodes[parent.node] = Node {
            feature: split.feature as u32,
            threshold: self.binned.edges[split.feature]
                .get(usize::from(split.bin))
                .copied()
                .unwrap_or(f32::INFINITY),
            missing_left: split.missing_left,
            left: child as u32,
            value: 0.0,
        };
        // Only the smaller child is counted; the other is what remains of the parent.
        let (small, mut rest) = if left.len() <= right.len() {
            (self.histogram(&left), parent.histogram)
        } else {
            (self.histogram(&right), parent.histogram)
        };
        for (rest, small) in rest.iter_mut().zip(&small) {
            *rest = rest.minus(*small);
        }
        let (of_left, of_right) = if left.len() <= right.len() {
            (small, rest)
        } else {
            (rest, small)
        };
        let middle = parent.start + left.len();
        let open = |node, start, end, sums, histogram| {
            let mut open = Open {
                node,
                depth: parent.depth + 1,
                start,
                end,
                sums,
                histogram,
                split: None,
            };
            open.split = self.best_split(&open);
            open
        };
        let right_sums = parent.sums.minus(split.left);
        (
            open(child, parent.start, middle, split.left, of_left),
            open(child + 1, middle, parent.end, right_sums, of_right),
        )
    }

    fn histogram(&self, records: &[u32]) -> Vec<Sums> {
        let mut histogram = vec![Sums::default(); self.features.len() * NUM_BINS];
        let count = |(place, sums): (usize, &mut [Sums])| {
            let column = self.binned.column(self.features[place]);
            for record in records {
                let (slope, curvature) = self.slopes[*record as usize];
                let sums = &mut sums[usize::from(column[*record as usize])];
                sums.slope += f64::from(slope);
                sums.curvature += f64::from(curvature);
                sums.count += 1;
            }
        };
        if records.len() * self.features.len() < PARALLEL_FROM {
            histogram
                .chunks_exact_mut(NUM_BINS)
                .enumerate()
                .for_each(count);
        } else {
            histogram
                .par_chunks_exact_mut(NUM_BINS)
                .enumerate()
                .for_each(count);
        }
        histogram
    }

    fn best_split(&self, open: &Open) -> Option<Split> {
        if open.depth >= self.growth.max_depth || open.end - open.start < 2 * self.growth.min_leaf {
            return None;
        }
        let mut best: Option<Split> = None;
        for (place, feature) in self.features.iter().enumerate() {
            let sums = &open.histogram[place * NUM_BINS..][..NUM_BINS];
            let missing = sums[usize::from(MISSING)];
            for missing_left in [false, true] {
                if missing_left && missing.count == 0 {
                    continue;
                }
                let start = if missing_left {
                    missing
                } else {
                    Sums::default()
                };
                let found = self.best_bin(open, sums, (*feature, missing_left), start);
                if found.is_some_and(|found| best.is_none_or(|best| found.gain > best.gain)) {
                    best = found;
                }
            }
        }
        best
    }

    fn best_bin(
        &self,
        open: &Open,
        sums: &[Sums],
        (feature, missing_left): (usize, bool),
        start: Sums,
    ) -> Option<Split> {
        let mut best: Option<Split> = None;
        let mut left = start;
        let whole = open.sums.score(self.growth.l2);
        let num_edges = self.binned.edges[feature].len();
        // With missing values on the right, "everything present goes left" is a split of its own.
        let has_missing = sums[usize::from(MISSING)].count > 0 && !missing_left;
        for (bin, own) in sums
            .iter()
            .enumerate()
            .take(num_edges + usize::from(has_missing))
        {
            left = left.plus(*own);
            let right = open.sums.minus(left);
            let fits = |side: Sums| {
                side.count as usize >= self.growth.min_leaf && side.curvature >= MIN_CURVATURE
            };
            if !fits(left) {
                continue;
            }
            if !fits(right) {
                break;
            }
            let gain = left.score(self.growth.l2) + right.score(self.growth.l2) - whole;
            if gain > best.map_or(0.0, |best| best.gain) {
                best = Some(Split {
                    gain,
                    feature,
                    bin: bin as u8,
                    // Where nothing was missing, missing values go where most records go.
                    missing_left: missing_left
                        || (sums[usize::from(MISSING)].count == 0 && left.count > right.count),
                    left,
                });
            }
        }
        best
    }
}

fn leaf(value: f32) -> Node {
    Node {
        feature: 0,
        threshold: 0.0,
        missing_left: false,
        left: 0,
        value,
    }
}
