//! Content negotiation: `Accept` as the `accepts` library reads it, and `?_format=`.

use http::{header::ACCEPT, request::Parts};
use serde_json::{Map, Value};

use crate::qs;

/// The formats of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    /// A script, if the query also names a callback.
    Script,
    Html,
    Xml,
    /// XML under its other media type.
    ApplicationXml,
}

/// Whether parameters of a media range matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// `application/json; charset=utf-8` matches no format, as in LoopBack.
    Exact,
    /// A charset is ignored, because every answer is UTF-8.
    AnyCharset,
}

/// A media range of an `Accept` header.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: f32,
    charset: bool,
    others: bool,
}

const ERRORS: [(&str, Format); 4] = [
    ("application/json", Format::Json),
    ("text/html", Format::Html),
    ("text/xml", Format::Xml),
    ("application/xml", Format::Xml),
];

const RESULTS: [(&str, Format); 3] = [
    ("application/json", Format::Json),
    ("application/javascript", Format::Script),
    ("text/javascript", Format::Script),
];

/// The format of an error; JSON if no other matches.
pub(super) fn error_format(head: &Parts) -> Format {
    let named = match wanted(head).as_deref() {
        Some("json" | "application/json") => Some(Format::Json),
        Some("html" | "text/html") => Some(Format::Html),
        Some("xml" | "text/xml") => Some(Format::Xml),
        _ => None,
    };
    let accepted = || preferred(accept(head).as_deref(), &ERRORS, Strictness::Exact);
    named.or_else(accepted).unwrap_or(Format::Json)
}

/// The format of a result; `None` = 406. LoopBack produces XML only for `_format`.
pub(super) fn result_format(head: &Parts, strictness: Strictness) -> Option<Format> {
    let Some(format) = wanted(head) else {
        return preferred(accept(head).as_deref(), &RESULTS, strictness);
    };
    match format.to_ascii_lowercase().as_str() {
        "json" | "application/json" | "*/*" => Some(Format::Json),
        "application/javascript" | "text/javascript" => Some(Format::Script),
        "xml" | "text/xml" => Some(Format::Xml),
        "application/xml" => Some(Format::ApplicationXml),
        _ => None,
    }
}

/// The parameters of the query.
pub(super) fn query(text: Option<&str>) -> Map<String, Value> {
    qs::parse(text.unwrap_or_default(), qs::QUERY).unwrap_or_default()
}

/// The value of `?_format=` unless it is empty; a blank if it is not a string.
fn wanted(head: &Parts) -> Option<String> {
    // Most queries contain no `_format` and are not parsed.
    let text = head.uri.query().filter(|text| text.contains("_format"))?;
    let format = query(Some(text)).shift_remove("_format")?;
    let format = format.as_str().unwrap_or(" ");
    (!format.is_empty()).then(|| format.to_owned())
}

fn accept(head: &Parts) -> Option<String> {
    let lines: Vec<&str> =
        head.headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok()).collect();
    let accept = lines.join(", ");
    (!accept.is_empty()).then_some(accept)
}

