//! kill -9 in the middle of writing: what was acknowledged is there, what was ended is gone.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use super::*;
use crate::{
    identity::TokenHash,
    store::{
        Change,
        contract::{commit, commit_all, draft, standing, token},
        sessions::TokenState,
    },
};

/// What the child has had acknowledged: the numbers of its records.
#[derive(Debug, Default)]
struct Acknowledged {
    made: BTreeSet<u64>,
    ended: BTreeSet<u64>,
}

impl Acknowledged {
    fn note(&mut self, line: &str) {
        let mut words = line.split(' ');
        let set = match words.next() {
            Some("made") => &mut self.made,
            Some("ended") => &mut self.ended,
            _ => return,
        };
        // The last line may be cut off: whether its number is whole is known by the full stop.
        if let Some(number) = words.next().and_then(|word| word.strip_suffix('.')) {
            set.insert(number.parse().unwrap());
        }
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    for round in 0..3 {
        let enough = acknowledged.made.len() + 150;
        run_and_kill(folder.path(), round * 1_000_000, enough, &mut acknowledged).await;
        let store = open(folder.path()).await.expect("a killed store opens");
        for n in &acknowledged.made {
            let key = KeyRules::default().email(None, &format!("{n}@x"));
            assert!(store.find_user(&key).await.unwrap().is_some(), "user {n} is lost");
            // An even one may have been ended without the word coming through.
            if n % 2 == 1 {
                assert_eq!(standing(&*store, &n.to_string()), Some(TokenState::Live), "token {n} is lost");
            }
        }
        for n in &acknowledged.ended {
            assert_eq!(standing(&*store, &n.to_string()), None, "token {n} is back");
        }
        let users: BTreeSet<_> =
            store.users(None, usize::MAX).await.unwrap().into_iter().map(|user| user.id).collect();
        assert_eq!(users.len(), usize::try_from(store.counters().users).unwrap());
        store.close().await.unwrap();
    }
    assert!(!acknowledged.ended.is_empty());
}

async fn run_and_kill(folder: &Path, first: u64, enough: usize, acknowledged: &mut Acknowledged) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::sled::tests::kill::child", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}\n{first}", folder.display()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while acknowledged.made.len() < enough {
        acknowledged.note(&lines.next().expect("the child goes on until it is killed").unwrap());
    }
    let locked = open(folder).await.err();
    assert!(
        matches!(&locked, Some(StoreError::Locked { pid, .. }) if *pid == child.id().to_string()),
        "{locked:?}"
    );
    child.kill().unwrap();
    for line in lines {
        acknowledged.note(&line.unwrap());
    }
    child.wait().unwrap();
}

/// Writes until it is killed, and prints what was acknowledged.
#[test]
#[ignore = "the child of another test: without a folder on its input it does nothing"]
fn child() {
    let mut input = std::io::stdin().lock().lines();
    let (Some(Ok(folder)), Some(Ok(first))) = (input.next(), input.next()) else { return };
    let first: u64 = first.parse().unwrap();
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = runtime().block_on(open(Path::new(&folder))).unwrap();
    println!();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let store = &*store;
            scope.spawn(move || runtime().block_on(write_on(store, first + writer * 100_000)));
        }
    });
}

async fn write_on(store: &dyn Store, first: u64) {
    for n in first.. {
        let id = n.to_string();
        let outcomes = commit_all(store, vec![Change::CreateUser(draft(&format!("{n}@x")))]).await;
        let crate::store::Outcome::User(user) = &outcomes[0] else { panic!() };
        commit(store, Change::CreateToken(token(&id, user.id.clone()))).await.unwrap();
        println!("made {n}.");
        if n % 2 == 0 {
            commit(store, Change::DeleteToken(TokenHash::of(&id))).await.unwrap();
            println!("ended {n}.");
        }
    }
}
