//! Clips of plain colours, written by hand.

use image::ImageFormat;

use crate::fixture::{encode, picture};

/// Colours that differ enough to be told after JPEG.
pub(crate) const COLOURS: [[u8; 3]; 5] = [
    [200, 30, 30],
    [30, 200, 30],
    [30, 30, 200],
    [200, 200, 30],
    [120, 120, 120],
];

pub(crate) fn still(width: u32, height: u32, rgb: [u8; 3], format: ImageFormat) -> Vec<u8> {
    encode(&picture(width, height, |_, _| rgb), format)
}

fn chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
    let mut out = [name, &(body.len() as u32).to_le_bytes(), body].concat();
    out.resize(out.len().next_multiple_of(2), 0);
    out
}

fn list(name: &[u8], kind: &[u8], body: &[u8]) -> Vec<u8> {
    chunk(name, &[kind, body].concat())
}

fn words(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// An AVI of 10 frames a second from frame bytes, with chunks of 16-bit stereo sound at 8 kHz.
pub(crate) fn avi(codec: &[u8; 4], frames: &[Vec<u8>], sound: &[&[i16]]) -> Vec<u8> {
    let avih = words(&[
        100_000,
        0,
        0,
        16,
        frames.len() as u32,
        0,
        1,
        0,
        16,
        8,
        0,
        0,
        0,
        0,
    ]);
    let strh = [
        b"vids",
        &codec[..],
        &words(&[0, 0, 0, 1, 10, 0, frames.len() as u32, 0, 0, 0, 0, 0]),
    ]
    .concat();
    let strf = [
        &words(&[40, 16, 8])[..],
        &[1, 0, 24, 0],
        codec,
        &words(&[0; 5]),
    ]
    .concat();
    let mut heads = list(
        b"LIST",
        b"strl",
        &[chunk(b"strh", &strh), chunk(b"strf", &strf)].concat(),
    );
    if !sound.is_empty() {
        heads.extend(sound_head());
    }
    let mut movi = Vec::new();
    for frame in frames {
        movi.extend(chunk(b"00dc", frame));
    }
    for samples in sound {
        let bytes: Vec<u8> = samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        movi.extend(list(b"LIST", b"rec ", &chunk(b"01wb", &bytes)));
    }
    let hdrl = list(b"LIST", b"hdrl", &[chunk(b"avih", &avih), heads].concat());
    let body = [
        hdrl,
        list(b"LIST", b"movi", &movi),
        chunk(b"idx1", &[0; 16]),
    ]
    .concat();
    list(b"RIFF", b"AVI ", &body)
}

fn sound_head() -> Vec<u8> {
    let strh = [
        &b"auds\0\0\0\0"[..],
        &words(&[0, 0, 0, 4, 32_000, 0, 0, 0, 0, 4, 0, 0]),
    ]
    .concat();
    let strf = [&[1, 0, 2, 0][..], &words(&[8000, 32_000]), &[4, 0, 16, 0]].concat();
    let body = [chunk(b"strh", &strh), chunk(b"strf", &strf)].concat();
    list(b"LIST", b"strl", &body)
}

/// A Motion JPEG AVI of 16 x 8 pixels.
pub(crate) fn mjpeg(colours: &[[u8; 3]]) -> Vec<u8> {
    let frames = colours
        .iter()
        .map(|rgb| still(16, 8, *rgb, ImageFormat::Jpeg));
    avi(
        b"MJPG",
        &frames.collect::<Vec<_>>(),
        &[&[16384, 0, -16384, -16384], &[0, 0]],
    )
}

/// Where a frame lies and what becomes of it: x, y, width, height, disposal (0 stays, 1 clear, 2 restore), drawn over.
pub(super) type Place = (u32, u32, u32, u32, u8, bool);

/// Frames of a 12 x 8 picture that stay, go, come back, and show through.
pub(crate) const PLACES: [Place; 7] = [
    (0, 0, 12, 8, 0, false),
    (2, 2, 4, 4, 2, true),
    (6, 0, 4, 4, 1, true),
    (2, 4, 6, 4, 0, true),
    (0, 0, 12, 8, 0, false),
    (4, 2, 8, 6, 1, true),
    (0, 2, 6, 2, 0, false),
];

pub(crate) fn colour(frame: usize) -> [u8; 3] {
    COLOURS[frame % COLOURS.len()]
}

/// A square of one colour whose right half is transparent if it is drawn over others.
fn rgba_png(place: &Place, rgb: [u8; 3], format: ImageFormat) -> Vec<u8> {
    let (_, _, width, height, _, over) = *place;
    let [r, g, b] = rgb;
    let image = image::RgbaImage::from_fn(width, height, |x, _| {
        let alpha = if over && x >= width / 2 { 0 } else { 255 };
        image::Rgba([r, g, b, alpha])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Frames of 100 ms.
pub(crate) fn webp(places: &[Place]) -> Vec<u8> {
    let le24 = |value: u32| value.to_le_bytes()[..3].to_vec();
    let mut body = chunk(b"VP8X", &[vec![0x12, 0, 0, 0], le24(11), le24(7)].concat());
    body.extend(chunk(b"ANIM", &[0; 6]));
    for (frame, place) in places.iter().enumerate() {
        let (x, y, width, height, dispose, over) = *place;
        let file = rgba_png(place, colour(frame), ImageFormat::WebP);
        // WebP has no "restore".
        let flags = u8::from(dispose == 1) | if over { 0 } else { 2 };
        let head = [
            le24(x / 2),
            le24(y / 2),
            le24(width - 1),
            le24(height - 1),
            le24(100),
            vec![flags],
        ];
        let at = file.windows(4).position(|name| name == b"VP8L").unwrap();
        body.extend(chunk(b"ANMF", &[&head.concat(), &file[at..]].concat()));
    }
    list(b"RIFF", b"WEBP", &body)
}

fn png_chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
    let data = [name, body].concat();
    let mut sum = flate2::Crc::new();
    sum.update(&data);
    [
        &(body.len() as u32).to_be_bytes()[..],
        &data,
        &sum.sum().to_be_bytes(),
    ]
    .concat()
}

/// Frames of 100 ms.
pub(crate) fn apng(places: &[Place]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut sequence = 0_u32;
    let mut next = || {
        sequence += 1;
        (sequence - 1).to_be_bytes()
    };
    for (frame, place) in places.iter().enumerate() {
        let (x, y, width, height, dispose, over) = *place;
        let file = rgba_png(place, colour(frame), ImageFormat::Png);
        if frame == 0 {
            out = file[..33].to_vec();
            let animation = [(places.len() as u32).to_be_bytes(), [0; 4]].concat();
            out.extend(png_chunk(b"acTL", &animation));
        }
        let sides = [width, height, x, y].map(u32::to_be_bytes).concat();
        let control = [&next()[..], &sides, &[0, 1, 0, 10, dispose, u8::from(over)]].concat();
        out.extend(png_chunk(b"fcTL", &control));
        let at = file.windows(4).position(|name| name == b"IDAT").unwrap();
        let size = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
        let data = &file[at + 4..at + 4 + size];
        out.extend(match frame {
            0 => png_chunk(b"IDAT", data),
            _ => png_chunk(b"fdAT", &[&next()[..], data].concat()),
        });
    }
    out.extend(png_chunk(b"IEND", &[]));
    out
}

/// Frames of 100 ms with a table of 8 colours, the last of them transparent.
pub(crate) fn gif(places: &[Place]) -> Vec<u8> {
    let mut out = b"GIF89a\x0c\0\x08\0\xf2\0\0".to_vec();
    out.extend((0..8).flat_map(|at| COLOURS.get(at).copied().unwrap_or_default()));
    for (frame, place) in places.iter().enumerate() {
        let (x, y, width, height, dispose, over) = *place;
        let packed = match dispose {
            0 => 1 << 2,
            1 => 2 << 2,
            _ => 3 << 2,
        } | u8::from(over);
        out.extend([0x21, 0xf9, 4, packed, 10, 0, 7, 0, 0x2c]);
        out.extend(
            [x, y, width, height]
                .into_iter()
                .flat_map(|side| (side as u16).to_le_bytes()),
        );
        out.push(0);
        // Codes of 4 bits; a clear code (8) before each two pixels keeps them from growing. 9 is the end.
        let mut codes = Vec::new();
        for pixel in 0..width * height {
            if pixel % 2 == 0 {
                codes.push(8);
            }
            let clear = over && pixel % width >= width / 2;
            codes.push(if clear {
                7
            } else {
                (frame % COLOURS.len()) as u8
            });
        }
        codes.push(9);
        let bytes = codes
            .chunks(2)
            .map(|pair| pair[0] | pair.get(1).unwrap_or(&0) << 4);
        let bytes: Vec<u8> = bytes.collect();
        out.push(3);
        for block in bytes.chunks(255) {
            out.push(block.len() as u8);
            out.extend(block);
        }
        out.push(0);
    }
    out.push(0x3b);
    out
}
