//! SIGHUP: the policies are read again, and the gate goes on.

use std::fs;

use rustix::process::Signal;

use super::support::{House, wait_until};

#[test]
fn a_hangup_reads_the_policies_again() {
    let house = House::new();
    let gate = house.serve();
    assert_ne!(gate.http.get("/about", ""), 401);
    let good = fs::read_to_string(house.path("policies/public.json")).unwrap();
    house.write("policies/public.json", &good.replace("acls", "acl"));
    gate.signal(Signal::HUP);
    let refused = gate.logged("the new policies are refused; the old ones stay in force");
    assert!(refused.contains("public.json:"), "{refused}");
    assert_ne!(gate.http.get("/about", ""), 401);
    house.write("policies/public.json", &good.replace("ALLOW", "DENY"));
    gate.signal(Signal::HUP);
    wait_until("the new set is in force", || (gate.http.get("/about", "") == 401).then_some(()));
    assert!(gate.log().contains("SIGHUP"));
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn the_configuration_is_read_again_and_what_cannot_change_is_told() {
    let house = House::new();
    let gate = house.serve();
    assert_eq!(gate.http.get("/nowhere", ""), 401, "unmatched = authenticated");
    house.write("portcullis.toml", "[policies]\nunmached = \"allow\"\n");
    gate.signal(Signal::HUP);
    gate.logged("the new configuration is refused; the old one stays in force");
    assert!(gate.log().contains("did you mean `unmatched`?"), "{}", gate.log());
    assert_eq!(gate.http.get("/nowhere", ""), 401);
    let config = house.configuration("[admin]\nlisten = \"127.0.0.1:0\"");
    house.write("portcullis.toml", &config.replace("\"authenticated\"", "\"allow\""));
    gate.signal(Signal::HUP);
    wait_until("the new setting is in force", || (gate.http.get("/nowhere", "") == 200).then_some(()));
    let waits = gate.logged("needs a restart");
    assert!(waits.contains("\"key\":\"admin.listen\""), "{waits}");
    // Without a signal, too.
    house.write("portcullis.toml", &house.configuration(""));
    wait_until("the file is watched", || (gate.http.get("/nowhere", "") == 401).then_some(()));
    // A broken policy keeps the settings as they are.
    house.write("policies/bad.json", "{");
    house.write("portcullis.toml", &config.replace("\"authenticated\"", "\"allow\""));
    gate.signal(Signal::HUP);
    gate.logged("bad.json:1:");
    assert_eq!(gate.http.get("/nowhere", ""), 401, "one set, or the other");
    assert_eq!(gate.stop(), Some(0));
}
