//! Constructor of violations.

use std::borrow::Cow;

use crate::accounts::{ValidationRule, Violation};

pub(super) fn violation(
    property: impl Into<Cow<'static, str>>,
    rule: ValidationRule,
    shown: String,
) -> Violation {
    Violation { property: property.into(), rule, shown }
}
