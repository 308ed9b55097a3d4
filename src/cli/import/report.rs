//! Counts what an import stored and skipped, by reason, so that the report does not grow with the rows.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Seek, Write},
};

use serde_json::{Map, Value, json};

use super::Kind;
use crate::{
    admin::{RowOutcome, Why},
    cli::printable::printable,
};

/// Rows that are listed for each reason. JSON lists all.
const SHOWN: usize = 3;

/// The report of an import.
#[derive(Debug)]
pub(in crate::cli) struct Report {
    tallies: [Tally; Kind::ALL.len()],
    left: BTreeMap<(Kind, String), Group>,
    notes: BTreeMap<(Kind, String), Group>,
    pub(super) others: Vec<(String, usize)>,
    unreadable: usize,
    /// All skipped and noted rows as lines of JSON, in an unnamed file. `None` for a text report.
    all: Option<BufWriter<File>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    taken: usize,
    updated: usize,
    present: usize,
    left: usize,
    /// Those of the skipped rows that exist here and were changed.
    kept: usize,
}

/// Rows with the same reason.
#[derive(Debug, Default)]
struct Group {
    count: usize,
    first: Vec<(String, Why)>,
}

impl Report {
    /// An empty report. `complete`: it can be written as JSON.
    ///
    /// # Errors
    /// If the system cannot create a temporary file.
    pub(super) fn new(complete: bool) -> io::Result<Self> {
        let all = if complete { Some(BufWriter::new(tempfile::tempfile()?)) } else { None };
        Ok(Self {
            tallies: Default::default(),
            left: BTreeMap::new(),
            notes: BTreeMap::new(),
            others: Vec::new(),
            unreadable: 0,
            all,
        })
    }

    /// Counts a row that is not JSON. The file is probably not the right one.
    pub(super) fn unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// Whether all rows could be parsed.
    pub(in crate::cli) fn is_whole(&self) -> bool {
        self.unreadable == 0
    }

