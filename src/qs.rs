//! Query strings and urlencoded bodies as the npm package `qs` 6.16 reads them, which Express 4 and LoopBack 3
//! use. All parts of the gate read parameters here, so that the same request has the same values everywhere.

mod tree;

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::javascript::decode_uri_component;
use tree::{Node, Object, Step};

/// Limits of the size of a query or a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Levels of brackets. Deeper ones are part of the name in a query, and an error in a body.
    depth: usize,
    /// Items of a list. Longer lists become objects. A body's lists may have as many items as it has pairs.
    items: usize,
    /// Whether too many pairs or levels are an error. Otherwise the rest is dropped.
    strict: bool,
}

/// The limits of Express's query strings.
pub(crate) const QUERY: Bounds = Bounds { depth: 5, items: 20, strict: false };

/// The limits of Express's `urlencoded` bodies with `extended`.
pub(crate) const BODY: Bounds = Bounds { depth: 32, items: 100, strict: true };

/// The number of pairs that are read, empty ones included. It is the default of `qs`.
pub(crate) const MAX_PAIRS: usize = 1000;

/// Why a body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitExceeded {
    /// It has more than [`MAX_PAIRS`] pairs.
    Pairs,
    /// A name has more brackets than [`Bounds`] allow.
    Levels,
}

/// The value of a name in a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'q> {
    /// The query does not have the name.
    Nothing,
    /// One text, which may be empty.
    Text(Cow<'q, str>),
    /// A list or an object, because the name is repeated or has brackets.
    Other,
}

/// Parses a query or a body. `__proto__`, and `prototype` below `constructor`, are dropped as in `qs`: they
/// would change the prototype of all objects of a JavaScript app.
///
/// # Errors
/// [`LimitExceeded`], if the bounds are strict.
pub(crate) fn parse(text: &str, bounds: Bounds) -> Result<Map<String, Value>, LimitExceeded> {
    let pairs = text.split('&').count();
    if bounds.strict && pairs > MAX_PAIRS {
        return Err(LimitExceeded::Pairs);
    }
    // body-parser raises `arrayLimit` to the number of parameters.
    let items = if bounds.strict { bounds.items.max(pairs) } else { bounds.items };
    // As in `qs`: equal names are combined first, in the order of a JavaScript object.
    let mut named = Object::default();
    for (name, value) in text.split('&').take(MAX_PAIRS).map(split) {
        let name = decode(name);
        if !name.is_empty() {
            named.append(name, Node::Text(decode(value).into_owned()), items);
        }
    }
    let mut root = Node::Map(Object::default());
    for (name, value) in named.into_members() {
        let steps = steps(&name, bounds.depth);
        match steps.last() {
            Some(Step::TooDeep(_)) if bounds.strict => return Err(LimitExceeded::Levels),
            _ if is_polluting(&steps) => {}
            _ => root = root.merge(Node::nest(&steps, value, items), items),
        }
    }
    match root.finished() {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

/// The value of a name in a query as [`parse`] would return it, without building the rest. The name is not a
/// number.
pub(crate) fn find<'q>(query: &'q str, name: &str) -> Found<'q> {
    let mut found: Option<(Cow<'q, str>, &'q str)> = None;
    let mut others: Vec<Cow<'q, str>> = Vec::new();
    for (key, value) in query.split('&').take(MAX_PAIRS).map(split) {
        let key = decode(key);
        let (root, is_plain) = root(&key);
        // The name of a pair may be spelt with brackets or escapes, so every name is decoded.
        if root != name {
            continue;
        }
        match &found {
            _ if !is_plain => return Found::Other,
            None => found = Some((key, value)),
            Some((first, _)) if *first == key || others.contains(&key) => return Found::Other,
            // `qs` merges a value under another spelling (`[name]`). An empty one leaves no trace there.
            Some(_) if value.is_empty() => others.push(key),
            Some(_) => return Found::Other,
        }
    }
    found.map_or(Found::Nothing, |(_, value)| Found::Text(decode(value)))
}

/// Raw name and value of a pair. A `]=` takes precedence over an earlier `=`: `a=b]=c` has the name `a=b]`.
pub(crate) fn split(pair: &str) -> (&str, &str) {
    let bracket = pair.bytes().enumerate().find_map(|(at, byte)| {
        let rest = pair.get(at..)?;
        match byte {
            b']' if rest.starts_with("]=") => Some(at + 1),
            b'%' if rest.get(..4).is_some_and(|text| text.eq_ignore_ascii_case("%5D=")) => Some(at + 3),
            _ => None,
        }
    });
    // A name alone has an empty value.
    let Some(at) = bracket.or_else(|| pair.find('=')) else { return (pair, "") };
    let (name, rest) = pair.split_at_checked(at).unwrap_or((pair, ""));
    (name, rest.strip_prefix('=').unwrap_or(rest))
}

