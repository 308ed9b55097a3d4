//! When a commit is acknowledged, and when never again.

use std::{
    io,
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    task::{Context, Waker},
    time::Duration,
};

use super::*;
use crate::{
    identity::{TokenHash, UserId},
    store::{
        Change, CommitError, Outcome, User,
        contract::{commit, commit_all, create, draft, everything, standing, token},
        resident::Resident,
        sessions::TokenState,
        sled::{QUEUE, Sled, committer::GROUP, disk::Disk, open_on},
    },
};

/// A disk whose every sync waits for the test's word, and whose room is the test's.
struct Stalling {
    reached: Sender<()>,
    word: Receiver<io::Result<()>>,
    free: Arc<AtomicU64>,
}

/// The test's end of it.
struct Hand {
    reached: Mutex<Receiver<()>>,
    word: Sender<io::Result<()>>,
    free: Arc<AtomicU64>,
}

impl Disk for Stalling {
    fn sync_blobs(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sync_log(&mut self) -> io::Result<()> {
        self.reached.send(()).map_err(io::Error::other)?;
        self.word.recv().map_err(io::Error::other)?
    }

    fn free(&self) -> io::Result<u64> {
        Ok(self.free.load(Ordering::Relaxed))
    }
}

impl Hand {
    /// Waits until the committer stands before a sync.
    fn reached(&self) {
        self.reached.lock().unwrap().recv_timeout(Duration::from_secs(60)).expect("a sync is asked for");
    }

    fn let_pass(&self) {
        self.word.send(Ok(())).unwrap();
    }

    fn fail(&self) {
        self.word.send(Err(io::Error::other("the disk is gone"))).unwrap();
    }

    /// Commits with a sync that passes.
    async fn passing(&self, store: &dyn Store, batch: Vec<Change>) -> Result<Vec<Outcome>, CommitError> {
        self.let_pass();
        let answer = store.commit(batch).await;
        self.reached();
        answer
    }
}

async fn stalling(folder: &Path) -> (Resident<Sled>, Hand) {
    let (to_hand, reached) = channel();
    let (word, from_hand) = channel();
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let disk = Stalling { reached: to_hand, word: from_hand, free: Arc::clone(&free) };
    let store = open_on(folder, KeyRules::default(), |_| Ok(Box::new(disk))).await.unwrap();
    (store, Hand { reached: Mutex::new(reached), word, free })
}

type Commit<'a> = Pin<Box<dyn Future<Output = Result<Vec<Outcome>, CommitError>> + Send + 'a>>;

/// Hands a batch in; it must not be answered yet.
fn hand_in(store: &dyn Store, batch: Vec<Change>) -> Commit<'_> {
    let mut commit = store.commit(batch);
    assert!(is_pending(&mut commit));
    commit
}

fn is_pending(commit: &mut Commit<'_>) -> bool {
    commit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[tokio::test]
async fn nothing_is_acknowledged_or_shown_before_its_sync() {
    let folder = tempfile::tempdir().unwrap();
    let (store, hand) = stalling(folder.path()).await;
    let user = Change::CreateUser(draft("a@x"));
    let event = Change::Enqueue { kind: "user.registered".into(), user: None, body: serde_json::Value::Null };
    let mut first = hand_in(&store, vec![user, Change::CreateToken(token("t", 1)), event]);
    hand.reached();
    assert!(is_pending(&mut first));
    assert_eq!(standing(&store, "t"), None, "a session that a crash would take back");
    assert!(store.load_session(&TokenHash::of("t")).await.unwrap().is_none());
    assert!(store.outbox(9).await.unwrap().is_empty(), "an event that may never have been");
    hand.let_pass();
    first.await.unwrap();
    assert_eq!(standing(&store, "t"), Some(TokenState::Live));
    assert_eq!(store.outbox(9).await.unwrap().len(), 1);

    let mut logout = hand_in(&store, vec![Change::DeleteToken(TokenHash::of("t"))]);
    hand.reached();
    assert!(is_pending(&mut logout));
    assert_eq!(store.changes(0).await.unwrap(), []);
    hand.let_pass();
    logout.await.unwrap();
    assert_eq!(standing(&store, "t"), None);
    assert_eq!(store.changes(0).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_waits_becomes_durable_together() {
    let folder = tempfile::tempdir().unwrap();
    let (store, hand) = stalling(folder.path()).await;
    let mail = |n: usize| vec![Change::CreateUser(draft(&format!("{n}@x")))];
    let first = hand_in(&store, mail(0));
    hand.reached();
    // One more than a group, and one of them fails: that is its own affair.
    let waiting: Vec<_> =
        (1..=GROUP + 1).map(|n| hand_in(&store, mail(if n == 7 { 3 } else { n }))).collect();
    for _ in 0..3 {
        hand.let_pass();
    }
    first.await.unwrap();
    for (n, commit) in (1..).zip(waiting) {
        let answer = commit.await;
        if n == 7 {
            assert!(matches!(answer, Err(CommitError::Taken { .. })), "{answer:?}");
        } else {
            assert!(answer.is_ok(), "{n}: {answer:?}");
        }
    }
    hand.reached();
    hand.reached();
    assert!(hand.reached.lock().unwrap().try_recv().is_err(), "258 commits, three syncs");
    let told = everything(&store).await;
    drop(store);
    assert_eq!(everything(&*open(folder.path()).await.unwrap()).await, told);
}

#[tokio::test]
async fn too_many_waiting_are_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let (store, hand) = stalling(folder.path()).await;
    let first = hand_in(&store, vec![Change::CreateUser(draft("a@x"))]);
    hand.reached();
    let waiting: Vec<_> = (0..QUEUE).map(|_| hand_in(&store, vec![Change::Dequeue { seq: 1 }])).collect();
    let answer = store.commit(vec![Change::Dequeue { seq: 1 }]).await;
    assert!(matches!(answer, Err(CommitError::Busy)), "{answer:?}");
    for _ in 0..=QUEUE {
        hand.let_pass();
    }
    first.await.unwrap();
    for commit in waiting {
        commit.await.unwrap();
    }
}

#[tokio::test]
async fn a_caller_who_leaves_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, hand) = stalling(folder.path()).await;
    drop(hand_in(&store, vec![Change::CreateUser(draft("a@x"))]));
    hand.reached();
    hand.let_pass();
    let answer = store.commit(vec![Change::CreateUser(draft("a@x"))]).await;
    assert!(matches!(answer, Err(CommitError::Taken { .. })), "it is in: {answer:?}");
}

