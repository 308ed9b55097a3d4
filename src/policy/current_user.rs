//! `users.current_user_literal`: a path segment such as `me` is replaced by the caller's id
//! (docs/loopback-3.28.md section 1.6).

use super::PolicySet;
use crate::encoding::percent_encoded;

/// The result of the replacement in a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CurrentUser {
    /// The target has no such segment.
    AsSent,
    /// The target with the caller's id, which is judged and forwarded.
    Replaced(String),
    /// The target has the segment, but the request is anonymous: 401.
    Anonymous,
}

impl PolicySet {
    /// Replaces the literal by the caller's id. `target` is the raw path with its query, `user` the id.
    ///
    /// LoopBack replaces it in the query, too, and skips the second of two in a row. Profile `standard`
    /// replaces it in the path only.
    #[must_use]
    pub fn current_user(&self, target: &str, user: Option<&str>) -> CurrentUser {
        let Some(literal) = &self.settings.current_user_literal else { return CurrentUser::AsSent };
        let (path, query) = match target.split_once('?') {
            Some((path, _)) if !self.settings.loopback => target.split_at(path.len()),
            _ => (target, ""),
        };
        let found = segments(path, literal, self.settings.loopback);
        if found.is_empty() {
            return CurrentUser::AsSent;
        }
        let Some(user) = user else { return CurrentUser::Anonymous };
        // Imported ids may contain any character. Unencoded, a slash or a question mark would change the route.
        let id = percent_encoded(user);
        let (mut replaced, mut end) = (String::with_capacity(target.len() + id.len()), 0);
        for at in found {
            replaced.push_str(path.get(end..at).unwrap_or_default());
            replaced.push_str(&id);
            end = at + literal.len();
        }
        replaced.push_str(path.get(end..).unwrap_or_default());
        replaced.push_str(query);
        CurrentUser::Replaced(replaced)
    }
}

/// The positions of `literal` between a slash and a slash, a question mark or the end.
fn segments(text: &str, literal: &str, loopback: bool) -> Vec<usize> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(slash) = text.get(from..).and_then(|rest| rest.find('/')) {
        let at = from + slash + 1;
        let rest = text.get(at..).unwrap_or_default();
        let after = rest.strip_prefix(literal).map(|after| after.bytes().next());
        from = match after {
            Some(None | Some(b'/' | b'?')) => {
                found.push(at);
                // LoopBack's expression consumes the slash behind it as well, so it misses a directly following
                // literal.
                at + literal.len() + usize::from(loopback && after != Some(None))
            }
            _ => at,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Settings, Stored, Unmatched, compile};

    fn set(loopback: bool, literal: Option<&str>) -> PolicySet {
        let settings = Settings {
            serves_accounts: true,
            api_root: "/api".into(),
            users_plural: None,
            user_model: None,
            is_one_of_several: false,
            unmatched: Unmatched::Deny,
            default_allow: true,
            acl_error_status: None,
            loopback,
            short_routes: false,
            restrict_reset_scope: None,
            set_users_keys: Vec::new(),
            current_user_literal: literal.map(str::to_owned),
        };
        compile(&settings, &[], &Stored::default()).0.unwrap()
    }

    #[test]
    fn a_segment_becomes_the_callers_id() {
        let (loopback, standard) = (set(true, Some("me")), set(false, Some("me")));
        for (target, by_loopback, by_standard) in [
            ("/api/users/me", "/api/users/7", "/api/users/7"),
            ("/me/orders/?a=b", "/7/orders/?a=b", "/7/orders/?a=b"),
            ("/me?x", "/7?x", "/7?x"),
            ("/me/me/me", "/7/me/7", "/7/7/7"),
            ("/a?to=/me", "/a?to=/7", "/a?to=/me"),
            ("/a?to=/me&b", "/a?to=/me&b", "/a?to=/me&b"),
            ("/a?to=/me/b?/me?", "/a?to=/7/b?/7?", "/a?to=/me/b?/me?"),
            ("/Me/some/%6de/mes/ame", "/Me/some/%6de/mes/ame", "/Me/some/%6de/mes/ame"),
        ] {
            for (set, expected) in [(&loopback, by_loopback), (&standard, by_standard)] {
                let same = target == expected;
                let known =
                    if same { CurrentUser::AsSent } else { CurrentUser::Replaced(expected.to_owned()) };
                assert_eq!(set.current_user(target, Some("7")), known, "{target}");
                let anonymous = if same { CurrentUser::AsSent } else { CurrentUser::Anonymous };
                assert_eq!(set.current_user(target, None), anonymous, "{target}");
            }
        }
    }

    #[test]
    fn an_id_of_any_text_stays_one_segment() {
        let set = set(false, Some("me"));
        let replaced = set.current_user("/users/me", Some("a/../b?é"));
        assert_eq!(replaced, CurrentUser::Replaced("/users/a%2F..%2Fb%3F%C3%A9".to_owned()));
    }

    #[test]
    fn is_off_by_default() {
        assert_eq!(set(true, None).current_user("/users/me", None), CurrentUser::AsSent);
    }
}
