//! The values of a query while they grow together.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use crate::javascript::LARGEST_WHOLE;

/// One step into a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'n> {
    /// A member of an object.
    Name(&'n str),
    /// A member whose name is all brackets that lie too deep.
    TooDeep(&'n str),
    /// A place of a list: `[3]`.
    Place(usize),
    /// The next place of a list: `[]`.
    Next,
}

/// 2^32 - 1: numbers below it come first among an object's members.
const MAX_INDEX: usize = 0xffff_ffff;

/// A value.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    List(List),
    Map(Object),
}

/// A list, with holes.
#[derive(Debug, Default)]
pub(super) struct List {
    items: BTreeMap<usize, Node>,
    /// Whether it has come from an object that met a text.
    is_conflict: bool,
}

/// An object, in the order of its making.
#[derive(Debug, Default)]
pub(super) struct Object {
    members: Vec<(String, Node)>,
    grown: Grown,
}

/// Where an object was a list before, its largest place: a text that meets it goes to the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Grown {
    #[default]
    No,
    /// The list had come from an object that met a text.
    Conflict(usize),
    /// The list had become too long.
    Overflow(usize),
}

impl<'n> Step<'n> {
    /// What stands in brackets.
    pub(super) fn of_brackets(inner: &'n str) -> Self {
        match (inner, place(inner)) {
            ("", _) => Self::Next,
            (_, Some(place)) => Self::Place(place),
            (name, None) => Self::Name(name),
        }
    }
}

impl Node {
    /// The value at the end of these steps. `items` is the length of the longest list.
    pub(super) fn nest(steps: &[Step<'_>], value: Self, items: usize) -> Self {
        steps.iter().rev().fold(value, |inner, step| match step {
            Step::Next => match inner {
                Self::Map(map) if map.is_overflow() => Self::Map(map),
                Self::List(list) => Self::List(List { is_conflict: false, ..list }),
                one => Self::List(List::of([one])),
            },
            Step::Place(place) if *place < items => Self::List(List::at(*place, inner)),
            Step::Place(place) => Self::Map(Object {
                members: vec![(place.to_string(), inner)],
                grown: Grown::Overflow(*place),
            }),
            Step::Name("__proto__") => Self::Map(Object::default()),
            Step::Name(name) | Step::TooDeep(name) => {
                Self::Map(Object { members: vec![((*name).to_owned(), inner)], grown: Grown::No })
            }
        })
    }

    /// This value, and what came later under the same name.
    pub(super) fn merge(self, more: Self, items: usize) -> Self {
        match (self, more) {
            // JavaScript takes it for nothing.
            (before, Self::Text(text)) if text.is_empty() => before,
            (Self::List(list), text @ Self::Text(_)) => list.push(text, items),
            (Self::Map(map), text @ Self::Text(_)) => map.push(text),
            (Self::List(list), Self::List(more)) => list.merge(more, items),
            (Self::List(list), Self::Map(more)) => Self::Map(list.into_object().merge(more, items)),
            (Self::Map(map), Self::List(more)) => Self::Map(map.merge(more.into_plain_object(), items)),
            (Self::Map(map), Self::Map(more)) => Self::Map(map.merge(more, items)),
            (text @ Self::Text(_), Self::Map(more)) if more.is_overflow() => Self::Map(more.behind(text)),
            (text @ Self::Text(_), Self::List(more)) => more.behind(text).bounded(items),
            (text @ Self::Text(_), one) => Self::List(List::of([text, one])),
        }
    }

    /// The value without the holes of its lists, its objects in JavaScript's order.
    pub(super) fn finished(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text),
            Self::List(list) => list.items.into_values().map(Self::finished).collect(),
            Self::Map(map) => map.into_members().map(|(name, node)| (name, node.finished())).collect(),
        }
    }
}

impl List {
    fn of<const N: usize>(items: [Node; N]) -> Self {
        Self { items: items.into_iter().enumerate().collect(), is_conflict: false }
    }

    fn at(place: usize, item: Node) -> Self {
        Self { items: BTreeMap::from([(place, item)]), is_conflict: false }
    }

    fn len(&self) -> usize {
        self.items.last_key_value().map_or(0, |(place, _)| place + 1)
    }

    fn push(mut self, item: Node, items: usize) -> Node {
        self.items.insert(self.len(), item);
        self.bounded(items)
    }

