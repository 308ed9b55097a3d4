//! The caller as rules see it.

use crate::{gate::session::Known, policy::Caller};

pub(in crate::gate) const ANONYMOUS: Caller<'static> = Caller { user: None, roles: &[], scopes: &[] };

pub(super) fn caller(session: Option<&Known>) -> Caller<'_> {
    match session {
        None => ANONYMOUS,
        Some(known) => Caller {
            user: Some(&known.subject.id_text),
            roles: &known.subject.roles,
            scopes: &known.session.scopes,
        },
    }
}
