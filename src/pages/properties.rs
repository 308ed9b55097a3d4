//! The app's own properties that a registration needs, as fields of the page.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{form::Form, login::shown, notice::Notice};
use crate::accounts::{Kind, Property};

/// Names of properties that browsers can fill in (HTML, section "Autofill"), in lower case without `_` and `-`.
const AUTOCOMPLETE: [(&str, &str); 33] = [
    ("name", "name"),
    ("fullname", "name"),
    ("displayname", "name"),
    ("firstname", "given-name"),
    ("givenname", "given-name"),
    ("forename", "given-name"),
    ("middlename", "additional-name"),
    ("lastname", "family-name"),
    ("familyname", "family-name"),
    ("surname", "family-name"),
    ("nickname", "nickname"),
    ("nick", "nickname"),
    ("phone", "tel"),
    ("phonenumber", "tel"),
    ("telephone", "tel"),
    ("tel", "tel"),
    ("mobile", "tel"),
    ("company", "organization"),
    ("organization", "organization"),
    ("organisation", "organization"),
    ("jobtitle", "organization-title"),
    ("birthday", "bday"),
    ("birthdate", "bday"),
    ("dateofbirth", "bday"),
    ("address", "address-line1"),
    ("street", "address-line1"),
    ("city", "address-level2"),
    ("postalcode", "postal-code"),
    ("postcode", "postal-code"),
    ("zip", "postal-code"),
    ("zipcode", "postal-code"),
    ("country", "country-name"),
    ("website", "url"),
];

/// Whether a page can ask for a property: an object, for example, is nothing that a person types.
pub(super) fn can_be_asked(property: &Property) -> bool {
    matches!(
        (property.kind, property.list),
        (Kind::Text | Kind::Number, _) | (Kind::Flag | Kind::Date, false)
    )
}

/// What the template needs for the field of a property, with what was typed into it.
pub(super) fn field(property: &Property, form: Option<&Form<'_>>) -> Value {
    let kind = match property.kind {
        Kind::Number if !property.list => "number",
        Kind::Flag => "checkbox",
        Kind::Date => "date",
        _ => "text",
    };
    let id = id(property);
    let value = form.map(|form| shown(form.text(&id)));
    let plain: String = property.name.to_lowercase().chars().filter(|c| !matches!(c, '_' | '-')).collect();
    let known = AUTOCOMPLETE.iter().find(|(name, _)| *name == plain);
    json!({
        "id": id,
        "label": label(property),
        "kind": kind,
        "list": property.list,
        "value": value.unwrap_or_default(),
        "autocomplete": known.map_or("off", |(_, autocomplete)| autocomplete),
    })
}

/// The value of a property in a form.
///
/// # Errors
/// The field is empty, or not of its type.
pub(super) fn read(property: &Property, form: &Form<'_>) -> Result<Value, Notice> {
    let id = id(property);
    if property.kind == Kind::Flag {
        return Ok(form.is_on(&id).into());
    }
    let text = form.text(&id).trim();
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let items: Vec<_> = if property.list { items.collect() } else { vec![text] };
    if text.is_empty() || items.is_empty() {
        return Err(about(property, "error.property_required"));
    }
    let is_number = |text: &&str| text.parse::<f64>().is_ok_and(f64::is_finite);
    if property.kind == Kind::Number && !items.iter().all(is_number) {
        return Err(about(property, "error.property_invalid"));
    }
    // As text: the account converts it, as it does for a form of the User API.
    Ok(if property.list { json!(items) } else { text.into() })
}

/// The same notice at the field of the property that it is about, if the page has it.
pub(super) fn at_field<'p>(own: impl Iterator<Item = &'p Property>, notice: Notice) -> Notice {
    let mut own =
        own.filter(|property| notice.field.is_none() && notice.name.as_ref() == Some(&property.name));
    match own.next() {
        Some(property) => about(property, notice.key),
        None => notice,
    }
}

