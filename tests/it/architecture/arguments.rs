//! How many arguments a function has, those in tuples counted one by one.

use super::imports::tokens;

/// A function and its arguments.
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) arguments: usize,
    /// Some of them stand in a tuple.
    pub(super) hides: bool,
}

/// The functions of a file, methods too. `self` counts, as clippy's `too_many_arguments` counts it.
pub(super) fn signatures(code: &str) -> Vec<Signature> {
    let tokens = tokens(code);
    let starts = (1..tokens.len()).filter(|at| tokens[at - 1] == "fn" && tokens[*at] != "(");
    starts.map(|at| signature(&tokens[at..])).collect()
}

fn signature(tokens: &[&str]) -> Signature {
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
    let parameters = parts(inside(&tokens[at..]));
    let counted: Vec<usize> = parameters.iter().map(|parameter| elements(parameter)).collect();
    Signature {
        name: tokens[0].to_owned(),
        arguments: counted.iter().sum(),
        hides: counted.iter().any(|count| *count > 1),
    }
}

/// How many arguments a parameter stands for: `(a, (b, c)): …` is three, `pair: (A, B)` two.
fn elements(parameter: &[&str]) -> usize {
    let colon = parameter.iter().position(|token| *token == ":").unwrap_or(parameter.len());
    // A list of pairs is one argument, and so is a reference to one pair.
    let ty = parameter.get(colon + 1..).unwrap_or_default();
    in_tuple(&parameter[..colon]).max(in_tuple(ty))
}

fn in_tuple(tokens: &[&str]) -> usize {
    if tokens.first() != Some(&"(") {
        return 1;
    }
    parts(inside(tokens)).iter().map(|part| in_tuple(part)).sum()
}

/// What stands between the first parenthesis and its partner.
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
