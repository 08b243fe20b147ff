//! Web addresses in place of paths.

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

/// Says that addresses are not read.
pub(super) fn open(url: &str) -> Result<Table, DataError> {
    Err(DataError::Url {
        url: url.to_owned(),
        what: "this program reads files and folders only".to_owned(),
        help: "copy it to this machine first, such as with `curl -O`, `aws s3 cp` or `gsutil cp`",
    })
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
        let error = Table::open("gs://bucket/a.csv").unwrap_err();
        assert!(matches!(error, DataError::Url { .. }), "{error}");
    }
}
