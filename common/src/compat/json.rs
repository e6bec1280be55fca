//! Finding and moving things in JSON objects, by path.

use std::fmt;

use serde_json::map::Entry;
use serde_json::{Map, Value};

/// Something else is where an object or a list has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misshapen {
    path: String,
    wanted: &'static str,
}

impl Misshapen {
    pub(super) fn new(path: &[&str], wanted: &'static str) -> Self {
        Self {
            path: path.join("."),
            wanted,
        }
    }
}

impl fmt::Display for Misshapen {
    /// Names the place and the rule, and never what is there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.path, self.wanted)
    }
}

/// What applying a fix returns.
pub(super) type Fixing = Result<(), Misshapen>;

/// The object at a path, unless something else or nothing is there.
pub(super) fn object<'a>(
    root: &'a Map<String, Value>,
    path: &[&str],
) -> Option<&'a Map<String, Value>> {
    path.iter()
        .try_fold(root, |object, name| object.get(*name)?.as_object())
}

/// Likewise, to be changed.
pub(super) fn object_mut<'a>(
    root: &'a mut Map<String, Value>,
    path: &[&str],
) -> Option<&'a mut Map<String, Value>> {
    path.iter()
        .try_fold(root, |object, name| object.get_mut(*name)?.as_object_mut())
}

/// The object at a path of the configuration, made where there is nothing.
pub(super) fn make_object<'a>(
    root: &'a mut Map<String, Value>,
    path: &[&str],
) -> Result<&'a mut Map<String, Value>, Misshapen> {
    let mut object = root;
    let mut here = vec!["configuration"];
    for name in path {
        here.push(*name);
        let value = object.entry(*name).or_insert(Value::Null);
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        object = value
            .as_object_mut()
            .ok_or_else(|| Misshapen::new(&here, "an object"))?;
    }
    Ok(object)
}

/// Sets what is not set, null being no value.
pub(super) fn set_missing(object: &mut Map<String, Value>, name: &str, value: Value) {
    match object.entry(name) {
        Entry::Vacant(place) => {
            place.insert(value);
        }
        Entry::Occupied(mut place) if place.get().is_null() => {
            place.insert(value);
        }
        Entry::Occupied(_) => {}
    }
}

/// Adds what `target` lacks; what both have stays as it is in `target`.
pub(super) fn fill_missing(target: &mut Map<String, Value>, source: Map<String, Value>) {
    for (name, value) in source {
        match (target.get_mut(&name), value) {
            // A key may be an object that tells where the secret is: of two
            // such objects a mixture would lead nowhere.
            (Some(Value::Object(target)), Value::Object(source)) if name != "apiKey" => {
                fill_missing(target, source);
            }
            (_, value) => set_missing(target, &name, value),
        }
    }
}
