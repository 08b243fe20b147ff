//! Pictures whose pixels are numbers of colours. Source: DICOM PS3.3, C.7.6.3.1.5 and C.7.6.3.1.6.

use super::{
    super::{MedicalError, fault},
    elements::{Elements, Tag},
};

/// Descriptor and colours of red, green and blue.
const TABLES: [(Tag, Tag); 3] = [
    ((0x0028, 0x1101), (0x0028, 0x1201)),
    ((0x0028, 0x1102), (0x0028, 0x1202)),
    ((0x0028, 0x1103), (0x0028, 0x1203)),
];

/// Colours by number.
#[derive(Debug)]
pub(super) struct Palette {
    /// Number of the first colour.
    first: f64,
    colours: Vec<[u8; 3]>,
}

impl Palette {
    pub(super) fn read(elements: &Elements<'_>) -> Result<Self, MedicalError> {
        let mut first = 0.0;
        let mut colours: Vec<[u8; 3]> = Vec::new();
        for (channel, (descriptor, table)) in TABLES.into_iter().enumerate() {
            let read = read_table(elements, descriptor, table);
            let (from, levels) = read.ok_or_else(|| {
                fault(
                    "medical_unsupported",
                    "a palette that is absent, in segments, or cut off",
                )
            })?;
            if channel == 0 {
                first = from;
                colours.resize(levels.len(), [0; 3]);
            }
            for (colour, level) in colours.iter_mut().zip(levels) {
                colour[channel] = level;
            }
        }
        Ok(Self { first, colours })
    }

    /// The colour of a stored value; values outside take the nearest one.
    pub(super) fn colour(&self, value: f32) -> [u8; 3] {
        // Casts stay at the ends of the range.
        let at = (f64::from(value) - self.first) as usize;
        let last = self.colours.len().saturating_sub(1);
        self.colours.get(at.min(last)).copied().unwrap_or_default()
    }
}

fn read_table(elements: &Elements<'_>, descriptor: Tag, table: Tag) -> Option<(f64, Vec<u8>)> {
    let word = |bytes: &[u8], at: usize| {
        let two = bytes.get(at * 2..at * 2 + 2)?.try_into().ok()?;
        Some(match elements.encoding.little {
            true => u16::from_le_bytes(two),
            false => u16::from_be_bytes(two),
        })
    };
    let about = elements.raw(descriptor)?;
    let num = match word(about, 0)? {
        // 65,536 does not fit its field.
        0 => 1 << 16,
        num => usize::from(num),
    };
    let (first, bits) = (word(about, 1)?, word(about, 2)?);
    let data = elements.raw(table)?;
    let levels = if data.len() >= num * 2 {
        let shift = if bits == 8 { 0 } else { 8 };
        (0..num)
            .map(|at| word(data, at).map(|word| (word >> shift) as u8))
            .collect::<Option<_>>()?
    } else {
        data.get(..num).filter(|_| bits == 8)?.to_vec()
    };
    Some((first.into(), levels))
}
