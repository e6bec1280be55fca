//! What the pages say can be found: paths and links lead somewhere, and no page
//! is longer than a reader can take.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::files;

/// A Markdown file of the project.
struct Page {
    path: String,
    /// Its lines outside of fenced blocks.
    prose: String,
    /// The fenced blocks without a language.
    diagrams: String,
    lines: usize,
    anchors: BTreeSet<String>,
}

/// Everything that a page may point to.
struct Project {
    /// The project's files and folders.
    paths: BTreeSet<String>,
    /// The anchors of each page, by its path.
    anchors: BTreeMap<String, BTreeSet<String>>,
}

const ENDINGS: [&str; 11] = [
    ".graphql", ".js", ".json", ".lock", ".md", ".mjs", ".py", ".rs", ".svg", ".toml", ".yaml",
];

impl Page {
    fn read(path: &str) -> Self {
        Self::new(path, &files::read(path))
    }

    fn new(path: &str, text: &str) -> Self {
        let (mut prose, mut diagrams) = (String::new(), String::new());
        let mut anchors = BTreeSet::new();
        let mut language: Option<&str> = None;
        for line in text.lines() {
            match (line.trim_start().strip_prefix("```"), language) {
                (Some(name), None) => language = Some(name),
                (Some(_), Some(_)) => language = None,
                (None, Some("")) => diagrams += &format!("{line}\n"),
                (None, Some(_)) => {}
                (None, None) => prose += &format!("{line}\n"),
            }
            if language.is_none()
                && let Some((marks, heading)) = line.split_once(' ')
                && !marks.is_empty()
                && marks.chars().all(|sign| sign == '#')
            {
                anchors.insert(anchor(heading));
            }
        }
        Self {
            path: path.to_owned(),
            prose,
            diagrams,
            lines: text.lines().count(),
            anchors,
        }
    }

    /// The files and folders that it names in code spans, and in diagrams that
    /// draw a tree.
    fn named(&self, project: &Project) -> Vec<String> {
        let spans = self.prose.split('`').skip(1).step_by(2);
        let spans = spans.filter(|it| project.is_path(it)).map(str::to_owned);
        spans.chain(tree(&self.diagrams)).collect()
    }

    /// The targets of its links.
    fn links(&self) -> impl Iterator<Item = &str> {
        let targets = self.prose.split("](").skip(1);
        targets.filter_map(|rest| Some(rest.split_once(')')?.0))
    }

    /// Where this page leads nowhere, or is too long.
    fn problems(&self, project: &Project) -> Vec<String> {
        let mut problems = Vec::new();
        for path in self.named(project) {
            if !project.has(&path) {
                problems.push(format!("{} names {path}, which is not there", self.path));
            }
        }
        for target in self.links().filter(|it| !it.contains("://")) {
            if !self.leads_somewhere(target, project) {
                problems.push(format!(
                    "{} links to {target}, which is not there",
                    self.path
                ));
            }
        }
        let limit = self.longest();
        if self.lines > limit {
            let lines = self.lines;
            problems.push(format!(
                "{} has {lines} lines of at most {limit}",
                self.path
            ));
        }
        problems
    }

    fn leads_somewhere(&self, target: &str, project: &Project) -> bool {
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let path = if file.is_empty() {
            self.path.clone()
        } else {
            joined(&self.path, file)
        };
        let anchors = project.anchors.get(&path);
        project.paths.contains(path.trim_end_matches('/'))
            && (anchor.is_empty() || anchors.is_some_and(|it| it.contains(anchor)))
    }

    fn longest(&self) -> usize {
        match self.path.as_str() {
            "README.md" => 130,
            "ARCHITECTURE.md" => 200,
            _ => 300,
        }
    }
}

impl Project {
    fn read(pages: &[Page]) -> Self {
        let mut paths = BTreeSet::new();
        let entries = fs::read_dir(files::root()).expect("the project's folder");
        for entry in entries {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            if ["target", ".git", ".local"].contains(&name.as_str()) {
                continue;
            }
            if entry.file_type().expect("a file type").is_dir() {
                paths.extend(files::below(&name, ""));
            }
            paths.insert(name);
        }
        let folders: Vec<String> = paths.iter().flat_map(|path| parents(path)).collect();
        paths.extend(folders);
        let anchors = pages.iter().map(|it| (it.path.clone(), it.anchors.clone()));
        Self {
            paths,
            anchors: anchors.collect(),
        }
    }

