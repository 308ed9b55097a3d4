//! Renewal, by the certificate's life and by the authority's advice (RFC 9773).

use super::support::{Acme, Answer, Asked, Manner};

const NAME: &str = "a.example";

#[test]
fn a_certificate_is_renewed_with_a_third_of_its_life_left() {
    let Some(acme) = Acme::with(Manner { validity: 9, reuse: 100, ..Manner::default() }) else { return };
    let gate = acme.serve(&[NAME]);
    gate.wait_until_issued(NAME);
    let (first, mut open) = (acme.shown(NAME), acme.client(NAME));
    open.ask("GET", "/a", "", b"");
    gate.wait_for_certificates(2);
    assert_ne!(acme.shown(NAME), first);
    // Open connections live on.
    open.ask("GET", "/b", "", b"");
    assert_eq!(open.shown(), first);
    assert_eq!(acme.accounts(), 1, "the account is the same");
    let proven = |asked: &Asked| asked.path.starts_with("/chalZ/") && asked.answer.contains("\"token\"");
    let proofs = acme.asked().into_iter().filter(proven);
    assert!(proofs.count() <= 1, "the name is proven");
}

#[test]
fn the_old_certificate_stays_while_renewal_fails() {
    let Some(acme) = Acme::with(Manner { validity: 12, ..Manner::default() }) else { return };
    let gate = acme.serve(&[NAME]);
    gate.wait_until_issued(NAME);
    let first = acme.shown(NAME);
    acme.reply(|_, _| Some(Answer::of(500, "")));
    let line = gate.line(|line| line["msg"] == "a certificate is not renewed yet");
    assert_eq!((&line["level"], &line["domain"]), (&"warn".into(), &NAME.into()), "{line}");
    assert_eq!(acme.shown(NAME), first);
}

#[test]
fn the_authority_can_ask_for_an_early_renewal() {
    let Some(acme) = Acme::with(Manner { validity: 30, ..Manner::default() }) else { return };
    let directory = acme.directory();
    acme.reply(move |asked, before| {
        if asked.path == "/dir" {
            let base = directory.strip_suffix("/dir").unwrap();
            let at = |name: &str, path: &str| format!("\"{name}\": \"{base}{path}\"");
            let links = [
                at("newNonce", "/nonce-plz"),
                at("newAccount", "/sign-me-up"),
                at("newOrder", "/order-plz"),
                at("renewalInfo", "/renewal-info"),
            ];
            return Some(Answer::of(200, &format!("{{{}, \"meta\": {{}}}}", links.join(", "))));
        }
        let answer = || {
            let first = !before.iter().any(|asked| asked.path.starts_with("/renewal-info/"));
            // The first certificate is to be replaced at once, the next one in a year.
            let (start, end) =
                if first { ("2020-01-01", "2020-01-02") } else { ("2090-01-01", "2090-01-02") };
            let window = format!("{{\"start\": \"{start}T00:00:00Z\", \"end\": \"{end}T00:00:00Z\"}}");
            let body =
                format!("{{\"suggestedWindow\": {window}, \"explanationURL\": \"https://ca.example/why\"}}");
            Answer::Of(200, "Retry-After: 21600\r\n".to_owned(), body)
        };
        asked.path.starts_with("/renewal-info/").then(answer)
    });
    let gate = acme.serve(&[NAME]);
    gate.wait_for_certificates(2);
    acme.shown(NAME);
    gate.line(|line| line["reason"] == "https://ca.example/why");
    let asked = acme.asked();
    let id = asked.iter().find_map(|asked| asked.path.strip_prefix("/renewal-info/")).unwrap();
    let replaced = asked.iter().find_map(|asked| asked.payload["replaces"].as_str()).unwrap();
    assert_eq!(id, replaced, "the order names what it replaces");
    // This pebble does not know `replaces`; the order was repeated without it.
    let orders: Vec<_> = asked.iter().filter(|asked| asked.payload.get("identifiers").is_some()).collect();
    assert!(orders.last().unwrap().payload.get("replaces").is_none());
}
