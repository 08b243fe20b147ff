//! Every kernel that this machine can run against sums in f64.

use super::*;
use crate::cpu::simd::{SimdLevel, simd_choice};
use crate::op::Activation;
use crate::precision::Precision;

/// Roundings of f32 sums of up to 1000 products of numbers below one.
const F32_SUM_TOL: f64 = 2e-5;

fn levels() -> impl Iterator<Item = SimdLevel> {
    let found = simd_choice().found;
    SimdLevel::ALL
        .into_iter()
        .filter(move |&level| level <= found)
}

fn numbers(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// To the nearest of 8 bits, ties to even, by arithmetic on the value: for numbers of ordinary size.
fn to_bf16(x: f32) -> f32 {
    if x == 0.0 {
        return x;
    }
    let step = 2.0_f64.powi(f64::from(x.abs()).log2().floor() as i32 - 7);
    let scaled = f64::from(x) / step;
    (scaled.round_ties_even() * step) as f32
}

/// A case: what is multiplied, how it is stored, and what becomes of it.
#[derive(Debug, Clone, Copy)]
struct Case {
    dims: (usize, usize, usize),
    transposed: (bool, bool),
    accumulate: bool,
    factor: f32,
    /// 0 none, 1 rows, 2 columns.
    bias: usize,
    activation: Activation,
    precision: Precision,
    /// Whether somebody keeps `b` packed.
    packed: bool,
}

impl Case {
    fn plain(dims: (usize, usize, usize)) -> Self {
        Self {
            dims,
            transposed: (false, true),
            accumulate: false,
            factor: 1.0,
            bias: 0,
            activation: Activation::None,
            precision: Precision::F32,
            packed: false,
        }
    }

    /// The result and the values before the activation; the columns after `n` must stay as they are.
    fn run(&self, level: SimdLevel, threads: Threads) -> (Vec<f32>, Vec<f32>) {
        let (m, n, k) = self.dims;
        let (a, b) = (numbers(m * k, 1), numbers(n * k, 2));
        let stride = n + 3;
        let mut c = numbers(m * stride, 3);
        let mut kept = vec![7.0; m * stride];
        let bias = numbers(m.max(n), 4);
        let a = if self.transposed.0 {
            View::rows(&a, m).transposed()
        } else {
            View::rows(&a, k)
        };
        let columns = if self.transposed.1 {
            View::rows(&b, k)
        } else {
            View::rows(&b, n).transposed()
        };
        let kernel = Kernel::new(level, self.precision);
        let packed = self.packed.then(|| Packed::new(kernel, &columns, (n, k)));
        let job = Job {
            dims: self.dims,
            a: &a,
            b: &columns,
            packed_b: packed.as_ref(),
            output: Output {
                target: Target {
                    start: c.as_mut_ptr(),
                    row_stride: stride,
                    accumulate: self.accumulate,
                },
                factor: self.factor,
                bias: match self.bias {
                    0 => Bias::None,
                    1 => Bias::Rows(&bias),
                    _ => Bias::Columns(&bias),
                },
                activation: self.activation,
                kept: kept.as_mut_ptr(),
            },
            kernel,
            threads,
        };
        // SAFETY: both buffers hold `m` rows of `n` values and more, and the CPU has the level.
        unsafe { multiply(&job) };
        (c, kept)
    }

    fn expected(&self) -> (Vec<f64>, Vec<f64>) {
        let (m, n, k) = self.dims;
        let (a, b) = (numbers(m * k, 1), numbers(n * k, 2));
        let stride = n + 3;
        let mut c: Vec<f64> = numbers(m * stride, 3).into_iter().map(f64::from).collect();
        let mut kept = vec![7.0; m * stride];
        let bias = numbers(m.max(n), 4);
        let value = |x: f32| match self.precision {
            // Few rows are read as they are.
            Precision::Bf16 if !self.is_exact() => f64::from(to_bf16(x)),
            _ => f64::from(x),
        };
        for i in 0..m {
            for j in 0..n {
                let at = |d: usize| {
                    let a = a[if self.transposed.0 {
                        d * m + i
                    } else {
                        i * k + d
                    }];
                    let b = b[if self.transposed.1 {
                        j * k + d
                    } else {
                        d * n + j
                    }];
                    value(a) * value(b)
                };
                let mut sum = f64::from(self.factor) * (0..k).map(at).sum::<f64>();
                sum += match self.bias {
                    0 => 0.0,
                    1 => f64::from(bias[i]),
                    _ => f64::from(bias[j]),
                };
                if self.accumulate {
                    sum += c[i * stride + j];
                }
                kept[i * stride + j] = sum;
                c[i * stride + j] = activated(self.activation, sum);
            }
        }
        (c, kept)
    }

    fn is_exact(&self) -> bool {
        let (m, n, k) = self.dims;
        // A side of one is contiguous whichever way it is stored.
        let contiguous = (!self.transposed.0 || m == 1) && (self.transposed.1 || n == 1);
        self.precision == Precision::F32 || ((m <= 8 || m * n <= 2048) && k > 0 && contiguous)
    }

    /// Every level of this machine against one set of sums.
    fn check(&self) {
        let (expected, expected_kept) = self.expected();
        let size = (self.dims.2 as f64).sqrt().max(1.0);
        for level in levels() {
            let (c, kept) = self.run(level, Threads::One);
            let pairs = c
                .iter()
                .chain(&kept)
                .zip(expected.iter().chain(&expected_kept));
            for (got, expected) in pairs {
                assert!(
                    (f64::from(*got) - expected).abs() <= F32_SUM_TOL * size,
                    "{self:?} {level:?}: {got} for {expected}"
                );
            }
        }
    }
}

/// Activations in f64, those that can be written down without approximations.
fn activated(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        _ => x,
    }
}

