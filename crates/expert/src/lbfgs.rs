//! Limited-memory BFGS with a strong-Wolfe line search: the minimiser behind every linear expert and the stack.
//!
//! Takes a closure that gives loss and gradient, changes the point in place. No randomness, one thread: the same
//! closure gives the same bits.
//!
//! # Source
//! Nocedal and Wright 2006, "Numerical Optimization", algorithms 7.4 (two loops), 3.5 and 3.6 (line search with
//! cubic interpolation). Differs: the first step is scaled to length at most 1 in the 1-norm, as PyTorch does.

use std::collections::VecDeque;

/// The number type of a point: `f32` for large models, `f64` for small exact ones.
pub trait Real: Copy + Default + Send + Sync + Into<f64> + 'static {
    /// Nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// Fused or plain `self + factor * other`.
    fn plus(self, factor: Self, other: Self) -> Self;
}

impl Real for f32 {
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    fn plus(self, factor: Self, other: Self) -> Self {
        self + factor * other
    }
}

impl Real for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }
    fn plus(self, factor: Self, other: Self) -> Self {
        self + factor * other
    }
}

/// When to stop, and how much to remember.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lbfgs {
    /// Most iterations (each is one direction and a line search).
    pub max_iterations: usize,
    /// Remembered steps.
    pub history: usize,
    /// Stops when no entry of the gradient is larger.
    pub gradient_tolerance: f64,
    /// Stops when an iteration lowers the loss by less, relative to the larger of 1 and the loss.
    pub value_tolerance: f64,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self {
            max_iterations: 100,
            history: 10,
            gradient_tolerance: 1e-6,
            value_tolerance: 1e-9,
        }
    }
}

/// How a minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minimum {
    /// Loss at the final point.
    pub value: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Calls of the closure.
    pub evaluations: usize,
    /// Whether a tolerance was reached rather than `max_iterations`, a failed line search or a stop.
    pub converged: bool,
}

/// Wolfe constants: sufficient decrease and curvature, the usual ones for quasi-Newton directions.
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
/// Evaluations that one line search may cost.
const MAX_SEARCH: usize = 25;

impl Lbfgs {
    /// Minimises from `x`, leaving the best point there.
    ///
    /// `loss` writes the gradient into its second argument and gives the loss. A loss that is not finite is taken
    /// as too long a step.
    pub fn minimise<T: Real>(
        &self,
        x: &mut [T],
        mut loss: impl FnMut(&[T], &mut [T]) -> f64,
    ) -> Minimum {
        let mut gradient = vec![T::default(); x.len()];
        let value = loss(x, &mut gradient);
        let mut state = State {
            value,
            gradient,
            evaluations: 1,
        };
        let mut memory = Memory::new(self.history);
        for iteration in 0..self.max_iterations {
            if largest(&state.gradient) <= self.gradient_tolerance || !state.value.is_finite() {
                return state.minimum(iteration, state.value.is_finite());
            }
            let mut direction = memory.direction(&state.gradient);
            let mut slope = dot(&direction, &state.gradient);
            if slope >= 0.0 {
                memory.steps.clear();
                direction = memory.direction(&state.gradient);
                slope = dot(&direction, &state.gradient);
            }
            let first = if memory.steps.is_empty() {
                (1.0 / one_norm(&state.gradient)).min(1.0)
            } else {
                1.0
            };
            let before = state.value;
            let mut line = Line {
                start: x,
                direction: &direction,
                loss: &mut loss,
                point: vec![T::default(); direction.len()],
                evaluations: 0,
            };
            let found = line.search(first, state.value, slope);
            state.evaluations += line.evaluations;
            let Some(end) = found else {
                return state.minimum(iteration, false);
            };
            memory.remember(x, &line.point, &state.gradient, &end.gradient);
            x.copy_from_slice(&line.point);
            state.value = end.value;
            state.gradient = end.gradient;
            if before - state.value <= self.value_tolerance * state.value.abs().max(1.0) {
                return state.minimum(iteration + 1, true);
            }
        }
        state.minimum(self.max_iterations, false)
    }
}

struct State<T> {
    value: f64,
    gradient: Vec<T>,
    evaluations: usize,
}

impl<T> State<T> {
    fn minimum(&self, iterations: usize, converged: bool) -> Minimum {
        Minimum {
            value: self.value,
            iterations,
            evaluations: self.evaluations,
            converged,
        }
    }
}

/// One remembered step: how the point and the gradient changed.
struct Step<T> {
    moved: Vec<T>,
    turned: Vec<T>,
    /// 1 / (moved . turned)
    rho: f64,
}

struct Memory<T> {
    steps: VecDeque<Step<T>>,
    capacity: usize,
}

impl<T: Real> Memory<T> {
    fn new(capacity: usize) -> Self {
        Self {
            steps: VecDeque::with_capacity(capacity),
            capacity,
        }
    }

