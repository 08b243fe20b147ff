//! Media files written by hand, as small as they can be.

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = [&name[..], &(body.len() as u32).to_le_bytes(), body].concat();
    out.resize(out.len().next_multiple_of(2), 0);
    out
}

fn list(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    chunk(b"LIST", &[&kind[..], body].concat())
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An AVI of 10 uncompressed frames a second, each of one grey, 16 x 8 pixels, with mono sound of 16 bits at 8 kHz if
/// there is any.
pub(crate) fn avi(greys: &[u8], sound: &[i16]) -> Vec<u8> {
    let frames = greys.len() as u32;
    let avih = words(&[100_000, 0, 0, 16, frames, 0, 1, 0, 16, 8, 0, 0, 0, 0]);
    let strh = [
        &b"vids\0\0\0\0"[..],
        &words(&[0, 0, 0, 1, 10, 0, frames, 0, 0, 0, 0, 0]),
    ]
    .concat();
    let strf = [&words(&[40, 16, 8])[..], &[1, 0, 24, 0], &words(&[0; 6])].concat();
    let mut heads = [
        chunk(b"avih", &avih),
        list(
            b"strl",
            &[chunk(b"strh", &strh), chunk(b"strf", &strf)].concat(),
        ),
    ]
    .concat();
    if !sound.is_empty() {
        let strh = [
            &b"auds\0\0\0\0"[..],
            &words(&[0, 0, 0, 1, 8000, 0, 0, 0, 0, 2, 0, 0]),
        ]
        .concat();
        let strf = [&[1, 0, 1, 0][..], &words(&[8000, 16_000]), &[2, 0, 16, 0]].concat();
        heads.extend(list(
            b"strl",
            &[chunk(b"strh", &strh), chunk(b"strf", &strf)].concat(),
        ));
    }
    let mut data: Vec<u8> = greys
        .iter()
        .flat_map(|grey| chunk(b"00db", &[*grey; 16 * 8 * 3]))
        .collect();
    if !sound.is_empty() {
        let bytes: Vec<u8> = sound
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        data.extend(chunk(b"01wb", &bytes));
    }
    let body = [&b"AVI "[..], &list(b"hdrl", &heads), &list(b"movi", &data)].concat();
    chunk(b"RIFF", &body)
}

/// A WAV of 16 bits; samples of all channels one after the other at each moment.
pub(crate) fn wav(rate_hz: u32, num_channels: u16, samples: &[i16]) -> Vec<u8> {
    let width = 2 * num_channels;
    let format = [
        &1_u16.to_le_bytes()[..],
        &num_channels.to_le_bytes(),
        &rate_hz.to_le_bytes(),
        &(rate_hz * u32::from(width)).to_le_bytes(),
        &width.to_le_bytes(),
        &16_u16.to_le_bytes(),
    ]
    .concat();
    let data: Vec<u8> = samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let body = [
        &b"WAVE"[..],
        &chunk(b"fmt ", &format),
        &chunk(b"data", &data),
    ]
    .concat();
    chunk(b"RIFF", &body)
}

/// A tone of 16 bits at 8 kHz.
pub(crate) fn tone(num_samples: usize, hz: f64) -> Vec<i16> {
    let angle = |at: usize| at as f64 * hz / 8000.0 * std::f64::consts::TAU;
    (0..num_samples)
        .map(|at| (angle(at).sin() * 9000.0) as i16)
        .collect()
}

/// A DICOM file, explicit little endian, 8-bit grey, 8 x 8 pixels of one grey; without pixels if there is no grey.
pub(crate) fn dicom(age: &str, grey: Option<u8>) -> Vec<u8> {
    let element = |group: u16, number: u16, kind: &[u8; 2], body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(2), b' ');
        let head = [group.to_le_bytes(), number.to_le_bytes()].concat();
        let length = match kind {
            b"OW" => [&[0, 0][..], &(body.len() as u32).to_le_bytes()].concat(),
            _ => (body.len() as u16).to_le_bytes().to_vec(),
        };
        [&head[..], kind, &length, &body].concat()
    };
    let short = |number: u16, value: u16| element(0x28, number, b"US", &value.to_le_bytes());
    let mut file = [&[0; 128][..], b"DICM"].concat();
    file.extend(element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1\0"));
    file.extend(element(0x10, 0x10, b"PN", b"Doe^Jane"));
    file.extend(element(0x10, 0x20, b"LO", b"MRN-4711"));
    file.extend(element(0x10, 0x40, b"CS", b"F"));
    file.extend(element(0x10, 0x1010, b"AS", age.as_bytes()));
    let Some(grey) = grey else { return file };
    file.extend(short(0x02, 1));
    file.extend(element(0x28, 0x04, b"CS", b"MONOCHROME2"));
    for (number, value) in [
        (0x10, 8),
        (0x11, 8),
        (0x100, 8),
        (0x101, 8),
        (0x102, 7),
        (0x103, 0),
    ] {
        file.extend(short(number, value));
    }
    file.extend(element(0x28, 0x1050, b"DS", b"128"));
    file.extend(element(0x28, 0x1051, b"DS", b"256"));
    file.extend(element(0x7fe0, 0x10, b"OW", &[grey; 64]));
    file
}

/// A NIfTI-1 volume of floats, the first axis fastest.
///
/// Source: the NIfTI-1 header, <https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h>.
pub(crate) fn nifti(sides: [u16; 3], voxel: impl Fn(usize, usize, usize) -> f32) -> Vec<u8> {
    let mut file = vec![0; 352];
    file[..4].copy_from_slice(&348_u32.to_le_bytes());
    let sizes = [3, sides[0], sides[1], sides[2], 1, 1, 1, 1];
    for (at, size) in sizes.into_iter().enumerate() {
        file[40 + 2 * at..][..2].copy_from_slice(&size.to_le_bytes());
    }
    file[70..72].copy_from_slice(&16_u16.to_le_bytes());
    file[72..74].copy_from_slice(&32_u16.to_le_bytes());
    for at in 0..4 {
        file[76 + 4 * at..][..4].copy_from_slice(&1_f32.to_le_bytes());
    }
    file[108..112].copy_from_slice(&352_f32.to_le_bytes());
    file[112..116].copy_from_slice(&1_f32.to_le_bytes());
    file[344..348].copy_from_slice(b"n+1\0");
    let [width, height, depth] = sides.map(usize::from);
    for z in 0..depth {
        for y in 0..height {
            for x in 0..width {
                file.extend(voxel(x, y, z).to_le_bytes());
            }
        }
    }
    file
}