    /// Items whose place is taken go to the end; two objects become one.
    fn merge(mut self, more: Self, items: usize) -> Node {
        for (place, item) in more.items {
            match self.items.remove(&place) {
                None => {
                    self.items.insert(place, item);
                }
                Some(Node::Text(text)) => self.put_both(place, Node::Text(text), item),
                Some(before) if matches!(item, Node::Text(_)) => self.put_both(place, before, item),
                Some(before) => {
                    self.items.insert(place, before.merge(item, items));
                }
            }
        }
        self.bounded(items)
    }

    fn put_both(&mut self, place: usize, before: Node, item: Node) {
        self.items.insert(place, before);
        self.items.insert(self.len(), item);
    }

    /// The list with this before its first item.
    fn behind(self, first: Node) -> Self {
        let rest = self.items.into_iter().map(|(place, item)| (place + 1, item));
        Self { items: std::iter::once((0, first)).chain(rest).collect(), is_conflict: false }
    }

    /// An object, where the list is too long.
    fn bounded(self, items: usize) -> Node {
        let len = self.len();
        if len <= items {
            return Node::List(self);
        }
        Node::Map(Object { grown: Grown::Overflow(len - 1), ..self.into_object() })
    }

    fn into_object(self) -> Object {
        let grown = if self.is_conflict { Grown::Conflict(self.len().saturating_sub(1)) } else { Grown::No };
        Object { grown, ..self.into_plain_object() }
    }

    fn into_plain_object(self) -> Object {
        let members = self.items.into_iter().map(|(place, item)| (place.to_string(), item));
        Object { members: members.collect(), grown: Grown::No }
    }
}

impl Object {
    /// Adds a value to those of its name: several are a list.
    pub(super) fn append(&mut self, name: Cow<'_, str>, value: Node, items: usize) {
        let Some(slot) = self.slot(&name) else {
            self.members.push((name.into_owned(), value));
            return;
        };
        let before = std::mem::replace(slot, Node::Text(String::new()));
        *slot = match before {
            Node::Map(map) => map.push(value),
            Node::List(list) => list.push(value, items),
            text @ Node::Text(_) => Node::List(List::of([text, value])),
        };
    }

    /// The members in JavaScript's order: numbers upwards, then the rest as they came.
    pub(super) fn into_members(mut self) -> impl Iterator<Item = (String, Node)> {
        self.members.sort_by_cached_key(|(name, _)| place(name).unwrap_or(usize::MAX).min(MAX_INDEX));
        self.members.into_iter()
    }

    fn is_overflow(&self) -> bool {
        matches!(self.grown, Grown::Overflow(_))
    }

    fn slot(&mut self, name: &str) -> Option<&mut Node> {
        self.members.iter_mut().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    fn push(mut self, text: Node) -> Node {
        let (Grown::Conflict(largest) | Grown::Overflow(largest)) = &mut self.grown else {
            return Node::List(List { is_conflict: true, ..List::of([Node::Map(self), text]) });
        };
        *largest += 1;
        let name = largest.to_string();
        match self.slot(&name) {
            Some(slot) => *slot = text,
            None => self.members.push((name, text)),
        }
        Node::Map(self)
    }

    fn merge(mut self, more: Self, items: usize) -> Self {
        let grown = more.grown;
        for (name, node) in more.into_members() {
            let at = place(&name);
            match self.slot(&name) {
                None => self.members.push((name, node)),
                Some(slot) => {
                    let before = std::mem::replace(slot, Node::Text(String::new()));
                    *slot = before.merge(node, items);
                }
            }
            if let (Grown::Overflow(largest), false) = (grown, self.is_overflow()) {
                let places = self.members.iter().filter_map(|(name, _)| place(name));
                self.grown = Grown::Overflow(places.fold(largest, usize::max));
            }
            if let (Grown::Conflict(largest) | Grown::Overflow(largest), Some(at)) = (&mut self.grown, at) {
                *largest = at.max(*largest);
            }
        }
        self
    }

    /// An object that was a list, with this before its first item.
    fn behind(self, first: Node) -> Self {
        let Grown::Overflow(largest) = self.grown else { return self };
        let rest =
            self.members.into_iter().filter_map(|(name, node)| Some(((place(&name)? + 1).to_string(), node)));
        Self {
            members: std::iter::once(("0".to_owned(), first)).chain(rest).collect(),
            grown: Grown::Overflow(largest + 1),
        }
    }
}

/// A name that is a place of a list: a whole number as JavaScript writes it.
fn place(name: &str) -> Option<usize> {
    let number = name.parse().ok().filter(|number: &usize| number.to_string() == name)?;
    #[expect(clippy::cast_precision_loss, reason = "what is rounded is too large either way")]
    (number as f64 <= LARGEST_WHOLE).then_some(number)
}
