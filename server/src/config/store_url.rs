//! Where a store is, as a URL. Owns which kinds there are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What a URL begins with, and what follows.
const KNOWN: &str = "sled:///absolute/dir";

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUrl(PathBuf);

impl StoreUrl {
    /// The data folder that holds it.
    pub fn data_dir(&self) -> &Path {
        &self.0
    }
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, path) = text.split_once("://").ok_or_else(|| format!("is not of the form {KNOWN}"))?;
        if scheme != "sled" {
            return Err(format!("`{scheme}` is no kind of store that this program knows: {KNOWN}"));
        }
        let dir = Path::new(path);
        // With a name, so that it can be built beside its place.
        if !dir.is_absolute() || dir.file_name().is_none() {
            return Err(format!("must name a folder by its whole path: {KNOWN}"));
        }
        Ok(Self(dir.components().collect()))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sled://{}", self.0.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_folder_of_a_kind_that_is_known() {
        let read = |text: &str| text.parse::<StoreUrl>();
        let url = read("sled:///srv/my%20hall/").unwrap();
        assert_eq!(
            (url.data_dir(), url.to_string()),
            (Path::new("/srv/my%20hall"), "sled:///srv/my%20hall".into())
        );
        for (bad, words) in [
            ("/srv/castle", "sled:///absolute/dir"),
            ("sled:castle", "sled:///absolute/dir"),
            ("sled://castle", "whole path"),
            ("sled:///", "whole path"),
            ("sled:///srv/..", "whole path"),
            ("nats://127.0.0.1:4222", "`nats` is no kind"),
            ("", "sled:///absolute/dir"),
        ] {
            let refused = read(bad).unwrap_err();
            assert!(refused.contains(words) && refused.contains(KNOWN), "{bad}: {refused}");
        }
    }
}