/// The best format: by quality, then by the specificity of the range, then by the client's order, then by ours.
fn preferred(accept: Option<&str>, offers: &[(&str, Format)], strictness: Strictness) -> Option<Format> {
    let Some(accept) = accept else { return offers.first().map(|(_, format)| *format) };
    let counts = |range: &Range<'_>| {
        let charset_matters = range.charset && strictness == Strictness::Exact;
        !range.others && !charset_matters
    };
    let ranges: Vec<Range<'_>> = accept.split(',').filter_map(Range::parse).filter(counts).collect();
    let rank = |media: &str| {
        let hits =
            ranges.iter().enumerate().filter_map(|(at, range)| Some((range.exactness(media)?, at, range)));
        // If several ranges match a format, the most specific counts, and the first of these.
        let (exactness, at, range) =
            hits.max_by_key(|(exactness, at, _)| (*exactness, std::cmp::Reverse(*at)))?;
        (range.quality > 0.0).then_some((range.quality, exactness, at))
    };
    let better = |a: (f32, u8, usize), b: (f32, u8, usize)| {
        a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(b.2.cmp(&a.2)).is_gt()
    };
    let mut best: Option<((f32, u8, usize), Format)> = None;
    for (media, format) in offers {
        if let Some(rank) = rank(media)
            && best.is_none_or(|(known, _)| better(rank, known))
        {
            best = Some((rank, *format));
        }
    }
    best.map(|(_, format)| format)
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut range = Self { kind, subtype, quality: 1.0, charset: false, others: false };
        for part in parts {
            let Some((name, value)) = part.split_once('=') else { continue };
            match name.trim().to_ascii_lowercase().as_str() {
                // Parameters after the quality do not belong to the media type.
                "q" => {
                    range.quality = value.trim().parse().unwrap_or(0.0);
                    break;
                }
                "charset" => range.charset = true,
                _ => range.others = true,
            }
        }
        Some(range)
    }

    /// The specificity with which this range matches `media`, if it does.
    fn exactness(&self, media: &str) -> Option<u8> {
        let (kind, subtype) = media.split_once('/')?;
        let one = |range: &str, value: &str| match range {
            "*" => Some(0),
            range => range.eq_ignore_ascii_case(value).then_some(1),
        };
        Some(one(self.kind, kind)? * 2 + one(self.subtype, subtype)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str, accept: Option<&str>) -> Parts {
        let mut request = http::Request::get(target);
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn picks_as_loopback_does() {
        use Format::{Html, Json, Script, Xml};
        for (accept, error, result) in [
            (None, Json, Some(Json)),
            (Some("*/*"), Json, Some(Json)),
            (Some("text/html"), Html, None),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), Html, Some(Json)),
            (Some("application/json;q=0.5,text/html"), Html, Some(Json)),
            (Some("application/json, text/html"), Json, Some(Json)),
            (Some("text/xml"), Xml, None),
            (Some("application/xml"), Xml, None),
            (Some("text/*"), Html, Some(Script)),
            (Some("application/*"), Json, Some(Json)),
            (Some("application/javascript"), Json, Some(Script)),
            (Some("image/png"), Json, None),
            (Some("text/plain"), Json, None),
            (Some("text/html;q=0"), Json, None),
            (Some("application/vnd.api+json"), Json, None),
            (Some("nonsense"), Json, None),
            (Some(""), Json, Some(Json)),
            (Some("application/json; charset=utf-8"), Json, None),
            (Some("application/json;q=0.5;a=b"), Json, Some(Json)),
            (Some("text/html;level=1"), Json, None),
        ] {
            let head = head("/", accept);
            assert_eq!(error_format(&head), error, "{accept:?}");
            assert_eq!(result_format(&head, Strictness::Exact), result, "{accept:?}");
        }
    }

    #[test]
    fn a_charset_may_be_passed_over() {
        let named = |accept| result_format(&head("/", Some(accept)), Strictness::AnyCharset);
        assert_eq!(named("application/json; charset=utf-8"), Some(Format::Json));
        assert_eq!(named("application/json; profile=x"), None);
    }

    #[test]
    fn a_format_in_the_query_wins() {
        use Format::{Html, Json, Xml};
        for (query, error, result) in [
            ("_format=xml", Xml, Some(Xml)),
            ("_format=text/xml", Xml, Some(Xml)),
            ("_format=html", Html, None),
            ("_format=JSON", Html, Some(Json)),
            ("_format=xmL", Html, Some(Xml)),
            ("_format=application/xml", Html, Some(Format::ApplicationXml)),
            ("_format=foo", Html, None),
            ("_format=", Html, None),
            ("_format[]=xml", Html, None),
            ("x_format=xml", Html, None),
        ] {
            let head = head(&format!("/?a=1&{query}"), Some("text/html"));
            assert_eq!(error_format(&head), error, "{query}");
            assert_eq!(result_format(&head, Strictness::Exact), result, "{query}");
        }
    }
}
