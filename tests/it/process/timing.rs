//! Whether the time of an answer tells who has an account: 300 known and 300 unknown addresses, compared by rank
//! (Mann-Whitney) and by distribution (Kolmogorov-Smirnov). A measurement, not a test: nothing fails, what is found is
//! printed. It wants a release build and a quiet machine:
//!
//!     cargo build --release && PORTCULLIS_BIN=target/release/portcullis \
//!         cargo test --test it timing -- --ignored --nocapture

use std::{process::Command, time::Instant};

use serde_json::json;

use super::support::{Gate, House, Http};
use crate::support::{App, answer};

const EACH: usize = 300;

/// LoopBack's hash of a password, at its cost of 10.
const BCRYPT: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/// Two sets of times in µs, compared.
struct Compared {
    medians: [f64; 2],
    z: f64,
    p: f64,
    distance: f64,
    ks_p: f64,
}

#[test]
#[ignore = "a measurement of minutes, for a release build on a quiet machine"]
fn known_and_unknown_addresses() {
    for profile in ["standard", "loopback3"] {
        for (store, imported) in [("argon2 only", 0), ("half of it imported bcrypt", EACH / 2)] {
            let receiver = App::answering(|_| answer("200 OK", "", ""));
            let house = House::with(&format!(
                "reset_per_client = \"\"\n[webhook]\nurl = \"{}\"\nsecret = \"a-shared-secret\"\n",
                receiver.url()
            ));
            fill(&house, imported);
            let gate = Gate::start(serve(&house, profile));
            for n in imported..EACH {
                gate.http.register(&format!("known-{n}"));
            }
            let login =
                |email: &str| ("/api/users/login", json!({"email": email, "password": "a-wrong-password"}));
            report(&format!("{profile}, {store}, login"), &measure(gate.http, login, [401, 401]));
            let unknown = if profile == "standard" { 200 } else { 404 };
            let known = if profile == "standard" { 200 } else { 204 };
            let reset = |email: &str| ("/api/users/reset", json!({"email": email}));
            report(&format!("{profile}, {store}, reset"), &measure(gate.http, reset, [known, unknown]));
            assert_eq!(gate.stop(), Some(0));
        }
    }
}

/// A gate with the passwords of the defaults, of the build that is named.
fn serve(house: &House, profile: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a wish to the tests, no setting of the gate")]
    let named = std::env::var_os("PORTCULLIS_BIN");
    let usual = house.command("serve");
    let mut command = Command::new(named.unwrap_or_else(|| usual.get_program().to_owned()));
    command.args(usual.get_args()).env("PORTCULLIS_PROFILE", profile);
    command.env("PORTCULLIS_PASSWORD__MEMORY_KIB", "19456").env("PORTCULLIS_PASSWORD__ITERATIONS", "2");
    if let Some(folder) = usual.get_current_dir() {
        command.current_dir(folder);
    }
    command
}

/// Imports the first users, whose hashes LoopBack made.
fn fill(house: &House, imported: usize) {
    if imported == 0 {
        return;
    }
    let user = |n: usize| json!({"id": n + 1, "email": format!("known-{n}@example.com"), "username": format!("known-{n}"), "password": BCRYPT});
    let lines: Vec<String> = (0..imported).map(|n| user(n).to_string()).collect();
    house.write("users.ndjson", &lines.join("\n"));
    house.ok(&format!("import loopback --users {}", house.path("users.ndjson").display()));
}

/// Asks for known and unknown addresses by turns; the times in µs.
fn measure(
    http: Http,
    request: impl Fn(&str) -> (&'static str, serde_json::Value),
    statuses: [u16; 2],
) -> Compared {
    let mut times = [Vec::new(), Vec::new()];
    for n in 0..EACH {
        // Which of the two comes first is left to chance enough.
        let order = if n * 7919 % 13 < 6 { [0, 1] } else { [1, 0] };
        for side in order {
            let email = [format!("known-{n}@example.com"), format!("other-{n}@example.com")][side].clone();
            let (path, body) = request(&email);
            let (head, body) = (format!("POST {path}"), body.to_string());
            let begun = Instant::now();
            let answer = http.try_send(&head, "", &body).unwrap();
            let taken = begun.elapsed();
            assert_eq!(answer.status, statuses[side], "{email}: {answer:?}");
            times[side].push(taken.as_secs_f64() * 1e6);
        }
    }
    compare(times)
}

fn report(what: &str, found: &Compared) {
    let Compared { medians: [known, unknown], z, p, distance, ks_p } = found;
    println!(
        "{what}: median {known:.0} µs known, {unknown:.0} µs unknown ({:+.2} %); rank z = {z:+.2}, p = {p:.3}; distance {distance:.3}, p = {ks_p:.3}",
        (unknown / known - 1.0) * 100.0
    );
}

fn compare(mut times: [Vec<f64>; 2]) -> Compared {
    for side in &mut times {
        side.sort_by(f64::total_cmp);
    }
    let [a, b] = &times;
    let (n, m) = (a.len() as f64, b.len() as f64);
    let below = |sorted: &[f64], time: f64| sorted.partition_point(|other| *other < time) as f64;
    let upto = |sorted: &[f64], time: f64| sorted.partition_point(|other| *other <= time) as f64;
    let u: f64 = a.iter().map(|time| (below(b, *time) + upto(b, *time)) / 2.0).sum();
    let z = (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    let apart = |time: &f64| (upto(a, *time) / n - upto(b, *time) / m).abs();
    let distance = a.iter().chain(b).map(apart).fold(0.0, f64::max);
    let root = (n * m / (n + m)).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * distance;
    Compared {
        medians: [a[a.len() / 2], b[b.len() / 2]],
        z,
        p: two_sided(z),
        distance,
        ks_p: kolmogorov(lambda),
    }
}

/// The chance of a normal value at least so far out (Abramowitz and Stegun 7.1.26: five digits).
fn two_sided(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let terms = [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429];
    terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t) * (-x * x).exp()
}

fn kolmogorov(lambda: f64) -> f64 {
    if lambda < 0.2 {
        return 1.0;
    }
    let term = |j: i32| {
        let sign = if j % 2 == 1 { 2.0 } else { -2.0 };
        sign * (-2.0 * f64::from(j * j) * lambda * lambda).exp()
    };
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}

/// The tool finds what there is to find, and nothing else.
#[test]
fn the_comparison_tells_apart_what_is_apart() {
    let spread = |from: f64| -> Vec<f64> { (0..300).map(|n| from + f64::from(n * 7919 % 300)).collect() };
    let same = compare([spread(0.0), spread(0.5)]);
    assert!(same.p > 0.9 && same.ks_p > 0.9, "{} {}", same.p, same.ks_p);
    let apart = compare([spread(0.0), spread(80.0)]);
    assert!(apart.p < 0.001 && apart.ks_p < 0.001 && apart.z < 0.0, "{} {}", apart.p, apart.ks_p);
    // As many above as below, and yet not alike.
    let wide: Vec<f64> = spread(0.0).into_iter().map(|time| time * 3.0 - 300.0).collect();
    let shape = compare([spread(0.0), wide]);
    assert!(shape.p > 0.5 && shape.ks_p < 0.001, "{} {}", shape.p, shape.ks_p);
    assert!((two_sided(1.96) - 0.05).abs() < 0.001);
}
