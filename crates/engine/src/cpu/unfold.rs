//! The unfolding of pictures for convolutions: every row of the matrix is one kernel place of one channel.
//!
//! A stride is taken out first: the picture is split into `stride x stride` phases (for a stride of 2 the even and odd
//! pixels of the even and odd lines). Every row of the matrix is then a phase shifted by whole pixels, which is one
//! long copy with its edges cleared.

use std::ops::Range;

use crate::op::ConvShape;

/// The phases of one picture: how many and how large.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phases {
    stride: [usize; 2],
    height: usize,
    width: usize,
}

impl Phases {
    pub(crate) fn new(shape: &ConvShape) -> Self {
        Self {
            stride: shape.stride,
            height: shape.height.div_ceil(shape.stride[0]),
            width: shape.width.div_ceil(shape.stride[1]),
        }
    }

    /// Whether the picture itself is its only phase.
    pub(crate) fn is_trivial(self) -> bool {
        self.stride == [1, 1]
    }

    /// Values of all phases of one channel.
    pub(crate) fn channel_len(self) -> usize {
        self.plane() * self.stride[0] * self.stride[1]
    }

    fn plane(self) -> usize {
        self.height * self.width
    }

    /// Splits channels of `H x W` into their phases. A phase that ends early is filled with zeros.
    #[inline(always)]
    pub(crate) fn split(self, shape: &ConvShape, x: &[f32], out: &mut [f32]) {
        let planes = x.chunks_exact(shape.height * shape.width);
        for (x, out) in planes.zip(out.chunks_exact_mut(self.channel_len())) {
            for (phase, out) in out.chunks_exact_mut(self.plane()).enumerate() {
                let (py, px) = (phase / self.stride[1], phase % self.stride[1]);
                for (line, out) in out.chunks_exact_mut(self.width).enumerate() {
                    let y = line * self.stride[0] + py;
                    if y >= shape.height {
                        out.fill(0.0);
                        continue;
                    }
                    take_every(
                        &x[y * shape.width + px.min(shape.width)..]
                            [..shape.width - px.min(shape.width)],
                        self.stride[1],
                        out,
                    );
                }
            }
        }
    }

    /// The other way of [`Phases::split`].
    #[inline(always)]
    pub(crate) fn merge(self, shape: &ConvShape, phases: &[f32], x: &mut [f32]) {
        let planes = x.chunks_exact_mut(shape.height * shape.width);
        for (x, phases) in planes.zip(phases.chunks_exact(self.channel_len())) {
            for (phase, phases) in phases.chunks_exact(self.plane()).enumerate() {
                let (py, px) = (phase / self.stride[1], phase % self.stride[1]);
                for (line, from) in phases.chunks_exact(self.width).enumerate() {
                    let y = line * self.stride[0] + py;
                    if y < shape.height && px < shape.width {
                        let x = &mut x[y * shape.width + px..(y + 1) * shape.width];
                        put_every(from, self.stride[1], x);
                    }
                }
            }
        }
    }
}

/// `out[i] = x[i * stride]`, zeros where `x` has ended.
#[inline(always)]
pub(super) fn take_every(x: &[f32], stride: usize, out: &mut [f32]) {
    let count = x.len().div_ceil(stride).min(out.len());
    let (out, rest) = out.split_at_mut(count);
    rest.fill(0.0);
    if stride == 2 {
        let (pairs, last) = x.as_chunks::<2>();
        for (out, pair) in out.iter_mut().zip(pairs) {
            *out = pair[0];
        }
        if let (Some(out), Some(last)) = (out.get_mut(pairs.len()), last.first()) {
            *out = *last;
        }
    } else {
        for (out, x) in out.iter_mut().zip(x.chunks(stride)) {
            *out = x[0];
        }
    }
}

/// `x[i * stride] = from[i]`
#[inline(always)]
fn put_every(from: &[f32], stride: usize, x: &mut [f32]) {
    if stride == 2 {
        let (pairs, last) = x.as_chunks_mut::<2>();
        for (pair, from) in pairs.iter_mut().zip(from) {
            pair[0] = *from;
        }
        if let (Some(last), Some(from)) = (last.first_mut(), from.get(pairs.len())) {
            *last = *from;
        }
    } else {
        for (x, from) in x.chunks_mut(stride).zip(from) {
            x[0] = *from;
        }
    }
}

