//! What a token is good for. No list stands for everything; LoopBack takes an empty one for nothing at all, not even
//! for what `$everyone` may do.

/// The scopes of a row that has a list of them. No method asks for the scope without a name, which stands for nothing.
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
