//! `[[apps]]`: names and places that two apps cannot share.

use super::{Resolver, server::Own};
use crate::{
    config::{
        apps::RawApp,
        code::Code,
        finding::{Place, quoted},
        settings::{AppSettings, ServerSettings},
    },
    gate::{Location, Router},
    tls,
};

impl Resolver<'_> {
    pub(super) fn apps(&mut self, raw: Vec<RawApp>, own: &Own) -> Vec<AppSettings> {
        let mut apps: Vec<AppSettings> = Vec::new();
        for raw in raw {
            let name = raw.name.value.clone();
            // Names are compared regardless of letter case: they are told apart by eye.
            if apps.iter().any(|other| other.name.eq_ignore_ascii_case(&name)) {
                let message = format!("two apps are called {}", quoted(&name));
                let fix = "give each a name of its own".to_owned();
                self.report.error(&raw.name.place, Code::BadValue, message, Some(fix));
            }
            self.refuse_overlap(&raw, &apps);
            apps.push(AppSettings {
                name,
                hosts: raw.hosts.into_iter().map(|host| host.value).collect(),
                path: raw.path.value,
                accounts: raw.accounts,
                upstream: self.upstream(raw.upstream, own),
                policies: self.policies(&raw.policies),
            });
        }
        apps
    }

    /// Warns if links lead to no app that serves them. `place`: of `server.public_url`.
    pub(super) fn warn_of_links(
        &mut self,
        apps: &[AppSettings],
        server: &ServerSettings,
        api_root: &str,
        place: &Place,
    ) {
        let Some(url) = server.public_url.as_deref().filter(|_| !apps.is_empty()) else { return };
        let host = tls::host_of(url);
        let location = |app: &AppSettings| Location { hosts: app.hosts.clone(), path: app.path.clone() };
        let router = Router::new(&apps.iter().map(location).collect::<Vec<_>>());
        let path = if api_root.is_empty() { "/" } else { api_root };
        let found = router.find(host, path).ok().and_then(|index| apps.get(index));
        if found.is_none_or(|app| !app.accounts) {
            let message = format!(
                "`server.public_url` leads to {}, and so do links in mails",
                match found {
                    None => format!("no app: none has `{host}` and `{path}`"),
                    Some(app) => format!("the app `{}`, which has `accounts = false`", app.name),
                }
            );
            let fix = "write the address of an app with `accounts = true`".to_owned();
            self.report.warning(place, Code::AppLinks, message, Some(fix));
        }
    }

    /// Refuses a host with a path that another app has taken: nothing would decide between the two.
    fn refuse_overlap(&mut self, raw: &RawApp, others: &[AppSettings]) {
        let path = &raw.path.value;
        let on_path = || others.iter().filter(|other| other.path == *path);
        let mut found: Vec<(Place, String)> = Vec::new();
        for (at, host) in raw.hosts.iter().enumerate() {
            let text = &host.value;
            if raw.hosts.iter().take(at).any(|before| before.value == *text) {
                found.push((host.place.clone(), format!("`{text}` is named twice")));
            }
            if let Some(other) = on_path().find(|other| other.hosts.contains(text)) {
                let message = format!("`{text}` with the path `{path}` is that of the app `{}`", other.name);
                found.push((host.place.clone(), message));
            }
        }
        if raw.hosts.is_empty()
            && let Some(other) = on_path().find(|other| other.hosts.is_empty())
        {
            let message =
                format!("every other host with the path `{path}` is that of the app `{}`", other.name);
            found.push((raw.hosts_place.clone(), message));
        }
        for (place, message) in found {
            let fix = "give one of them another host or another `path`".to_owned();
            self.report.error(&place, Code::AppOverlap, message, Some(fix));
        }
    }
}
