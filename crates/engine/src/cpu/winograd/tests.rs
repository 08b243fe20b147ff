//! Against direct sums in `f64`, with every instruction set that this CPU has.

use super::*;
use crate::check::random_tensor;

/// Largest error relative to the largest value: rounding of the transforms, see the module.
const TOLERANCES: [(TileSize, f64); 2] = [(TileSize::Two, 5e-6), (TileSize::Four, 4e-5)];

fn shape(batch: usize, channels: [usize; 2], size: [usize; 2], padding: [usize; 2]) -> ConvShape {
    ConvShape {
        batch,
        in_channels: channels[0],
        height: size[0],
        width: size[1],
        out_channels: channels[1],
        out_height: size[0] + 2 * padding[0] - 2,
        out_width: size[1] + 2 * padding[1] - 2,
        kernel: [3, 3],
        stride: [1, 1],
        padding,
        dilation: [1, 1],
        groups: 1,
    }
}

/// Odd sizes, few and many channels, one picture and several blocks of them.
fn shapes() -> Vec<ConvShape> {
    vec![
        shape(1, [1, 1], [3, 3], [0, 0]),
        shape(2, [3, 5], [5, 7], [1, 1]),
        shape(3, [17, 33], [9, 4], [1, 0]),
        shape(1, [16, 48], [8, 8], [2, 1]),
        shape(2, [40, 20], [1, 11], [2, 2]),
        shape(9, [64, 64], [28, 28], [1, 1]),
        shape(40, [24, 70], [13, 13], [1, 1]),
    ]
}

/// Calls `visit(x, w, y)` with the three places of every product in the convolution.
fn products(shape: &ConvShape, mut visit: impl FnMut(usize, usize, usize)) {
    let (c, o) = (shape.in_channels, shape.out_channels);
    for b in 0..shape.batch {
        for (o, c) in (0..o).flat_map(|o| (0..c).map(move |c| (o, c))) {
            for y in 0..shape.out_height * shape.out_width {
                let (oy, ox) = (y / shape.out_width, y % shape.out_width);
                for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
                    let (iy, ix) = (oy + ky, ox + kx);
                    let [py, px] = shape.padding;
                    if iy < py || ix < px || iy - py >= shape.height || ix - px >= shape.width {
                        continue;
                    }
                    let x = ((b * shape.in_channels + c) * shape.height + iy - py) * shape.width;
                    let w = ((o * shape.in_channels + c) * 3 + ky) * 3 + kx;
                    visit(
                        x + ix - px,
                        w,
                        (b * shape.out_channels + o) * shape.out_plane() + y,
                    );
                }
            }
        }
    }
}

fn error(got: &[f32], expected: &[f64]) -> f64 {
    let largest = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let errors = got
        .iter()
        .zip(expected)
        .map(|(x, y)| (f64::from(*x) - y).abs());
    errors.fold(0.0, f64::max) / largest.max(1e-30)
}

struct Case {
    shape: ConvShape,
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
    y: Vec<f64>,
    dx: Vec<f64>,
    dw: Vec<f64>,
}

impl Case {
    fn new(shape: ConvShape) -> Self {
        let values = |len: usize, seed: u64| random_tensor(&[len], seed).data().to_vec();
        let x = values(shape.batch * shape.in_picture(), 1);
        let w = values(shape.weight_group(), 2);
        let dy = values(shape.batch * shape.out_group(), 3);
        let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
        products(&shape, |at_x, at_w, at_y| {
            let [x, w, dy] = [x[at_x], w[at_w], dy[at_y]].map(f64::from);
            y[at_y] += x * w;
            dx[at_x] += dy * w;
            dw[at_w] += dy * x;
        });
        Self {
            shape,
            x,
            w,
            dy,
            y,
            dx,
            dw,
        }
    }