/// One kernel place: which phase it reads and how far that is shifted.
struct Place {
    phase: usize,
    /// Place in the phase of output place 0; may be negative.
    shift: [isize; 2],
}

impl Place {
    fn new(shape: &ConvShape, ky: usize, kx: usize) -> Self {
        let offset = |axis: usize, kernel: usize| {
            (kernel * shape.dilation[axis]) as isize - shape.padding[axis] as isize
        };
        let (y, x) = (offset(0, ky), offset(1, kx));
        let [sy, sx] = shape.stride.map(|stride| stride as isize);
        let phase = y.rem_euclid(sy) as usize * shape.stride[1] + x.rem_euclid(sx) as usize;
        Self {
            phase,
            shift: [y.div_euclid(sy), x.div_euclid(sx)],
        }
    }
}

/// Output places `first..end` whose input exists, among `places`.
fn existing(places: Range<usize>, shift: isize, len: usize) -> (usize, usize) {
    let first = places.start.max((-shift).max(0) as usize).min(places.end);
    let end = (len as isize - shift).clamp(first as isize, places.end as isize) as usize;
    (first, end)
}

/// How one row of the matrix lies over its phase, for some lines of the output.
struct Overlap {
    /// Lines that exist, counted from the first line of the stretch.
    lines: Range<usize>,
    /// Columns that exist.
    columns: Range<usize>,
    /// Place in the phase of the first of them.
    from: usize,
}

impl Overlap {
    fn new(shape: &ConvShape, phases: Phases, place: &Place, lines: &Range<usize>) -> Self {
        let (first, end) = existing(lines.clone(), place.shift[0], phases.height);
        let (left, right) = existing(0..shape.out_width, place.shift[1], phases.width);
        let from = (first as isize + place.shift[0]) * phases.width as isize
            + (left as isize + place.shift[1]);
        let is_empty = first == end || left == right;
        Self {
            lines: first - lines.start..if is_empty { first } else { end } - lines.start,
            columns: left..right,
            from: if is_empty { 0 } else { from as usize },
        }
    }
}

/// The rows of one picture and group for some lines of the output, inside a matrix of several pictures.
pub(crate) struct Stretch<'a> {
    pub(crate) shape: &'a ConvShape,
    pub(crate) phases: Phases,
    /// Lines of the output.
    pub(crate) lines: Range<usize>,
    /// Distance between rows of the matrix.
    pub(crate) row_stride: usize,
    /// Where in a row this picture begins.
    pub(crate) at: usize,
}

