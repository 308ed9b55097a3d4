//! `a=b&c[d]=e&f[]=g`: query strings and urlencoded bodies as the `qs` library reads them, with its bounds.

use serde_json::{Map, Value};

/// How far a form may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Levels of brackets; what lies deeper is one key (a query), or an error (a body).
    pub depth: usize,
    /// `a[20]` is an element of a list up to this index, and a key of an object above it.
    pub index: usize,
    /// Whether too many pairs or levels are an error; otherwise the rest is dropped.
    pub strict: bool,
}

/// Express's query strings.
pub(super) const QUERY: Bounds = Bounds { depth: 5, index: 20, strict: false };

/// Express's urlencoded bodies.
pub(super) const BODY: Bounds = Bounds { depth: 32, index: 100, strict: true };

const MAX_PAIRS: usize = 1000;

/// Why a form was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMuch {
    Pairs,
    Levels,
}

/// A tree under construction: lists keep their indexes until the end.
enum Node {
    Text(String),
    List(Vec<(usize, Node)>),
    Map(Vec<(String, Node)>),
}

/// Reads a query string or a body.
pub(super) fn parse(text: &str, bounds: Bounds) -> Result<Map<String, Value>, TooMuch> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    if bounds.strict && pairs.clone().nth(MAX_PAIRS).is_some() {
        return Err(TooMuch::Pairs);
    }
    let mut root: Vec<(String, Node)> = Vec::new();
    for pair in pairs.take(MAX_PAIRS) {
        let (key, value) = halves(pair);
        let Some((name, path)) = path(&key, bounds)? else { continue };
        let node = path.into_iter().rev().fold(Node::Text(value), |node, step| nest(step, node, bounds));
        add(&mut root, name, node);
    }
    Ok(root.into_iter().map(|(name, node)| (name, finished(node))).collect())
}

/// Decodes `%xx` and `+`; what is no UTF-8 then stays as it was.
fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let mut bytes = Vec::with_capacity(spaced.len());
    let mut rest = spaced.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.split_at_checked(2).filter(|_| *byte == b'%');
        let decoded = digits.and_then(|(digits, after)| Some((hex(digits)?, after)));
        let (byte, after) = match decoded {
            Some(decoded) => decoded,
            None if *byte == b'%' => return spaced,
            None => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or(spaced)
}

fn hex(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(text, 16).ok()
}

/// A pair's key and value: split behind the brackets, else at the first `=`.
fn halves(pair: &str) -> (String, String) {
    let pair = pair.replace("%5B", "[").replace("%5b", "[").replace("%5D", "]").replace("%5d", "]");
    let split = match pair.split_once("]=") {
        Some((key, value)) => Some((format!("{key}]"), value)),
        None => pair.split_once('=').map(|(key, value)| (key.to_owned(), value)),
    };
    match split {
        Some((key, value)) => (decode(&key), decode(value)),
        None => (decode(&pair), String::new()),
    }
}

