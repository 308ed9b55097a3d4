//! A client on the bare socket that sends units and reads answers.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

use crate::{
    generate::{Generator, Unit},
    judge::{Finding, Kind},
};

/// A client of the gate: one connection at a time from each of two addresses.
pub(crate) struct Client {
    gate: SocketAddr,
    /// The address from which it is not a proxy.
    own: IpAddr,
    trusted: Option<Connection>,
    usual: Option<Connection>,
}

struct Connection {
    stream: TcpStream,
    held: Vec<u8>,
}

/// The answer to one request.
struct Answer {
    status: u16,
    /// The tag that the app says it answers, in the head.
    seen: Option<String>,
    /// The same in the body, of apps that say it there as well.
    seen_in_body: Option<String>,
    from_gate: bool,
    ends: bool,
}

/// The number of answers of each kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) answered: u64,
    pub(crate) served: u64,
    pub(crate) refused: u64,
    pub(crate) denied: u64,
    /// By status: a 502 or a 504 is the gate's word about the app.
    pub(crate) failed: BTreeMap<u16, u64>,
    pub(crate) tunnels: u64,
    pub(crate) silent: u64,
    /// The first units that took longer than [`SLOW`].
    pub(crate) slow: Vec<u64>,
}

/// Nothing takes so long, but for a request that is not finished.
const PATIENCE: Duration = Duration::from_secs(20);
const SLOW: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(200);

impl Client {
    pub(crate) fn new(gate: SocketAddr, number: usize) -> Self {
        let own = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number).unwrap()));
        Self { gate, own, trusted: None, usual: None }
    }

    /// Sends a unit and reads what comes; anything strange about the answers is a finding.
    pub(crate) fn send(&mut self, number: u64, unit: &Unit, counts: &mut Counts) -> Result<(), Finding> {
        let (place, source) = if unit.trusted {
            (&mut self.trusted, IpAddr::V4(Ipv4Addr::LOCALHOST))
        } else {
            (&mut self.usual, self.own)
        };
        let kept = place.take();
        let was_kept = kept.is_some();
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::open(self.gate, source).unwrap(),
        };
        counts.requests += unit.requests.len() as u64;
        let begun = Instant::now();
        let mut sent = connection.exchange(number, unit, counts);
        if begun.elapsed() > SLOW && counts.slow.len() < 4 {
            counts.slow.push(number);
        }
        // The gate may have closed a kept connection in the meantime.
        if was_kept && matches!(sent, Ok(Ended::Unanswered)) {
            connection = Connection::open(self.gate, source).unwrap();
            sent = connection.exchange(number, unit, counts);
        }
        if sent? == Ended::Reusable {
            *place = Some(connection);
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Reusable,
    Closed,
    /// Not a byte came.
    Unanswered,
}

impl Connection {
    fn open(gate: SocketAddr, source: IpAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.connect(&gate.into())?;
        Ok(Self { stream: socket.into(), held: Vec::new() })
    }

