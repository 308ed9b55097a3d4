use std::fs;

use super::{testing::settings, *};

const NOW: Timestamp = Timestamp(1_795_294_271_688);

fn mail(message: Message, language: Language) -> Mail {
    let facts = message.sample("https://shop.example", NOW.0);
    Mail { message, to: "ann@example.com".to_owned(), language, id: "0123abcd".to_owned(), facts }
}

fn mailer(change: impl FnOnce(&mut Settings)) -> Mailer {
    let mut settings = settings(Path::new("/none"));
    change(&mut settings);
    Mailer::new(settings).unwrap()
}

/// Headers and body of a message; lines of a header are joined.
fn written(mail: &Mail) -> (String, String) {
    let mailer = mailer(|_| {});
    let composed = mailer.compose(mail).unwrap();
    let message = compose::message(mailer.settings(), mail, &composed, NOW).unwrap().formatted();
    let text = String::from_utf8(message).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.replace("\r\n ", " "), body.to_owned())
}

#[test]
fn every_mail_says_its_piece_in_every_language() {
    let mailer = mailer(|_| {});
    for language in Language::ALL {
        let mut subjects = std::collections::BTreeSet::new();
        for message in Message::ALL {
            let mail = mail(message, language);
            let Composed { subject, text, html } = mailer.compose(&mail).unwrap();
            assert!(subject.contains("Shop"), "{subject}");
            assert!(subjects.insert(subject.clone()), "two mails are called {subject}");
            assert!(html.contains(&format!("<html lang=\"{}\">", language.code())));
            for part in [&text, &html] {
                assert_eq!(
                    part.contains("token=SAMPLE-0123456789"),
                    message.page().is_some(),
                    "{message}: {part}"
                );
                assert_eq!(part.contains("192.0.2.1"), message.page().is_none(), "{message}: {part}");
                assert!(part.contains("ann@example.com") && !part.contains("{{"), "{message}: {part}");
            }
            assert!(!text.contains('{'), "a value is missing: {text}");
            // Other sources than the mail itself would tell who reads it, and when.
            assert!(!html.contains("<img") && !html.contains("src=") && !html.contains("<script"), "{html}");
        }
    }
}

#[test]
fn a_reset_says_how_long_its_link_lives() {
    for (language, expected) in [
        (Language::En, "The link works once, for 15 minutes."),
        (Language::De, "15 Minuten"),
        (Language::Ja, "15分間"),
        (Language::Zh, "15 分钟"),
    ] {
        let text = mailer(|_| {}).compose(&mail(Message::Reset, language)).unwrap().text;
        assert!(text.contains(expected), "{text}");
    }
    let text = mailer(|_| {}).compose(&mail(Message::Invite, Language::En)).unwrap().text;
    assert!(text.contains("for 7 days"), "{text}");
}

#[test]
fn a_message_has_the_headers_that_mail_systems_ask_for() {
    let (head, body) = written(&mail(Message::Reset, Language::Ja));
    for line in [
        "From: Shop <noreply@shop.example>",
        "To: ann@example.com",
        "Message-ID: <0123abcd.reset@shop.example>",
        "Date: Sat, 21 Nov 2026 20:51:11 +0000",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        "MIME-Version: 1.0",
    ] {
        assert!(head.lines().any(|own| own == line), "{line} is not in\n{head}");
    }
    // Beyond ASCII as encoded words (RFC 2047), of which none is longer than 75 characters.
    let subject = head.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
    assert!(subject.is_ascii() && subject.contains("=?utf-8?"), "{subject}");
    assert!(subject.split_whitespace().all(|word| word.len() <= 75), "{subject}");
    assert!(head.contains("Content-Type: multipart/alternative"), "{head}");
    let japanese = compose::message(
        &Settings { from: "店 <a@b.example>".to_owned(), ..mailer(|_| {}).settings().clone() },
        &mail(Message::Reset, Language::En),
        &Composed { subject: "x".to_owned(), text: "x".to_owned(), html: "x".to_owned() },
        NOW,
    );
    let japanese = String::from_utf8(japanese.unwrap().formatted()).unwrap();
    assert!(japanese.contains("From: =?utf-8?b?5bqX?= <a@b.example>"), "{japanese}");
    let (plain, html) = (body.find("Content-Type: text/plain"), body.find("Content-Type: text/html"));
    assert!(plain.unwrap() < html.unwrap(), "the best one comes last (RFC 2046 section 5.1.4)");
    assert!(body.is_ascii() && body.lines().all(|line| line.len() <= 998), "{body}");
}