/// `a[b][]` -> `a`, and `b`, ``. `None` for keys that no object shall have.
fn path(key: &str, bounds: Bounds) -> Result<Option<(String, Vec<String>)>, TooMuch> {
    let (name, mut rest) = match key.find('[').and_then(|at| key.split_at_checked(at)) {
        Some((name, rest)) if rest.contains(']') => (name, rest),
        _ => (key, ""),
    };
    let mut steps: Vec<String> = Vec::new();
    while let Some((step, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        if steps.len() == bounds.depth {
            if bounds.strict {
                return Err(TooMuch::Levels);
            }
            steps.push(rest.to_owned());
            break;
        }
        steps.push(step.to_owned());
        rest = after;
    }
    let (name, steps) = match (name, steps) {
        // `[a]=1`: the brackets are the name.
        ("", mut steps) if !steps.is_empty() => (steps.remove(0), steps),
        (name, steps) => (name.to_owned(), steps),
    };
    let forbidden = |step: &String| step == "__proto__";
    let pollutes = name == "constructor" && steps.first().is_some_and(|step| step == "prototype")
        || steps.windows(2).any(|pair| pair == ["constructor", "prototype"]);
    if name.is_empty() || pollutes || forbidden(&name) || steps.iter().any(forbidden) {
        return Ok(None);
    }
    Ok(Some((name, steps)))
}

fn nest(step: String, node: Node, bounds: Bounds) -> Node {
    if step.is_empty() {
        return Node::List(vec![(0, node)]);
    }
    match step.parse::<usize>() {
        Ok(index) if index <= bounds.index && index.to_string() == step => Node::List(vec![(index, node)]),
        _ => Node::Map(vec![(step, node)]),
    }
}

/// Adds a pair to a map, merging it with what is there.
fn add(map: &mut Vec<(String, Node)>, name: String, node: Node) {
    match map.iter_mut().find(|(known, _)| *known == name) {
        Some((_, slot)) => {
            let before = std::mem::replace(slot, Node::Text(String::new()));
            *slot = merge(before, node);
        }
        None => map.push((name, node)),
    }
}

fn merge(before: Node, after: Node) -> Node {
    match (before, after) {
        (Node::Map(mut map), Node::Map(more)) => {
            more.into_iter().for_each(|(name, node)| add(&mut map, name, node));
            Node::Map(map)
        }
        (Node::Map(mut map), Node::List(items)) => {
            items.into_iter().for_each(|(index, node)| add(&mut map, index.to_string(), node));
            Node::Map(map)
        }
        (Node::List(items), Node::Map(more)) => {
            let mut map = Vec::new();
            items.into_iter().for_each(|(index, node)| add(&mut map, index.to_string(), node));
            more.into_iter().for_each(|(name, node)| add(&mut map, name, node));
            Node::Map(map)
        }
        (Node::List(mut list), Node::List(items)) => {
            items.into_iter().for_each(|(index, node)| put(&mut list, index, node));
            Node::List(list)
        }
        (Node::List(mut list), text) => {
            push(&mut list, text);
            Node::List(list)
        }
        (first, Node::List(items)) => {
            let mut list = vec![(0, first)];
            items.into_iter().for_each(|(_, node)| push(&mut list, node));
            Node::List(list)
        }
        (first, second) => Node::List(vec![(0, first), (1, second)]),
    }
}

/// Puts an item at its index, or at the end when that is taken; two objects become one.
fn put(list: &mut Vec<(usize, Node)>, index: usize, node: Node) {
    let Some((_, slot)) = list.iter_mut().find(|(known, _)| *known == index) else {
        list.push((index, node));
        return;
    };
    if matches!((&*slot, &node), (Node::Map(_), Node::Map(_))) {
        let before = std::mem::replace(slot, Node::Text(String::new()));
        *slot = merge(before, node);
    } else {
        push(list, node);
    }
}

fn push(list: &mut Vec<(usize, Node)>, node: Node) {
    let next = list.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
    list.push((next, node));
}

fn finished(node: Node) -> Value {
    match node {
        Node::Text(text) => Value::String(text),
        Node::List(mut items) => {
            items.sort_by_key(|(index, _)| *index);
            Value::Array(items.into_iter().map(|(_, node)| finished(node)).collect())
        }
        Node::Map(map) => Value::Object(map.into_iter().map(|(name, node)| (name, finished(node))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, bounds: Bounds) -> String {
        Value::Object(parse(text, bounds).unwrap()).to_string()
    }

    #[test]
    fn reads_as_qs_does() {
        for (text, expected) in [
            ("", "{}"),
            ("a=1&b=", r#"{"a":"1","b":""}"#),
            ("a&=x&&", r#"{"a":""}"#),
            ("a=1&a=2&a=3", r#"{"a":["1","2","3"]}"#),
            ("q[]=1&q[]=2", r#"{"q":["1","2"]}"#),
            ("q%5B%5D=1", r#"{"q":["1"]}"#),
            ("r[0]=a&r[2]=c&r[1]=b", r#"{"r":["a","b","c"]}"#),
            ("r[0]=a&r[0]=b", r#"{"r":["a","b"]}"#),
            ("n[25]=q", r#"{"n":["q"]}"#),
            ("n[101]=q", r#"{"n":{"101":"q"}}"#),
            ("a[b][c]=1&a[b][d]=2", r#"{"a":{"b":{"c":"1","d":"2"}}}"#),
            ("v[a]=1&v=2", r#"{"v":[{"a":"1"},"2"]}"#),
            ("v=2&v[a]=1", r#"{"v":["2",{"a":"1"}]}"#),
            ("v[]=2&v[a]=1", r#"{"v":{"0":"2","a":"1"}}"#),
            ("w+x=%20y+z", r#"{"w x":" y z"}"#),
            ("%ff=1&b=%zz", r#"{"%ff":"1","b":"%zz"}"#),
            ("a=b=c", r#"{"a":"b=c"}"#),
            ("a[b=c", r#"{"a[b":"c"}"#),
            ("[a]=1", r#"{"a":"1"}"#),
            ("a[__proto__][x]=1&__proto__=2&b=1", r#"{"b":"1"}"#),
            ("constructor[prototype][x]=1&a[constructor][prototype]=1&b=1", r#"{"b":"1"}"#),
            ("constructor=1&prototype=2", r#"{"constructor":"1","prototype":"2"}"#),
            (r#"{"a":1}"#, r#"{"{\"a\":1}":""}"#),
        ] {
            assert_eq!(read(text, BODY), expected, "{text}");
        }
    }

    #[test]
    fn has_bounds() {
        let many = vec!["a=1"; 1001].join("&");
        assert_eq!(parse(&many, BODY), Err(TooMuch::Pairs));
        assert_eq!(parse(&many, QUERY).unwrap()["a"].as_array().unwrap().len(), 1000);
        assert_eq!(parse(&format!("a{}=1", "[b]".repeat(33)), BODY), Err(TooMuch::Levels));
        assert_eq!(
            read("a[b][c][d][e][f][g][h]=1", QUERY),
            r#"{"a":{"b":{"c":{"d":{"e":{"f":{"[g][h]":"1"}}}}}}}"#
        );
    }

    proptest! {
        #[test]
        fn never_fails_on_a_query(text in "[ab=&%\\[\\]0-9+é]{0,80}") {
            prop_assert!(parse(&text, QUERY).is_ok());
        }

        #[test]
        fn gives_back_what_was_encoded(value in "\\PC{0,20}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let read = parse(&format!("k={encoded}"), QUERY).unwrap();
            prop_assert_eq!(read["k"].as_str(), Some(value.as_str()));
        }
    }
}
