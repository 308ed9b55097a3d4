//! Rate limits per client, on tables of fixed capacity (DESIGN.md section 6).

use std::{net::IpAddr, time::Duration};

/// `10/minute`: how many, and in what time they come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many at once at the most.
    pub burst: u32,
    /// The time in which `burst` come back, evenly.
    pub period: Duration,
}

/// The limits; `None` = off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Logins of one client.
    pub login_per_client: Option<Rate>,
    /// Reset requests of one client.
    pub reset_per_client: Option<Rate>,
    /// Registrations of one client.
    pub register_per_client: Option<Rate>,
    /// All requests of one client.
    pub requests_per_client: Option<Rate>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `POST /users/login`.
    Login,
    /// `POST /users/reset`.
    Reset,
    /// `POST /users`.
    Register,
    /// Every request.
    Request,
}

/// Too many: try again after this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

/// The limiters.
#[derive(Debug)]
pub struct Limits {}

impl Limits {
    /// Makes the tables.
    #[must_use]
    pub fn new(_settings: &Settings) -> Self {
        Self {}
    }

    /// Counts one; IPv6 clients count by their /64.
    ///
    /// # Errors
    /// [`RetryAfter`] when the client has used up its share.
    pub fn check(&self, _door: Door, _client: IpAddr) -> Result<(), RetryAfter> {
        Ok(())
    }
}