    /// The reason why the import failed as a whole: no account, or nothing at all, was taken.
    pub(in crate::cli) fn missed(&self) -> Option<&'static str> {
        let is_empty = |tally: &Tally| tally.taken + tally.updated + tally.present + tally.kept == 0;
        let [users, ..] = &self.tallies;
        if is_empty(users) && users.left > 0 {
            Some(
                "no account was taken: see what is said of each, and whether the policies name the same account model and key",
            )
        } else if self.tallies.iter().all(is_empty) {
            Some("nothing was taken: the files hold no row of the accounts, tokens, roles, mappings or rules")
        } else {
            None
        }
    }

    /// Counts a skipped row.
    pub(super) fn left(&mut self, kind: Kind, place: String, why: Why) -> io::Result<()> {
        self.tally(kind).left += 1;
        self.keep(&json!({"kind": kind.name(), "place": place, "why": why.to_string()}))?;
        group(&mut self.left, kind, place, why);
        Ok(())
    }

    /// Notes something about a stored row.
    pub(super) fn note(&mut self, kind: Kind, place: String, what: Why) -> io::Result<()> {
        self.keep(&json!({"note": {"place": place, "what": what.to_string()}}))?;
        group(&mut self.notes, kind, place, what);
        Ok(())
    }

    /// Counts the outcome of a row.
    pub(super) fn count(&mut self, kind: Kind, place: String, outcome: RowOutcome) -> io::Result<()> {
        let tally = self.tally(kind);
        match outcome {
            RowOutcome::Taken | RowOutcome::Role { taken: true, .. } => tally.taken += 1,
            RowOutcome::Updated => tally.updated += 1,
            RowOutcome::Present | RowOutcome::Role { .. } => tally.present += 1,
            RowOutcome::Noted(what) => {
                tally.taken += 1;
                return self.note(kind, place, what);
            }
            RowOutcome::Left(why) => return self.left(kind, place, why),
            RowOutcome::Kept(why) => {
                tally.kept += 1;
                return self.left(kind, place, why);
            }
        }
        Ok(())
    }

    /// Writes the report as JSON, with all skipped rows and their reasons.
    ///
    /// # Errors
    /// If it cannot be written, or the rows cannot be read back.
    pub(in crate::cli) fn write_json(&mut self, to: &mut dyn Write) -> anyhow::Result<()> {
        let tally = |(kind, tally): (&Kind, Tally)| {
            let Tally { taken, updated, present, left, .. } = tally;
            let counts = json!({"taken": taken, "updated": updated, "present": present, "left": left});
            (kind.name().replace(' ', "_"), counts)
        };
        let mut json: Map<String, Value> = Kind::ALL.iter().zip(self.tallies).map(tally).collect();
        let others = self.others.iter().map(|(model, rows)| json!({"model": model, "rows": rows}));
        json.insert("unreadable".to_owned(), self.unreadable.into());
        json.insert("missed".to_owned(), self.missed().into());
        json.insert("not_accounts".to_owned(), others.collect());
        let reasons = self
            .left
            .iter()
            .map(|((kind, what), group)| json!({"kind": kind.name(), "why": what, "rows": group.count}));
        json.insert("reasons".to_owned(), reasons.collect());
        let head = format!("{:#}", Value::Object(json));
        to.write_all(head.strip_suffix("\n}").unwrap_or(&head).as_bytes())?;
        self.write_rows(to, "left", |row| (row.get("note").is_none()).then_some(row))?;
        self.write_rows(to, "notes", |mut row| row.get_mut("note").map(Value::take))?;
        Ok(to.write_all(b"\n}\n")?)
    }

    /// The report as text.
    pub(in crate::cli) fn to_text(&self) -> String {
        let mut text = String::new();
        for (kind, tally) in Kind::ALL.iter().zip(self.tallies) {
            let (kind, Tally { taken, updated, present, left, .. }) = (kind.name(), tally);
            let _ = writeln!(
                text,
                "{kind:<14} {taken} taken, {updated} updated, {present} already here, {left} left"
            );
        }
        section(&mut text, "left", &self.left);
        section(&mut text, "taken, but", &self.notes);
        if !self.others.is_empty() {
            let named = self.others.iter().map(|(model, rows)| format!("{model} ({rows})"));
            let named = named.collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "not looked at, the app's own: {named}");
        }
        if let Some(missed) = self.missed() {
            let _ = writeln!(text, "{missed}");
        }
        text
    }

    fn tally(&mut self, kind: Kind) -> &mut Tally {
        let [users, tokens, roles, mappings, acls] = &mut self.tallies;
        match kind {
            Kind::User => users,
            Kind::Token => tokens,
            Kind::Role => roles,
            Kind::Mapping => mappings,
            Kind::Acl => acls,
        }
    }

    fn keep(&mut self, row: &Value) -> io::Result<()> {
        match &mut self.all {
            Some(all) => writeln!(all, "{row}"),
            None => Ok(()),
        }
    }

    fn write_rows(
        &mut self,
        to: &mut dyn Write,
        name: &str,
        pick: impl Fn(Value) -> Option<Value>,
    ) -> anyhow::Result<()> {
        write!(to, ",\n  \"{name}\": [")?;
        let mut separator = "\n    ";
        if let Some(all) = &mut self.all {
            all.rewind()?;
            for line in BufReader::new(all.get_ref()).lines() {
                if let Some(row) = pick(serde_json::from_str(&line?)?) {
                    write!(to, "{separator}{row}")?;
                    separator = ",\n    ";
                }
            }
        }
        Ok(write!(to, "]")?)
    }
}

fn group(groups: &mut BTreeMap<(Kind, String), Group>, kind: Kind, place: String, why: Why) {
    let group = groups.entry((kind, why.what().to_owned())).or_default();
    group.count += 1;
    if group.first.len() < SHOWN {
        group.first.push((place, why));
    }
}

fn section(text: &mut String, title: &str, groups: &BTreeMap<(Kind, String), Group>) {
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}:");
    for ((kind, _), Group { count, first }) in groups {
        for (place, why) in first {
            let _ = writeln!(text, "  {}: {}", printable(place), printable(&why.to_string()));
        }
        let more = count - first.len();
        if more > 0 {
            let _ =
                writeln!(text, "  … and {more} more {} for this reason; --json lists them all", kind.name());
        }
    }
}
