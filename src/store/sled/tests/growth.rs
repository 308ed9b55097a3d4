//! What many writes leave on the disk.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use super::*;
use crate::store::{
    Change, User,
    contract::{properties, row},
};

/// The bytes that a folder takes.
fn taken(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => taken(&entry.path()),
            Ok(meta) => meta.blocks() * 512,
            // sled has removed it meanwhile.
            Err(_) => 0,
        })
        .sum()
}

#[tokio::test]
async fn d2_the_room_of_old_versions_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.commit(vec![Change::PutUser(row(1, "a@x"))]).await.unwrap();
    let (mut chance, mut largest) = (88_172_645_463_325_252_u64, 0);
    for write in 0..400 {
        // What cannot be compressed, of the largest row that accounts let in.
        let text: String = (0..60_000)
            .map(|_| {
                chance ^= chance << 13;
                chance ^= chance >> 7;
                chance ^= chance << 17;
                char::from(b'a' + (chance % 26) as u8)
            })
            .collect();
        let user = store.user(&1.into()).await.unwrap().unwrap();
        let properties = properties(serde_json::json!({ "email": "a@x", "p": text, "n": write }));
        store.commit(vec![Change::UpdateUser(User { properties, ..user })]).await.unwrap();
        largest = largest.max(taken(folder.path()));
    }
    // 24 MB were written.
    assert!(largest < 12 << 20, "{} KiB at the most", largest >> 10);
    store.close().await.unwrap();
}