/// A decoded name or value. If an escape is broken, or the result is not UTF-8, only blanks and brackets are
/// decoded, as in `qs`.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    let spaced = with_blanks(text);
    if !spaced.contains('%') {
        return spaced;
    }
    match decode_uri_component(&spaced) {
        Some(decoded) => Cow::Owned(decoded.into_owned()),
        None => Cow::Owned(
            [("%5B", "["), ("%5b", "["), ("%5D", "]"), ("%5d", "]")]
                .into_iter()
                .fold(spaced.into_owned(), |text, (from, to)| text.replace(from, to)),
        ),
    }
}

/// Replaces `+` by blanks, as forms encode them.
pub(crate) fn with_blanks(text: &str) -> Cow<'_, str> {
    if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) }
}

/// The parameter that a decoded name belongs to, and whether its value is plain: `a[b]` is a part of `a`, and
/// `[a]` is `a` itself.
pub(crate) fn root(name: &str) -> (&str, bool) {
    match name.find('[') {
        None => (name, true),
        Some(0) => match group(name) {
            Some((inner, rest)) => (inner, !rest.contains('[')),
            None => (name, true),
        },
        // Also with a bracket that is never closed.
        Some(at) => (name.get(..at).unwrap_or(name), false),
    }
}

/// The path of a name: `a[b][][3]` -> `a`, `b`, append to a list, index 3.
fn steps(name: &str, depth: usize) -> Vec<Step<'_>> {
    let at = name.find('[').unwrap_or(name.len());
    let (first, mut rest) = name.split_at_checked(at).unwrap_or((name, ""));
    let mut steps = Vec::new();
    if !first.is_empty() {
        steps.push(Step::Name(first));
    }
    let mut left = depth;
    while !rest.is_empty() {
        let Some(below) = left.checked_sub(1) else {
            steps.push(Step::TooDeep(rest));
            break;
        };
        let Some((inner, after)) = group(rest) else {
            steps.push(Step::Name(rest));
            break;
        };
        steps.push(Step::of_brackets(inner));
        left = below;
        // `qs` ignores text between two groups of brackets.
        rest = after.find('[').and_then(|at| after.get(at..)).unwrap_or_default();
    }
    steps
}

