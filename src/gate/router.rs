//! The app of a request, by its host and its path (docs/several-apps.md).

use std::collections::HashMap;

use crate::{policy, tls};

/// Which requests an app takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// Hosts in lower case, without port and final dot; `*.` stands for one label. Empty = every host that no other app
    /// names.
    pub hosts: Vec<String>,
    /// A prefix of whole segments: `/`, or without a final slash.
    pub path: String,
}

/// Finds the app of a request, where there are several.
#[derive(Debug)]
pub struct Router {
    exact: HashMap<Box<str>, Paths>,
    /// By the part after `*.`.
    wildcard: HashMap<Box<str>, Paths>,
    /// For hosts that no app names.
    others: Paths,
}

/// Prefixes with the indexes of their apps, the longest first.
type Paths = Vec<(Box<str>, usize)>;

/// Why a request has no app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misrouted {
    /// No app has the host.
    Host,
    /// No app of the host has the path.
    Path,
    /// Servers disagree about the path, and so about the app.
    Ambiguous,
}

/// The longest host: `wire` admits 255 bytes, and the final dot.
const MAX_HOST: usize = 256;

impl Router {
    /// A router for these apps, whose indexes it answers with.
    #[must_use]
    pub fn new(locations: &[Location]) -> Self {
        let mut router = Self { exact: HashMap::new(), wildcard: HashMap::new(), others: Paths::new() };
        for (index, Location { hosts, path }) in locations.iter().enumerate() {
            let end = (Box::from(path.as_str()), index);
            if hosts.is_empty() {
                router.others.push(end.clone());
            }
            for host in hosts {
                let (hosts, name) = match host.strip_prefix("*.") {
                    Some(parent) => (&mut router.wildcard, parent),
                    None => (&mut router.exact, host.as_str()),
                };
                hosts.entry(tls::bare_host(name).into()).or_default().push(end.clone());
            }
        }
        let all = router.exact.values_mut().chain(router.wildcard.values_mut());
        for paths in all.chain([&mut router.others]) {
            paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        }
        router
    }

    /// The index of the app that takes a request. `host` may have a port, `path` is raw. Without an allocation, unless the
    /// path has escapes or parameters.
    ///
    /// # Errors
    /// [`Misrouted`].
    pub fn find(&self, host: &str, path: &str) -> Result<usize, Misrouted> {
        let paths = self.paths(host);
        let found = at(paths, path);
        // An app on the whole host takes the path in every reading.
        let is_open = matches!(paths, [(only, _)] if **only == *"/");
        if !is_open && path.bytes().any(|byte| matches!(byte, b'%' | b';')) {
            let other = |reading: &String| at(paths, reading) != found;
            if policy::readings(path).iter().any(other) {
                return Err(Misrouted::Ambiguous);
            }
        }
        found.ok_or(if paths.is_empty() { Misrouted::Host } else { Misrouted::Path })
    }

    /// Whether requests with this host may reach the app with this index.
    #[must_use]
    pub fn leads_to(&self, host: &str, app: usize) -> bool {
        self.paths(host).iter().any(|(_, index)| *index == app)
    }

    /// The apps of a host. A full name takes precedence over a wildcard, and both over the rest.
    fn paths(&self, host: &str) -> &[(Box<str>, usize)] {
        let mut buffer = [0; MAX_HOST];
        let name = tls::bare_host(host);
        // A command may name none; a request always has one.
        let Some(lower) = buffer.get_mut(..name.len()).filter(|name| !name.is_empty()) else { return &[] };
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        let Ok(name) = str::from_utf8(lower) else { return &[] };
        let by_parent = || self.wildcard.get(name.split_once('.')?.1);
        self.exact.get(name).or_else(by_parent).unwrap_or(&self.others)
    }
}

