//! LoopBack's type `geopoint`.

use serde_json::{Map, Value};

use super::Checked;
use crate::javascript::{number_to_json, text_to_number, to_number};

const NO_OBJECT: &str = "must provide a lat and lng object when creating a GeoPoint";

/// Checks a point: `{"lat", "lng"}`, `[lat, lng]` or `"lat,lng"`.
pub(super) fn check(value: &Value) -> Checked {
    let (lat, lng) = match value {
        Value::String(text) => {
            let parts: Vec<&str> = text.split(',').collect();
            let [lat, lng] = parts.as_slice() else {
                return Err("must provide a \"lat,lng\" string when creating a GeoPoint with string");
            };
            if lat.is_empty() || lng.is_empty() {
                return Err("lat & lng must be numbers when creating GeoPoint");
            }
            // JavaScript's conversion: `" 1 "` and `"0x1"` are numbers, too.
            let number = |text: &str| Some(text_to_number(text));
            (number(lat), number(lng))
        }
        Value::Array(items) => match items.as_slice() {
            [lat, lng] => (lat.as_f64(), lng.as_f64()),
            _ => return Err("must provide valid geo-cordinates array [lat, lng]"),
        },
        Value::Object(fields) => match (fields.get("lat"), fields.get("lng")) {
            (Some(lat), Some(lng)) => (lat.as_f64(), lng.as_f64()),
            _ => return Err(NO_OBJECT),
        },
        Value::Null => return Err(NO_OBJECT),
        Value::Bool(_) | Value::Number(_) => {
            return Err(
                "must provide valid geo-coordinates array [lat, lng] or object or a \"lat, lng\" string",
            );
        }
    };
    check_range(lat, lng)
}

/// As [`check`], with numbers in strings.
pub(super) fn check_loose(value: &Value) -> Checked {
    let numeric = |value: &Value| number_to_json(to_number(value));
    match value {
        Value::Array(items) => check(&Value::Array(items.iter().map(numeric).collect())),
        Value::Object(fields) => {
            let fields: Map<String, Value> =
                fields.iter().map(|(key, value)| (key.clone(), numeric(value))).collect();
            check(&Value::Object(fields))
        }
        other => check(other),
    }
}

fn check_range(lat: Option<f64>, lng: Option<f64>) -> Checked {
    let Some(lat) = lat.filter(|lat| !lat.is_nan()) else {
        return Err("lat must be a number when creating a GeoPoint");
    };
    let Some(lng) = lng.filter(|lng| !lng.is_nan()) else {
        return Err("lng must be a number when creating a GeoPoint");
    };
    match (lat, lng) {
        (_, lng) if lng > 180.0 => Err("lng must be <= 180"),
        (_, lng) if lng < -180.0 => Err("lng must be >= -180"),
        (lat, _) if lat > 90.0 => Err("lat must be <= 90"),
        (lat, _) if lat < -90.0 => Err("lat must be >= -90"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_points_as_loopback_does() {
        for (value, expected) in [
            (json!({"lat": 1, "lng": 2}), "ok"),
            (json!([1, 2.5]), "ok"),
            (json!("1,2"), "ok"),
            (json!("1,x"), "lng must be a number when creating a GeoPoint"),
            (json!("1,"), "lat & lng must be numbers when creating GeoPoint"),
            (json!("1"), "must provide a \"lat,lng\" string when creating a GeoPoint with string"),
            (json!([1]), "must provide valid geo-cordinates array [lat, lng]"),
            (json!(["1", 2]), "lat must be a number when creating a GeoPoint"),
            (json!({"lat": 1}), NO_OBJECT),
            (json!(null), NO_OBJECT),
            (json!({"lat": 91, "lng": 0}), "lat must be <= 90"),
            (json!({"lat": 0, "lng": -181}), "lng must be >= -180"),
        ] {
            assert_eq!(check(&value).err().unwrap_or("ok"), expected, "{value}");
        }
        assert_eq!(check_loose(&json!({"lat": "1", "lng": "2"})), Ok(()));
        assert_eq!(check_loose(&json!(["1", "x"])), Err("lng must be a number when creating a GeoPoint"));
    }
}
