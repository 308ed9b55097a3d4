//! The built-in templates and texts of mails.

use crate::templates::Catalogue;

/// The texts in all languages.
pub(super) static TEXTS: Catalogue = Catalogue::new([
    include_str!("texts/en.toml"),
    include_str!("texts/de.toml"),
    include_str!("texts/ja.toml"),
    include_str!("texts/zh.toml"),
]);

const SUBJECT: &str = include_str!("templates/subject.txt");
const TEXT: &str = include_str!("templates/body.txt");
const HTML: &str = include_str!("templates/body.html");

/// The templates. All mails share three of them, and a folder can replace those of one mail alone.
pub(super) const TEMPLATES: &[(&str, &str)] = &[
    ("confirm/subject.txt", SUBJECT),
    ("confirm/body.txt", TEXT),
    ("confirm/body.html", HTML),
    ("reset/subject.txt", SUBJECT),
    ("reset/body.txt", TEXT),
    ("reset/body.html", HTML),
    ("invite/subject.txt", SUBJECT),
    ("invite/body.txt", TEXT),
    ("invite/body.html", HTML),
    ("password-changed/subject.txt", SUBJECT),
    ("password-changed/body.txt", TEXT),
    ("password-changed/body.html", HTML),
    ("address-changed/subject.txt", SUBJECT),
    ("address-changed/body.txt", TEXT),
    ("address-changed/body.html", HTML),
    ("new-address/subject.txt", SUBJECT),
    ("new-address/body.txt", TEXT),
    ("new-address/body.html", HTML),
    ("new-login/subject.txt", SUBJECT),
    ("new-login/body.txt", TEXT),
    ("new-login/body.html", HTML),
    ("name-taken/subject.txt", SUBJECT),
    ("name-taken/body.txt", TEXT),
    ("name-taken/body.html", HTML),
    ("username-changed/subject.txt", SUBJECT),
    ("username-changed/body.txt", TEXT),
    ("username-changed/body.html", HTML),
    ("token-made/subject.txt", SUBJECT),
    ("token-made/body.txt", TEXT),
    ("token-made/body.html", HTML),
    ("account-deleted/subject.txt", SUBJECT),
    ("account-deleted/body.txt", TEXT),
    ("account-deleted/body.html", HTML),
    ("layout.html", include_str!("templates/layout.html")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Message;

    #[test]
    fn the_texts_are_complete_in_all_languages() {
        let mistakes = TEXTS.mistakes();
        assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    }

    #[test]
    fn every_mail_has_its_templates() {
        for message in Message::ALL {
            for part in ["subject.txt", "body.txt", "body.html"] {
                let name = format!("{message}/{part}");
                assert!(TEMPLATES.iter().any(|(own, _)| *own == name), "{name}");
            }
        }
    }
}