#[tokio::test]
async fn a_failed_sync_is_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let (store, hand) = stalling(folder.path()).await;
    let users = vec![Change::CreateUser(draft("a@x")), Change::CreateUser(draft("b@x"))];
    let tokens = ["old", "kept"].map(|id| Change::CreateToken(token(id, 1)));
    let tokens = tokens.into_iter().chain([Change::CreateToken(token("b's", 2))]).collect();
    let users = hand.passing(&store, users).await.unwrap();
    hand.passing(&store, tokens).await.unwrap();
    let Outcome::User(ben) = &users[1] else { panic!() };
    store.health().await.unwrap();

    let mut failing = hand_in(
        &store,
        vec![
            Change::CreateToken(token("new", 1)),
            Change::DeleteToken(TokenHash::of("old")),
            Change::UpdateUser(User { disabled: true, ..(**ben).clone() }),
        ],
    );
    hand.reached();
    assert!(is_pending(&mut failing));
    let behind = hand_in(&store, vec![Change::CreateUser(draft("c@x"))]);
    hand.fail();
    for answer in [failing.await, behind.await, store.commit(vec![]).await] {
        assert!(matches!(answer, Err(CommitError::Store(StoreError::Poisoned))), "{answer:?}");
    }
    assert!(matches!(store.health().await, Err(StoreError::Poisoned)));
    assert_eq!(store.counters().errors, 3);
    assert_eq!(standing(&store, "new"), None, "what was not acknowledged is not given");
    assert_eq!(standing(&store, "old"), None, "what was revoked stays revoked");
    assert_eq!(standing(&store, "b's"), Some(TokenState::Ended));
    assert_eq!(standing(&store, "kept"), Some(TokenState::Live));
    assert!(matches!(store.close().await, Err(StoreError::Poisoned)));
}

#[tokio::test]
async fn a_full_disk_ends_sessions_but_begins_none() {
    let folder = tempfile::tempdir().unwrap();
    let reserve = folder.path().join("reserve");
    let (store, hand) = stalling(folder.path()).await;
    let made = hand.passing(&store, vec![Change::CreateUser(draft("a@x"))]).await.unwrap();
    let Outcome::User(user) = &made[0] else { panic!() };
    hand.passing(&store, vec![Change::CreateToken(token("t", 1))]).await.unwrap();
    assert_eq!(std::fs::metadata(&reserve).unwrap().len(), 1 << 20);

    hand.free.store(3 << 20, Ordering::Relaxed);
    let login = || vec![Change::UpdateUser((**user).clone()), Change::CreateToken(token("t2", 1))];
    for batch in [login(), vec![Change::CreateUser(draft("b@x"))], vec![Change::UseTextIds]] {
        let answer = store.commit(batch).await;
        assert!(matches!(answer, Err(CommitError::Store(StoreError::Engine(_)))), "{answer:?}");
    }
    assert!(reserve.exists());
    hand.free.store(4096, Ordering::Relaxed);
    let event = Change::Enqueue { kind: "logout".into(), user: None, body: serde_json::Value::Null };
    hand.passing(&store, vec![Change::DeleteToken(TokenHash::of("t")), event]).await.expect("a logout");
    assert!(!reserve.exists(), "the reserve was given up");
    let revoke = Change::RevokeTokens { user: UserId::Number(1), except: None };
    let password = vec![Change::UpdateUser((**user).clone()), revoke];
    hand.passing(&store, password).await.expect("a password change");

    hand.free.store(u64::MAX, Ordering::Relaxed);
    hand.passing(&store, vec![Change::CreateUser(draft("b@x"))]).await.expect("there is room again");
    assert!(reserve.exists(), "and room is set aside again");
}

#[tokio::test]
async fn many_writers_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    create(&*store, "owner@x").await;
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let store = &*store;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    for n in 0..40 {
                        let id = format!("{writer}-{n}");
                        commit_all(
                            store,
                            vec![Change::CreateUser(draft(&id)), Change::CreateToken(token(&id, 1))],
                        )
                        .await;
                        assert_eq!(standing(store, &id), Some(TokenState::Live));
                        if n % 2 == 0 {
                            commit(store, Change::DeleteToken(TokenHash::of(&id))).await.unwrap();
                            assert_eq!(standing(store, &id), None);
                        }
                    }
                });
            });
        }
    });
    let told = everything(&*store).await;
    assert_eq!(store.counters().users, 321);
    assert_eq!(store.counters().tokens, 160);
    drop(store);
    assert_eq!(everything(&*open(folder.path()).await.unwrap()).await, told);
}
