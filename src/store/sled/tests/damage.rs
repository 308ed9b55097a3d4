//! A damaged store is not opened, and not changed; what a crash leaves of sled's snapshots is repaired.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::*;
use crate::store::{
    Change,
    contract::{commit, create, everything, token},
    sled::record,
};

/// A folder with two users and a token, and what it holds.
async fn filled() -> (TempDir, BTreeMap<String, String>) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    create(&*store, "a@x").await;
    create(&*store, "b@x").await;
    commit(&*store, Change::CreateToken(token("t", 1))).await.unwrap();
    let told = everything(&*store).await;
    store.close().await.unwrap();
    (folder, told)
}

/// The sled of a closed store, past our own door. Its threads may hold the file a moment longer than its
/// owner, as `log::open` knows.
fn raw(folder: &Path) -> ::sled::Db {
    super::super::log::open(folder).unwrap()
}

fn records(folder: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let db = raw(folder);
    db.iter().map(|entry| entry.unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("snap.")).collect()
}

#[tokio::test]
async fn a_damaged_record_is_named_and_left() {
    type Harm = fn(&::sled::Db);
    let cases: [(&str, Harm); 6] = [
        ("record `u1`: its checksum does not hold", |db| {
            let mut value = db.get("u1").unwrap().unwrap().to_vec();
            *value.last_mut().unwrap() ^= 1;
            db.insert("u1", value).unwrap();
        }),
        ("record `u1`: its checksum does not hold", |db| {
            let other = db.get("u2").unwrap().unwrap();
            db.insert("u1", other).unwrap();
        }),
        ("record `u2`: it is too short", |db| drop(db.insert("u2", "x").unwrap())),
        ("1 records are missing", |db| drop(db.remove("u1").unwrap())),
        ("record `z`: no row has such a name", |db| drop(db.insert("z", record::seal(b"z", b"")).unwrap())),
        ("record `m`: it is not what a row looks like", |db| {
            drop(db.insert("m", record::seal(b"m", b"[")).unwrap());
        }),
    ];
    for (expected, harm) in cases {
        let (folder, _) = filled().await;
        let db = raw(folder.path());
        harm(&db);
        drop(db);
        let before = records(folder.path());
        let Err(error) = open(folder.path()).await else { panic!("opened in spite of: {expected}") };
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(records(folder.path()), before, "{expected}");
    }
}

#[tokio::test]
async fn lost_counters_are_damage() {
    let (folder, _) = filled().await;
    let db = raw(folder.path());
    db.remove("m").unwrap();
    drop(db);
    assert!(matches!(open(folder.path()).await, Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn a_log_of_noise_is_damage_not_an_empty_store() {
    let (folder, _) = filled().await;
    for snapshot in snapshots(folder.path()) {
        fs::remove_file(snapshot).unwrap();
    }
    let log = folder.path().join("db");
    let length = fs::metadata(&log).unwrap().len();
    fs::write(&log, vec![0xA5; usize::try_from(length).unwrap()]).unwrap();
    let opened = open(folder.path()).await.map(|store| store.counters());
    assert!(opened.is_err(), "{opened:?}");
}

/// Every file of a store but the lock and the mark.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap();
        if entry.is_file() && !["LOCK", "mark", "reserve"].contains(&name) {
            files.insert(PathBuf::from(name), fs::read(&entry).unwrap());
        }
    }
    files
}

/// Whatever bit falls over: the store holds all that it held, or it is not opened and nothing is changed.
#[tokio::test]
async fn a_flipped_bit_is_harmless_or_seen() {
    let (source, told) = filled().await;
    let log = fs::read(source.path().join("db")).unwrap();
    let written = log.iter().rposition(|byte| !matches!(byte, 0 | 0xFF)).unwrap();
    let mut seen = 0;
    for place in (0..written).step_by(written / 90) {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files(source.path()).into_iter().filter(|(name, _)| !name.starts_with("snap.")) {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        fs::copy(source.path().join("mark"), folder.path().join("mark")).unwrap();
        let mut log = log.clone();
        log[place] ^= 1 << (place % 8);
        fs::write(folder.path().join("db"), log).unwrap();
        let before = files(folder.path());
        match open(folder.path()).await {
            Ok(store) => assert_eq!(everything(&*store).await, told, "byte {place}"),
            Err(StoreError::Damaged { .. }) => {
                seen += 1;
                assert!(files(folder.path()) == before, "byte {place}: the files were changed");
                assert!(!folder.path().join("before").exists(), "byte {place}");
            }
            Err(error) => panic!("byte {place}: {error}"),
        }
    }
    assert!(seen > 0);
}

#[tokio::test]
async fn a_start_that_was_cut_short_keeps_its_copy() {
    let (folder, told) = filled().await;
    let copy = folder.path().join("before");
    fs::create_dir(&copy).unwrap();
    for name in ["db", "conf"] {
        fs::copy(folder.path().join(name), copy.join(name)).unwrap();
    }
    // sled had begun to overwrite the log when the process ended.
    fs::write(folder.path().join("db"), vec![0; 1 << 19]).unwrap();
    for snapshot in snapshots(folder.path()) {
        fs::remove_file(snapshot).unwrap();
    }
    assert!(matches!(open(folder.path()).await, Err(StoreError::Damaged { .. })));
    let store = open(folder.path()).await.expect("the copy was put back");
    assert_eq!(everything(&*store).await, told);
    assert!(!copy.exists());
}

#[tokio::test]
async fn unfinished_snapshots_are_mended() {
    type Harm = fn(&Path);
    let cases: [(&str, Harm); 4] = [
        ("a stray one", |folder| {
            fs::write(folder.join("snap.00000000FFFFFFFF.generating"), "half").unwrap();
        }),
        ("a truncated one", |folder| {
            for path in snapshots(folder) {
                let bytes = fs::read(&path).unwrap();
                fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
            }
        }),
        ("an empty one beside a sound one", |folder| {
            fs::write(folder.join("snap.00000000FFFFFFFF"), "").unwrap();
        }),
        ("none", |folder| {
            for path in snapshots(folder) {
                fs::remove_file(path).unwrap();
            }
        }),
    ];
    for (case, harm) in cases {
        let (folder, told) = filled().await;
        // sled writes a snapshot when it opens a log that has grown.
        open(folder.path()).await.unwrap().close().await.unwrap();
        assert!(!snapshots(folder.path()).is_empty());
        harm(folder.path());
        let store = open(folder.path()).await.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(everything(&*store).await, told, "{case}");
        let left = snapshots(folder.path());
        assert!(left.iter().all(|path| !path.to_string_lossy().contains("FFFFFFFF")), "{case}: {left:?}");
    }
}
