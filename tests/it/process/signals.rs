//! Signals that do not ask the gate to end.

use rustix::process::Signal;

use super::support::House;

#[test]
fn f8_signals_of_other_programs_do_not_end_it() {
    let house = House::new();
    let gate = house.serve();
    for signal in [Signal::USR1, Signal::USR2, Signal::PIPE, Signal::WINCH, Signal::HUP] {
        gate.signal(signal);
        assert_ne!(gate.http.get("/about", ""), 0, "{signal:?}");
    }
    assert_eq!(gate.stop(), Some(0));
}
