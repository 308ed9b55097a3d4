//! The values of a query under construction.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use crate::javascript::LARGEST_WHOLE;

/// A step of a name's path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'n> {
    /// A member of an object.
    Name(&'n str),
    /// A member whose name consists of the brackets below the depth limit.
    TooDeep(&'n str),
    /// An index of a list: `[3]`.
    Place(usize),
    /// The next free index of a list: `[]`.
    Next,
}

/// 2^32 - 1. JavaScript puts members whose names are numbers below it first.
const MAX_INDEX: usize = 0xffff_ffff;

/// A value under construction.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    List(List),
    Map(Object),
}

/// A list, possibly with holes.
#[derive(Debug, Default)]
pub(super) struct List {
    items: BTreeMap<usize, Node>,
    /// Whether it was created from an object and a text with the same name.
    is_conflict: bool,
}

/// An object with its members in the order of insertion.
#[derive(Debug, Default)]
pub(super) struct Object {
    members: Vec<(String, Node)>,
    former: FormerList,
}

/// The largest index of an object that was a list before. A text that is merged into it goes to the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FormerList {
    #[default]
    No,
    /// The list was created from an object and a text.
    Conflict(usize),
    /// The list was too long.
    Overflow(usize),
}

impl<'n> Step<'n> {
    /// The step for the text in a group of brackets.
    pub(super) fn of_brackets(inner: &'n str) -> Self {
        match (inner, place(inner)) {
            ("", _) => Self::Next,
            (_, Some(place)) => Self::Place(place),
            (name, None) => Self::Name(name),
        }
    }
}

impl Node {
    /// The value at the end of a path. `items` is the maximum length of a list.
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
                former: FormerList::Overflow(*place),
            }),
            // `qs` ignores this name wherever it occurs, against prototype pollution.
            Step::Name("__proto__") => Self::Map(Object::default()),
            Step::Name(name) | Step::TooDeep(name) => {
                Self::Map(Object { members: vec![((*name).to_owned(), inner)], former: FormerList::No })
            }
        })
    }

    /// Merges a value with a later one of the same name.
    pub(super) fn merge(self, more: Self, items: usize) -> Self {
        match (self, more) {
            // An empty text is falsy in JavaScript, and `qs` ignores it.
            (before, Self::Text(text)) if text.is_empty() => before,
            (Self::List(list), text @ Self::Text(_)) => list.push(text, items),
            (Self::Map(map), text @ Self::Text(_)) => map.push(text),
            (Self::List(list), Self::List(more)) => list.merge(more, items),
            (Self::List(list), Self::Map(more)) => Self::Map(list.into_object().merge(more, items)),
            (Self::Map(map), Self::List(more)) => Self::Map(map.merge(more.into_plain_object(), items)),
            (Self::Map(map), Self::Map(more)) => Self::Map(map.merge(more, items)),
            (text @ Self::Text(_), Self::Map(more)) if more.is_overflow() => Self::Map(more.prepend(text)),
            (text @ Self::Text(_), Self::List(more)) => more.prepend(text).bounded(items),
            (text @ Self::Text(_), one) => Self::List(List::of([text, one])),
        }
    }

    /// The final value: lists without holes, objects in JavaScript's order.
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

    /// Items whose index is taken are appended; two objects are merged.
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

    /// The list with an item inserted before its first.
    fn prepend(self, first: Node) -> Self {
        let rest = self.items.into_iter().map(|(place, item)| (place + 1, item));
        Self { items: std::iter::once((0, first)).chain(rest).collect(), is_conflict: false }
    }

    /// The list, or an object if it is too long.
    fn bounded(self, items: usize) -> Node {
        let len = self.len();
        if len <= items {
            return Node::List(self);
        }
        Node::Map(Object { former: FormerList::Overflow(len - 1), ..self.into_object() })
    }

    fn into_object(self) -> Object {
        let former = if self.is_conflict {
            FormerList::Conflict(self.len().saturating_sub(1))
        } else {
            FormerList::No
        };
        Object { former, ..self.into_plain_object() }
    }

    fn into_plain_object(self) -> Object {
        let members = self.items.into_iter().map(|(place, item)| (place.to_string(), item));
        Object { members: members.collect(), former: FormerList::No }
    }
}

impl Object {
    /// Adds a value. Several of the same name become a list.
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

    /// The members in JavaScript's order: numbers ascending, then the others as inserted.
    pub(super) fn into_members(mut self) -> impl Iterator<Item = (String, Node)> {
        // A stable sort: all other names have the same key, and keep their order.
        self.members.sort_by_cached_key(|(name, _)| place(name).unwrap_or(usize::MAX).min(MAX_INDEX));
        self.members.into_iter()
    }

    fn is_overflow(&self) -> bool {
        matches!(self.former, FormerList::Overflow(_))
    }

    fn slot(&mut self, name: &str) -> Option<&mut Node> {
        self.members.iter_mut().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    fn push(mut self, text: Node) -> Node {
        let (FormerList::Conflict(largest) | FormerList::Overflow(largest)) = &mut self.former else {
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
        let former = more.former;
        for (name, node) in more.into_members() {
            let at = place(&name);
            match self.slot(&name) {
                None => self.members.push((name, node)),
                Some(slot) => {
                    let before = std::mem::replace(slot, Node::Text(String::new()));
                    *slot = before.merge(node, items);
                }
            }
            if let (FormerList::Overflow(largest), false) = (former, self.is_overflow()) {
                let places = self.members.iter().filter_map(|(name, _)| place(name));
                self.former = FormerList::Overflow(places.fold(largest, usize::max));
            }
            if let (FormerList::Conflict(largest) | FormerList::Overflow(largest), Some(at)) =
                (&mut self.former, at)
            {
                *largest = at.max(*largest);
            }
        }
        self
    }

    /// An object that was a list, with an item inserted before its first.
    fn prepend(self, first: Node) -> Self {
        let FormerList::Overflow(largest) = self.former else { return self };
        let rest =
            self.members.into_iter().filter_map(|(name, node)| Some(((place(&name)? + 1).to_string(), node)));
        Self {
            members: std::iter::once(("0".to_owned(), first)).chain(rest).collect(),
            former: FormerList::Overflow(largest + 1),
        }
    }
}

/// A name that is an index of a list: an integer as JavaScript writes it.
fn place(name: &str) -> Option<usize> {
    let number = name.parse().ok().filter(|number: &usize| number.to_string() == name)?;
    #[expect(clippy::cast_precision_loss, reason = "what is rounded is too large either way")]
    (number as f64 <= LARGEST_WHOLE).then_some(number)
}
