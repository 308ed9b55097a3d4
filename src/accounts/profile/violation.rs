//! A rule that a property breaks.

use std::borrow::Cow;

use crate::accounts::{Faulty, Violation};

pub(super) fn violation(property: impl Into<Cow<'static, str>>, rule: Faulty, shown: String) -> Violation {
    Violation { property: property.into(), rule, shown }
}