impl Stretch<'_> {
    fn len(&self) -> usize {
        self.lines.len() * self.shape.out_width
    }

    /// Calls `visit(overlap, start of the phase, start of the row)` for one kernel place of every channel.
    #[inline(always)]
    fn place_rows(&self, (ky, kx): (usize, usize), mut visit: impl FnMut(&Overlap, usize, usize)) {
        let [kh, kw] = self.shape.kernel;
        let place = Place::new(self.shape, ky, kx);
        let overlap = Overlap::new(self.shape, self.phases, &place, &self.lines);
        for channel in 0..self.shape.in_channels / self.shape.groups {
            let start = channel * self.phases.channel_len() + place.phase * self.phases.plane();
            let row = (channel * kh + ky) * kw + kx;
            visit(&overlap, start, row * self.row_stride + self.at);
        }
    }

    /// [`Stretch::place_rows`] for all kernel places.
    #[inline(always)]
    fn rows(&self, mut visit: impl FnMut(&Overlap, usize, usize)) {
        let [kh, kw] = self.shape.kernel;
        for (ky, kx) in (0..kh).flat_map(|ky| (0..kw).map(move |kx| (ky, kx))) {
            self.place_rows((ky, kx), &mut visit);
        }
    }

    /// Writes the rows from the phases of the channels of the group.
    #[inline(always)]
    pub(crate) fn unfold(&self, input: &[f32], matrix: &mut [f32]) {
        let (plane, ow) = (self.phases.plane(), self.shape.out_width);
        let is_flush = self.phases.width == ow;
        self.rows(
            #[inline(always)]
            |overlap, start, row| {
                let input = &input[start..start + plane];
                let out = &mut matrix[row..row + self.len()];
                let (lines, columns, from) = (&overlap.lines, &overlap.columns, overlap.from);
                // Most rows are whole; a call to fill nothing costs as much as a short one.
                if lines.len() < self.lines.len() {
                    out[..lines.start * ow].fill(0.0);
                    out[lines.end * ow..].fill(0.0);
                }
                let out = &mut out[lines.start * ow..lines.end * ow];
                if out.is_empty() {
                    return;
                }
                if is_flush {
                    let len = out.len() - columns.start - (ow - columns.end);
                    out[columns.start..][..len].copy_from_slice(&input[from..from + len]);
                    clear_edges(out, ow, columns);
                    return;
                }
                for (line, out) in out.chunks_exact_mut(ow).enumerate() {
                    let input = &input[from + line * self.phases.width..][..columns.len()];
                    out[columns.clone()].copy_from_slice(input);
                }
                clear_edges(out, ow, columns);
            },
        );
    }

    /// The kernel places that cover a whole phase, at most one for each phase: the first to be folded into it may
    /// replace what stands there. `None` if a phase has none.
    fn first_places(&self) -> Option<Vec<(usize, usize)>> {
        let mut first = vec![None; self.phases.stride[0] * self.phases.stride[1]];
        let [kh, kw] = self.shape.kernel;
        for (ky, kx) in (0..kh).flat_map(|ky| (0..kw).map(move |kx| (ky, kx))) {
            let place = Place::new(self.shape, ky, kx);
            let overlap = Overlap::new(self.shape, self.phases, &place, &self.lines);
            let covers = (overlap.lines.len(), overlap.columns.len());
            let is_flush = self.phases.width == self.shape.out_width;
            if is_flush && covers == (self.phases.height, self.phases.width) {
                first[place.phase].get_or_insert((ky, kx));
            }
        }
        first.into_iter().collect()
    }

    /// Folds the rows into the phases of the channels of the group, replacing what stood there unless told to add.
    /// Clears the edges of the rows as it goes.
    #[inline(always)]
    pub(crate) fn fold(&self, matrix: &mut [f32], input: &mut [f32], accumulate: bool) {
        let mut done = Vec::new();
        if !accumulate {
            match self.first_places() {
                Some(first) => {
                    for &(ky, kx) in &first {
                        self.place_rows((ky, kx), |overlap, start, row| {
                            self.fold_row(overlap, &mut matrix[row..], &mut input[start..], true);
                        });
                    }
                    done = first;
                }
                None => input.fill(0.0),
            }
        }
        let [kh, kw] = self.shape.kernel;
        for (ky, kx) in (0..kh).flat_map(|ky| (0..kw).map(move |kx| (ky, kx))) {
            if done.contains(&(ky, kx)) {
                continue;
            }
            self.place_rows(
                (ky, kx),
                #[inline(always)]
                |overlap, start, row| {
                    self.fold_row(overlap, &mut matrix[row..], &mut input[start..], false);
                },
            );
        }
    }

    #[inline(always)]
    fn fold_row(&self, overlap: &Overlap, row: &mut [f32], input: &mut [f32], replace: bool) {
        let ow = self.shape.out_width;
        let (lines, columns, from) = (&overlap.lines, &overlap.columns, overlap.from);
        let row = &mut row[lines.start * ow..lines.end * ow];
        if row.is_empty() {
            return;
        }
        if replace {
            input[from..from + row.len()].copy_from_slice(row);
        } else if self.phases.width == ow {
            clear_edges(row, ow, columns);
            let len = row.len() - columns.start - (ow - columns.end);
            add(&mut input[from..from + len], &row[columns.start..][..len]);
        } else {
            for (line, row) in row.chunks_exact(ow).enumerate() {
                let input = &mut input[from + line * self.phases.width..][..columns.len()];
                add(input, &row[columns.clone()]);
            }
        }
    }
}

#[inline(always)]
fn add(sum: &mut [f32], x: &[f32]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += x;
    }
}

#[inline(always)]
fn clear_edges(lines: &mut [f32], width: usize, columns: &Range<usize>) {
    if columns.start == 0 && columns.end == width {
        return;
    }
    for line in lines.chunks_exact_mut(width) {
        for value in &mut line[..columns.start] {
            *value = 0.0;
        }
        for value in &mut line[columns.end..] {
            *value = 0.0;
        }
    }
}
