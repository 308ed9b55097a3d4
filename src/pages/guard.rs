//! Forms that a client's network has just sent often: the challenge that such a form carries, and its check.

use serde_json::{Value, json};

use super::{
    challenge::{Challenge, GuardedForm, NUMBERS},
    cookies::Browser,
    form::Form,
    input::Visit,
    notice::{Notice, Notices},
    state::Pages,
};

/// The name of the field with the challenge.
pub(super) const CHALLENGE: &str = "challenge";

/// The name of the field that the script fills in.
const SOLUTION: &str = "solution";

/// A form carries a challenge when its client has used more than this of the limit, in percent.
const WARM: u64 = 50;

/// The time to wait without a solution, in seconds, just above [`WARM`] and at the end of the limit.
const WAITS: (u64, u64) = (10, 30);

impl Pages {
    /// The challenge that a page shows: the one that was sent, as long as it is good; `None` while the limit is hardly
    /// used, and none that can be shown.
    pub(super) fn challenge(
        &self,
        visit: &Visit<'_>,
        guarded: GuardedForm,
        browser: &Browser,
        sent: &str,
    ) -> Option<Value> {
        let wait = self.wait(visit, guarded)?;
        let challenge = self
            .good_challenge(visit, guarded, browser, sent)
            .or_else(|| Challenge::new(&self.shared.key, browser, guarded, wait, visit.now))?;
        Some(json!({
            "text": challenge.text(),
            "target": challenge.target(),
            "numbers": NUMBERS,
            "wait": challenge.left(visit.now),
        }))
    }

    /// Spends the challenge of a form, if there has to be one.
    ///
    /// # Errors
    /// What the page says: that there is no good challenge, or that it is too early without a solution.
    pub(super) fn spend_challenge(
        &self,
        visit: &Visit<'_>,
        guarded: GuardedForm,
        form: &Form<'_>,
    ) -> Result<(), Notices> {
        let Some(wait) = self.wait(visit, guarded) else { return Ok(()) };
        let sent = form.text(CHALLENGE);
        let browser = Browser::read(visit);
        let good = browser.and_then(|browser| self.good_challenge(visit, guarded, &browser, sent));
        let Some(challenge) = good else {
            // A page from before the limit was used has none.
            let key = if sent.is_empty() { "error.challenge_wait" } else { "error.challenge_used" };
            return Err(waiting(key, wait));
        };
        let left = challenge.left(visit.now);
        if left > 0 && !challenge.is_solved_by(form.text(SOLUTION)) {
            return Err(waiting("error.challenge_wait", left));
        }
        // Two requests with one challenge may come at once.
        let is_first = self.shared.spent.spend(&challenge, visit.now);
        if is_first { Ok(()) } else { Err(waiting("error.challenge_used", wait)) }
    }

    /// The challenge that was sent, if it is for this form of this browser, lives, and was not spent.
    fn good_challenge(
        &self,
        visit: &Visit<'_>,
        guarded: GuardedForm,
        browser: &Browser,
        sent: &str,
    ) -> Option<Challenge> {
        let challenge = Challenge::read(sent, &self.shared.key, browser, guarded, visit.now)?;
        (!self.shared.spent.has(&challenge)).then_some(challenge)
    }

    /// The time to wait without a solution, in seconds; `None` while no challenge is needed.
    fn wait(&self, visit: &Visit<'_>, guarded: GuardedForm) -> Option<u64> {
        let over = self.accounts.limit_used(guarded.limit(), visit.client).checked_sub(WARM + 1)?;
        let (shortest, longest) = WAITS;
        Some(shortest + over * (longest - shortest) / (99 - WARM))
    }
}

fn waiting(key: &'static str, seconds: u64) -> Notices {
    Notice { wait: Some(seconds), ..Notice::new(429, key).counting(seconds) }.into()
}
