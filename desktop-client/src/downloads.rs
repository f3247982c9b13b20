//! Where files go that a person asked for: the folder for downloads, as the desktop has it.

use std::path::{Path, PathBuf};

/// The folder for downloads; the home folder where there is none.
pub fn folder() -> PathBuf {
    let home = std::env::home_dir().unwrap_or_default();
    let configured = std::env::var_os("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
    let named = std::fs::read_to_string(configured.join("user-dirs.dirs")).ok();
    let named = named.and_then(|text| named_in(&text, &home)).unwrap_or_else(|| home.join("Downloads"));
    if named.is_dir() { named } else { home }
}

/// The folder that the desktop's list of them names (`xdg-user-dirs`).
fn named_in(text: &str, home: &Path) -> Option<PathBuf> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("XDG_DOWNLOAD_DIR="))?;
    let path = line.trim().strip_prefix('"')?.strip_suffix('"')?;
    Some(match path.strip_prefix("$HOME") {
        Some(below) => home.join(below.trim_start_matches('/')),
        None => PathBuf::from(path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_for_downloads_is_the_one_that_the_desktop_names() {
        let home = Path::new("/home/ana");
        let list =
            "# of this user\nXDG_DESKTOP_DIR=\"$HOME/Bureau\"\nXDG_DOWNLOAD_DIR=\"$HOME/Téléchargements\"\n";
        assert_eq!(named_in(list, home), Some(home.join("Téléchargements")));
        assert_eq!(named_in("XDG_DOWNLOAD_DIR=\"/data/in\"", home), Some(PathBuf::from("/data/in")));
        for list in ["", "XDG_DOWNLOAD_DIR=", "XDG_DOWNLOAD_DIR=\"", "XDG_MUSIC_DIR=\"/m\""] {
            assert_eq!(named_in(list, home), None, "{list}");
        }
    }
}
