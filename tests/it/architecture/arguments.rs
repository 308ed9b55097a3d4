//! Functions with a parameter that is a tuple: clippy's `too_many_arguments` counts it as one argument, whatever it holds.

use super::imports::tokens;

/// The functions of a file, methods too, that take a tuple, also by reference or as an `Option`, by name. A list or a map
/// of tuples is data, and so is the one value that a `From` converts.
pub(super) fn with_tuples(code: &str) -> Vec<&str> {
    let tokens = tokens(code);
    let starts = (1..tokens.len()).filter(|at| tokens[at - 1] == "fn" && tokens[*at] != "(");
    let functions = starts.map(|at| (tokens[at], parameters(&tokens[at..])));
    let hiding = functions.filter(|(name, all)| *name != "from" && all.iter().any(|one| is_tuple(one)));
    hiding.map(|(name, _)| name).collect()
}

/// The parameters of the function whose name comes first.
fn parameters<'t, 'c>(tokens: &'t [&'c str]) -> Vec<&'t [&'c str]> {
    // Past the name and its generics, in which `->` and `Fn(A) -> B` may stand.
    let mut at = 1;
    if tokens.get(at) == Some(&"<") {
        let mut depth = 0;
        while at < tokens.len() {
            depth += i32::from(tokens[at] == "<");
            depth -= i32::from(tokens[at] == ">" && tokens[at - 1] != "-");
            at += 1;
            if depth == 0 {
                break;
            }
        }
    }
    parts(inside(&tokens[at..]))
}

/// Whether the pattern or the type of `pattern: type` is a tuple. One of no and one of a single element hide nothing.
fn is_tuple(parameter: &[&str]) -> bool {
    let colon = parameter.iter().position(|token| *token == ":").unwrap_or(parameter.len());
    let (pattern, ty) = parameter.split_at(colon);
    [pattern, ty].into_iter().any(|part| {
        let before =
            part.iter().take_while(|token| [":", "&", "mut", "ref", "Option", "<"].contains(token)).count();
        let part = &part[before..];
        part.first() == Some(&"(") && parts(inside(part)).len() > 1
    })
}

/// The tokens between the first parenthesis and its partner.
fn inside<'t, 'c>(tokens: &'t [&'c str]) -> &'t [&'c str] {
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth += i32::from(*token == "(") - i32::from(*token == ")");
        depth == 0
    });
    tokens.get(1..end.unwrap_or(1)).unwrap_or_default()
}

/// Parts between commas that no bracket encloses.
fn parts<'t, 'c>(tokens: &'t [&'c str]) -> Vec<&'t [&'c str]> {
    let (mut depth, mut before) = (0, "");
    let parts = tokens.split(|token| {
        match *token {
            "(" | "[" | "{" | "<" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            ">" if before != "-" => depth -= 1,
            _ => {}
        }
        before = token;
        *token == "," && depth == 0
    });
    parts.filter(|part| !part.is_empty()).collect()
}
