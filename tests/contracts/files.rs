//! The project's own files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The functions that no request reaches.
pub(crate) const FUNCTIONS_WITHOUT_ROUTES: [&str; 1] = ["sweep"];

/// The project's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A file of the project, by its path below the project's folder.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The committed OpenAPI document.
pub(crate) fn openapi() -> Value {
    serde_json::from_str(&read("openapi.json")).expect("openapi.json is JSON")
}

/// All files below a folder that end so, by their paths below the project's
/// folder, with slashes and in order.
pub(crate) fn below(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root().join(&folder));
        for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let entry = entry.expect("an entry");
            let path = folder.join(entry.file_name());
            if entry.file_type().expect("a file type").is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}
