use super::{
    super::arguments::{self, Place},
    operations::{self, Takes},
};
use crate::policy::AccountMethod;

#[test]
fn every_method_that_is_served_is_described() {
    for method in AccountMethod::ALL {
        // It is answered with 501.
        let is_built = *method != AccountMethod::CreateChangeStream;
        assert_eq!(operations::of(*method).is_some(), is_built, "{method:?}");
    }
}

#[test]
fn bodies_are_described_where_the_arguments_have_them() {
    for method in AccountMethod::ALL.iter().copied() {
        let Some((_, operation)) = operations::of(method) else { continue };
        let has = |place| arguments::of(method).iter().any(|argument| argument.place == place);
        let one = matches!(operation.takes, Takes::One(_) | Takes::OneOrMany(_));
        assert_eq!(one, has(Place::Body), "{method:?}");
        assert_eq!(operation.takes == Takes::Fields, has(Place::Field), "{method:?}");
    }
}
