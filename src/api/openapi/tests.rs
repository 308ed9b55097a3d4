use std::collections::BTreeSet;

use super::{
    super::arguments::{self, Place},
    operations::{self, Takes},
};

/// What [`super::super::Api`] serves, as `run` lists it.
fn served() -> BTreeSet<&'static str> {
    let source = include_str!("../../api.rs");
    let arms = source.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => self."));
    arms.map(|(method, _)| method).collect()
}

#[test]
fn every_method_that_is_served_is_described() {
    let served = served();
    assert!(served.contains("login") && served.len() > 20, "{served:?}");
    for method in served {
        assert!(operations::of(method).is_some(), "{method}");
    }
    assert!(operations::of("createChangeStream").is_none(), "it is answered with 501");
}

#[test]
fn bodies_are_described_where_the_arguments_have_them() {
    for method in served() {
        let (_, operation) = operations::of(method).unwrap();
        let has = |place| arguments::of(method).iter().any(|argument| argument.place == place);
        let one = matches!(operation.takes, Takes::One(_) | Takes::OneOrMany(_));
        assert_eq!(one, has(Place::Body), "{method}");
        assert_eq!(operation.takes == Takes::Fields, has(Place::Field), "{method}");
    }
}
