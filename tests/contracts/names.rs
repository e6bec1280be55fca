//! The names that a file's code uses, without a compiler.

use std::collections::BTreeSet;

/// The paths in a file's code, with groups of `use` taken apart, and without
/// the `crate` or `super` at the front. Comments and texts are left out; so are
/// single words, which are variables as often as names, but for types.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut prefixes = vec![String::new()];
    let mut path = String::new();
    let mut end = |path: &mut String, prefixes: &[String]| {
        let whole = format!("{}{path}", prefixes.last().map_or("", String::as_str));
        path.clear();
        let mut name = whole.as_str();
        while let Some((first, rest)) = name.split_once("::") {
            if !matches!(first, "crate" | "super" | "self") {
                break;
            }
            name = rest;
        }
        if whole.contains("::") || name.starts_with(char::is_uppercase) {
            names.insert(name.to_owned());
        }
    };
    for token in tokens(text) {
        match token.as_str() {
            "{" => {
                // Behind a `::` it opens a group; anywhere else, a block.
                let outer = prefixes.last().cloned().unwrap_or_default();
                let is_group = path.ends_with("::");
                let prefix = if is_group {
                    format!("{outer}{path}")
                } else {
                    String::new()
                };
                if is_group {
                    path.clear();
                } else {
                    end(&mut path, &prefixes);
                }
                prefixes.push(prefix);
            }
            "}" => {
                end(&mut path, &prefixes);
                prefixes.pop();
            }
            "::" => path.push_str("::"),
            word if word.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
                if !path.is_empty() && !path.ends_with("::") {
                    end(&mut path, &prefixes);
                }
                path.push_str(word);
            }
            _ => end(&mut path, &prefixes),
        }
    }
    end(&mut path, &prefixes);
    names
}

/// Words, `::` and other signs, without white space, comments and texts.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("'\"'") {
            3
        } else if first == '"' {
            text_len(rest)
        } else {
            let len = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push(rest[..len].to_owned());
            len
        };
        rest = rest[len..].trim_start();
    }
    tokens
}

/// The length of a text in quotation marks, with both of them.
fn text_len(code: &str) -> usize {
    let mut escaped = false;
    let mut signs = code.char_indices().skip(1);
    let end = signs.find(|(_, sign)| {
        let ends = *sign == '"' && !escaped;
        escaped = *sign == '\\' && !escaped;
        ends
    });
    end.map_or(code.len(), |(at, _)| at + 1)
}