    fn remember(&mut self, from: &[T], to: &[T], before: &[T], after: &[T]) {
        let moved = difference(to, from);
        let turned = difference(after, before);
        let product = dot(&moved, &turned);
        // A pair without positive curvature would make the approximation indefinite.
        if product <= 1e-10 * dot(&turned, &turned) {
            return;
        }
        if self.steps.len() == self.capacity {
            self.steps.pop_front();
        }
        self.steps.push_back(Step {
            moved,
            turned,
            rho: 1.0 / product,
        });
    }

    /// Minus the inverse-Hessian approximation times the gradient.
    fn direction(&self, gradient: &[T]) -> Vec<T> {
        let mut q: Vec<T> = gradient.iter().map(|g| T::from_f64(-(*g).into())).collect();
        let mut alphas = Vec::with_capacity(self.steps.len());
        for step in self.steps.iter().rev() {
            let alpha = step.rho * dot(&step.moved, &q);
            add_scaled(&mut q, -alpha, &step.turned);
            alphas.push(alpha);
        }
        if let Some(last) = self.steps.back() {
            let scale = T::from_f64(1.0 / (last.rho * dot(&last.turned, &last.turned)));
            for value in &mut q {
                *value = T::default().plus(scale, *value);
            }
        }
        for (step, alpha) in self.steps.iter().zip(alphas.into_iter().rev()) {
            let beta = step.rho * dot(&step.turned, &q);
            add_scaled(&mut q, alpha - beta, &step.moved);
        }
        q
    }
}

/// The loss along a direction; `point` holds the place that was evaluated last.
struct Line<'a, T, F> {
    start: &'a [T],
    direction: &'a [T],
    loss: &'a mut F,
    point: Vec<T>,
    evaluations: usize,
}

/// A place on the line.
#[derive(Clone)]
struct Place<T> {
    step: f64,
    value: f64,
    slope: f64,
    gradient: Vec<T>,
}

impl<T: Real, F: FnMut(&[T], &mut [T]) -> f64> Line<'_, T, F> {
    fn at(&mut self, step: f64) -> Place<T> {
        self.go_to(step);
        let mut gradient = vec![T::default(); self.point.len()];
        let value = (self.loss)(&self.point, &mut gradient);
        self.evaluations += 1;
        let slope = dot(&gradient, self.direction);
        Place {
            step,
            value: if slope.is_finite() {
                value
            } else {
                f64::INFINITY
            },
            slope,
            gradient,
        }
    }

    fn go_to(&mut self, step: f64) {
        let factor = T::from_f64(step);
        for ((point, start), direction) in self.point.iter_mut().zip(self.start).zip(self.direction)
        {
            *point = start.plus(factor, *direction);
        }
    }

    /// Finds a step that meets the strong Wolfe conditions, or failing that one that lowers the loss.
    fn search(&mut self, first: f64, value: f64, slope: f64) -> Option<Place<T>> {
        let origin = Place {
            step: 0.0,
            value,
            slope,
            gradient: Vec::new(),
        };
        let mut previous = origin.clone();
        let mut step = first;
        while self.evaluations < MAX_SEARCH {
            let here = self.at(step);
            if !here.value.is_finite() {
                step = 0.5 * (previous.step + step);
                continue;
            }
            let too_high = here.value > value + DECREASE * step * slope
                || (self.evaluations > 1 && here.value >= previous.value);
            if too_high {
                return self.zoom(&origin, previous, here);
            }
            if here.slope.abs() <= -CURVATURE * slope {
                return Some(here);
            }
            if here.slope >= 0.0 {
                return self.zoom(&origin, here, previous);
            }
            let next =
                cubic_minimum(&previous, &here).clamp(step * 1.01 + 0.01 * step, step * 10.0);
            previous = here;
            step = next;
        }
        self.settle(&origin, previous)
    }

    /// Narrows an interval whose end `low` has the lowest loss that decreases enough.
    fn zoom(
        &mut self,
        origin: &Place<T>,
        mut low: Place<T>,
        mut high: Place<T>,
    ) -> Option<Place<T>> {
        while self.evaluations < MAX_SEARCH {
            let width = (high.step - low.step).abs();
            if width * largest(self.direction) < 1e-9 {
                break;
            }
            let (left, right) = (low.step.min(high.step), low.step.max(high.step));
            // Keeps a tenth of the interval on either side, so that it shrinks.
            let step = cubic_minimum(&low, &high).clamp(left + 0.1 * width, right - 0.1 * width);
            let here = self.at(step);
            let enough = here.value <= origin.value + DECREASE * step * origin.slope;
            if !enough || here.value >= low.value {
                high = here;
            } else {
                if here.slope.abs() <= -CURVATURE * origin.slope {
                    return Some(here);
                }
                if here.slope * (high.step - low.step) >= 0.0 {
                    high = low;
                }
                low = here;
            }
        }
        self.settle(origin, low)
    }

    /// Takes a place that is not perfect, if it is lower than the start.
    fn settle(&mut self, origin: &Place<T>, place: Place<T>) -> Option<Place<T>> {
        if place.step == 0.0 || place.value >= origin.value {
            return None;
        }
        self.go_to(place.step);
        Some(place)
    }
}

