//! Converts values of database dumps: MongoDB's extended JSON, notations of SQL.

use serde_json::{Map, Value};

use crate::{clock::Timestamp, identity::UserId, javascript::whole};

/// Removes MongoDB's wrappers (`$oid`, `$date`, numbers) at all levels.
pub(super) fn plain(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        Value::Object(fields) => unwrapped(&fields).unwrap_or_else(|| {
            Value::Object(fields.into_iter().map(|(name, value)| (name, plain(value))).collect())
        }),
        value => value,
    }
}

fn unwrapped(fields: &Map<String, Value>) -> Option<Value> {
    let (name, value) = fields.iter().next().filter(|_| fields.len() == 1)?;
    match &**name {
        "$oid" | "$uuid" | "$symbol" => value.as_str().map(Value::from),
        "$numberLong" | "$numberInt" => integer(value).map(Value::from),
        "$numberDouble" | "$numberDecimal" => number(value).map(Value::from),
        "$date" => moment(&plain(value.clone())).map(|moment| Value::from(moment.to_string())),
        "$undefined" => Some(Value::Null),
        _ => None,
    }
}

/// Renames fields to LoopBack's names: SQL folds names to lower case, and some tools insert underscores. A field with
/// the exact name wins.
pub(super) fn canonical(fields: Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let target = |field: &str| {
        if names.contains(&field) || field.contains(|c: char| c.is_ascii_uppercase()) {
            return None;
        }
        let bare = field.replace('_', "");
        names.iter().find(|name| name.to_ascii_lowercase() == bare && !fields.contains_key(**name))
    };
    let renames: Vec<Option<String>> =
        fields.keys().map(|field| target(field).map(|name| (*name).to_owned())).collect();
    fields.into_iter().zip(renames).map(|((field, value), rename)| (rename.unwrap_or(field), value)).collect()
}

/// An id of a row or a reference; `None` if the value is no id.
pub(super) fn id(value: &Value) -> Option<UserId> {
    match value {
        Value::String(text) if !text.is_empty() => Some(UserId::parse(text)),
        Value::Number(_) => integer(value).map(UserId::Number),
        _ => None,
    }
}

/// A text. Numbers and booleans are converted, as LoopBack does for text properties.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(integer(value).map_or_else(|| number.to_string(), |n| n.to_string())),
        Value::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}

/// An integer, also written as `5.0` or as text.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64().or_else(|| value.as_f64().and_then(whole)),
    }
}

/// A number, also written as text.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        value => value.as_f64(),
    }
}

/// A boolean, also written as 0, 1, `t` or `f` as in SQL dumps.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(bool) => Some(*bool),
        Value::Number(_) => number(value).map(|number| number != 0.0),
        Value::String(text) => match &*text.to_ascii_lowercase() {
            "true" | "t" | "1" | "yes" | "y" => Some(true),
            "false" | "f" | "0" | "no" | "n" | "" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A time in ISO 8601, SQL's `2026-11-21 20:51:11.688` (taken as UTC), or milliseconds.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    let Value::String(text) = value else { return integer(value).map(Timestamp) };
    if let Some(moment) = Timestamp::parse(text) {
        return Some(moment);
    }
    let mut iso = text.trim().replacen(' ', "T", 1);
    let zone = iso.get(10..).and_then(|time| time.find(['Z', '+', '-']));
    match zone {
        // PostgreSQL writes `+00` without minutes.
        Some(_) if iso.len() > 3 && iso.get(iso.len() - 3..).is_some_and(|z| z.starts_with(['+', '-'])) => {
            iso.push_str(":00");
        }
        Some(_) => {}
        None => iso.push('Z'),
    }
    Timestamp::parse(&iso)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn extended_json_becomes_plain() {
        let cases = [
            (json!({"$oid": "5f0a"}), json!("5f0a")),
            (json!({"$numberLong": "12"}), json!(12)),
            (json!({"$numberInt": "12"}), json!(12)),
            (json!({"$numberDouble": "2.5"}), json!(2.5)),
            (json!({"$date": "2026-11-21T20:51:11.688Z"}), json!("2026-11-21T20:51:11.688Z")),
            (json!({"$date": "2026-11-21T20:51:11Z"}), json!("2026-11-21T20:51:11.000Z")),
            (json!({"$date": 1_795_294_271_688_i64}), json!("2026-11-21T20:51:11.688Z")),
            (json!({"$date": {"$numberLong": "1795294271688"}}), json!("2026-11-21T20:51:11.688Z")),
            (json!({"$undefined": true}), json!(null)),
            (json!({"$oid": 5}), json!({"$oid": 5})),
            (json!({"$oid": "a", "b": 1}), json!({"$oid": "a", "b": 1})),
            (json!([{"a": {"$oid": "b"}}]), json!([{"a": "b"}])),
        ];
        for (from, to) in cases {
            assert_eq!(plain(from.clone()), to, "{from}");
        }
    }

    #[test]
    fn ids_keep_their_kind() {
        assert_eq!(id(&json!(7)), Some(UserId::Number(7)));
        assert_eq!(id(&json!(7.0)), Some(UserId::Number(7)));
        assert_eq!(id(&json!("5f0a")), Some(UserId::Text("5f0a".into())));
        for none in [json!(null), json!(""), json!(7.5), json!([7]), json!(true)] {
            assert_eq!(id(&none), None, "{none}");
        }
    }

    #[test]
    fn moments_of_every_dump() {
        for text in [
            json!("2026-11-21T20:51:11.688Z"),
            json!("2026-11-21 20:51:11.688"),
            json!("2026-11-21 20:51:11.688+00"),
            json!("2026-11-21 21:51:11.688+01:00"),
            json!("2026-11-21T20:51:11.688+00:00"),
            json!(1_795_294_271_688_i64),
        ] {
            assert_eq!(moment(&text), Some(Timestamp(1_795_294_271_688)), "{text}");
        }
        for text in [json!("yesterday"), json!(""), json!(null), json!("2026-11-21"), json!("é 20:51")] {
            assert_eq!(moment(&text), None, "{text}");
        }
    }

    #[test]
    fn sql_names_are_folded_back() {
        let row =
            json!({"emailverified": 1, "verification_token": "t", "email": "a@b", "Password": 2, "x_y": 3});
        let names = ["email", "emailVerified", "verificationToken", "password"];
        let row = canonical(row.as_object().unwrap().clone(), &names);
        let keys: Vec<&str> = row.keys().map(String::as_str).collect();
        assert_eq!(keys, ["emailVerified", "verificationToken", "email", "Password", "x_y"]);
        let both = json!({"email_verified": 1, "emailVerified": 0}).as_object().unwrap().clone();
        assert_eq!(canonical(both.clone(), &names), both, "an exact name wins");
    }

    #[test]
    fn truth_in_every_dump() {
        for (value, truth) in [
            (json!(true), Some(true)),
            (json!(0), Some(false)),
            (json!(1), Some(true)),
            (json!("t"), Some(true)),
            (json!("false"), Some(false)),
            (json!("maybe"), None),
            (json!(null), None),
        ] {
            assert_eq!(boolean(&value), truth, "{value}");
        }
    }
}
