//! One run: a server, the gate before it, the requests, and the judgement.

use std::{
    collections::BTreeMap,
    fmt::Write,
    io::{Read, Write as _},
    net::TcpStream,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::{self, Client, Counts},
    draft::{Tokens, Who},
    gate::Gate,
    generate::Generator,
    judge::{Finding, Judge, Kind, READY, identity},
    reading::{Reading, Report},
    server::Server,
};

/// The result of a run.
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    pub(crate) readings: u64,
    pub(crate) seconds: f64,
    pub(crate) findings: Findings,
}

/// Findings by kind and by what had been done to the request: the first of each, and how many.
#[derive(Default)]
pub(crate) struct Findings(pub(crate) BTreeMap<(Kind, Vec<&'static str>), (Finding, u64)>);

/// The number of connections that send at once.
const CLIENTS: usize = 6;

/// Sends so many requests through the gate to the server, and judges all that it reads.
pub(crate) fn run(server: &Server, seed: u64, requests: u64) -> Result<Outcome, String> {
    let app = server.start()?;
    let mut gate = Gate::start(app.port, server.ignore_case);
    let generator = Generator { seed, tokens: gate.tokens.clone() };
    let mut report = Report::open(&app.readings).unwrap();
    let identities = calibrate(&gate, &mut report);
    let judge = Judge { set: gate.set.take().unwrap(), generator: generator.clone(), identities };
    let (next, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let end = client::units(&generator, requests);
    let all = Mutex::new((Counts::default(), Findings::default()));
    let begun = Instant::now();
    let readings = thread::scope(|scope| {
        let judging = scope.spawn(|| judged(&judge, &mut report, &done, &all));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (next, all, generator) = (&next, &all, &generator);
                let mut client = Client::new(gate.address, number);
                scope.spawn(move || {
                    let mut counts = Counts::default();
                    loop {
                        let unit = next.fetch_add(1, Ordering::Relaxed);
                        if unit >= end {
                            break;
                        }
                        let sent = client.send(unit, &generator.unit(unit), &mut counts);
                        let kept =
                            |finding: &Finding| !(server.leaves_chunks && finding.kind == Kind::Disturbed);
                        if let Some(finding) = sent.err().filter(kept) {
                            all.lock().unwrap().1.add(finding);
                        }
                    }
                    all.lock().unwrap().0.add(&counts);
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        done.store(true, Ordering::Release);
        judging.join().unwrap()
    });
    let seconds = begun.elapsed().as_secs_f64();
    let panics = gate.panics();
    assert!(panics.is_empty(), "{panics:?}");
    let (counts, findings) = all.into_inner().unwrap();
    Ok(Outcome { counts, readings, seconds, findings })
}

/// Judges what the app reports until all was sent, and what comes late.
fn judged(judge: &Judge, report: &mut Report, done: &AtomicBool, all: &Mutex<(Counts, Findings)>) -> u64 {
    let mut count = 0;
    let mut quiet = 0;
    loop {
        let over = done.load(Ordering::Acquire);
        let lines = report.lines();
        for line in &lines {
            count += 1;
            if let Err(finding) = judge.line(line) {
                all.lock().unwrap().1.add(finding);
            }
        }
        quiet = if over && lines.is_empty() { quiet + 1 } else { 0 };
        // A request whose connection the client has given up may still be on its way.
        if quiet == 10 {
            return count;
        }
        if lines.is_empty() {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The app's reading of each caller when nothing is forged.
fn calibrate(gate: &Gate, report: &mut Report) -> BTreeMap<Who, Vec<(String, String)>> {
    let Tokens { ann, bob } = &gate.tokens;
    let mut identities = BTreeMap::new();
    report.lines();
    for (who, token, id) in
        [(Who::Anonymous, None, None), (Who::Ann, Some(ann), Some("1")), (Who::Bob, Some(bob), Some("2"))]
    {
        let mut stream = TcpStream::connect(gate.address).unwrap();
        let sign = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let text = format!(
            "GET /pub/{READY} HTTP/1.1\r\nHost: localhost\r\nX-Rig-Tag: {READY}\r\n{sign}Connection: close\r\n\r\n"
        );
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let line = report.lines().pop().unwrap_or_else(|| panic!("the app read nothing: {answer}"));
        let said = identity(&serde_json::from_str::<Reading>(&line).unwrap());
        let user = said.iter().find(|(name, _)| name == "x-forwarded-user").map(|(_, value)| &**value);
        assert_eq!(user, id, "{line}");
        assert!(who != Who::Anonymous || said.is_empty(), "{line}");
        identities.insert(who, said);
    }
    identities
}

impl Findings {
    fn add(&mut self, finding: Finding) {
        let key = (finding.kind, finding.changes.clone());
        self.0.entry(key).and_modify(|(_, count)| *count += 1).or_insert((finding, 1));
    }

    /// The number of each kind.
    pub(crate) fn kinds(&self) -> BTreeMap<Kind, u64> {
        let mut kinds = BTreeMap::new();
        for ((kind, _), (_, count)) in &self.0 {
            *kinds.entry(*kind).or_default() += count;
        }
        kinds
    }

    /// The first ones of each kind, with the bytes that were sent.
    pub(crate) fn told(&self, generator: &Generator, most: usize) -> String {
        let mut text = String::new();
        let mut shown = BTreeMap::<Kind, usize>::new();
        for ((kind, changes), (finding, count)) in &self.0 {
            let shown = shown.entry(*kind).or_default();
            *shown += 1;
            if *shown > most {
                continue;
            }
            let _ = writeln!(text, "{kind:?} x{count} {changes:?}: {}", finding.detail);
            if let Some(unit) = finding.unit {
                let bytes = generator.unit(unit).bytes.escape_ascii().to_string();
                let _ = writeln!(text, "    sent: {}", bytes.chars().take(1500).collect::<String>());
            }
        }
        text
    }
}
