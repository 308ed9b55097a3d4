//! Keys whose features are not implemented yet.

use super::{
    code::Code,
    finding::{Place, Report},
};

/// Reports an error for keys that an operator would rely on for protection, and a warning for the others.
pub(crate) fn report(changed: &[(&'static str, Place)], report: &mut Report) {
    for (key, place) in changed {
        // A setting that protects something must never be ignored (README, "What is not there yet").
        if PROTECTIVE.contains(key) {
            let message = format!("`{key}` is not built yet, and nothing would be protected by it");
            report.error(place, Code::NotBuilt, message, Some("take it out".to_owned()));
        } else if WITHOUT_EFFECT.contains(key) {
            report.warning(
                place,
                Code::NotBuilt,
                format!("`{key}` is not built yet and has no effect"),
                None,
            );
        }
    }
}

/// Whether the feature of a key is not implemented.
pub(super) fn is_unimplemented(key: &str) -> bool {
    PROTECTIVE.contains(&key) || WITHOUT_EFFECT.contains(&key)
}

/// With any value but the default, these keys are errors.
pub(super) const PROTECTIVE: &[&str] = &["identity.assertion"];

/// With any value but the default, these keys are warnings.
const WITHOUT_EFFECT: &[&str] = &["identity.assertion_audience"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::KEYS;

    #[test]
    fn they_are_all_keys() {
        for key in PROTECTIVE.iter().chain(WITHOUT_EFFECT) {
            assert!(KEYS.contains(key), "{key}");
        }
    }
}