/// Where the cubic through two places with their slopes is lowest; the middle if it has no minimum.
fn cubic_minimum<T>(a: &Place<T>, b: &Place<T>) -> f64 {
    let middle = 0.5 * (a.step + b.step);
    let d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.step - b.step);
    let square = d1 * d1 - a.slope * b.slope;
    if !square.is_finite() || square < 0.0 {
        return middle;
    }
    let d2 = square.sqrt() * (b.step - a.step).signum();
    let step = b.step - (b.step - a.step) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2));
    if step.is_finite() { step } else { middle }
}

/// Values summed in their own type before the sum goes on in `f64`: short enough that `f32` keeps 6 digits.
const RUN: usize = 1024;
const LANES: usize = 16;

fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    a.chunks(RUN)
        .zip(b.chunks(RUN))
        .map(|(a, b)| run_dot(a, b))
        .sum()
}

fn run_dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    let mut lanes = [T::default(); LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] = lanes[lane].plus(a[lane], b[lane]);
        }
    }
    let rest: f64 = a_rest
        .iter()
        .zip(b_rest)
        .map(|(a, b)| (*a).into() * (*b).into())
        .sum();
    lanes.into_iter().map(Into::into).sum::<f64>() + rest
}

fn add_scaled<T: Real>(to: &mut [T], factor: f64, from: &[T]) {
    let factor = T::from_f64(factor);
    for (to, from) in to.iter_mut().zip(from) {
        *to = to.plus(factor, *from);
    }
}

fn difference<T: Real>(a: &[T], b: &[T]) -> Vec<T> {
    let minus = T::from_f64(-1.0);
    a.iter().zip(b).map(|(a, b)| a.plus(minus, *b)).collect()
}

fn largest<T: Real>(values: &[T]) -> f64 {
    values.iter().map(|v| (*v).into().abs()).fold(0.0, f64::max)
}

fn one_norm<T: Real>(values: &[T]) -> f64 {
    values.iter().map(|v| (*v).into().abs()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L-BFGS stops at a gradient of 1e-8; the curvature at the minimum is above 0.1.
    const MINIMUM_TOL: f64 = 1e-6;

    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let mut value = 0.0;
        for i in 0..x.len() - 1 {
            let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
            value += a * a + 100.0 * b * b;
            gradient[i] += -2.0 * a - 400.0 * x[i] * b;
            gradient[i + 1] += 200.0 * b;
        }
        value
    }

    #[test]
    fn finds_the_end_of_rosenbrocks_valley() {
        let minimiser = Lbfgs {
            max_iterations: 300,
            gradient_tolerance: 1e-8,
            value_tolerance: 0.0,
            ..Lbfgs::default()
        };
        for size in [2, 10] {
            // The usual start; from (-1.2, 1, -1.2, -1.2, ...) there is a local minimum instead.
            let mut x: Vec<f64> = (0..size)
                .map(|i| if i % 2 == 0 { -1.2 } else { 1.0 })
                .collect();
            let end = minimiser.minimise(&mut x, rosenbrock);
            assert!(
                x.iter().all(|v| (v - 1.0).abs() < MINIMUM_TOL),
                "{x:?} {end:?}"
            );
        }
    }

    #[test]
    fn solves_an_ill_conditioned_quadratic_in_single_precision() {
        let mut x = vec![0.0_f32; 50];
        let end = Lbfgs::default().minimise(&mut x, |x, gradient| {
            let mut value = 0.0;
            for (i, (x, g)) in x.iter().zip(gradient.iter_mut()).enumerate() {
                let scale = 10.0_f32.powf(i as f32 / 25.0);
                let off = x - 1.0;
                *g = scale * off;
                value += 0.5 * f64::from(scale * off * off);
            }
            value
        });
        // f32 keeps 7 digits and the softest direction has curvature 1.
        assert!(x.iter().all(|v| (v - 1.0).abs() < 1e-2), "{x:?} {end:?}");
    }

    #[test]
    fn a_loss_that_is_not_finite_shortens_the_step() {
        // -ln(1 - x) + 2 * (x - 0.9)^2 is infinite from 1 on; its minimum lies where 1/(1-x) = 4(0.9 - x).
        let mut x = vec![-30.0_f64];
        let end = Lbfgs::default().minimise(&mut x, |x, gradient| {
            gradient[0] = 1.0 / (1.0 - x[0]) + 4.0 * (x[0] - 0.9);
            if x[0] >= 1.0 {
                f64::NAN
            } else {
                -(1.0 - x[0]).ln() + 2.0 * (x[0] - 0.9).powi(2)
            }
        });
        let expected = 0.95 - (0.05_f64.powi(2) + 0.25).sqrt();
        assert!((x[0] - expected).abs() < MINIMUM_TOL, "{x:?} {end:?}");
    }

    #[test]
    fn a_minimum_is_left_where_it_is() {
        let mut x = vec![1.0_f64; 4];
        let end = Lbfgs::default().minimise(&mut x, rosenbrock);
        assert_eq!(
            (end.iterations, end.evaluations, end.converged),
            (0, 1, true)
        );
    }
}