fn about(property: &Property, key: &'static str) -> Notice {
    Notice { name: Some(label(property)), ..Notice::of(id(property), key) }
}

/// The id and the name of the field. By the name of the property, since a reload may change their order.
fn id(property: &Property) -> String {
    format!("property-{}", utf8_percent_encode(&property.name, NON_ALPHANUMERIC))
}

/// The description, or the words of the name: `firstName` is `First name`.
fn label(property: &Property) -> String {
    if let Some(description) = &property.description {
        return shown(description).to_owned();
    }
    let (mut label, mut before) = (String::new(), ' ');
    let mut letters = property.name.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_start = letter.is_uppercase() && before.is_lowercase();
        let is_abbreviation = letters.peek().is_some_and(|next| next.is_uppercase());
        match letter {
            '_' | '-' => label.push(' '),
            _ if label.is_empty() => label.extend(letter.to_uppercase()),
            _ if is_start && is_abbreviation => label.extend([' ', letter]),
            _ if is_start => {
                label.push(' ');
                label.extend(letter.to_lowercase());
            }
            _ => label.push(letter),
        }
        before = letter;
    }
    label
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header::CONTENT_TYPE};

    use super::*;
    use crate::pages::{input::Visit, testing::visit};

    fn property(name: &str, kind: Kind, list: bool) -> Property {
        Property { name: name.to_owned(), kind, list, required: true, default: None, description: None }
    }

    #[test]
    fn labels_are_words() {
        for (name, expected) in [
            ("firstName", "First name"),
            ("phone_number", "Phone number"),
            ("VAT-id", "VAT id"),
            ("größe", "Größe"),
            ("sizeInCM", "Size in CM"),
            ("x", "X"),
        ] {
            assert_eq!(label(&property(name, Kind::Text, false)), expected);
        }
        let described =
            Property { description: Some("Your club".to_owned()), ..property("c", Kind::Text, false) };
        assert_eq!(label(&described), "Your club");
    }

    #[test]
    fn well_known_names_are_filled_in_by_browsers() {
        for (name, expected) in
            [("firstName", "given-name"), ("last_name", "family-name"), ("phone", "tel"), ("shoeSize", "off")]
        {
            assert_eq!(field(&property(name, Kind::Text, false), None)["autocomplete"], expected);
        }
    }

    #[test]
    fn values_are_of_the_type_of_their_property() {
        use Kind::{Any, Date, Flag, Number, Text};
        let missing = Err("error.property_required");
        let invalid = Err("error.property_invalid");
        for (kind, list, typed, expected) in [
            (Text, false, "+a%2Cb+", Ok(json!("a,b"))),
            (Text, false, "++", missing.clone()),
            (Text, true, "a,+b,,", Ok(json!(["a", "b"]))),
            (Text, true, ",+,", missing.clone()),
            (Number, false, "1.5", Ok(json!("1.5"))),
            (Number, false, "x", invalid.clone()),
            (Number, false, "inf", invalid.clone()),
            (Number, true, "1,2", Ok(json!(["1", "2"]))),
            (Number, true, "1,x", invalid),
            (Number, false, "", missing),
            (Flag, false, "on", Ok(json!(true))),
            (Flag, false, "", Ok(json!(false))),
            (Date, false, "2020-02-29", Ok(json!("2020-02-29"))),
        ] {
            let property = property("a b", kind, list);
            let body = format!("property-a%2520b={typed}");
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
            let visit = Visit { headers: &headers, body: body.as_bytes(), ..visit() };
            let form = Form::read(&visit).unwrap();
            let found = read(&property, &form).map_err(|notice| {
                assert_eq!(notice.field.as_deref(), Some("property-a%20b"));
                notice.key
            });
            assert_eq!(found, expected, "{typed}");
            assert!(can_be_asked(&property));
        }
        for (kind, list) in [(Any, false), (Any, true), (Flag, true), (Date, true)] {
            assert!(!can_be_asked(&property("x", kind, list)), "{kind:?} {list}");
        }
    }
}
