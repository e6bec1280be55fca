//! No circle between the files of a crate: whoever reads one need not have read
//! another one first that needs this one in turn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::files;
use crate::names::tokens;

/// A path of code, or of a module, segment by segment.
type Path = Vec<String>;

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let mut crates: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for path in ["bench", "common", "functions", "infra", "tests"]
        .into_iter()
        .flat_map(|folder| files::below(folder, ".rs"))
    {
        if let Some((name, file)) = path.split_once("/src/") {
            let text = files::read(&path);
            let files = crates.entry(name.to_owned()).or_default();
            files.push((file.to_owned(), text));
        }
    }
    assert!(crates.len() > 10, "only {} crates were read", crates.len());
    let found: Vec<String> = crates
        .iter()
        .flat_map(|(name, files)| {
            let circles = Crate::of(files).circles().into_iter();
            circles.map(move |circle| format!("{name}/src: {}", circle.join(" → ")))
        })
        .collect();
    assert!(
        found.is_empty(),
        "files import each other in circles; what several need goes into a file below them: \
         {found:#?}"
    );
}

#[test]
fn a_planted_circle_is_found() {
    for (files, expected) in [
        (
            vec![
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::B;"),
                ("b.rs", "fn b() { super::a::call() }"),
            ],
            "a.rs → b.rs → a.rs",
        ),
        (
            // Through names that the parent passes on.
            vec![
                ("lib.rs", "mod x;"),
                ("x/mod.rs", "mod a; mod b; pub use {a::A, b::B};"),
                ("x/a.rs", "use super::B;"),
                ("x/b.rs", "use crate::x::{A as Other};"),
            ],
            "x/a.rs → x/b.rs → x/a.rs",
        ),
        (
            vec![
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a.rs", "use crate::b; fn a() { b::call() }"),
                ("b.rs", "use crate::c::{self, C};"),
                ("c.rs", "pub(crate) struct C(crate::a::A);"),
            ],
            "a.rs → b.rs → c.rs → a.rs",
        ),
        (
            // A parent with content of its own is a file like any other.
            vec![
                ("main.rs", "mod a; struct State; fn main() { a::run() }"),
                ("a.rs", "use crate::State;"),
            ],
            "a.rs → main.rs → a.rs",
        ),
    ] {
        assert_eq!(circles(&files), [expected], "{files:?}");
    }
}

#[test]
fn what_only_declares_and_passes_on_is_no_circle() {
    for files in [
        vec![
            ("lib.rs", "mod a; mod b; pub use a::A; pub struct State;"),
            ("a.rs", "use crate::State; use super::b::B;"),
            ("b.rs", "/// See [`A`](crate::a::A).\nfn b(b: ::a::A) {}"),
        ],
        vec![
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B;"),
            (
                "b.rs",
                "struct B;\n\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}",
            ),
        ],
        vec![
            ("lib.rs", "mod http; mod a;"),
            ("http.rs", "use crate::a::A;"),
            ("a.rs", "use hyper::http::Request;"),
        ],
    ] {
        assert_eq!(circles(&files), Vec::<String>::new(), "{files:?}");
    }
}

fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    let circles = Crate::of(&files).circles().into_iter();
    circles.map(|circle| circle.join(" → ")).collect()
}

/// The files of a crate by their modules.
struct Crate<'f>(BTreeMap<Path, (&'f str, Imports)>);

impl<'f> Crate<'f> {
    /// By the files' paths below `src`, with their texts.
    fn of(files: &'f [(String, String)]) -> Self {
        let has_library = files.iter().any(|(path, _)| path == "lib.rs");
        let files = files
            .iter()
            // The program beside a library is a crate of its own.
            .filter(|(path, _)| !(has_library && path == "main.rs"))
            .map(|(path, text)| (module(path), (path.as_str(), Imports::of(text))));
        Self(files.collect())
    }

