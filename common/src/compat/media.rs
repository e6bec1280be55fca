//! The models that understand media, of which there is one list now, and options of
//! their providers.

use serde_json::{Map, Value, json};

use super::json::{Fixing, Misshapen, fill_missing, make_object, object_mut, set_missing};

/// The kinds of media, in the order in which their models are listed.
const KINDS: [&str; 3] = ["image", "audio", "video"];

type Object = Map<String, Value>;

/// `deepgram` is one provider's options among others, and spelled as that provider
/// spells them.
pub(super) fn move_deepgram(configuration: &mut Object) -> Fixing {
    let Some(media) = object_mut(configuration, &["tools", "media"]) else {
        return Ok(());
    };
    for kind in KINDS {
        if let Some(section) = object_mut(media, &[kind]) {
            move_options(section);
            models_of(section).for_each(move_options);
        }
    }
    models_of(media).for_each(move_options);
    Ok(())
}

/// Those of a section that are objects.
fn models_of(section: &mut Object) -> impl Iterator<Item = &mut Object> {
    let models = section.get_mut("models").and_then(Value::as_array_mut);
    models
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
}

/// Where they have no place to go they stay, and the release's refusal names them.
fn move_options(of: &mut Object) {
    let Some(Value::Object(options)) = of.get("deepgram").cloned() else {
        return;
    };
    let Ok(moved) = make_object(of, &["providerOptions", "deepgram"]) else {
        return;
    };
    let renamed = options.into_iter().map(|(name, value)| {
        let name = match name.as_str() {
            "detectLanguage" => "detect_language".to_owned(),
            "smartFormat" => "smart_format".to_owned(),
            _ => name,
        };
        (name, value)
    });
    fill_missing(moved, renamed.collect());
    of.remove("deepgram");
}

/// A command that transcribes is a model, unless there are others for audio: these
/// were preferred.
pub(super) fn move_transcription(configuration: &mut Object) -> Fixing {
    let transcription = object_mut(configuration, &["audio", "transcription"]);
    let Some(transcription) = transcription else {
        return Ok(());
    };
    let Some(Value::Array(command)) = transcription.get("command") else {
        return Ok(());
    };
    let Some((Value::String(program), arguments)) = command.split_first() else {
        return Ok(());
    };
    let arguments = arguments.iter().map(|argument| match argument.as_str() {
        Some("{input}") => "{{AttachmentPath}}".into(),
        _ => argument.clone(),
    });
    let arguments: Vec<Value> = arguments.collect();
    let preferred = format!("cli:{program}");
    let mut model = Map::from_iter([
        ("type".to_owned(), "cli".into()),
        ("command".to_owned(), program.as_str().into()),
        ("capabilities".to_owned(), json!(["audio"])),
    ]);
    if !arguments.is_empty() {
        model.insert("args".to_owned(), arguments.into());
    }
    if let Some(timeout) = transcription.get("timeoutSeconds") {
        model.insert("timeoutSeconds".to_owned(), timeout.clone());
    }
    if let Some(audio) = object_mut(configuration, &["audio"]) {
        audio.remove("transcription");
        if audio.is_empty() {
            configuration.remove("audio");
        }
    }
    let audio = make_object(configuration, &["tools", "media", "audio"])?;
    if audio
        .get("models")
        .is_some_and(|models| *models != json!([]))
    {
        return Ok(());
    }
    set_missing(audio, "enabled", true.into());
    set_missing(audio, "preferredModel", preferred.into());
    models(configuration)?.push(Value::Object(model));
    Ok(())
}

/// The models of each kind, which are told apart by their capabilities, come before
/// those for any kind.
pub(super) fn gather_models(configuration: &mut Object) -> Fixing {
    let Some(media) = object_mut(configuration, &["tools", "media"]) else {
        return Ok(());
    };
    let mut gathered = Vec::new();
    for kind in KINDS {
        let Some(section) = object_mut(media, &[kind]) else {
            continue;
        };
        let Some(Value::Array(_)) = section.get("models") else {
            continue;
        };
        for model in models_of(section) {
            set_missing(model, "capabilities", json!([kind]));
        }
        if let Some(Value::Array(models)) = section.remove("models") {
            gathered.extend(models);
        }
        if section.is_empty() {
            media.remove(kind);
        }
    }
    if !gathered.is_empty() {
        let all = models(configuration)?;
        gathered.append(all);
        *all = gathered;
    }
    Ok(())
}

/// The list of all models, made where there is none.
fn models(configuration: &mut Object) -> Result<&mut Vec<Value>, Misshapen> {
    let media = make_object(configuration, &["tools", "media"])?;
    set_missing(media, "models", json!([]));
    let models = media.get_mut("models").and_then(Value::as_array_mut);
    models.ok_or_else(|| Misshapen::new(&["configuration", "tools", "media", "models"], "a list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with what the doctor of 2026.9.6 makes of it.
    #[track_caller]
    fn check(before: &Value, after: &Value) {
        let mut configuration = before.as_object().unwrap().clone();
        for _ in 0..2 {
            move_deepgram(&mut configuration).unwrap();
            move_transcription(&mut configuration).unwrap();
            gather_models(&mut configuration).unwrap();
            assert_eq!(Value::Object(configuration.clone()), *after);
        }
    }

    #[test]
    fn models_of_each_kind_become_one_list() {
        check(
            &json!({"tools": {"media": {
                "models": [{"provider": "a", "model": "b"}],
                "audio": {"enabled": true, "models": [{"provider": "c", "model": "d"}]},
                "image": {"models": [{"provider": "e", "model": "f"}]},
                "video": {"models": []},
            }}}),
            &json!({"tools": {"media": {
                "models": [
                    {"provider": "e", "model": "f", "capabilities": ["image"]},
                    {"provider": "c", "model": "d", "capabilities": ["audio"]},
                    {"provider": "a", "model": "b"},
                ],
                "audio": {"enabled": true},
            }}}),
        );
    }

    #[test]
    fn options_of_deepgram_are_spelled_as_it_spells_them_and_what_is_there_wins() {
        let options = json!({"detectLanguage": true, "punctuate": true, "smartFormat": false});
        check(
            &json!({"tools": {"media": {
                "audio": {"deepgram": options},
                "models": [{
                    "model": "a", "deepgram": options,
                    "providerOptions": {"deepgram": {"punctuate": false}},
                }],
            }}}),
            &json!({"tools": {"media": {
                "audio": {"providerOptions": {"deepgram": {
                    "detect_language": true, "punctuate": true, "smart_format": false,
                }}},
                "models": [{"model": "a", "providerOptions": {"deepgram": {
                    "detect_language": true, "punctuate": false, "smart_format": false,
                }}}],
            }}}),
        );
    }

    #[test]
    fn a_transcribing_command_becomes_a_model_unless_there_are_others() {
        let audio = json!({"transcription": {
            "command": ["whisper", "--x", "{input}"], "timeoutSeconds": 30,
        }});
        check(
            &json!({"audio": audio}),
            &json!({"tools": {"media": {
                "audio": {"enabled": true, "preferredModel": "cli:whisper"},
                "models": [{
                    "type": "cli", "command": "whisper", "args": ["--x", "{{AttachmentPath}}"],
                    "timeoutSeconds": 30, "capabilities": ["audio"],
                }],
            }}}),
        );
        let model = json!({"provider": "a", "model": "b"});
        check(
            &json!({"audio": audio, "tools": {"media": {"audio": {"models": [model]}}}}),
            &json!({"tools": {"media": {
                "models": [{"provider": "a", "model": "b", "capabilities": ["audio"]}],
            }}}),
        );
    }
}
