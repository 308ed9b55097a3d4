//! What an import took, what it left, and why.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::cli::output::{Fate, printable};

/// Lines that are printed of each list; JSON has them all.
const SHOWN: usize = 50;

const KINDS: [&str; 5] = ["users", "tokens", "roles", "role mappings", "acls"];

/// The report.
#[derive(Debug, Default)]
pub(in crate::cli) struct Report {
    tallies: [Tally; KINDS.len()],
    left: Vec<(&'static str, String, String)>,
    notes: Vec<(String, &'static str)>,
    pub(super) others: Vec<(String, usize)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    taken: usize,
    updated: usize,
    present: usize,
    left: usize,
}

impl Report {
    /// A row that is not stored.
    pub(super) fn left(&mut self, kind: &'static str, place: String, why: String) {
        if let Some(tally) = self.tally(kind) {
            tally.left += 1;
        }
        self.left.push((kind, place, why));
    }

    /// A row that is stored, though something about it has to be known.
    pub(super) fn note(&mut self, place: String, what: &'static str) {
        self.notes.push((place, what));
    }

    /// What became of a row.
    pub(super) fn count(&mut self, kind: &'static str, place: String, fate: &Fate) {
        if let Fate::Left(why) | Fate::Kept(why) = fate {
            return self.left(kind, place, why.clone());
        }
        let Some(tally) = self.tally(kind) else { return };
        match fate {
            Fate::Taken | Fate::Role { taken: true, .. } => tally.taken += 1,
            Fate::Updated => tally.updated += 1,
            Fate::Present | Fate::Role { .. } => tally.present += 1,
            Fate::Left(_) | Fate::Kept(_) => {}
        }
    }

    /// For a program.
    pub(in crate::cli) fn to_json(&self) -> Value {
        let tally = |(kind, tally): (&&str, Tally)| {
            let Tally { taken, updated, present, left } = tally;
            let counts = json!({"taken": taken, "updated": updated, "present": present, "left": left});
            (kind.replace(' ', "_"), counts)
        };
        let mut json: Map<String, Value> = KINDS.iter().zip(self.tallies).map(tally).collect();
        let left =
            self.left.iter().map(|(kind, place, why)| json!({"kind": kind, "place": place, "why": why}));
        let notes = self.notes.iter().map(|(place, what)| json!({"place": place, "what": what}));
        let others = self.others.iter().map(|(model, rows)| json!({"model": model, "rows": rows}));
        json.insert("left".to_owned(), left.collect());
        json.insert("notes".to_owned(), notes.collect());
        json.insert("not_accounts".to_owned(), others.collect());
        Value::Object(json)
    }

    /// For a person.
    pub(in crate::cli) fn to_text(&self) -> String {
        let mut text = String::new();
        for (kind, tally) in KINDS.iter().zip(self.tallies) {
            let Tally { taken, updated, present, left } = tally;
            let _ = writeln!(
                text,
                "{kind:<14} {taken} taken, {updated} updated, {present} already here, {left} left"
            );
        }
        let left = self.left.iter().map(|(_, place, why)| (place.as_str(), why.as_str()));
        section(&mut text, "left", left, self.left.len());
        let notes = self.notes.iter().map(|(place, what)| (place.as_str(), *what));
        section(&mut text, "taken, but", notes, self.notes.len());
        if !self.others.is_empty() {
            let named = self.others.iter().map(|(model, rows)| format!("{model} ({rows})"));
            let named = named.collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "not looked at, the app's own: {named}");
        }
        text
    }

    fn tally(&mut self, kind: &str) -> Option<&mut Tally> {
        KINDS.iter().zip(&mut self.tallies).find(|(name, _)| **name == kind).map(|(_, tally)| tally)
    }
}

fn section<'t>(
    text: &mut String,
    title: &str,
    lines: impl Iterator<Item = (&'t str, &'t str)>,
    count: usize,
) {
    if count == 0 {
        return;
    }
    let _ = writeln!(text, "{title}:");
    for (place, what) in lines.take(SHOWN) {
        let _ = writeln!(text, "  {}: {}", printable(place), printable(what));
    }
    if count > SHOWN {
        let _ = writeln!(text, "  … and {} more; --json lists them all", count - SHOWN);
    }
}