const LAYOUTS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

#[test]
fn odd_sizes_in_every_layout_are_the_sums() {
    const SIZES: [usize; 5] = [1, 2, 17, 33, 70];
    for precision in [Precision::F32, Precision::Bf16] {
        for (at, &m) in SIZES.iter().enumerate() {
            for &n in &SIZES {
                let k = SIZES[(at + n) % SIZES.len()];
                for transposed in LAYOUTS {
                    let case = Case {
                        transposed,
                        precision,
                        ..Case::plain((m, n, k))
                    };
                    case.check();
                }
            }
        }
    }
}

#[test]
fn sides_of_nothing_leave_what_should_be_left() {
    for precision in [Precision::F32, Precision::Bf16] {
        for dims in [(0, 5, 3), (5, 0, 3), (5, 40, 0), (1, 3, 0)] {
            for accumulate in [false, true] {
                let case = Case {
                    accumulate,
                    precision,
                    bias: 2,
                    ..Case::plain(dims)
                };
                case.check();
            }
        }
    }
}

#[test]
fn depths_of_several_blocks_are_summed_once() {
    for precision in [Precision::F32, Precision::Bf16] {
        for transposed in LAYOUTS {
            for k in [385, 769, 1001] {
                let case = Case {
                    transposed,
                    precision,
                    accumulate: true,
                    factor: 0.5,
                    bias: 1,
                    activation: Activation::Relu,
                    ..Case::plain((19, 45, k))
                };
                case.check();
            }
        }
    }
}

#[test]
fn every_end_is_what_it_says() {
    let activations = [
        Activation::None,
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Silu,
        Activation::Tanh,
    ];
    for activation in activations {
        for bias in 0..3 {
            for (accumulate, factor) in [(false, 1.0), (true, 1.0), (true, -0.25)] {
                for m in [3, 20] {
                    let case = Case {
                        accumulate,
                        factor,
                        bias,
                        activation,
                        ..Case::plain((m, 50, 30))
                    };
                    case.check();
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for level in levels() {
        for precision in [Precision::F32, Precision::Bf16] {
            for dims in [
                (300, 200, 100),
                (40, 2500, 70),
                (2, 900, 3000),
                (24, 20, 9000),
            ] {
                for transposed in LAYOUTS {
                    let case = Case {
                        transposed,
                        precision,
                        ..Case::plain(dims)
                    };
                    let one = case.run(level, Threads::One);
                    for threads in [2, 3] {
                        let pool = rayon::ThreadPoolBuilder::new()
                            .num_threads(threads)
                            .build()
                            .unwrap();
                        let many = pool.install(|| case.run(level, Threads::Pool));
                        assert!(one == many, "{case:?} {level:?} on {threads} threads");
                    }
                }
            }
        }
    }
}

#[test]
fn rounding_is_to_nearest_even_and_keeps_what_is_no_number() {
    // Bits of f32 and of the nearest bf16: a tie to even below and above, just over a tie, infinity, overflow.
    for (from, to) in [
        (0x3f80_8000, 0x3f80),
        (0x3f81_8000, 0x3f82),
        (0x3f80_8001, 0x3f81),
        (0x7f80_0000, 0x7f80),
        (0x7f7f_ffff, 0x7f80),
        (0x8000_0000, 0x8000),
        (0x7f80_0001, 0x7fc0),
    ] {
        assert_eq!(cells::rounded(f32::from_bits(from)), to, "{from:x}");
    }
}

#[test]
fn a_factor_that_is_kept_packed_gives_the_same_bits() {
    for level in levels() {
        for precision in [Precision::F32, Precision::Bf16] {
            for dims in [(9, 33, 70), (40, 16, 400), (200, 2100, 33), (130, 96, 1200)] {
                let case = Case {
                    precision,
                    bias: 2,
                    ..Case::plain(dims)
                };
                let kept = Case {
                    packed: true,
                    ..Case::plain(dims)
                };
                let kept = Case {
                    precision,
                    bias: 2,
                    ..kept
                };
                let (apart, together) = (
                    case.run(level, Threads::Pool),
                    kept.run(level, Threads::Pool),
                );
                assert!(apart == together, "{level:?} {precision:?} {dims:?}");
            }
        }
    }
}

#[test]
fn few_long_sums_are_added_up_by_pieces_of_their_depth() {
    for level in levels() {
        for dims in [(9, 33, 8192), (32, 64, 30_817), (40, 51, 20_000)] {
            let case = Case {
                bias: 1,
                activation: Activation::Relu,
                ..Case::plain(dims)
            };
            let (got, _) = case.run(level, Threads::Pool);
            let (expected, _) = case.expected();
            for (got, expected) in got.iter().zip(&expected) {
                // Sums of up to 30,817 products of about 0.3 in single precision.
                assert!(
                    (f64::from(*got) - expected).abs() < 2e-3,
                    "{got} {expected}"
                );
            }
            assert_eq!(got, case.run(level, Threads::One).0, "{level:?} {dims:?}");
        }
    }
}
