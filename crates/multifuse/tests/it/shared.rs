//! Runs that several tests look at, trained once.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use crate::{
    program::{multifuse, write},
    tables,
};

/// A trained run on [`tables::binary`] and what it was trained on.
pub(crate) struct Trained {
    /// Holds `table.csv` and `run`.
    pub(crate) folder: PathBuf,
    /// What `train --json` said.
    pub(crate) said: serde_json::Value,
}

/// A run on text, number and category with two classes.
pub(crate) fn binary() -> &'static Trained {
    static BINARY: OnceLock<Trained> = OnceLock::new();
    BINARY.get_or_init(|| {
        let folder = shared_folder().join("binary");
        fs::create_dir_all(&folder).expect("a folder for shared runs");
        write(&folder, "table.csv", tables::binary(60));
        let said = multifuse(&folder, "train table.csv --target label --out run --json").json();
        Trained { folder, said }
    })
}

/// Sixty posts with pictures, ten of them more to test on.
pub(crate) fn posts() -> &'static Path {
    static POSTS: OnceLock<PathBuf> = OnceLock::new();
    POSTS.get_or_init(|| {
        let folder = shared_folder().join("posts");
        fs::create_dir_all(shared_folder()).expect("a folder for shared data");
        multifuse(shared_folder(), "sample posts posts --records 60 --seed 3").succeeds();
        folder
    })
}

/// Statics are never dropped, so each process has a folder of its own and clears those of processes that are gone.
fn shared_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shared");
        let earlier = fs::read_dir(&parent).into_iter().flatten().flatten();
        for folder in earlier {
            let is_running = Path::new("/proc").join(folder.file_name()).exists();
            if Path::new("/proc/self").exists() && !is_running {
                // Another process may be clearing it too.
                let _ = fs::remove_dir_all(folder.path());
            }
        }
        parent.join(std::process::id().to_string())
    })
}
