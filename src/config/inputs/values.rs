//! What is written, before it has a type.

use std::collections::BTreeMap;

use crate::config::setting::Located;

/// What was written, by `section.key`.
#[derive(Default)]
pub(crate) struct Inputs {
    pub(super) written: BTreeMap<String, Located>,
}