/// The first group of brackets and the rest: `[b]c` -> `b`, `c`. `None` if it is not closed.
fn group(text: &str) -> Option<(&str, &str)> {
    let mut level = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '[' => level += 1,
            ']' if level == 1 => return Some((text.get(1..at)?, text.get(at + 1..)?)),
            ']' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn is_polluting(steps: &[Step<'_>]) -> bool {
    steps.windows(2).any(|pair| pair == [Step::Name("constructor"), Step::Name("prototype")])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, bounds: Bounds) -> String {
        Value::Object(parse(text, bounds).unwrap()).to_string()
    }

    /// Each with what `qs` 6.16.2 answers, in a query as in a body.
    #[test]
    fn reads_as_qs_does() {
        for (text, expected) in [
            ("", "{}"),
            ("a=1&b=", r#"{"a":"1","b":""}"#),
            ("a&=x&&", r#"{"a":""}"#),
            ("a=1&a=2&a=3", r#"{"a":["1","2","3"]}"#),
            ("a=1&a=", r#"{"a":["1",""]}"#),
            ("q[]=1&q[]=2", r#"{"q":["1","2"]}"#),
            ("q%5B%5D=1", r#"{"q":["1"]}"#),
            ("q[][]=1", r#"{"q":["1"]}"#),
            ("q[][b]=1&q[][b]=2", r#"{"q":[{"b":["1","2"]}]}"#),
            ("r[0]=a&r[2]=c&r[1]=b", r#"{"r":["a","b","c"]}"#),
            ("r[0]=a&r[0]=b", r#"{"r":[["a","b"]]}"#),
            ("r[0][x]=a&r[0][y]=b&r[0]=c", r#"{"r":[{"x":"a","y":"b"},"c"]}"#),
            ("n[19]=q", r#"{"n":["q"]}"#),
            ("n[100]=q", r#"{"n":{"100":"q"}}"#),
            ("n[01]=a&n[-1]=b", r#"{"n":{"01":"a","-1":"b"}}"#),
            ("n[20]=q&n=1&n[x]=2", r#"{"n":{"20":"q","21":"1","x":"2"}}"#),
            ("a[b][c]=1&a[b][d]=2", r#"{"a":{"b":{"c":"1","d":"2"}}}"#),
            ("v[a]=1&v=2", r#"{"v":[{"a":"1"},"2"]}"#),
            ("v[a]=1&v=2&v=", r#"{"v":{"0":"2","1":"","a":"1"}}"#),
            ("v[a]=1&v=2&v[b]=3&v[]=4", r#"{"v":{"0":[{"a":"1"},"4"],"1":"2","b":"3"}}"#),
            ("v=2&v[a]=1", r#"{"v":["2",{"a":"1"}]}"#),
            ("v[]=2&v[a]=1", r#"{"v":{"0":"2","a":"1"}}"#),
            ("v[a]=1&v[]=2", r#"{"v":{"0":"2","a":"1"}}"#),
            ("v=&v[a]=", r#"{"v":["",{"a":""}]}"#),
            ("w+x=%20y+z", r#"{"w x":" y z"}"#),
            ("%ff=1&b=%zz", r#"{"%ff":"1","b":"%zz"}"#),
            ("%5B%zz=+%5D", r#"{"[%zz":" ]"}"#),
            ("a=b=c", r#"{"a":"b=c"}"#),
            ("a=b]=c", r#"{"a=b]":"c"}"#),
            ("a[b=c", r#"{"a":{"[b":"c"}}"#),
            ("a[b][c=1", r#"{"a":{"b":{"[c":"1"}}}"#),
            ("a[b]c[d]=1", r#"{"a":{"b":{"d":"1"}}}"#),
            ("[[a]]=1&]=2&[=3", r#"{"[a]":"1","]":"2","[":"3"}"#),
            ("[]=1&[][b]=2", r#"{"0":["1",{"b":"2"}]}"#),
            ("[]=1&[]=2", r#"{"0":"1","1":"2"}"#),
            ("[a]=1", r#"{"a":"1"}"#),
            ("[a]=&a=1", r#"{"a":["","1"]}"#),
            ("a=1&[a]=", r#"{"a":"1"}"#),
            ("[id]=5", r#"{"id":"5"}"#),
            ("[id]z=5", r#"{"id":"5"}"#),
            ("b=1&1=2&0=3", r#"{"0":"3","1":"2","b":"1"}"#),
            ("[0]=x&0=y", r#"{"0":["y","x"]}"#),
            ("__proto__=2&b=1", r#"{"b":"1"}"#),
            ("a[__proto__][x]=1&b=1", r#"{"a":{},"b":"1"}"#),
            ("constructor=1&prototype=2", r#"{"constructor":"1","prototype":"2"}"#),
            (r#"{"a":1}"#, r#"{"{\"a\":1}":""}"#),
        ] {
            assert_eq!(read(text, QUERY), expected, "{text}");
            assert_eq!(read(text, BODY), expected, "{text}");
        }
    }

    #[test]
    fn bounds_are_wider_in_a_body() {
        for (text, query, body) in [
            ("n[25]=q", r#"{"n":{"25":"q"}}"#, r#"{"n":["q"]}"#),
            ("n[20]=q", r#"{"n":{"20":"q"}}"#, r#"{"n":["q"]}"#),
            ("n=1&n[20]=q", r#"{"n":{"0":"1","21":"q"}}"#, r#"{"n":["1","q"]}"#),
            (
                "a[b][c][d][e][f][g][h]=1",
                r#"{"a":{"b":{"c":{"d":{"e":{"f":{"[g][h]":"1"}}}}}}}"#,
                r#"{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":"1"}}}}}}}}"#,
            ),
        ] {
            assert_eq!(read(text, QUERY), query, "{text}");
            assert_eq!(read(text, BODY), body, "{text}");
        }
    }

    #[test]
    fn a_list_that_is_too_long_becomes_an_object() {
        for name in ["a", "a[]"] {
            let twenty = vec![format!("{name}=1"); 20].join("&");
            assert_eq!(parse(&twenty, QUERY).unwrap()["a"].as_array().unwrap().len(), 20);
            let map = parse(&format!("{twenty}&{name}=2&a=3"), QUERY).unwrap();
            assert_eq!(
                (&map["a"]["0"], &map["a"]["20"], &map["a"]["21"]),
                (&"1".into(), &"2".into(), &"3".into())
            );
            let all = vec![format!("{name}=1"); 1000].join("&");
            assert_eq!(parse(&all, BODY).unwrap()["a"].as_array().unwrap().len(), 1000);
        }
        assert_eq!(read("a[19]=x&a=y", QUERY), r#"{"a":{"19":"x","20":"y"}}"#);
    }

    #[test]
    fn empty_pairs_count() {
        let many = vec!["a=1"; 1001].join("&");
        assert_eq!(parse(&many, BODY), Err(LimitExceeded::Pairs));
        assert_eq!(parse(&"&".repeat(1000), BODY), Err(LimitExceeded::Pairs));
        assert_eq!(read(&format!("{}a=1&b=2", "&".repeat(999)), QUERY), r#"{"a":"1"}"#);
        assert_eq!(find(&format!("{}a=1&b=2", "&".repeat(999)), "a"), Found::Text("1".into()));
        assert_eq!(find(&format!("{}a=1&b=2", "&".repeat(999)), "b"), Found::Nothing);
    }

    #[test]
    fn a_body_has_32_levels() {
        let levels = |count| format!("a{}=1", "[b]".repeat(count));
        assert!(parse(&levels(32), BODY).is_ok());
        assert_eq!(parse(&levels(33), BODY), Err(LimitExceeded::Levels));
        assert_eq!(parse(&format!("{}[", levels(32).replace("=1", "")), BODY), Err(LimitExceeded::Levels));
    }

    /// Here `qs` with `allowPrototypes` would keep them.
    #[test]
    fn drops_the_prototype_of_a_constructor() {
        for text in ["constructor[prototype][x]=1&b=1", "a[constructor][prototype]=1&b=1"] {
            assert_eq!(read(text, BODY), r#"{"b":"1"}"#, "{text}");
        }
    }

    /// Every row was read off `qs` 6.16 with `allowPrototypes`, as Express 4 calls it; `None` = no text.
    #[test]
    fn finds_what_express_reads() {
        for (query, expected) in [
            ("access_token=a", Some("a")),
            ("x=1&access_token=a&y=2", Some("a")),
            ("&access_token=1", Some("1")),
            ("access_token", Some("")),
            ("access_token=", Some("")),
            ("access_token=a+b", Some("a b")),
            ("access_token=%zz", Some("%zz")),
            ("access_token=%ff", Some("%ff")),
            ("access_token=%2B%20+%zz", Some("%2B%20 %zz")),
            ("access_token=a;access_token=b", Some("a;access_token=b")),
            ("access%5Ftoken=a", Some("a")),
            ("[access_token]=a", Some("a")),
            ("[access_token]z=1", Some("1")),
            ("[access_token]]=1", Some("1")),
            ("access_token=a&access_token=b", None),
            ("access_token&access_token=a", None),
            ("access_token=a&[access_token]=b", None),
            ("access_token=a&access_token[x]=b", None),
            ("access_token=a&access_token%5b=1", None),
            ("access_token[]=a", None),
            ("access_token[=a", None),
            ("access_token[x]y=1", None),
            ("access_token%5B%5D=a", None),
            ("[access_token][x]=1", None),
            ("[access_token][=1", None),
            ("access_token=a&[access_token]", Some("a")),
            ("access_token=&[access_token]=a", None),
            ("[access_token]%5B%", None),
            ("access_token=a]=b", None),
            ("access_token=a%5D=b", None),
            ("access_token]=z", None),
            ("[access_token=1", None),
            ("[[access_token]]=1", None),
            ("x[access_token]=1", None),
            ("access_token%00=a", None),
            ("access_token.x=1", None),
            ("Access_Token=a", None),
            ("a%20=1", None),
            ("access_token=a&[access_token]=&[access_token]=", None),
            ("access_token=a&[access_token]=&[access_token]z=", Some("a")),
            ("", None),
        ] {
            let found = match find(query, "access_token") {
                Found::Text(text) => Some(text),
                Found::Nothing | Found::Other => None,
            };
            assert_eq!(found.as_deref(), expected, "{query}");
        }
    }

    proptest! {
        #[test]
        fn never_fails_on_a_query(text in "[ab=&%\\[\\]0-9+é]{0,80}") {
            prop_assert!(parse(&text, QUERY).is_ok());
        }

        #[test]
        fn finds_what_the_whole_has(text in "(\\[?[ab]\\]?(\\[[ab0]?\\]?)?=?[1%]?&){0,6}") {
            let whole = parse(&text, QUERY).unwrap();
            let found = match whole.get("a") {
                None => Found::Nothing,
                Some(Value::String(text)) => Found::Text(text.as_str().into()),
                Some(_) => Found::Other,
            };
            prop_assert_eq!(find(&text, "a"), found);
        }

        #[test]
        fn gives_back_what_was_encoded(value in "\\PC{0,20}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let read = parse(&format!("k={encoded}"), QUERY).unwrap();
            prop_assert_eq!(read["k"].as_str(), Some(value.as_str()));
        }
    }
}