    /// Each file in a circle is told once, in the shortest circle of the first.
    fn circles(&self) -> Vec<Vec<&'f str>> {
        let edges: BTreeMap<&str, BTreeSet<&str>> = self
            .0
            .iter()
            .map(|(module, (file, imports))| (*file, self.imported(module, file, imports)))
            .collect();
        let mut told = BTreeSet::new();
        let mut circles = Vec::new();
        for file in edges.keys().copied() {
            if !told.contains(file)
                && let Some(circle) = shortest_circle(&edges, file)
            {
                told.extend(circle.iter().copied());
                circles.push(circle);
            }
        }
        circles
    }

    fn imported(&self, module: &[String], file: &str, imports: &Imports) -> BTreeSet<&'f str> {
        let files = imports.paths.iter().filter_map(|path| {
            let (first, rest) = path.split_first()?;
            let written = match imports.names.get(first) {
                Some(meant) if !self.is_module_below(module, first) => {
                    [meant.as_slice(), rest].concat()
                }
                _ => path.clone(),
            };
            self.file_of(&self.absolute(module, &written)?, 8)
        });
        files.filter(|imported| *imported != file).collect()
    }

    /// A path from the crate's root on; none where it leads out of the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let (_, parent) = module.split_last()?;
                match rest.first().map(String::as_str) {
                    Some("super") => self.absolute(parent, rest),
                    _ => Some([parent, rest].concat()),
                }
            }
            _ if self.is_module_below(module, first) => Some([module, path].concat()),
            _ => None,
        }
    }

    fn is_module_below(&self, module: &[String], name: &str) -> bool {
        self.0.contains_key(&[module, &[name.to_owned()]].concat())
    }

    /// The file that defines what an absolute path names; none for a module, of
    /// which nothing is used yet. Modules may pass a name on `steps` times.
    fn file_of(&self, path: &[String], steps: usize) -> Option<&'f str> {
        let steps = steps.checked_sub(1)?;
        let mut lengths = (0..=path.len()).rev();
        let length = lengths.find(|length| self.0.contains_key(&path[..*length]))?;
        let (module, item) = path.split_at(length);
        let (file, imports) = self.0.get(module)?;
        let (name, rest) = item.split_first()?;
        match imports.names.get(name) {
            Some(meant) => {
                let meant = self.absolute(module, meant)?;
                self.file_of(&[meant.as_slice(), rest].concat(), steps)
            }
            None => Some(file),
        }
    }
}

/// The module that a file below `src` is.
fn module(path: &str) -> Path {
    let mut segments: Path = path
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    segments.pop_if(|last| matches!(last.as_str(), "lib" | "main" | "mod"));
    segments
}

/// The way from a file back to itself, with the file at both ends.
fn shortest_circle<'f>(
    edges: &BTreeMap<&'f str, BTreeSet<&'f str>>,
    start: &'f str,
) -> Option<Vec<&'f str>> {
    let mut ways = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in edges.get(way.last()?).into_iter().flatten().copied() {
            let way = [way.as_slice(), &[next]].concat();
            if next == start {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push_back(way);
            }
        }
    }
    None
}

/// What the code of a file names, but for its tests.
#[derive(Default)]
struct Imports {
    /// What `use` gives a name here, with its path.
    names: BTreeMap<String, Path>,
    /// All paths, but for those of names that are only passed on.
    paths: BTreeSet<Path>,
}

impl Imports {
    fn of(text: &str) -> Self {
        let mut imports = Self::default();
        let code = text.split("#[cfg(test)]\nmod tests {").next();
        let tokens = tokens(code.unwrap_or_default());
        let token = |at: usize| tokens.get(at).map_or("", String::as_str);
        let mut at = 0;
        while at < tokens.len() {
            let begins = at == 0 || token(at - 1) != "::";
            if token(at) == "use" && (is_word(token(at + 1)) || token(at + 1) == "{") {
                let passed_on = at > 0 && matches!(token(at - 1), "pub" | ")");
                let length = tokens[at..].iter().position(|it| it == ";");
                let end = length.map_or(tokens.len(), |length| at + length);
                imports.add_use(&tokens[at + 1..end], passed_on);
                at = end;
            } else if begins && is_word(token(at)) {
                let mut path = vec![token(at).to_owned()];
                while token(at + 1) == "::" && is_word(token(at + 2)) {
                    path.push(token(at + 2).to_owned());
                    at += 2;
                }
                if path.len() > 1 {
                    imports.paths.insert(path);
                }
            }
            at += 1;
        }
        imports
    }

    fn add_use(&mut self, tree: &[String], passed_on: bool) {
        let mut groups: Vec<Path> = vec![Path::new()];
        let mut path = Path::new();
        let mut is_alias = false;
        let mut alias = None;
        for token in tree.iter().map(String::as_str).chain([","]) {
            let group = groups.last().cloned().unwrap_or_default();
            match token {
                "::" => {}
                "as" => is_alias = true,
                "{" => groups.push(path.clone()),
                "," | "}" => {
                    if path.len() > group.len() {
                        self.add_name(std::mem::take(&mut path), alias.take(), passed_on);
                    }
                    is_alias = false;
                    if token == "}" {
                        groups.pop();
                    }
                    path = groups.last().cloned().unwrap_or_default();
                }
                name if is_alias => alias = Some(name.to_owned()),
                segment => path.push(segment.to_owned()),
            }
        }
    }

    fn add_name(&mut self, mut path: Path, alias: Option<String>, passed_on: bool) {
        if path.len() > 1 {
            path.pop_if(|last| last == "self");
        }
        let Some(name) = alias.or_else(|| path.last().cloned()) else {
            return;
        };
        if !passed_on {
            self.paths.insert(path.clone());
        }
        self.names.insert(name, path);
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphanumeric() || first == '_')
}