    fn exchange(&mut self, number: u64, unit: &Unit, counts: &mut Counts) -> Result<Ended, Finding> {
        let last = unit.requests.last().unwrap();
        let doubtful = unit.requests.iter().any(|about| about.doubtful || about.unfinished);
        let patience = if doubtful { SHORT } else { PATIENCE };
        self.stream.set_read_timeout(Some(patience)).unwrap();
        if self.stream.write_all(&unit.bytes).is_err() {
            // An answer may have come before all was taken.
        }
        let mut any = false;
        for about in &unit.requests {
            let answer = match self.answer(&about.method) {
                Ok(Some(answer)) => answer,
                Ok(None) => return Ok(if any { Ended::Closed } else { Ended::Unanswered }),
                Err(error) => {
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
                        counts.silent += 1;
                        return Ok(Ended::Closed);
                    }
                    return Ok(if any { Ended::Closed } else { Ended::Unanswered });
                }
            };
            any = true;
            counts.count(&answer);
            if answer.status == 101 {
                counts.tunnels += 1;
                self.tunnel(&last.tunnel);
                return Ok(Ended::Closed);
            }
            check(number, about, &answer)?;
            if answer.ends {
                return Ok(Ended::Closed);
            }
        }
        Ok(if doubtful { Ended::Closed } else { Ended::Reusable })
    }

    /// Sends what is meant for a tunnel and reads it to its end, or until nothing comes.
    fn tunnel(&mut self, bytes: &[u8]) {
        self.stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let _ = self.stream.write_all(bytes);
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        let mut piece = [0; 4096];
        while matches!(self.stream.read(&mut piece), Ok(count) if count > 0) {}
    }

    /// The next final answer; `None` at the end of the stream.
    fn answer(&mut self, method: &str) -> io::Result<Option<Answer>> {
        loop {
            let Some(head) = self.until(b"\r\n\r\n")? else { return Ok(None) };
            let head = String::from_utf8_lossy(&head).into_owned();
            let status = head.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or(0);
            if (100..200).contains(&status) && status != 101 {
                continue;
            }
            let field = |name: &str| {
                let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
                lines
                    .find(|(found, _)| found.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.trim().to_owned())
            };
            let bodiless = status == 101 || method == "HEAD" || matches!(status, 204 | 304);
            let mut ends = field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            let body = if bodiless {
                Vec::new()
            } else if let Some(length) = field("content-length") {
                self.take(length.parse().unwrap_or(0))?
            } else if field("transfer-encoding").is_some() {
                self.chunks()?
            } else {
                ends = true;
                self.rest()?
            };
            // Its pages have a policy for browsers, which none of the apps sends.
            let from_gate = body.starts_with(br#"{"error":"#)
                || field("content-security-policy").is_some()
                || (status >= 400 && field("x-rig-seen").is_none() && method == "HEAD");
            let seen_in_body = serde_json::from_slice::<serde_json::Value>(&body).ok();
            let seen_in_body = seen_in_body.and_then(|body| body["seen"].as_str().map(str::to_owned));
            return Ok(Some(Answer { status, seen: field("x-rig-seen"), seen_in_body, from_gate, ends }));
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16 * 1024];
        let count = self.stream.read(&mut piece)?;
        self.held.extend_from_slice(&piece[..count]);
        Ok(count > 0)
    }

    fn until(&mut self, mark: &[u8]) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.held.windows(mark.len()).position(|found| found == mark) {
                return Ok(Some(self.held.drain(..at + mark.len()).collect()));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.held.len() < count && self.fill()? {}
        let count = count.min(self.held.len());
        Ok(self.held.drain(..count).collect())
    }

    fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? {}
        Ok(std::mem::take(&mut self.held))
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.until(b"\r\n")? else { return Ok(body) };
            let digits = String::from_utf8_lossy(&line).into_owned();
            let size =
                usize::from_str_radix(digits.trim().split(';').next().unwrap_or_default(), 16).unwrap_or(0);
            body.extend_from_slice(&self.take(size)?);
            let _ = self.until(b"\r\n")?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

/// An answer belongs to its request, and a plain request gets one.
fn check(number: u64, about: &crate::draft::About, answer: &Answer) -> Result<(), Finding> {
    let finding =
        |kind, detail| Err(Finding { kind, detail, unit: Some(number), changes: about.kinds.clone() });
    let seen = [&answer.seen, &answer.seen_in_body];
    // After ambiguous bytes the number of requests is not certain.
    let is_certain = !about.doubtful && !about.kinds.contains(&"behind");
    if let Some(seen) = seen.into_iter().flatten().find(|seen| **seen != about.tag && is_certain) {
        return finding(Kind::Answer, format!("the app's answer to `{seen}` came to `{}`", about.tag));
    }
    let plain = about.kinds.is_empty() && !matches!(&*about.method, "COPY" | "MOVE" | "PROPFIND");
    if plain && answer.status >= 400 && answer.seen.is_none() && !answer.from_gate {
        return finding(Kind::Disturbed, format!("{} to a plain request `{}`", answer.status, about.tag));
    }
    Ok(())
}

impl Counts {
    fn count(&mut self, answer: &Answer) {
        self.answered += 1;
        match answer.status {
            _ if answer.seen.is_some() => self.served += 1,
            401 | 403 => self.denied += 1,
            400..500 => self.refused += 1,
            status @ 500.. => *self.failed.entry(status).or_default() += 1,
            _ => {}
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.answered += other.answered;
        self.served += other.served;
        self.refused += other.refused;
        self.denied += other.denied;
        for (status, count) in &other.failed {
            *self.failed.entry(*status).or_default() += count;
        }
        self.tunnels += other.tunnels;
        self.silent += other.silent;
        self.slow.extend(&other.slow);
    }
}

/// The number of units that hold so many requests.
pub(crate) fn units(generator: &Generator, requests: u64) -> u64 {
    let sample: u64 = (0..500).map(|number| generator.unit(number).requests.len() as u64).sum();
    (requests * 500).div_ceil(sample)
}
