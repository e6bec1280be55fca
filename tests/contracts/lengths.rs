//! How long a file of code may be.

use crate::files;

/// A reader should be able to take a file in as a whole. A longer one has a second
/// subject: split it.
const MOST: usize = 400;

#[test]
fn no_file_of_code_is_longer_than_a_reader_can_take() {
    let folders = ["bench", "common", "functions", "infra", "tests"];
    let mut read = 0;
    let mut found = Vec::new();
    for path in folders.iter().flat_map(|it| files::below(it, ".rs")) {
        read += 1;
        found.extend(too_long(&path, &files::read(&path)));
    }
    assert!(read > 300, "only {read} files were read");
    assert!(found.is_empty(), "split these files: {found:#?}");
}

#[test]
fn planted_lengths_are_told_apart() {
    assert_eq!(too_long("a.rs", &"\n".repeat(MOST)), None);
    let found = too_long("a.rs", &"\n".repeat(MOST + 1));
    assert_eq!(found.as_deref(), Some("a.rs has 401 lines"));
}

fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MOST).then(|| format!("{path} has {lines} lines"))
}
