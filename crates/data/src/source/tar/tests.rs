//! Archives of every dialect, written by others: `golden/tar.py`.

use std::io::{Cursor, Read};

use super::*;

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn members(archive: &[u8]) -> (Vec<Member>, Option<Fault>) {
    let mut found = Vec::new();
    for member in Members::new(Cursor::new(archive), 0, archive.len() as u64) {
        match member {
            Ok(member) => found.push(member),
            Err(fault) => return (found, Some(fault)),
        }
    }
    (found, None)
}

/// What `golden/tar.py` puts into a file.
fn content(name: &str, size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| ((name.chars().count() + at) % 251) as u8)
        .collect()
}

#[test]
fn every_dialect_gives_names_kinds_and_contents() {
    let long = format!("{}/{}.jpg", "d".repeat(90), "e".repeat(90));
    let longer = format!("{}/a.b.txt", "f".repeat(300));
    let all = [
        ("a.txt", 3),
        (long.as_str(), 513),
        ("grüße.txt", 0),
        ("folder/x.png", 512),
        (longer.as_str(), 7),
    ];
    let archives: [(&[u8], usize); 3] = [
        (include_bytes!("../../../golden/tars/ustar.tar.gz"), 4),
        (include_bytes!("../../../golden/tars/pax.tar.gz"), 5),
        (include_bytes!("../../../golden/tars/gnu.tar.gz"), 5),
    ];
    for (packed, num_files) in archives {
        let archive = unpacked(packed);
        let (found, fault) = members(&archive);
        assert!(fault.is_none(), "{fault:?}");
        assert_eq!(found[0].kind, Kind::Folder);
        for (member, (name, size)) in found[1..].iter().zip(&all[..num_files]) {
            assert_eq!((member.name.as_str(), member.kind), (*name, Kind::File));
            let bytes = &archive[member.at as usize..][..member.len as usize];
            assert_eq!(bytes, content(name, *size), "{name}");
        }
        let rest: Vec<(&str, Kind)> = found[num_files + 1..]
            .iter()
            .map(|member| (member.name.as_str(), member.kind))
            .collect();
        let expected = [
            ("link.txt", Kind::Link),
            ("hard.txt", Kind::Link),
            ("pipe.txt", Kind::Other),
            ("last.txt", Kind::File),
        ];
        assert_eq!(rest, expected);
        assert_eq!(&archive[found.last().unwrap().at as usize..][..4], b"last");
    }
}

#[test]
fn what_follows_a_sparse_file_is_found() {
    let archives: [&[u8]; 2] = [
        include_bytes!("../../../golden/tars/sparse_gnu.tar.gz"),
        include_bytes!("../../../golden/tars/sparse_pax.tar.gz"),
    ];
    for packed in archives {
        let archive = unpacked(packed);
        let (found, fault) = members(&archive);
        assert!(fault.is_none(), "{fault:?}");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].kind, Kind::Sparse);
        assert_eq!(
            (found[1].name.as_str(), found[1].kind),
            ("last.txt", Kind::File)
        );
        assert_eq!(&archive[found[1].at as usize..][..4], b"last");
    }
}

#[test]
fn a_cut_archive_gives_the_members_before_and_a_fault() {
    let archive = unpacked(include_bytes!("../../../golden/tars/gnu.tar.gz"));
    let (whole, _) = members(&archive);
    for len in 0..archive.len() {
        let (found, fault) = members(&archive[..len]);
        assert_eq!(found, whole[..found.len()], "cut at {len}");
        for member in &found {
            assert!(member.at + member.len <= len as u64, "cut at {len}");
        }
        // Between two members nothing shows that something is missing.
        assert!(
            fault.is_some() || len.is_multiple_of(512) || found.len() > 1,
            "cut at {len}"
        );
    }
}

#[test]
fn members_never_lie_outside_of_a_damaged_archive() {
    for packed in [
        &include_bytes!("../../../golden/tars/pax.tar.gz")[..],
        include_bytes!("../../../golden/tars/sparse_gnu.tar.gz"),
    ] {
        let archive = unpacked(packed);
        for at in (0..archive.len().min(16 << 10)).step_by(3) {
            let mut damaged = archive.clone();
            damaged[at] ^= 0x55;
            let (found, _) = members(&damaged);
            for member in found {
                assert!(member.at + member.len <= archive.len() as u64, "byte {at}");
            }
        }
    }
}

#[test]
fn a_size_that_no_file_has_is_a_fault() {
    let mut header = [0_u8; 512];
    header[..5].copy_from_slice(b"x.png");
    // GNU tar's binary size, 2^63.
    header[124] = 0x80;
    header[128] = 0x80;
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let (found, fault) = members(&header);
    assert!(found.is_empty());
    assert!(
        matches!(&fault, Some(Fault::Damaged { name: Some(name), .. }) if name == "x.png"),
        "{fault:?}"
    );
}
