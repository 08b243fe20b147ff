//! White noise over sounds, the same at every run.

use std::{fs, path::Path};

use data::sound::{SoundLimits, decode_sound};
use schema::{Seed, Sound};

use super::tables::Records;

/// Writes tables of the folder with noise over the sounds of one column into `out`.
pub(super) fn noisy_tables(
    folder: &Path,
    out: &Path,
    (files, column): (&[&str], &str),
    snr_db: f64,
) -> Result<(), String> {
    let sounds = out.join("noisy");
    fs::create_dir_all(&sounds).map_err(|error| format!("{}: {error}", sounds.display()))?;
    let sounds =
        fs::canonicalize(&sounds).map_err(|error| format!("{}: {error}", sounds.display()))?;
    for file in files {
        let mut records = Records::read(folder, &[file])?;
        let place = records.column(column)?;
        for (row, cells) in records.rows.iter_mut().enumerate() {
            let bytes =
                fs::read(&cells[place]).map_err(|error| format!("{}: {error}", cells[place]))?;
            let mut sound = decode_sound(&bytes, &SoundLimits::default())
                .map_err(|error| format!("{}: {error}", cells[place]))?;
            add_noise(&mut sound, snr_db, Seed(0).named(file).at(row as u64));
            let path = sounds.join(format!("{file}-{row}.wav"));
            fs::write(&path, wav(&sound))
                .map_err(|error| format!("{}: {error}", path.display()))?;
            cells[place] = path.display().to_string();
        }
        let all: Vec<usize> = (0..records.rows.len()).collect();
        records.write(&out.join(file), &all)?;
    }
    Ok(())
}

/// Adds normal noise whose power stands to the sound's as the ratio says.
fn add_noise(sound: &mut Sound, snr_db: f64, seed: Seed) {
    let count = sound.samples.len().max(1) as f64;
    let power = sound
        .samples
        .iter()
        .map(|x| f64::from(*x).powi(2))
        .sum::<f64>()
        / count;
    let deviation = (power * 10_f64.powf(-snr_db / 10.0)).sqrt();
    let mut rng = seed.rng();
    for sample in &mut sound.samples {
        *sample = (f64::from(*sample) + deviation * rng.normal()) as f32;
    }
}

/// A WAV file of floats, which cannot clip.
fn wav(sound: &Sound) -> Vec<u8> {
    const FLOATS: u16 = 3;
    let len = 4 * sound.samples.len() as u32;
    let mut bytes = Vec::with_capacity(44 + len as usize);
    bytes.extend(b"RIFF");
    bytes.extend((36 + len).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend(FLOATS.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(sound.rate_hz.to_le_bytes());
    bytes.extend((4 * sound.rate_hz).to_le_bytes());
    bytes.extend(4_u16.to_le_bytes());
    bytes.extend(32_u16.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(len.to_le_bytes());
    bytes.extend(sound.samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_power_that_was_asked_for_and_survives_the_file() {
        let tone: Vec<f32> = (0..16_000)
            .map(|at| 0.5 * (at as f32 * 0.1).sin())
            .collect();
        let power = |samples: &[f32]| samples.iter().map(|x| x * x).sum::<f32>() / 16_000.0;
        let mut sound = Sound {
            rate_hz: 16_000,
            samples: tone.clone(),
        };
        add_noise(&mut sound, -8.0, Seed(1));
        let noise: Vec<f32> = sound
            .samples
            .iter()
            .zip(&tone)
            .map(|(a, b)| a - b)
            .collect();
        let ratio = 10.0 * (power(&tone) / power(&noise)).log10();
        assert!((ratio + 8.0).abs() < 0.2, "{ratio}");
        let read = decode_sound(&wav(&sound), &SoundLimits::default()).unwrap();
        assert_eq!(read, sound);
    }
}
