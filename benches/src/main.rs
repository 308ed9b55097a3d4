//! One decision, asked of four engines over the same models: `cargo run --release` in this folder prints a table.
//!
//! The question: may this user read row 7 of that model? There are so many models; every caller is denied, and the role
//! `clerk` may read. Half of the questions come from a clerk, half from a user without a role, and they go round over
//! ten models that lie evenly in the set, whose names are as long at every size: what differs between the sizes is the set
//! alone. Everything that can be prepared is prepared before the clock starts: requests, entities, inputs. What the
//! other engines do not do, Portcullis does within its figure: it finds the route of a raw path first. `verdict alone` leaves
//! that out, as the others are told what the request is about.
//!
//! A closing block says how many times faster than the fastest of the other projects that is, and how the largest set
//! compares with the smallest.

mod casbin;
mod cedar;
mod memory;
mod own;
mod rego;
mod summary;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// An engine with its policies loaded, and its questions at hand.
pub(crate) trait Engine {
    /// Answers the question of this number; what it is about goes round.
    fn ask(&mut self, question: usize) -> bool;
}

/// Loads an engine with so many models.
type Load = fn(usize) -> Box<dyn Engine>;

const ENGINES: [(&str, Load, Side); 8] = [
    ("portcullis, LoopBack models, verdict alone", own::verdict, Side::Own),
    ("portcullis, LoopBack models", own::models, Side::Own),
    ("portcullis, routes files, verdict alone", own::routes_verdict, Side::Own),
    ("portcullis, routes files", own::routes, Side::Own),
    ("cedar-policy", cedar::load, Side::Other),
    ("regorus, interpreter", rego::interpreter, Side::Other),
    ("regorus, virtual machine", rego::machine, Side::Other),
    ("casbin", casbin::load, Side::Other),
];

/// Whose engine it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Own,
    Other,
}

/// One engine at one size.
pub(crate) struct Figure {
    pub(crate) size: usize,
    pub(crate) engine: &'static str,
    pub(crate) side: Side,
    /// ns a decision.
    pub(crate) time: f64,
}

const SIZES: [usize; 3] = [10, 1_000, 10_000];

/// So many models are asked about, at every size.
const ASKED: usize = 10;

/// So many different questions: each model by a clerk and by another user.
pub(crate) const QUESTIONS: usize = 2 * ASKED;

const SAMPLES: usize = 25;
const SAMPLE: Duration = Duration::from_millis(40);

#[global_allocator]
static MEMORY: memory::Counting = memory::Counting;

fn main() {
    println!(
        "| models | engine | ns a decision | bytes of the set | bytes allocated a decision | ms to load |"
    );
    println!("|---|---|---|---|---|---|");
    let mut figures = Vec::new();
    for size in SIZES {
        for (name, load, side) in ENGINES {
            let before = memory::live();
            let started = Instant::now();
            let mut engine = load(size);
            let loaded = started.elapsed();
            let bytes = memory::live() - before;
            check(name, &mut *engine);
            let (time, allocated) = measure(&mut *engine);
            println!("| {size} | {name} | {time:.0} | {bytes} | {allocated:.0} | {} |", loaded.as_millis());
            figures.push(Figure { size, engine: name, side, time });
        }
    }
    println!("\n{}", summary::text(&figures));
}

/// Which model a question is about, of so many.
pub(crate) fn model(question: usize, size: usize) -> usize {
    (question / 2) * size / ASKED
}

/// A model's name.
pub(crate) fn name(number: usize) -> String {
    format!("m{number:05}")
}

/// Whether a clerk asks.
pub(crate) fn by_clerk(question: usize) -> bool {
    question.is_multiple_of(2)
}

/// An engine that answers wrongly is not measured.
fn check(name: &str, engine: &mut dyn Engine) {
    for question in 0..QUESTIONS {
        assert_eq!(engine.ask(question), by_clerk(question), "{name}: question {question}");
    }
}

/// The time of a decision in ns, and what one allocates. The shortest of the samples: what else runs on a machine only
/// adds to it.
fn measure(engine: &mut dyn Engine) -> (f64, f64) {
    let mut times: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let (started, mut asked) = (Instant::now(), 0);
            while started.elapsed() < SAMPLE {
                // The clock is read once for several questions, and the slowest engines answer one in a sample.
                for _ in 0..if asked < 64 { 1 } else { 64 } {
                    black_box(engine.ask(black_box(asked % QUESTIONS)));
                    asked += 1;
                }
            }
            started.elapsed().as_nanos() as f64 / asked as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let before = memory::allocated();
    for question in 0..QUESTIONS {
        black_box(engine.ask(question));
    }
    (times[0], (memory::allocated() - before) as f64 / QUESTIONS as f64)
}
