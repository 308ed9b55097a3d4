//! How pages look, and the fields that guard them.

use std::fs;

use super::support::{Browser, gate, setup};
use crate::support::{App, Gate};

const LOGIN: &str = "/.portcullis/login";

#[test]
fn every_page_has_the_fields_that_guard_it() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    for page in ["login", "login?to=//evil", "denied", "nothing", "assets/nothing"] {
        let answer = browser.get(&format!("/.portcullis/{page}"));
        assert_eq!(
            answer.field("content-security-policy"),
            Some(
                "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
                 form-action 'self'"
            ),
            "{page}"
        );
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(answer.field(name), Some(value), "{page}");
        }
        // What the policy forbids does not occur.
        for inline in ["<script", "style=", "<style", "onclick"] {
            assert!(!answer.text().contains(inline), "{page}: {inline}");
        }
    }
    assert_eq!(browser.get("/.portcullis/").expect(303).field("location"), Some("/.portcullis/account"));
    browser.get("/.portcullis/nothing").expect(404);
    browser.get("/%2eportcullis/login").expect(404);
    let answer = browser.ask("PUT", LOGIN, "", "").expect(405);
    assert_eq!(answer.field("allow"), Some("GET, HEAD, POST"));
    let head = browser.ask("HEAD", LOGIN, "", "").expect(200);
    assert!(head.field("content-length").unwrap().parse::<u32>().unwrap() > 1000);
}

#[test]
fn pages_speak_the_language_of_the_browser() {
    let (_app, gate) = gate(&[("pages.languages", "en,de,ja,zh")]);
    let mut browser = Browser::new(&gate);
    for (accepted, lang, title) in [
        ("", "en", "Sign in"),
        ("Accept-Language: de-CH,de;q=0.9\r\n", "de", "Anmelden"),
        ("Accept-Language: ja\r\n", "ja", "サインイン"),
        ("Accept-Language: zh-CN\r\n", "zh", "登录"),
        ("Accept-Language: fr\r\n", "en", "Sign in"),
    ] {
        browser.fields = accepted.to_owned();
        let page = browser.get(LOGIN);
        assert!(page.text().contains(&format!("<html lang=\"{lang}\">")), "{}", page.text());
        assert!(page.text().contains(&format!("<h1>{title}</h1>")), "{}", page.text());
    }
    let (_app, gate) = super::support::gate(&[]);
    let mut english = Browser::new(&gate);
    english.fields = "Accept-Language: de\r\n".to_owned();
    assert!(english.get(LOGIN).text().contains("<html lang=\"en\">"));
}

#[test]
fn files_are_asked_for_again_and_not_sent_again() {
    let (_app, gate) = gate(&[]);
    let mut browser = Browser::new(&gate);
    for (name, kind) in [("style.css", "text/css; charset=utf-8"), ("icon.svg", "image/svg+xml")] {
        let target = format!("/.portcullis/assets/{name}");
        let first = browser.get(&target).expect(200);
        assert_eq!(
            (first.field("content-type"), first.field("cache-control")),
            (Some(kind), Some("no-cache"))
        );
        let tag = first.field("etag").unwrap().to_owned();
        let again = browser.ask("GET", &target, &format!("If-None-Match: {tag}\r\n"), "").expect(304);
        assert!(again.body.is_empty());
        browser.ask("GET", &target, "If-None-Match: \"other\"\r\n", "").expect(200);
    }
    browser.get("/.portcullis/assets/logo").expect(404);
    browser.get("/.portcullis/assets/color.css").expect(404);
}

#[test]
fn a_site_has_its_title_colour_logo_and_templates() {
    let app = App::echo();
    let setup = setup(&app)
        .set("pages.title", "Fish & Ships")
        .set("pages.color", "#0a7")
        .set("pages.logo", "logo.svg")
        .set("pages.templates", "mine");
    let folder = setup.path("mine");
    fs::create_dir(&folder).unwrap();
    fs::write(setup.path("logo.svg"), "<svg/>").unwrap();
    fs::write(
        folder.join("message.html"),
        "{% extends 'layout.html' %}{% block body %}<i>own</i>{% endblock %}",
    )
    .unwrap();
    fs::write(folder.join("style.css"), "body { color: red }").unwrap();
    let gate = Gate::start(setup);
    let mut browser = Browser::new(&gate);
    let page = browser.get(LOGIN).expect(200);
    assert!(page.text().contains("<span>Fish &amp; Ships</span>") && page.text().contains("color.css"));
    assert_eq!(browser.get("/.portcullis/assets/logo").expect(200).text(), "<svg/>");
    assert!(browser.get("/.portcullis/assets/color.css").expect(200).text().contains("--accent: #00aa77"));
    assert_eq!(browser.get("/.portcullis/assets/style.css").text(), "body { color: red }");
    assert!(browser.get("/.portcullis/nothing").expect(404).text().contains("<i>own</i>"));

    // A reload takes a better one, and keeps the last good one.
    fs::write(folder.join("message.html"), "<i>better</i>").unwrap();
    gate.reload().unwrap();
    assert_eq!(browser.get("/.portcullis/nothing").expect(404).text(), "<i>better</i>");
    fs::write(folder.join("message.html"), "{% block %}").unwrap();
    let error = gate.reload().unwrap_err();
    assert!(error.contains("message.html"), "{error}");
    assert_eq!(browser.get("/.portcullis/nothing").expect(404).text(), "<i>better</i>");
}

#[test]
fn a_start_names_the_file_that_is_wrong() {
    let app = App::echo();
    for (key, value, told) in [
        ("pages.logo", "logo.txt", "logo.txt"),
        ("pages.logo", "none.png", "none.png"),
        ("pages.logo", "page.png", "its content is not image/png"),
        ("pages.templates", "lost", "no block `footer`"),
        ("pages.templates", "none", "none"),
        ("pages.templates", "bad", "login.htm"),
    ] {
        let setup = setup(&app).set(key, value);
        fs::write(setup.path("logo.txt"), "").unwrap();
        fs::write(setup.path("page.png"), "<!doctype html>").unwrap();
        fs::create_dir(setup.path("bad")).unwrap();
        fs::create_dir(setup.path("lost")).unwrap();
        let lost = "{% extends 'layout.html' %}{% block footer %}x{% endblock %}";
        fs::write(setup.path("lost/lost.html"), lost).unwrap();
        fs::write(setup.path("bad/login.htm.html"), "").unwrap();
        let error = Gate::try_start(setup).err().unwrap();
        assert!(format!("{error:#}").contains(told), "{error:#}");
    }
}

#[test]
fn the_access_log_has_a_route_of_its_own() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    let token = browser.cookies["portcullis"].clone();
    let lines = gate.stop();
    let text = lines.text();
    assert!(text.contains("\"route\":\"pages\""), "{text}");
    assert!(!text.contains(&token) && !text.contains("form_token"), "{text}");
}
