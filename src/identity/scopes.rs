//! Scopes of tokens. A token without a list is unrestricted. LoopBack allows nothing to a token with an empty list, not
//! even what `$everyone` may do.

/// Converts the list of a row. An empty list becomes one with an empty name, which no method requires.
#[must_use]
pub fn listed(scopes: Vec<String>) -> Vec<String> {
    if scopes.is_empty() { vec![String::new()] } else { scopes }
}

/// The list as clients see it.
#[must_use]
pub fn shown(scopes: &[String]) -> &[String] {
    match scopes {
        [nothing] if nothing.is_empty() => &[],
        scopes => scopes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_is_not_no_list() {
        let nothing = listed(Vec::new());
        assert!(!nothing.is_empty());
        assert_eq!(shown(&nothing), Vec::<String>::new());
        let some = listed(vec!["a".to_owned(), String::new()]);
        assert_eq!(shown(&some), ["a", ""]);
    }
}
