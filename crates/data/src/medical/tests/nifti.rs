//! Volumes written by hand after `nifti1.h`.

use std::io::Write;

use schema::Volume;

use super::{EXPLICIT, file};
use crate::medical::*;

/// A little-endian NIfTI-1 file of 3 x 2 x 2 16-bit voxels 0 to 11, twice the value and one more.
pub(super) fn nifti() -> Vec<u8> {
    let mut head = vec![0; 352];
    head[..4].copy_from_slice(&348_i32.to_le_bytes());
    for (at, dim) in [3_i16, 3, 2, 2, 1, 1, 1, 1].into_iter().enumerate() {
        head[40 + at * 2..][..2].copy_from_slice(&dim.to_le_bytes());
    }
    head[70..72].copy_from_slice(&4_i16.to_le_bytes());
    for (at, value) in [
        (80, 0.5),
        (84, 0.75),
        (88, 3.0),
        (108, 352.0),
        (112, 2.0),
        (116, 1.0),
    ] {
        head[at..][..4].copy_from_slice(&f32::to_le_bytes(value));
    }
    head[123] = 2;
    head[344..348].copy_from_slice(b"n+1\0");
    head.extend((0..12_i16).flat_map(i16::to_le_bytes));
    head
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn volume(bytes: &[u8]) -> Result<Volume, MedicalError> {
    decode_nifti(bytes, &MedicalLimits::default())
}

#[test]
fn volumes_are_read_plain_and_compressed_and_of_both_byte_orders() {
    let plain = nifti();
    let expected = Volume {
        shape: [2, 2, 3],
        spacing_mm: [3.0, 0.75, 0.5],
        voxels: (0..12).map(|x| (2 * x + 1) as f32).collect(),
    };
    assert_eq!(volume(&plain).unwrap(), expected);
    assert_eq!(volume(&gzip(&plain)).unwrap(), expected);
    let mut big = plain.clone();
    let fields = [
        (0, 4),
        (70, 2),
        (80, 4),
        (84, 4),
        (88, 4),
        (108, 4),
        (112, 4),
        (116, 4),
    ];
    let dims = (0..8).map(|at| (40 + at * 2, 2));
    let voxels = (0..12).map(|at| (352 + at * 2, 2));
    for (at, len) in fields.into_iter().chain(dims).chain(voxels) {
        big[at..at + len].reverse();
    }
    assert_eq!(volume(&big).unwrap(), expected);
    assert_eq!(medical_format(&plain), Some(MedicalFormat::Nifti));
    assert_eq!(medical_format(&gzip(&plain)), Some(MedicalFormat::Nifti));
    assert_eq!(medical_format(&gzip(b"other")), None);
    assert_eq!(
        medical_format(&file(EXPLICIT, &[])),
        Some(MedicalFormat::Dicom)
    );
    assert_eq!(medical_format(b""), None);
}

#[test]
fn the_second_version_is_read() {
    let mut head = vec![0; 544];
    head[..4].copy_from_slice(&540_i32.to_le_bytes());
    head[4..8].copy_from_slice(b"n+2\0");
    head[12..14].copy_from_slice(&2_i16.to_le_bytes());
    for (at, dim) in [2_i64, 2, 1].into_iter().enumerate() {
        head[16 + at * 8..][..8].copy_from_slice(&dim.to_le_bytes());
    }
    for at in [112, 120, 128] {
        head[at..][..8].copy_from_slice(&1.0_f64.to_le_bytes());
    }
    head[168..176].copy_from_slice(&544_i64.to_le_bytes());
    head.extend([7, 9]);
    let volume = volume(&head).unwrap();
    assert_eq!(
        (volume.shape, volume.voxels.as_slice()),
        ([1, 1, 2], &[7.0, 9.0][..])
    );
}

#[test]
fn slices_are_cut_across_every_axis() {
    let volume = volume(&nifti()).unwrap();
    let all = Window::Percentiles(0.0, 100.0);
    let cut = |axis, count| volume_slices(&volume, axis, count, all).unwrap();
    let level = |voxel: usize| (voxel as f32 / 11.0 * 255.0 + 0.5) as u8;
    let grey =
        |picture: &schema::Picture| picture.rgb.iter().copied().step_by(3).collect::<Vec<_>>();
    let depth = cut(SliceAxis::Depth, 9);
    assert_eq!(depth.len(), 2);
    assert_eq!(grey(&depth[1]), (6..12).map(level).collect::<Vec<_>>());
    let height = cut(SliceAxis::Height, 2);
    assert_eq!((height[1].width, height[1].height), (3, 2));
    assert_eq!(grey(&height[1]), [3, 4, 5, 9, 10, 11].map(level));
    let width = cut(SliceAxis::Width, 1);
    assert_eq!((width[0].width, width[0].height), (2, 2));
    assert_eq!(grey(&width[0]), [1, 4, 7, 10].map(level));
    let wrong = Volume {
        shape: [9, 9, 9],
        ..volume
    };
    assert!(volume_slices(&wrong, SliceAxis::Depth, 1, Window::File).is_err());
}

#[test]
fn volumes_that_cannot_be_used_say_why() {
    let code = |bytes: &[u8]| volume(bytes).unwrap_err().reason_code;
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = nifti();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    assert_eq!(code(b""), "not_nifti");
    assert_eq!(code(&nifti()[..375]), "medical_truncated");
    assert_eq!(code(&gzip(&nifti()[..375])), "medical_truncated");
    let packed = gzip(&nifti());
    assert_eq!(code(&packed[..packed.len() - 12]), "medical_truncated");
    assert_eq!(code(&changed(344, b"ni1\0")), "medical_unsupported");
    assert_eq!(code(&changed(70, &[128, 0])), "medical_unsupported");
    assert_eq!(code(&changed(42, &[0, 0])), "medical_damaged");
    assert_eq!(code(&changed(42, &[0xff, 0xff])), "medical_damaged");
    assert_eq!(code(&changed(40, &[9, 0])), "medical_damaged");
    assert_eq!(
        code(&changed(42, &[0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f])),
        "medical_too_large"
    );
    assert_eq!(
        code(&changed(108, &1e30_f32.to_le_bytes())),
        "medical_damaged"
    );
}