    /// Whether a code span means a file or a folder of the project, there or not.
    fn is_path(&self, span: &str) -> bool {
        let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "_-./".contains(sign);
        let first = span.split('/').next().unwrap_or_default();
        let is_below = span.contains('/')
            && (self.paths.contains(first) || self.paths.contains(&format!("common/src/{first}")));
        span.chars().all(is_plain)
            && !span.starts_with('/')
            && (is_below
                || ENDINGS
                    .iter()
                    .any(|it| span.len() > it.len() && span.ends_with(it)))
    }

    /// Whether there is such a file or folder, below any folder.
    fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let end = format!("/{path}");
        self.paths.contains(path) || self.paths.iter().any(|it| it.ends_with(&end))
    }
}

/// The folders that a path is in.
fn parents(path: &str) -> Vec<String> {
    let slashes = path.match_indices('/');
    slashes.map(|(at, _)| path[..at].to_owned()).collect()
}

/// The paths of a tree that is drawn by indenting: a folder at the beginning of
/// a line, what is in it two spaces further in, and remarks after two spaces.
fn tree(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut parent = "";
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let names = line.trim_start().split("  ").next().unwrap_or_default();
        for name in names.split(' ').filter(|it| it.contains(['/', '.'])) {
            let known = name.split('<').next().unwrap_or_default();
            match indent {
                0 => {
                    parent = known;
                    paths.push(known.to_owned());
                }
                2 => paths.push(format!("{parent}{known}")),
                _ => {}
            }
        }
    }
    paths
}

/// The anchor that a heading gets, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|sign| match sign {
        ' ' => Some('-'),
        '-' | '_' => Some(sign),
        _ => sign.is_alphanumeric().then_some(sign),
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// A path, as seen from the folder of a page.
fn joined(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn pages() -> Vec<Page> {
    let top = [
        "README",
        "ARCHITECTURE",
        "BENCHMARKS",
        "CONTRIBUTING",
        "SECURITY",
    ];
    let top = top.map(|name| format!("{name}.md"));
    let below = files::below("docs", ".md");
    top.iter().chain(&below).map(|it| Page::read(it)).collect()
}

#[test]
fn every_path_and_link_of_a_page_leads_somewhere_and_no_page_is_too_long() {
    let pages = pages();
    assert!(pages.len() > 20, "only {} pages were read", pages.len());
    let project = Project::read(&pages);
    let problems: Vec<String> = pages.iter().flat_map(|it| it.problems(&project)).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// A decision that names no file cannot be found from the code.
#[test]
fn every_decision_names_a_file() {
    let pages = pages();
    let project = Project::read(&pages);
    let mut nameless = Vec::new();
    for path in files::below("docs/decisions", ".md") {
        for section in files::read(&path).split("\n## ").skip(1) {
            let page = Page::new(&path, section);
            if page.named(&project).is_empty() {
                let heading = section.lines().next().unwrap_or_default();
                nameless.push(format!("{path}: {heading}"));
            }
        }
    }
    assert!(nameless.is_empty(), "{nameless:#?}");
}

#[test]
fn planted_violations_are_found() {
    let pages = pages();
    let project = Project::read(&pages);
    for (text, problem) in [
        ("In `common/src/gone.rs`.", "names common/src/gone.rs"),
        ("In `functions/gone/`.", "names functions/gone/"),
        ("In `probe/gone.rs` and `clock.rs`.", "names probe/gone.rs"),
        ("In `.ci/gone`.", "names .ci/gone"),
        (
            "```\ncommon/src/  one\n  gone/  two\n```",
            "names common/src/gone/",
        ),
        ("[a page](gone.md)", "links to gone.md"),
        ("[a page](../README.md#gone)", "links to ../README.md#gone"),
        ("# Here\n\n[a\nplace](#there)", "links to #there"),
        (&"\n".repeat(301), "301 lines"),
    ] {
        let problems = Page::new("docs/planted.md", text).problems(&project);
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert!(problems[0].contains(problem), "{text}: {problems:?}");
    }
}

#[test]
fn what_leads_somewhere_is_no_violation() {
    let pages = pages();
    let project = Project::read(&pages);
    for text in [
        "`common/src/lib.rs`, `config.rs`, `store/`, `openapi.json` and `.ci/run`",
        "`/api/status`, `a/b`, `functions/<group>/src`, `Limits`, `*.up.railway.app`",
        "```sh\ncat common/src/gone.rs\n```",
        "[one](../README.md#two-commands), [two](https://openclaw.ai/gone.md#x)",
    ] {
        let problems = Page::new("docs/planted.md", text).problems(&project);
        assert!(problems.is_empty(), "{text}: {problems:?}");
    }
}
