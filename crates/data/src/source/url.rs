//! Web addresses in place of paths: fetched into temporary files, then read as those.
//!
//! Readers of addresses bring a web client and its encryption along, so they are behind the feature `object-store`.

use std::path::Path;

use crate::{DataError, Table};

/// Beginnings of addresses.
const SCHEMES: [&str; 9] = [
    "s3", "s3a", "gs", "az", "abfs", "abfss", "http", "https", "file",
];

/// The address that a path is, if it is one.
pub(super) fn of(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    let is_scheme = SCHEMES.contains(&scheme.to_lowercase().as_str());
    is_scheme.then(|| text.to_owned())
}

#[cfg(feature = "object-store")]
pub(super) use fetch::open;

/// Says what is missing.
#[cfg(not(feature = "object-store"))]
pub(super) fn open(url: &str) -> Result<Table, DataError> {
    Err(DataError::Url {
        url: url.to_owned(),
        what: "this program was built without readers of web addresses".to_owned(),
        help: "build it with `cargo install --path crates/multifuse --features object-store`, or copy the file to this \
               machine first",
    })
}

#[cfg(feature = "object-store")]
mod fetch {
    use std::{fs::File, io::Write, path::PathBuf};

    use futures_util::StreamExt;
    use object_store::ObjectStoreExt;
    use url::Url;

    use super::{DataError, Path, Table};
    use crate::source::{open_files, pattern};

    /// Most that the files of one source may take on disk.
    const MAX_BYTES: u64 = 1 << 40;
    /// Beginnings of the environment variables that say who asks and where.
    const SETTINGS: [&str; 3] = ["aws_", "google_", "azure_"];

    /// Fetches what an address, or each of a pattern, stands for, and reads it.
    pub(in crate::source) fn open(url: &str) -> Result<Table, DataError> {
        let spilled = |source| DataError::Spill {
            folder: std::env::temp_dir(),
            source,
        };
        let folder = tempfile::tempdir().map_err(spilled)?;
        let (mut files, mut left) = (Vec::new(), MAX_BYTES);
        for (place, url) in pattern::expand(Path::new(url)).into_iter().enumerate() {
            let url = url.to_string_lossy();
            // Two files of one name lie in folders of their own.
            let folder = folder.path().join(place.to_string());
            std::fs::create_dir(&folder).map_err(spilled)?;
            files.push(fetch(&url, &folder, &mut left)?);
        }
        open_files(Path::new(url), &files, true)
    }

    fn fetch(url: &str, folder: &Path, left: &mut u64) -> Result<PathBuf, DataError> {
        let fault = |what: String| DataError::Url {
            url: url.to_owned(),
            what,
            help: "check the address, and what says who you are, such as AWS_ACCESS_KEY_ID and AWS_REGION",
        };
        let spilled = |source| DataError::Spill {
            folder: std::env::temp_dir(),
            source,
        };
        let address = Url::parse(url).map_err(|error| fault(error.to_string()))?;
        let (store, place) = object_store::parse_url_opts(&address, settings(&address))
            .map_err(|error| fault(error.to_string()))?;
        let name = place.filename().unwrap_or("data").to_owned();
        let path = folder.join(name);
        let mut file = File::create(&path).map_err(spilled)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| fault(error.to_string()))?;
        runtime.block_on(async {
            let found = store.get(&place).await;
            let found = found.map_err(|error| fault(error.to_string()))?;
            let mut parts = found.into_stream();
            while let Some(part) = parts.next().await {
                let part = part.map_err(|error| fault(error.to_string()))?;
                *left = left
                    .checked_sub(part.len() as u64)
                    .ok_or_else(|| fault(format!("more than {MAX_BYTES} bytes")))?;
                file.write_all(&part).map_err(spilled)?;
            }
            Ok(path)
        })
    }

    /// What the environment says about the services; plain `http` is taken where the address says so.
    fn settings(address: &Url) -> Vec<(String, String)> {
        let mut settings: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| {
                let name = name.to_str()?.to_lowercase();
                let is_ours = SETTINGS.iter().any(|start| name.starts_with(start));
                Some((name, value.to_str()?.to_owned())).filter(|_| is_ours)
            })
            .collect();
        if address.scheme() == "http" {
            settings.push(("allow_http".to_owned(), "true".to_owned()));
        }
        settings
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::fixture::tar;

        fn url(path: &Path) -> String {
            Url::from_file_path(path).unwrap().to_string()
        }

        #[test]
        fn files_behind_addresses_are_read() {
            let folder = tempfile::tempdir().unwrap();
            let csv = folder.path().join("a.csv");
            std::fs::write(&csv, "x,y\n1,2\n").unwrap();
            let table = Table::open(url(&csv)).unwrap();
            assert_eq!((table.columns().len(), table.name()), (2, "a.csv"));
            for shard in 0..2 {
                let name = format!("s-{shard}.tar");
                std::fs::write(folder.path().join(name), tar(&[("1.png", &[shard; 9])])).unwrap();
            }
            let pattern = format!("{}/s-{{0..1}}.tar", url(folder.path()));
            let table = Table::open(pattern).unwrap();
            assert_eq!(table.num_records(), 2);
            // The temporary files are gone, what was opened is not.
            assert_eq!(table.cell(1, 1), crate::CellRef::Bytes(vec![1; 9].into()));
            let absent = Table::open(url(&folder.path().join("none.csv"))).unwrap_err();
            assert!(matches!(absent, DataError::Url { .. }), "{absent}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_from_a_path() {
        assert!(of(Path::new("s3://bucket/a-{0..3}.tar")).is_some());
        assert!(of(Path::new("HTTPS://host/a.csv")).is_some());
        assert!(of(Path::new("folder/a.csv")).is_none());
        assert!(of(Path::new("x://a.csv")).is_none());
    }

    #[test]
    #[cfg(not(feature = "object-store"))]
    fn without_the_feature_the_way_to_build_it_is_told() {
        let problem: schema::Problem = Table::open("gs://bucket/a.csv").unwrap_err().into();
        assert!(problem.terminal().contains("--features object-store"));
    }
}