#[test]
fn values_are_escaped_and_begin_no_header() {
    let mut mail = mail(Message::AddressChanged, Language::En);
    mail.facts.new_address = "<b>x</b>@evil.example".to_owned();
    let composed = mailer(|settings| settings.site = "A & B\r\nBcc: x@y".to_owned()).compose(&mail).unwrap();
    assert!(composed.html.contains("&lt;b&gt;x&lt;") && !composed.html.contains("<b>"), "{}", composed.html);
    assert!(!composed.subject.contains(['\r', '\n']), "{}", composed.subject);
}

#[test]
fn a_folder_replaces_what_it_names() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("reset")).unwrap();
    let own = "Go to https://app.example/new?t={{ token }}\n";
    fs::write(folder.path().join("reset/body.txt"), own).unwrap();
    fs::write(folder.path().join("reset/.body.txt.swp"), "left behind").unwrap();
    let with = |folder: &Path| {
        let folder = folder.to_owned();
        mailer(move |settings| settings.templates = Some(folder))
    };
    let mailer = with(folder.path());
    let composed = mailer.compose(&mail(Message::Reset, Language::De)).unwrap();
    assert_eq!(composed.text, "Go to https://app.example/new?t=SAMPLE-0123456789");
    assert!(composed.html.contains("Neues Passwort"), "{}", composed.html);
    let other = mailer.compose(&mail(Message::Invite, Language::De)).unwrap();
    assert!(other.text.contains("eingeladen"), "{}", other.text);
}

#[test]
fn mistakes_in_a_folder_are_found_at_once() {
    for (name, text, expected) in [
        ("reset/subjekt.txt", "x", "`reset/subjekt.txt` is the name of no template"),
        ("note.txt", "x", "`note.txt` is the name of no template"),
        ("reset/body.txt", "line\n{{ link", "`reset/body.txt` line 2"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("reset")).unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        let mut settings = settings(Path::new("/none"));
        settings.templates = Some(folder.path().to_owned());
        let told = Mailer::new(settings).unwrap_err().to_string();
        assert!(told.contains(expected), "{name}: {told}");
    }
    let mut settings = settings(Path::new("/none"));
    settings.templates = Some("/none/mails".into());
    assert_eq!(Mailer::new(settings).unwrap_err().to_string(), "cannot read `/none/mails`");
}

#[test]
fn the_language_is_that_of_the_account_where_it_is_offered() {
    let mailer = mailer(|settings| settings.languages = vec![Language::De, Language::Ja]);
    for (own, expected) in [
        (Some("ja"), Language::Ja),
        (Some("ja-JP"), Language::Ja),
        (Some("en"), Language::De),
        (None, Language::De),
    ] {
        assert_eq!(mailer.language(own), expected, "{own:?}");
    }
}

#[test]
fn a_recipient_that_is_no_address_is_refused() {
    let mailer = mailer(|_| {});
    for to in ["ann", "@b.c", "ann@", "ann@b.c\r\nRCPT TO:<x@y>", "a b@c.d"] {
        let mail = Mail { to: to.to_owned(), ..mail(Message::Reset, Language::En) };
        let composed = mailer.compose(&mail).unwrap();
        let message = compose::message(mailer.settings(), &mail, &composed, NOW);
        assert!(matches!(message, Err(ComposeError::Recipient)), "{to:?}");
    }
}

/// A pipe has no end, and a person's mistake in a folder must not hold up the start.
#[test]
fn files_of_templates_are_plain_and_small() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("subject.txt");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let told = |templates: &Path| {
        let settings = Settings { templates: Some(templates.to_owned()), ..settings(Path::new("/none")) };
        let Err(TemplatesError::Unreadable { path, error }) = Mailer::new(settings) else {
            panic!("it was read")
        };
        (path, error.to_string())
    };
    assert_eq!(told(folder.path()), (pipe.clone(), "it is not a regular file".to_owned()));
    fs::remove_file(&pipe).unwrap();
    fs::File::create(&pipe).unwrap().set_len(1024 * 1024 + 1).unwrap();
    assert_eq!(told(folder.path()), (pipe.clone(), "it has more than 1048576 bytes".to_owned()));
    fs::write(&pipe, b"\xff").unwrap();
    assert_eq!(told(folder.path()), (pipe, "it is not UTF-8".to_owned()));
}
