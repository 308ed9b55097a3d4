use std::net::IpAddr;

use super::*;
use crate::{
    accounts::testing::{self, TestAccounts},
    identity::{Lifetimes, TokenHash},
    observe::metrics::Gauges,
    store::{LastUse, Session, UserDraft},
};

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Bench {
    fixture: TestAccounts,
    cleanup: TokenCleanup,
    last_use: LastUseWriter,
    metrics: Arc<Metrics>,
}

impl Bench {
    async fn new(lifetimes: Lifetimes) -> Self {
        let fixture = testing::fixture(testing::standard()).await;
        fixture.store.commit(vec![Change::CreateUser(UserDraft::default())]).await.unwrap();
        let metrics = Metrics::new();
        let lifetimes: LifetimesNow = Arc::new(move || lifetimes);
        let last_use = LastUseWriter::new(Arc::clone(&fixture.store), Arc::clone(&lifetimes));
        let (store, clock) = (Arc::clone(&fixture.store), fixture.clock.clone());
        let cleanup = TokenCleanup::new(store, clock, lifetimes, Arc::clone(&metrics));
        Self { fixture, cleanup, last_use, metrics }
    }

    async fn add(&self, id: &str, ttl: f64) -> Arc<Session> {
        let token = Token {
            hash: TokenHash::of(id),
            user: 1.into(),
            ttl: Some(ttl),
            created: self.fixture.clock.now(),
            scopes: Vec::new(),
            name: None,
            epoch: 0,
            fixed: false,
            host: None,
            used: None,
        };
        self.fixture.store.commit(vec![Change::CreateToken(token.clone())]).await.unwrap();
        self.fixture.store.sessions().get(&token.hash).unwrap()
    }

    async fn use_now(&self, session: &Session) {
        session.touch(self.fixture.clock.now(), CLIENT, &(self.cleanup.lifetimes)());
    }

    /// Which tokens are left after a whole round.
    async fn left(&self) -> Vec<TokenHash> {
        let mut round = Round::default();
        loop {
            self.cleanup.sweep(&mut round).await.unwrap();
            if round.last.is_none() {
                break;
            }
        }
        let tokens = self.fixture.store.tokens(None).await.unwrap();
        tokens.into_iter().map(|token| token.hash).collect()
    }

    async fn written(&self, id: &str) -> Option<LastUse> {
        let tokens = self.fixture.store.tokens(None).await.unwrap();
        tokens.into_iter().find(|token| token.hash == TokenHash::of(id)).unwrap().used
    }

    async fn write(&self) {
        self.last_use.write_due().await.unwrap();
    }

    fn over(&self) -> u64 {
        assert!(self.metrics.render(&Gauges::default()).contains("portcullis_tokens_live"));
        self.metrics.over()
    }
}

#[tokio::test]
async fn a_token_stays_a_month_after_its_end() {
    let bench = Bench::new(Lifetimes::default()).await;
    bench.add("short", 60.0).await;
    bench.add("long", 90.0 * 86_400.0).await;
    assert_eq!((bench.left().await.len(), bench.over()), (2, 0));
    bench.fixture.clock.advance(Duration::from_secs(60));
    assert_eq!((bench.left().await.len(), bench.over()), (2, 1), "it is over, and still there");
    bench.fixture.clock.advance(RETENTION - Duration::from_millis(1));
    assert_eq!((bench.left().await.len(), bench.over()), (2, 1));
    bench.fixture.clock.advance(Duration::from_millis(1));
    assert_eq!((bench.left().await, bench.over()), (vec![TokenHash::of("long")], 0));
    assert!(bench.fixture.store.sessions().get(&TokenHash::of("short")).is_none());
}

#[tokio::test]
async fn a_round_takes_as_many_pages_as_there_are() {
    let bench = Bench::new(Lifetimes::default()).await;
    for n in 0..PAGE + 10 {
        bench.add(&n.to_string(), 1.0).await;
    }
    bench.fixture.clock.advance(DAY);
    assert_eq!((bench.left().await.len(), bench.over()), (PAGE + 10, (PAGE + 10) as u64));
    bench.fixture.clock.advance(RETENTION);
    assert_eq!(bench.left().await.len(), PAGE - BATCH, "each look has its bound");
    while !bench.left().await.is_empty() {}
    assert_eq!(bench.over(), 0);
}

#[tokio::test]
async fn a_token_for_ever_outlives_a_setting_that_was_switched_off() {
    let allowed = Lifetimes { eternal: true, ..Lifetimes::default() };
    for (lifetimes, unused, over) in [(allowed, true, 0), (Lifetimes::default(), false, 1)] {
        let bench = Bench::new(lifetimes).await;
        bench.add("unused", -1.0).await;
        let session = bench.add("used", -1.0).await;
        bench.fixture.clock.advance(DAY * 300);
        bench.use_now(&session).await;
        bench.write().await;
        bench.fixture.clock.advance(DAY * 300);
        let left = bench.left().await;
        assert!(left.contains(&TokenHash::of("used")), "{lifetimes:?}");
        assert_eq!((left.contains(&TokenHash::of("unused")), bench.over()), (unused, over), "{lifetimes:?}");
    }
}

#[tokio::test]
async fn a_use_is_written_down_once_an_hour_and_at_the_end() {
    let bench = Bench::new(Lifetimes::default()).await;
    let session = bench.add("t", 90.0 * 86_400.0).await;
    let mut writes = 0;
    let mut before = None;
    for _ in 0..180 {
        bench.fixture.clock.advance(Duration::from_secs(60));
        bench.use_now(&session).await;
        bench.write().await;
        let written = bench.written("t").await;
        writes += usize::from(written != before);
        before = written;
    }
    assert_eq!(writes, 3, "three hours");
    bench.fixture.clock.advance(Duration::from_secs(70));
    bench.use_now(&session).await;
    bench.write().await;
    assert_eq!(bench.written("t").await, before);
    bench.last_use.finish().await;
    assert_eq!(bench.written("t").await.unwrap(), session.last_use().unwrap());
    assert_eq!(bench.written("t").await.unwrap().client(), CLIENT);
}

#[tokio::test]
async fn a_use_that_extends_a_token_is_written_down_sooner() {
    let sliding = Lifetimes { sliding: true, ..Lifetimes::default() };
    for (lifetimes, written) in [(sliding, true), (Lifetimes::default(), false)] {
        let bench = Bench::new(lifetimes).await;
        let session = bench.add("t", 1600.0).await;
        bench.fixture.clock.advance(Duration::from_secs(99));
        bench.use_now(&session).await;
        bench.write().await;
        assert_eq!(bench.written("t").await, None, "less than a 16th of its time");
        bench.fixture.clock.advance(Duration::from_secs(60));
        bench.use_now(&session).await;
        bench.write().await;
        assert_eq!(bench.written("t").await.is_some(), written, "{lifetimes:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_used_is_not_swept() {
    let bench = Bench::new(Lifetimes { sliding: true, ..Lifetimes::default() }).await;
    let session = bench.add("t", 10.0 * 86_400.0).await;
    for _ in 0..10 {
        bench.fixture.clock.advance(DAY * 9);
        bench.use_now(&session).await;
        bench.write().await;
        assert_eq!((bench.left().await.len(), bench.over()), (1, 0));
    }
    bench.fixture.clock.advance(DAY * 10);
    assert_eq!((bench.left().await.len(), bench.over()), (1, 1));
    bench.fixture.clock.advance(RETENTION);
    assert_eq!(bench.left().await.len(), 0);
}
