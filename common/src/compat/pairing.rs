//! The agent's own device, which may do everything an operator may.

use serde_json::{Map, Value};

use super::json::{Fixing, Misshapen};

/// The scope that satisfies all other `operator.*` scopes.
const ADMIN: &str = "operator.admin";

/// Adds the scope wherever OpenClaw looks for it. A device without a token for
/// its role gets none here: OpenClaw makes it when the device connects.
pub(super) fn apply(device: &mut Map<String, Value>) -> Fixing {
    grant(device, &["device"], "scopes")?;
    grant(device, &["device"], "approvedScopes")?;
    let tokens = nested(device, &["device"], "tokens")?;
    let operator = match tokens {
        Some(tokens) => nested(tokens, &["device", "tokens"], "operator")?,
        None => None,
    };
    match operator {
        Some(operator) => grant(operator, &["device", "tokens", "operator"], "scopes"),
        None => Ok(()),
    }
}

fn nested<'a>(
    object: &'a mut Map<String, Value>,
    path: &[&str],
    name: &str,
) -> Result<Option<&'a mut Map<String, Value>>, Misshapen> {
    match object.get_mut(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(Misshapen::new(&[path, &[name]].concat(), "an object")),
    }
}

fn grant(object: &mut Map<String, Value>, path: &[&str], name: &str) -> Fixing {
    let place = object.entry(name).or_insert(Value::Null);
    if place.is_null() {
        *place = Value::Array(Vec::new());
    }
    let wrong = || Misshapen::new(&[path, &[name]].concat(), "a list of texts");
    let scopes = place.as_array_mut().ok_or_else(wrong)?;
    if !scopes.iter().all(Value::is_string) {
        return Err(wrong());
    }
    if !scopes.iter().any(|scope| scope == ADMIN) {
        scopes.push(ADMIN.into());
    }
    Ok(())
}