/// The app with the longest prefix of a path.
fn at(paths: &[(Box<str>, usize)], path: &str) -> Option<usize> {
    let is_below = |prefix: &str| {
        let rest = path.strip_prefix(prefix);
        prefix == "/" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    paths.iter().find(|(prefix, _)| is_below(prefix)).map(|(_, index)| *index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn router(apps: &[(&[&str], &str)]) -> Router {
        let location = |(hosts, path): &(&[&str], &str)| Location {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path: (*path).to_owned(),
        };
        Router::new(&apps.iter().map(location).collect::<Vec<_>>())
    }

    fn three() -> Router {
        router(&[
            (&["a.test", "[::1]"], "/"),
            (&["a.test"], "/shop"),
            (&["a.test"], "/shop/old"),
            (&["*.a.test"], "/"),
            (&["b.test"], "/only"),
            (&[], "/"),
        ])
    }

    #[test]
    fn a_host_is_found_in_whatever_spelling() {
        for (host, index) in [
            ("a.test", 0),
            ("A.TEST", 0),
            ("a.test:8443", 0),
            ("a.test.", 0),
            ("A.test.:80", 0),
            ("[::1]:80", 0),
            ("x.a.test", 3),
            ("X.A.Test.:1", 3),
            ("x.y.a.test", 5),
            ("c.test", 5),
            ("a.test.c.test", 5),
            ("127.0.0.1:80", 5),
        ] {
            assert_eq!(three().find(host, "/"), Ok(index), "{host}");
        }
        assert_eq!(three().find("", "/"), Err(Misrouted::Host), "not even the app for every other host");
        let named = router(&[(&["a.test"], "/"), (&["*.a.test"], "/x")]);
        for host in ["c.test", "", "x.y.a.test", "xa.test", "a.test..", &"a".repeat(300)] {
            assert_eq!(named.find(host, "/"), Err(Misrouted::Host), "{host}");
        }
        assert_eq!(
            named.find("x.a.test", "/"),
            Err(Misrouted::Path),
            "no other app takes a host that is named"
        );
    }

    #[test]
    fn a_path_is_found_by_whole_segments_and_the_longest_wins() {
        for (path, index) in [
            ("/", 0),
            ("/shop", 1),
            ("/shop/", 1),
            ("/shop/x", 1),
            ("/shopping", 0),
            ("/Shop", 0),
            ("/shop/old", 2),
            ("/shop/old/1", 2),
            ("/shop/older", 1),
            ("/x/shop", 0),
            ("/a%20b", 0),
            ("/shop/a%20b;c", 1),
            ("/shop/a%2Fb", 1),
        ] {
            assert_eq!(three().find("a.test", path), Ok(index), "{path}");
        }
        assert_eq!(three().find("b.test", "/only/x"), Ok(4));
        for path in ["/", "/onl", "/only2", "/ONLY"] {
            assert_eq!(three().find("b.test", path), Err(Misrouted::Path), "{path}");
        }
    }

    #[test]
    fn a_path_that_may_be_another_apps_is_refused() {
        for path in [
            "/%73hop",
            "/%73hop/x",
            "/s%68op",
            "/shop;x",
            "/shop;x/y",
            "/shop%3bx",
            "/%2573hop/x",
            "/shop%2Fold",
            "/shop/%6fld",
            "/shop%2fold%2f1",
            "/%2fshop",
            "/shop%3Fx",
        ] {
            assert_eq!(three().find("a.test", path), Err(Misrouted::Ambiguous), "{path}");
            assert_eq!(three().find("c.test", path), Ok(5), "{path}: one app takes all of the host");
        }
        assert_eq!(three().find("b.test", "/%6fnly"), Err(Misrouted::Ambiguous));
    }

    #[test]
    fn a_host_leads_to_its_apps_alone() {
        let all = |host: &str| (0..6).filter(|app| three().leads_to(host, *app)).collect::<Vec<_>>();
        assert_eq!(all("A.test:1"), [0, 1, 2]);
        assert_eq!(all("x.a.test"), [3]);
        assert_eq!(all("c.test"), [5]);
    }

    /// The same by a search through all apps: the best of those that match.
    fn searched(locations: &[Location], host: &str, path: &str) -> Result<usize, Misrouted> {
        let rank = |pattern: &String| match pattern.strip_prefix("*.") {
            None => (*pattern == host).then_some(2),
            Some(parent) => host.split_once('.').filter(|(_, rest)| *rest == parent).map(|_| 1),
        };
        let of_host = |location: &Location| {
            if location.hosts.is_empty() { Some(0) } else { location.hosts.iter().filter_map(rank).max() }
        };
        let best = locations.iter().filter_map(of_host).max().ok_or(Misrouted::Host)?;
        // An app may have a host by name and by wildcard; both lead to it.
        let has = |location: &Location| match best {
            0 => location.hosts.is_empty(),
            best => location.hosts.iter().any(|pattern| rank(pattern) == Some(best)),
        };
        let prefix = |location: &Location| {
            let given: Vec<&str> = path.split('/').collect();
            let wanted: Vec<&str> = location.path.split('/').filter(|part| !part.is_empty()).collect();
            given.get(1..=wanted.len()).is_some_and(|start| *start == *wanted)
        };
        let fits = locations.iter().enumerate().filter(|(_, location)| has(location) && prefix(location));
        fits.max_by_key(|(_, location)| location.path.len()).map(|(index, _)| index).ok_or(Misrouted::Path)
    }

    proptest! {
        #[test]
        fn finds_what_a_search_finds(
            apps in prop::collection::vec(
                (prop::collection::vec("(\\*\\.)?[ab](\\.[ab])?", 0..3), "/|(/[ab]{1,2}){1,3}"),
                1..6,
            ),
            host in "[ab](\\.[ab]){0,2}",
            path in "/|(/[ab]{1,2}){1,4}/?",
        ) {
            let mut locations: Vec<Location> = Vec::new();
            for (hosts, path) in apps {
                // As the settings demand: no host with a path is that of two apps.
                let is_taken = |host: &String| {
                    locations.iter().any(|other| other.path == path && other.hosts.contains(host))
                };
                let free: Vec<String> = hosts.iter().filter(|host| !is_taken(host)).cloned().collect();
                let all = locations.iter().any(|other| other.path == path && other.hosts.is_empty());
                if !(free.is_empty() && (all || !hosts.is_empty())) {
                    locations.push(Location { hosts: free, path });
                }
            }
            let router = Router::new(&locations);
            prop_assert_eq!(router.find(&host, &path), searched(&locations, &host, &path), "{:?}", locations);
            let spelt = format!("{}.:8443", host.to_uppercase());
            prop_assert_eq!(router.find(&spelt, &path), router.find(&host, &path));
        }
    }
}
