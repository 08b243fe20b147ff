//! What holds for every format: nothing panics, nothing takes long, and what is read fits the limits.

use std::time::{Duration, Instant};

use schema::Rng;

use super::*;

/// Small, so that a mutated size is caught by the limit and not by the file's end alone.
const LIMITS: SeriesLimits = SeriesLimits {
    max_bytes: 1 << 20,
    max_values: 10_000,
    max_channels: 16,
};
const MUTATIONS: u64 = 400;

fn npy() -> Vec<u8> {
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (8, 2), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend((0..16).flat_map(|x| (x as f32).to_le_bytes()));
    bytes
}

fn edf_file() -> Vec<u8> {
    let note = b"+0\x14\x14\0\0\0\0";
    let data = [edf::tests::le(&[1, 2, 3, 4, 5, 6]), note.to_vec()].concat();
    let signals = [("a", 4), ("b", 2), ("EDF Annotations", 4)];
    edf::tests::file("EDF+D", "1", &signals, &data)
}

/// The bytes with one to four of them changed, put in, taken out, or the end cut off.
fn mutated(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.below(bytes.len());
        match rng.below(5) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next_u64() as u8,
            2 => bytes.insert(at, b"0123456789-\xff\0"[rng.below(13)]),
            3 => drop(bytes.remove(at)),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

#[test]
fn mutated_files_of_every_format_give_a_series_within_limits_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("r.dat"), [7; 60]).unwrap();
    let header =
        b"r 2 360 20\nr.dat 212 200(3)/mV 11 1024 0 0 0 I\nr.dat 212 200 11 1024 0 0 0 II\n";
    let sources: [(&str, Vec<u8>); 5] = [
        ("a.npy", npy()),
        ("a.edf", edf_file()),
        ("r.hea", header.to_vec()),
        ("a.csv", b"time,x,y\n0,1,2\n1,3,\n2,4,5\n".to_vec()),
        ("a.txt", b"[[1, 2], [3, null], [5, 6]]".to_vec()),
    ];
    let started = Instant::now();
    for (name, whole) in &sources {
        let path = folder.path().join(name);
        assert!(decode_series(whole, &path, &LIMITS).is_ok(), "{name}");
        for mutation in 0..MUTATIONS {
            let bytes = mutated(whole, &mut schema::Seed(5).named(name).at(mutation).rng());
            match decode_series(&bytes, &path, &LIMITS) {
                Ok(series) => {
                    assert!(series.num_channels > 0 && !series.values.is_empty());
                    assert!(series.values.len().is_multiple_of(series.num_channels));
                    assert!(series.values.len() <= LIMITS.max_values);
                    assert!(!series.values.iter().any(|value| value.is_infinite()));
                    let _ = (series_features(&series), resample_len(&series, 16));
                }
                Err(error) => assert!(!error.text.is_empty()),
            }
        }
    }
    // Thousands of small records; one alone may take 5 s.
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn what_is_no_series_or_too_large_is_refused() {
    let code = |bytes: &[u8]| {
        decode_series(bytes, Path::new("x"), &LIMITS)
            .unwrap_err()
            .reason_code
    };
    assert_eq!(code(b""), "series_empty");
    assert_eq!(code(b"\x89PNG\r\n\x1a\n\0"), "not_a_series");
    assert_eq!(code(b"hello world"), "not_a_series");
    assert_eq!(code(&vec![b'1'; 2 << 20]), "file_too_large");
    let absent = read_series(Path::new("no/such.npy"), &LIMITS).unwrap_err();
    assert_eq!(absent.reason_code, "file_missing");
}
