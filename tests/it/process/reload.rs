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
