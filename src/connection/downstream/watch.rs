//! A body that is looked at as it passes: what is found in it does not go on.

mod since;

use super::{BodyError, Downstream};
use crate::wire::OverrideScanner;

pub(crate) use since::Watch;

impl Watch {
    /// Whether the next piece must not go on.
    pub(crate) fn finds(&mut self, piece: &[u8]) -> bool {
        self.scanner.finds(piece)
    }

    /// This many bytes that were looked at have gone on.
    pub(crate) fn gone_on(&mut self, count: usize) {
        self.seen = self.seen.saturating_sub(count);
    }
}

impl Downstream {
    /// Lets the rest of the body go on only as long as nothing is found in it.
    pub fn watch(&mut self, scanner: OverrideScanner) {
        self.watch = Some(Box::new(Watch { scanner, seen: 0 }));
    }

    /// Looks at the next `count` bytes of the input, which go on as they are.
    pub(crate) fn look_ahead(&mut self, count: usize) -> Result<(), BodyError> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        let fresh = self.scratch.input.filled().get(watch.seen..count).unwrap_or_default();
        watch.seen = watch.seen.max(count);
        if watch.finds(fresh) { Err(BodyError::MethodOverride) } else { Ok(()) }
    }
}
