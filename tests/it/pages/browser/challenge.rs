//! Forms with a challenge.

use std::{path::Path, process::Command, time::Duration};

use super::{converse, has_browser};
use crate::{
    pages::support::setup,
    support::{App, Gate, answer},
};

#[test]
fn people_register_from_a_busy_network_in_a_real_browser() {
    if !has_browser() {
        return;
    }
    let app = App::answering(|_| {
        let page =
            "<!doctype html><html lang=\"en\"><title>app</title><link rel=\"icon\" href=\"data:,\"><p>";
        answer("200 OK", "Content-Type: text/html\r\n", page)
    });
    let setup =
        setup(&app).set("pages.languages", "en,de,ja,zh").set("limits.register_per_client", "10/hour");
    let gate = Gate::start(setup.with_manual_clock());
    (0..6).for_each(|index| drop(gate.sign_up(&format!("early{index}"))));
    let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    let mut command = Command::new("node");
    command.arg("challenge.js").arg(format!("http://{}", gate.address())).arg(screenshots);
    let told = converse(command, |seconds| {
        gate.advance(Duration::from_secs(seconds.parse().unwrap()));
        "ok".to_owned()
    });
    assert!(told.ends_with("ok: no console error\n"), "{told}");
    assert_eq!(gate.parts().store.counters().users, 8);
}