    /// Errors of the output and both gradients with the lanes `V`.
    fn errors<V: Lanes, const M: usize, const N: usize>(&self) -> [f64; 3]
    where
        Winograd<M>: Tiling<M, N>,
    {
        let shape = &self.shape;
        let channels = (shape.out_channels, shape.in_channels);
        let mut y = vec![f32::NAN; self.y.len()];
        let geometry = Geometry::forward(shape);
        let source = |side| Source {
            weight: &self.w,
            taps: None,
            channels,
            side,
        };
        let weight = (source(Side::Forward), (None, None));
        run::<V, M, N>(&geometry, &self.x, weight, &|_, _| {}, &mut y);
        let taps = Taps::new(&self.w, channels);
        let mut from_kept = vec![f32::NAN; y.len()];
        let kept = Source {
            taps: Some(&taps),
            ..weight.0
        };
        run::<V, M, N>(
            &geometry,
            &self.x,
            (kept, weight.1),
            &|_, _| {},
            &mut from_kept,
        );
        assert_eq!(y, from_kept);
        let mut dx = vec![f32::NAN; self.x.len()];
        let turned = Geometry::backward(shape);
        let weight = (source(Side::Backward), (None, None));
        run::<V, M, N>(&turned, &self.dy, weight, &|_, _| {}, &mut dx);
        let mut dw = vec![f32::NAN; self.w.len()];
        gradient::run::<V, M, N>(&geometry, (&self.x, &self.dy), &mut dw, false);
        [
            error(&y, &self.y),
            error(&dx, &self.dx),
            error(&dw, &self.dw),
        ]
    }

    fn errors_of(&self, size: TileSize) -> Vec<[f64; 3]> {
        let mut errors = vec![match size {
            TileSize::Two => self.errors::<Plain, 2, 4>(),
            TileSize::Four => self.errors::<Plain, 4, 6>(),
        }];
        #[cfg(target_arch = "x86_64")]
        {
            use crate::cpu::simd::{SimdLevel, level};
            if level() >= SimdLevel::Avx2 {
                errors.push(match size {
                    TileSize::Two => self.errors::<lanes::Avx2, 2, 4>(),
                    TileSize::Four => self.errors::<lanes::Avx2, 4, 6>(),
                });
            }
            if level() >= SimdLevel::Avx512 {
                errors.push(match size {
                    TileSize::Two => self.errors::<lanes::Avx512, 2, 4>(),
                    TileSize::Four => self.errors::<lanes::Avx512, 4, 6>(),
                });
            }
        }
        errors
    }
}

#[test]
fn all_three_products_are_close_to_direct_sums() {
    for case in shapes().into_iter().map(Case::new) {
        for (size, tolerance) in TOLERANCES {
            for errors in case.errors_of(size) {
                println!("{size:?} {errors:?}");
                assert!(
                    errors.iter().all(|error| *error < tolerance),
                    "{size:?}, {:?}: {errors:?}",
                    case.shape
                );
            }
        }
    }
}

#[test]
fn scale_offset_and_finish_come_after_the_sum() {
    let case = Case::new(shape(2, [3, 20], [6, 5], [1, 1]));
    let bias: Vec<f32> = (0..20_u8).map(f32::from).collect();
    let scale = vec![2.0_f32; 20];
    let mut y = vec![f32::NAN; case.y.len()];
    let finish = |at: usize, stretch: &mut [f32]| {
        stretch
            .iter_mut()
            .enumerate()
            .for_each(|(place, y)| *y += (at + place) as f32);
    };
    let weight = Weight {
        values: &case.w,
        kept: None,
    };
    let weight = (weight, (Some(&*scale), Some(&*bias)));
    forward(
        TileSize::Four,
        &case.shape,
        &case.x,
        weight,
        &finish,
        &mut y,
    );
    let plane = case.shape.out_plane();
    let expected = case.y.iter().enumerate();
    let expected: Vec<f64> = expected
        .map(|(at, y)| 2.0 * y + (at / plane % 20) as f64 + at as f64)
        .collect();
    assert!(error(&y, &expected) < 1e-6);
}

#[test]
fn a_weight_gradient_is_added_to_what_is_there() {
    let case = Case::new(shape(2, [3, 20], [6, 5], [1, 1]));
    let mut dw = vec![2.0; case.w.len()];
    backward_weight(
        TileSize::Four,
        &case.shape,
        (&case.x, &case.dy),
        &mut dw,
        true,
    );
    let expected: Vec<f64> = case.dw.iter().map(|dw| dw + 2.0).collect();
    assert!(error(&dw, &expected) < 1e-5);
}
