//! The methods of requests in policy files.

use super::finding::did_you_mean;

/// The registered methods (RFC 9110 section 16.1) that apps serve, and those of caches.
const KNOWN: [&str; 43] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "PROPFIND",
    "PROPPATCH",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
    "PURGE",
    "BAN",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "M-SEARCH",
];

pub(super) fn is_known(method: &str) -> bool {
    KNOWN.contains(&method)
}

/// Message and fix for a method that is misspelt or not a method.
pub(super) fn mistake(method: &str) -> Option<(String, String)> {
    let no_method = format!("`{method}` is not a method");
    let upper = method.trim().to_ascii_uppercase();
    if matches!(&*upper, "ALL" | "ANY" | "*" | "") {
        return Some((no_method, "leave `methods` out for all methods".to_owned()));
    }
    // `wire` refuses both for every request.
    if matches!(&*upper, "TRACE" | "CONNECT") {
        return Some((format!("the gate refuses `{upper}` before any rule"), "leave it out".to_owned()));
    }
    if upper == "DEL" {
        return Some((no_method, "write `DELETE`".to_owned()));
    }
    // Other frameworks write several methods in one text.
    if method.contains([',', '|']) {
        let each: Vec<String> = upper.split([',', '|']).map(|word| format!("\"{}\"", word.trim())).collect();
        return Some((no_method, format!("write `[{}]`", each.join(", "))));
    }
    if is_known(method) {
        return None;
    }
    // Methods are case-sensitive (RFC 9110 section 9.1).
    if is_known(&upper) {
        return Some((format!("`{method}`: a method is written in upper case"), format!("write `{upper}`")));
    }
    let near = did_you_mean(&upper, KNOWN);
    let is_token = method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_');
    match near {
        Some(near) => Some((no_method, near)),
        None if !is_token => Some((no_method, format!("write `{upper}`"))),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_a_misspelt_method_is_an_error_with_the_right_one() {
        for (written, right) in [
            ("GTE", "did you mean `GET`?"),
            ("DELTE", "did you mean `DELETE`?"),
            ("POTS", "did you mean `POST`?"),
            ("get", "write `GET`"),
            ("Post", "write `POST`"),
            ("DEL", "write `DELETE`"),
            ("ALL", "leave `methods` out"),
            ("*", "leave `methods` out"),
            ("any", "leave `methods` out"),
            ("", "leave `methods` out"),
            ("GET,POST", "write `[\"GET\", \"POST\"]`"),
            ("GET | PUT", "write `[\"GET\", \"PUT\"]`"),
            (" GET", "write `GET`"),
            ("TRACE", "leave it out"),
            ("connect", "leave it out"),
            ("brew", "write `BREW`"),
        ] {
            let (message, fix) = mistake(written).expect(written);
            assert!(fix.starts_with(right), "{written}: {message}; {fix}");
        }
        for method in KNOWN {
            assert_eq!(mistake(method), None, "{method}");
        }
        assert_eq!((mistake("BREW"), is_known("BREW")), (None, false), "an app may have methods of its own");
    }
}
