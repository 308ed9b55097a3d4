//! A backend in memory, for tests.

use super::backend::Backend;
use crate::admin::testing::services;

/// A backend on an empty store.
pub(super) async fn backend() -> Backend {
    Backend::Here(Box::new(services().await))
}
