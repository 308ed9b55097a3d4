//! Keys whose features are not implemented yet.

use super::{
    code::Code,
    finding::{Place, Report},
};

/// Reports an error for keys that an operator would rely on for protection.
pub(crate) fn report(changed: &[(&'static str, Place)], report: &mut Report) {
    // A setting that protects something must never be ignored (README, "What is not there yet").
    for (key, place) in changed.iter().filter(|(key, _)| is_unimplemented(key)) {
        let message = format!("`{key}` is not built yet, and nothing would be protected by it");
        report.error(place, Code::NotBuilt, message, Some("take it out".to_owned()));
    }
}

/// Whether the feature of a key is not implemented.
pub(super) fn is_unimplemented(key: &str) -> bool {
    PROTECTIVE.contains(&key)
}

/// With any value but the default, these keys are errors.
pub(super) const PROTECTIVE: &[&str] = &[];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::KEYS;

    #[test]
    fn they_are_all_keys() {
        for key in PROTECTIVE {
            assert!(KEYS.contains(key), "{key}");
        }
    }
}
