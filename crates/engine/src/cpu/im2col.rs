//! The unfolding of pictures for convolutions: every row of the matrix is one kernel place of one channel.

use crate::op::ConvShape;

/// Where along one axis of the output the input exists, for one kernel place.
struct Span {
    /// First output place whose input exists.
    first: usize,
    /// One past the last.
    end: usize,
    /// Input place of `first`.
    from: usize,
}

/// `offset` is the kernel place times the dilation.
fn span(out_len: usize, in_len: usize, stride: usize, padding: usize, offset: usize) -> Span {
    let first = padding.saturating_sub(offset).div_ceil(stride).min(out_len);
    let end = if in_len + padding > offset {
        ((in_len + padding - offset - 1) / stride + 1).min(out_len)
    } else {
        0
    };
    let end = end.max(first);
    let from = if end > first {
        first * stride + offset - padding
    } else {
        0
    };
    Span { first, end, from }
}

/// Unfolds one group of one picture: `x[C/G, H, W]` to `columns[C/G * KH * KW, OH * OW]`.
#[inline(always)]
pub(crate) fn unfold(shape: &ConvShape, x: &[f32], columns: &mut [f32]) {
    let plane = shape.height * shape.width;
    let out_plane = shape.out_height * shape.out_width;
    let places = shape.kernel[0] * shape.kernel[1];
    for (row, columns) in columns.chunks_exact_mut(out_plane).enumerate() {
        let x = &x[row / places * plane..][..plane];
        let (ky, kx) = (row % places / shape.kernel[1], row % shape.kernel[1]);
        unfold_place(shape, (ky, kx), x, columns);
    }
}

#[inline(always)]
fn unfold_place(shape: &ConvShape, (ky, kx): (usize, usize), x: &[f32], columns: &mut [f32]) {
    let (ow, stride) = (shape.out_width, shape.stride[1]);
    let ys = vertical(shape, ky);
    let xs = horizontal(shape, kx);
    columns[..ys.first * ow].fill(0.0);
    columns[ys.end * ow..].fill(0.0);
    let lines = columns[ys.first * ow..ys.end * ow].chunks_exact_mut(ow);
    for (line, out) in lines.enumerate() {
        let y = ys.from + line * shape.stride[0];
        let x = &x[y * shape.width..][..shape.width];
        out[..xs.first].fill(0.0);
        out[xs.end..].fill(0.0);
        let out = &mut out[xs.first..xs.end];
        let x = &x[xs.from.min(shape.width)..];
        match stride {
            1 => out.copy_from_slice(&x[..out.len()]),
            2 => {
                for (out, x) in out.iter_mut().zip(x.chunks(2)) {
                    *out = x[0];
                }
            }
            _ => {
                for (out, x) in out.iter_mut().zip(x.chunks(stride)) {
                    *out = x[0];
                }
            }
        }
    }
}

/// The other way of [`unfold`]: adds every place of `columns` to the pixel it came from. Replaces `x`.
#[inline(always)]
pub(crate) fn fold(shape: &ConvShape, columns: &[f32], x: &mut [f32]) {
    let plane = shape.height * shape.width;
    let out_plane = shape.out_height * shape.out_width;
    let places = shape.kernel[0] * shape.kernel[1];
    x.fill(0.0);
    for (row, columns) in columns.chunks_exact(out_plane).enumerate() {
        let x = &mut x[row / places * plane..][..plane];
        let (ky, kx) = (row % places / shape.kernel[1], row % shape.kernel[1]);
        fold_place(shape, (ky, kx), columns, x);
    }
}

#[inline(always)]
fn fold_place(shape: &ConvShape, (ky, kx): (usize, usize), columns: &[f32], x: &mut [f32]) {
    let (ow, stride) = (shape.out_width, shape.stride[1]);
    let ys = vertical(shape, ky);
    let xs = horizontal(shape, kx);
    let lines = columns[ys.first * ow..ys.end * ow].chunks_exact(ow);
    for (line, columns) in lines.enumerate() {
        let y = ys.from + line * shape.stride[0];
        let x = &mut x[y * shape.width..][..shape.width];
        let columns = &columns[xs.first..xs.end];
        let x = &mut x[xs.from.min(shape.width)..];
        if stride == 1 {
            for (x, column) in x.iter_mut().zip(columns) {
                *x += column;
            }
        } else {
            for (x, column) in x.chunks_mut(stride).zip(columns) {
                x[0] += column;
            }
        }
    }
}

fn vertical(shape: &ConvShape, ky: usize) -> Span {
    let offset = ky * shape.dilation[0];
    span(
        shape.out_height,
        shape.height,
        shape.stride[0],
        shape.padding[0],
        offset,
    )
}

fn horizontal(shape: &ConvShape, kx: usize) -> Span {
    let offset = kx * shape.dilation[1];
    span(
        shape.out_width,
        shape.width,
        shape.stride[1],
        shape.padding[1],
        offset,
    )
}
