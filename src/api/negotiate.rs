//! Which form of an answer a client takes: `Accept` as the `accepts` library reads it, and `?_format=`.

use http::{header::ACCEPT, request::Parts};
use serde_json::{Map, Value};

use super::form;

/// The forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    /// A script, when the query also names a callback.
    Script,
    Html,
    Xml,
}

/// One range of an `Accept` header.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: f32,
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

/// The form of an error: JSON where nothing fits.
pub(super) fn error_format(head: &Parts) -> Format {
    match wanted(head) {
        Some(format) => named(&format, &ERRORS).unwrap_or(Format::Json),
        None => preferred(accept(head).as_deref(), &ERRORS).unwrap_or(Format::Json),
    }
}

/// The form of a result; `None` = 406. LoopBack makes XML only on demand.
pub(super) fn result_format(head: &Parts) -> Option<Format> {
    match wanted(head) {
        Some(format) => named(&format, &[RESULTS[0], ("text/xml", Format::Xml)]),
        None => preferred(accept(head).as_deref(), &RESULTS),
    }
}

/// The query's parameters.
pub(super) fn query(text: Option<&str>) -> Map<String, Value> {
    form::parse(text.unwrap_or_default(), form::QUERY).unwrap_or_default()
}

/// `?_format=`; empty when it is no text.
fn wanted(head: &Parts) -> Option<String> {
    // Most requests have none: nothing is parsed for them.
    let text = head.uri.query().filter(|text| text.contains("_format"))?;
    let format = query(Some(text)).shift_remove("_format")?;
    Some(format.as_str().unwrap_or_default().to_ascii_lowercase())
}

fn named(format: &str, offers: &[(&str, Format)]) -> Option<Format> {
    let fits = |media: &str| media == format || media.rsplit('/').next() == Some(format);
    offers.iter().find(|(media, _)| fits(media)).map(|(_, format)| *format)
}

fn accept(head: &Parts) -> Option<String> {
    let lines: Vec<&str> =
        head.headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// The best offer: by quality, then by how exactly it was named, then by the client's order, then by ours.
fn preferred(accept: Option<&str>, offers: &[(&str, Format)]) -> Option<Format> {
    let Some(accept) = accept else { return offers.first().map(|(_, format)| *format) };
    let ranges: Vec<Range<'_>> = accept.split(',').filter_map(Range::parse).collect();
    let rank = |media: &str| {
        let hits =
            ranges.iter().enumerate().filter_map(|(at, range)| Some((range.exactness(media)?, at, range)));
        // Of several ranges for one offer the most exact counts, the first of these.
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
        let mut quality = 1.0;
        for part in parts {
            if let Some((name, value)) = part.split_once('=')
                && name.trim().eq_ignore_ascii_case("q")
            {
                quality = value.trim().parse().unwrap_or(0.0);
            }
        }
        Some(Self { kind, subtype, quality })
    }

    /// How exactly this range names `media`, if it does.
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
        ] {
            let head = head("/", accept);
            assert_eq!(error_format(&head), error, "{accept:?}");
            assert_eq!(result_format(&head), result, "{accept:?}");
        }
    }

    #[test]
    fn a_format_in_the_query_wins() {
        use Format::{Html, Json, Xml};
        for (query, error, result) in [
            ("_format=xml", Xml, Some(Xml)),
            ("_format=text/xml", Xml, Some(Xml)),
            ("_format=html", Html, None),
            ("_format=JSON", Json, Some(Json)),
            ("_format=foo", Json, None),
            ("_format[]=xml", Json, None),
            ("x_format=xml", Html, None),
        ] {
            let head = head(&format!("/?a=1&{query}"), Some("text/html"));
            assert_eq!(error_format(&head), error, "{query}");
            assert_eq!(result_format(&head), result, "{query}");
        }
    }
}
