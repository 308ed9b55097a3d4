//! Look-ups that are shared, kept and given up, without a socket.

use std::{
    cell::Cell,
    pin::{Pin, pin},
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use tokio::sync::Notify;

use super::*;
use crate::{
    forward::ForwardError,
    policy::{self, Caller, Decision, PolicySet, Source, Stored, Unmatched},
};

/// By which hosts the app is asked.
const TENANT: &str = "a a http";

const TTL: Duration = Duration::from_secs(30);

/// A set with two routes whose owner the app knows: one that keeps the answer for [`TTL`], one that does not.
fn set() -> PolicySet {
    let file = |name: &str, path: &str, cache: &str| Source {
        name: format!("{name}.json"),
        text: format!(
            r#"{{"name": "{name}", "routes": [{{"path": "/{path}/{{id}}"}}],
                "owner": {{"lookup": "/{path}/{{id}}", "field": "/owner"{cache}}},
                "acls": [{{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"}},
                         {{"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW"}}]}}"#
        ),
    };
    let sources = [file("Kept", "kept", r#", "cache": "30s""#), file("Fresh", "fresh", "")];
    let settings = policy::Settings {
        api_root: "/api".into(),
        users_plural: None,
        user_model: None,
        is_one_of_several: false,
        unmatched: Unmatched::Deny,
        default_allow: false,
        acl_error_status: None,
        loopback: false,
        short_routes: false,
        restrict_reset_scope: None,
        set_users_keys: Vec::new(),
        serves_accounts: true,
        current_user_literal: None,
    };
    policy::compile(&settings, &sources, &Stored::default()).0.unwrap()
}

fn question<'s>(set: &'s PolicySet, target: &str) -> Question<'s> {
    let action = set.action("GET", target, None);
    match set.decide(&action, Caller { user: Some("7"), roles: &[], certificate: None, scopes: &[] }, None) {
        Decision::Ask(question) => question,
        other => panic!("{other:?}"),
    }
}

fn row(owner: u32) -> Fetched {
    Fetched { status: 200, header: None, body: format!(r#"{{"owner": {owner}}}"#).into_bytes() }
}

fn status(status: u16) -> Fetched {
    Fetched { status, header: None, body: Vec::new() }
}

fn clock() -> Clock {
    Clock::manual(Timestamp(1_000_000))
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

fn owns(question: &Question<'_>, landed: &Landed) -> bool {
    let caller = Caller { user: Some("7"), roles: &[], certificate: None, scopes: &[] };
    let verdict = question.verdict(landed.as_ref().unwrap(), caller, false);
    verdict == crate::policy::OwnerVerdict::Owner
}

#[test]
fn who_asks_at_the_same_time_shares_one_look_up() {
    let (set, owners, clock) = (set(), Owners::default(), clock());
    let question = question(&set, "/fresh/1");
    let (count, gate) = (Cell::new(0), Notify::new());
    let fetch = async || {
        count.set(count.get() + 1);
        gate.notified().await;
        Ok(row(7))
    };
    let mut asking: Vec<_> = (0..5)
        .map(|_| Box::pin(owners.ask(Asked { question: &question, tenant: TENANT }, &clock, fetch)))
        .collect();
    assert!(asking.iter_mut().all(|asking| poll(asking.as_mut()).is_pending()));
    gate.notify_one();
    for asking in &mut asking {
        let Poll::Ready(landed) = poll(asking.as_mut()) else { panic!("it has landed") };
        assert!(owns(&question, &landed));
    }
    assert_eq!(count.get(), 1);
    assert!(owners.under_way.borrow().is_empty());
    // Nothing is kept beyond that.
    let mut later = pin!(owners.ask(Asked { question: &question, tenant: TENANT }, &clock, fetch));
    assert!(poll(later.as_mut()).is_pending());
    assert_eq!(count.get(), 2);
}

#[test]
fn other_rows_are_other_look_ups() {
    let (set, owners, clock) = (set(), Owners::default(), clock());
    let questions = ["/fresh/1", "/fresh/2", "/kept/1"].map(|target| question(&set, target));
    let count = Cell::new(0);
    let fetch = async || {
        count.set(count.get() + 1);
        std::future::pending().await
    };
    let mut asking: Vec<_> = questions
        .iter()
        .map(|question| Box::pin(owners.ask(Asked { question, tenant: TENANT }, &clock, fetch)))
        .collect();
    assert!(asking.iter_mut().all(|asking| poll(asking.as_mut()).is_pending()));
    assert_eq!(count.get(), 3);
}

#[test]
fn when_the_leader_goes_away_another_one_asks() {
    let (set, owners, clock) = (set(), Owners::default(), clock());
    let question = question(&set, "/fresh/1");
    let never = async || std::future::pending().await;
    let mut leader = Box::pin(owners.ask(Asked { question: &question, tenant: TENANT }, &clock, never));
    assert!(poll(leader.as_mut()).is_pending());
    let answers = async || Ok(row(7));
    let mut followers: Vec<_> = (0..3)
        .map(|_| Box::pin(owners.ask(Asked { question: &question, tenant: TENANT }, &clock, answers)))
        .collect();
    assert!(followers.iter_mut().all(|follower| poll(follower.as_mut()).is_pending()));
    drop(leader);
    for follower in &mut followers {
        let Poll::Ready(landed) = poll(follower.as_mut()) else { panic!("a new leader asked") };
        assert!(owns(&question, &landed));
    }
    assert!(owners.under_way.borrow().is_empty());
}

#[test]
fn a_failure_is_shared_and_not_cached() {
    let (set, owners, clock) = (set(), Owners::default(), clock());
    let question = question(&set, "/kept/1");
    let gate = Notify::new();
    let fails = async || {
        gate.notified().await;
        Err(ForwardError::Cut)
    };
    let (mut one, mut two) = (
        Box::pin(owners.ask(Asked { question: &question, tenant: TENANT }, &clock, fails)),
        Box::pin(owners.ask(Asked { question: &question, tenant: TENANT }, &clock, fails)),
    );
    assert!(poll(one.as_mut()).is_pending() && poll(two.as_mut()).is_pending());
    gate.notify_one();
    for asking in [&mut one, &mut two] {
        let Poll::Ready(Err(failure)) = poll(asking.as_mut()) else { panic!("it failed") };
        assert!(matches!(*failure, Failure::Unanswered(ForwardError::Cut)));
    }
    let answers = async || Ok(row(7));
    let Poll::Ready(landed) =
        poll(pin!(owners.ask(Asked { question: &question, tenant: TENANT }, &clock, answers)))
    else {
        panic!()
    };
    assert!(owns(&question, &landed));
}

/// Asks with an answer at hand: what came of it, and whether the app was asked.
fn ask_now(owners: &Owners, question: &Question<'_>, clock: &Clock, answer: Fetched) -> (Landed, bool) {
    let answer = Cell::new(Some(answer));
    let fetch = async || Ok(answer.take().unwrap());
    let Poll::Ready(landed) = poll(pin!(owners.ask(Asked { question, tenant: TENANT }, clock, fetch))) else {
        panic!()
    };
    (landed, answer.take().is_none())
}

#[test]
fn an_owner_is_kept_as_long_as_the_policy_says() {
    let (set, owners, clock) = (set(), Owners::default(), clock());
    let question = question(&set, "/kept/1");
    assert!(ask_now(&owners, &question, &clock, row(7)).1);
    clock.advance(TTL - Duration::from_millis(1));
    let (landed, asked) = ask_now(&owners, &question, &clock, row(8));
    assert!(!asked && owns(&question, &landed));
    clock.advance(Duration::from_millis(1));
    let (landed, asked) = ask_now(&owners, &question, &clock, row(8));
    assert!(asked && !owns(&question, &landed), "it is asked anew");
    let set_back = Clock::manual(Timestamp(0));
    assert!(ask_now(&owners, &question, &set_back, row(8)).1, "a clock that was set back keeps nothing");
}

#[test]
fn an_answer_is_as_old_as_its_question() {
    let (set, owners, clock) = (set(), Owners::default(), clock());
    let question = question(&set, "/kept/1");
    let slow = async || {
        clock.advance(TTL);
        Ok(row(7))
    };
    assert!(poll(pin!(owners.ask(Asked { question: &question, tenant: TENANT }, &clock, slow))).is_ready());
    assert!(ask_now(&owners, &question, &clock, row(7)).1);
}

#[test]
fn what_is_no_owner_is_not_kept() {
    let (set, owners, clock) = (set(), Owners::default(), clock());
    let kept = question(&set, "/kept/1");
    let none = Fetched { body: br#"{"owner": null}"#.to_vec(), ..status(200) };
    for answer in [status(404), none] {
        let (landed, _) = ask_now(&owners, &kept, &clock, answer);
        assert!(!owns(&kept, &landed));
        assert!(owners.kept.borrow().young.is_empty());
    }
    let _ = ask_now(&owners, &question(&set, "/fresh/1"), &clock, row(7));
    let long = format!("/kept/{}", "1".repeat(LONGEST));
    let _ = ask_now(&owners, &question(&set, &long), &clock, row(7));
    assert!(owners.kept.borrow().young.is_empty());
}

#[test]
fn nothing_grows_without_a_bound() {
    let mut kept = Kept::default();
    let entry = || Entry { owner: "7".into(), since: Timestamp(0), until: Timestamp(10) };
    for number in 0..3 * MOST_KEPT {
        kept.put(number.to_string().into(), entry());
        assert!(kept.young.len() <= MOST_KEPT && kept.old.len() <= MOST_KEPT);
        assert!(kept.get("0", Timestamp(1)).is_some(), "what is used stays: {number}");
    }
    assert!(kept.get("1", Timestamp(1)).is_none());

    let (set, owners, clock) = (set(), Owners::default(), clock());
    let targets: Vec<_> = (0..=MOST_UNDER_WAY).map(|number| format!("/fresh/{number}")).collect();
    let questions: Vec<_> = targets.iter().map(|target| question(&set, target)).collect();
    let never = async || std::future::pending().await;
    let mut asking: Vec<_> = questions
        .iter()
        .map(|question| Box::pin(owners.ask(Asked { question, tenant: TENANT }, &clock, never)))
        .collect();
    let (last, first) = asking.split_last_mut().unwrap();
    assert!(first.iter_mut().all(|asking| poll(asking.as_mut()).is_pending()));
    let Poll::Ready(Err(failure)) = poll(last.as_mut()) else { panic!("one too many") };
    assert!(matches!(*failure, Failure::TooMany));
}

#[test]
fn only_a_row_and_its_absence_are_answers() {
    let set = set();
    let question = question(&set, "/fresh/1");
    assert!(matches!(read(&question, row(7)), Ok(OwnerAnswer::Row(_))));
    for none in [400, 404, 410] {
        assert!(matches!(read(&question, status(none)), Ok(OwnerAnswer::Missing)), "{none}");
    }
    for (answer, told) in [
        (status(401), "its own authentication is still on"),
        (status(200), "is not JSON"),
        (status(204), "answered 204"),
        (status(302), "answered 302"),
        (status(403), "answered 403"),
        (status(500), "answered 500"),
    ] {
        let failure = read(&question, answer).unwrap_err().to_string();
        assert!(failure.contains(told), "{failure}");
    }
}

#[test]
fn b8_other_fields_or_hosts_are_another_tenant() {
    let naming = |host, forwarded, scheme, fields| super::tenant(&Naming { host, forwarded, scheme, fields });
    let one = naming("a", "b", "http", b"X-Tenant: a\r\n");
    assert_eq!(naming("a", "b", "http", b"X-Tenant: a\r\n"), one);
    for other in [
        naming("b", "b", "http", b"X-Tenant: a\r\n"),
        naming("a", "a", "http", b"X-Tenant: a\r\n"),
        naming("a", "b", "https", b"X-Tenant: a\r\n"),
        naming("a", "b", "http", b"X-Tenant: b\r\n"),
        naming("a", "b", "http", b"Cookie: tenant=a\r\n"),
        naming("a", "b", "http", b""),
    ] {
        assert_ne!(other, one);
    }
    let long = naming("a", "b", "http", &[b'x'; 8192]);
    assert!(long.len() < LONGEST / 2, "{long}");
}

#[test]
fn b8_another_host_is_another_question() {
    let (set, owners, clock) = (set(), Owners::default(), clock());
    for target in ["/kept/1", "/fresh/1"] {
        let question = question(&set, target);
        let never = async || std::future::pending().await;
        let mut under_way =
            Box::pin(owners.ask(Asked { question: &question, tenant: "b b http" }, &clock, never));
        assert!(poll(under_way.as_mut()).is_pending());
        for (tenant, owner) in [("a a http", 7), ("c c http", 8)] {
            let answers = async || Ok(row(owner));
            let Poll::Ready(landed) =
                poll(pin!(owners.ask(Asked { question: &question, tenant }, &clock, answers)))
            else {
                panic!("it waits for another tenant's answer")
            };
            assert_eq!(owns(&question, &landed), owner == 7, "{target} {tenant}");
        }
    }
}
