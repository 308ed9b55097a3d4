//! The caller as rules see it.

use crate::{gate::session::Known, policy::Caller};

pub(in crate::gate) const ANONYMOUS: Caller<'static> =
    Caller { user: None, roles: &[], certificate: None, scopes: &[] };

/// `certificate`: the subject of the one that the client has shown.
pub(super) fn caller<'c>(session: Option<&'c Known>, certificate: Option<&'c str>) -> Caller<'c> {
    match session {
        None => Caller { certificate, ..ANONYMOUS },
        Some(known) => Caller {
            user: Some(&known.subject.id_text),
            roles: &known.subject.roles,
            certificate,
            scopes: &known.session.scopes,
        },
    }
}
