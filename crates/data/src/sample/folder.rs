//! The folder that a set is written into: media first, then the tables, `truth.json` last.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use schema::write_atomic;

use super::{SampleError, canvas::Canvas, movie, truth::Truth};

/// File whose presence says that the set is complete.
const TRUTH: &str = "truth.json";

/// A folder that is being filled.
pub(super) struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// Makes the folder and its `media` folder; an older `truth.json` goes away first, for the set is incomplete now.
    pub(super) fn open(dir: &Path, media: &str) -> Result<Self, SampleError> {
        Self::open_with(dir, &[media])
    }

    /// As [`Folder::open`], with several folders of media.
    pub(super) fn open_with(dir: &Path, media: &[&str]) -> Result<Self, SampleError> {
        for name in media {
            let path = dir.join(name);
            fs::create_dir_all(&path).map_err(|source| SampleError::Folder { path, source })?;
        }
        let truth = dir.join(TRUTH);
        match fs::remove_file(&truth) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(SampleError::File {
                path: truth,
                source,
            }),
            _ => Ok(Self {
                dir: dir.to_owned(),
            }),
        }
    }

    /// Writes a picture as PNG at a path relative to the folder.
    pub(super) fn picture(&self, relative: &str, canvas: &Canvas) -> Result<(), SampleError> {
        match canvas.png() {
            Ok(bytes) => self.file(relative, &bytes),
            Err(source) => Err(self.undrawn(relative, source)),
        }
    }

    /// Writes a clip as Motion JPEG AVI at a path relative to the folder.
    pub(super) fn clip(&self, relative: &str, frames: &[Canvas]) -> Result<(), SampleError> {
        match movie::avi(frames) {
            Ok(bytes) => self.file(relative, &bytes),
            Err(source) => Err(self.undrawn(relative, source)),
        }
    }

    /// Writes the bytes of a media file at a path relative to the folder.
    pub(super) fn file(&self, relative: &str, bytes: &[u8]) -> Result<(), SampleError> {
        let path = self.dir.join(relative);
        // Not flushed one by one: a set of thousands would take minutes, and it is `truth.json` that says all is there.
        fs::write(&path, bytes).map_err(|source| SampleError::File { path, source })
    }

    fn undrawn(&self, relative: &str, source: image::ImageError) -> SampleError {
        let path = self.dir.join(relative);
        SampleError::Picture { path, source }
    }

    /// Writes a table with a header.
    pub(super) fn table<const N: usize>(
        &self,
        name: &str,
        header: [&str; N],
        rows: &[[String; N]],
    ) -> Result<PathBuf, SampleError> {
        let path = self.dir.join(name);
        let row_error = |source| SampleError::Row {
            path: path.clone(),
            source,
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(header).map_err(row_error)?;
        for row in rows {
            writer.write_record(row).map_err(row_error)?;
        }
        let bytes = writer.into_inner().map_err(|error| SampleError::File {
            path: path.clone(),
            source: error.into_error(),
        })?;
        replace(path, &bytes)
    }

    /// Writes the known answer; the last thing that a set writes.
    pub(super) fn truth(&self, truth: &Truth) -> Result<PathBuf, SampleError> {
        let path = self.dir.join(TRUTH);
        replace(path, truth.json().as_bytes())
    }
}

fn replace(path: PathBuf, bytes: &[u8]) -> Result<PathBuf, SampleError> {
    match write_atomic(&path, bytes) {
        Ok(()) => Ok(path),
        Err(source) => Err(SampleError::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_a_file_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("taken");
        fs::write(&file, "x").unwrap();
        let error = Folder::open(&file, "images").err().unwrap();
        let problem = schema::Problem::from(error);
        assert!(problem.place.contains("taken"), "{problem}");
        assert_eq!(problem.exit_code(), 2);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error_and_leaves_no_half_file() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path(), "images").unwrap();
        fs::create_dir(dir.path().join("train.csv")).unwrap();
        let error = folder.table("train.csv", ["a"], &[["1".to_owned()]]);
        assert!(matches!(error, Err(SampleError::File { .. })), "{error:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn cells_with_commas_and_quotes_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path(), "images").unwrap();
        let cell = "so, \"nice\"".to_owned();
        let path = folder
            .table("train.csv", ["a", "b"], &[[cell.clone(), String::new()]])
            .unwrap();
        let mut reader = csv::Reader::from_path(path).unwrap();
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!(row, vec![cell.as_str(), ""]);
    }
}
