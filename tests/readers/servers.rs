//! One test for each server.

use std::sync::Mutex;

use crate::{draft::Tokens, gate, generate::Generator, run::run, server::SERVERS, setting};

/// The fixed sample: the seed and the number of requests where nothing else is asked for.
const SEED: u64 = 8;
const SAMPLE: u64 = 3000;

/// One server at a time: the others would only take its processor.
static TURN: Mutex<()> = Mutex::new(());

fn read_by(name: &str) {
    let wanted = setting("READERS_SERVERS");
    if wanted.is_some_and(|wanted| !wanted.split(',').any(|wanted| wanted == name)) {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let number = |name: &str| setting(name).map(|text| text.parse().unwrap());
    let (seed, requests) =
        (number("READERS_SEED").unwrap_or(SEED), number("READERS_REQUESTS").unwrap_or(SAMPLE));
    let server = SERVERS.iter().find(|server| server.name == name).unwrap();
    let outcome = match run(server, seed, requests) {
        Ok(outcome) => outcome,
        Err(missing) => {
            assert!(setting("PORTCULLIS_NO_SKIP").is_none(), "{name}: {missing}");
            crate::tell_skipped(name, &missing);
            return;
        }
    };
    let counts = &outcome.counts;
    println!(
        "{name} ({}): seed {seed}, {} requests in {:.1} s, {} readings; answered {}: served {}, denied {}, refused {}, \
         failed {:?}; tunnels {}, silent {}, slow {}; findings {:?}",
        server.version(),
        counts.requests,
        outcome.seconds,
        outcome.readings,
        counts.answered,
        counts.served,
        counts.denied,
        counts.refused,
        counts.failed,
        counts.tunnels,
        counts.silent,
        counts.slow.len(),
        outcome.findings.kinds(),
    );
    // Its tokens are not those of the run, and as long.
    let tokens = Tokens { ann: "A".repeat(64), bob: "B".repeat(64) };
    let generator = Generator { seed, tokens };
    for unit in counts.slow.iter().take(4) {
        println!("    slow: {}", generator.unit(*unit).bytes.escape_ascii());
    }
    let told = outcome.findings.told(&generator, 8);
    assert!(
        outcome.findings.0.is_empty(),
        "{name} read what was not allowed ({})\n{told}",
        gate::program().display()
    );
    assert!(outcome.readings > counts.requests / 5, "{name} read too little for this to mean anything");
}

macro_rules! servers {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            read_by($name);
        })*

        #[test]
        fn every_server_has_a_test() {
            let names: Vec<&str> = SERVERS.iter().map(|server| server.name).collect();
            assert_eq!(names, [$($name),*]);
        }
    };
}

servers! {
    gunicorn: "gunicorn",
    waitress: "waitress",
    uvicorn: "uvicorn",
    hypercorn: "hypercorn",
    werkzeug: "werkzeug",
    django: "django",
    wsgidav: "wsgidav",
    http_server: "http.server",
    http_server_stray: "http.server-stray",
    node: "node",
    express: "express",
    express_case: "express-case",
    fastify: "fastify",
    fastify_nocase: "fastify-nocase",
    koa: "koa",
    puma: "puma",
    webrick: "webrick",
    nginx_php: "nginx-php",
    apache_cgi: "apache-cgi",
    tomcat: "tomcat",
}
