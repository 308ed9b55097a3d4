//! The commands: from arguments to an answer and an exit code.
//!
//! `args` defines the command line, `admin` the commands on the store. `backend` decides whether a command runs in the
//! running gate or in this process. `import`, `check`, `demo` and `healthcheck` have modules of their own.

mod access_line;
mod apps;
mod args;
mod backend;
mod cert;
mod check;
mod check_app;
mod demo;
#[cfg(test)]
mod docs;
mod exit;
mod explain;
mod healthcheck;
mod import;
mod known;
mod mail;
mod manual;
mod output;
mod paint;
mod policy_diff;
mod policy_folder;
mod policy_test;
mod print;
mod printable;
mod prompt;
mod request_line;
mod runtime;
mod schema;
mod serve;
mod sources;
mod status;
mod table;
mod template_files;
#[cfg(test)]
mod testing;

use std::{
    ffi::OsString,
    io::{self, Write},
};

use clap::Parser;

use crate::{
    admin::{AdminCommand, NewUser, Output, TokenPlace, TokenView, UserView, Who},
    app,
    clock::Timestamp,
    config::{self, ConfigErrors},
    pages,
};
use args::{
    AclCommand, CertCommand, Command, ConfigCommand, Global, ImportCommand, Line, PagesCommand,
    PolicyCommand, RoleCommand, TokenCommand, TokenRevoke, UserCommand,
};
use backend::{Backend, Site};
use print::{print, print_json};
use printable::printable;
use prompt::UsageError;
use runtime::on_runtime;
use sources::{load, sources};

pub use exit::Exit;

/// Runs a command line. The first argument is the program's name.
///
/// # Errors
/// The error that stopped the command; [`print_error`] shows it.
pub fn run(line: impl IntoIterator<Item = OsString>) -> anyhow::Result<Exit> {
    let line = match Line::try_parse_from(line) {
        Ok(line) => line,
        Err(refusal) => {
            // A closed standard error must not hide the exit code.
            let _ = refusal.print();
            return Ok(if refusal.use_stderr() { Exit::Usage } else { Exit::Done });
        }
    };
    match command(&line.global, line.command.unwrap_or(Command::Serve)) {
        Err(error) if error.is::<UsageError>() => {
            let _ = io::stderr().write_all(format!("error: {error}\n").as_bytes());
            Ok(Exit::Usage)
        }
        ended => ended,
    }
}

fn command(global: &Global, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Serve => serve::run(&load(global)?),
        Command::Demo { tls } => demo::run(tls),
        Command::Check { strict } => check::run(&sources(global), strict, global.json),
        Command::Explain(explain) => explain::run(global, &explain),
        Command::Policy(PolicyCommand::Test(test)) => {
            policy_test::run(&load(global)?.config, &test, global.json)
        }
        Command::Policy(PolicyCommand::Diff(diff)) => {
            policy_diff::run(&load(global)?.config, &diff, global.json)
        }
        Command::Schema(schema) => schema::run(&schema),
        Command::Healthcheck => on_runtime(healthcheck::run(&Site::find(global)?)),
        Command::User(UserCommand::Delete { who, yes: false }) => delete_user(global, who),
        Command::User(command) => {
            let command = user_command(command)?;
            on_store(&Site::find(global)?, global, command)
        }
        Command::Role(RoleCommand::Delete { name, yes: false }) => delete_role(global, name),
        Command::Role(command) => on_store(&Site::find(global)?, global, role_command(command)),
        Command::Token(command) => on_store(&Site::find(global)?, global, token_command(command)),
        Command::Acl(command) => {
            let command = acl_command(command)?;
            on_store(&Site::find(global)?, global, command)
        }
        Command::Status => status::run(global),
        Command::Pages(PagesCommand::Templates { dir }) => {
            template_files::write(pages::built_in(), &dir, "pages.templates", global.json)
        }
        Command::Mail(command) => mail::run(global, command),
        Command::Cert(CertCommand::Dev { dir, names }) => cert::run(&dir, &names, global.json),
        Command::Config(ConfigCommand::Show { origin }) => show_config(global, origin),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { dir } => manual::pages(&dir),
        Command::Version => version(global.json),
        Command::Import(ImportCommand::CheckApp { dir }) => {
            check_app::run(&sources(global), &dir, global.json)
        }
        Command::Import(ImportCommand::Loopback(import)) => {
            let site = Site::from(load(global)?.config);
            on_runtime(import_loopback(&site, global, &import))
        }
    }
}

/// Prints an error and its causes to standard error.
pub fn print_error(error: &anyhow::Error) {
    let mut text = String::new();
    match error.downcast_ref::<ConfigErrors>() {
        Some(ConfigErrors(mistakes)) => {
            for mistake in mistakes {
                text.push_str(&format!("{mistake}\n"));
            }
        }
        None => {
            text.push_str(&format!("error: {error}\n"));
            let mut last = error.to_string();
            for cause in error.chain().skip(1).map(ToString::to_string) {
                // Some errors include the text of their cause. It must not be shown twice.
                if !last.ends_with(&cause) {
                    text.push_str(&format!("  because: {cause}\n"));
                }
                last = cause;
            }
        }
    }
    let _ = io::stderr().write_all(text.as_bytes());
}

fn on_store(site: &Site, global: &Global, command: AdminCommand) -> anyhow::Result<Exit> {
    on_runtime(async {
        let is_there = site.config().store.engine.has_files();
        let mut backend = if command.may_create_store() {
            Backend::open(site).await?
        } else {
            Backend::open_existing(site).await?
        };
        // A typo in the configuration would otherwise create an empty store without notice.
        if !is_there && matches!(backend, Backend::Here(_)) {
            Backend::report_new_store(site);
        }
        let output = match command {
            AdminCommand::UserList { limit, .. } => all_users(&mut backend, limit).await,
            AdminCommand::TokenList { user: None } => all_tokens(&mut backend).await,
            command => backend.call(command).await,
        };
        backend.close().await?;
        let output = output?;
        if global.json {
            print_json(&output.to_json())?
        } else {
            print(&output::text(&output))?
        }
        Ok(Exit::Done)
    })
}

/// Reads the list in pages.
async fn all_users(backend: &mut Backend, limit: usize) -> anyhow::Result<Output> {
    let mut users = Vec::new();
    loop {
        let after = users.last().map(|user: &UserView| user.id.clone());
        match backend.call(AdminCommand::UserList { after, limit }).await? {
            Output::Users(page) if page.is_empty() => return Ok(Output::Users(users)),
            Output::Users(page) => users.extend(page),
            other => return Ok(other),
        }
    }
}

/// Reads all tokens in pages, the oldest first. With pages, logins do not wait for a long list.
async fn all_tokens(backend: &mut Backend) -> anyhow::Result<Output> {
    let mut tokens: Vec<TokenView> = Vec::new();
    loop {
        let after = tokens.last().map(|token| TokenPlace {
            handle: token.handle.clone(),
            user: token.user_id.clone(),
            created: Timestamp::parse(&token.created).unwrap_or_default(),
        });
        match backend.call(AdminCommand::TokenPage { after, limit: PAGE }).await? {
            Output::Tokens(page) if page.is_empty() => break,
            Output::Tokens(page) => tokens.extend(page),
            other => return Ok(other),
        }
    }
    // Pages come in the order of the store.
    tokens.sort_by(|a, b| (&a.created, &a.handle).cmp(&(&b.created, &b.handle)));
    Ok(Output::Tokens(tokens))
}

async fn import_loopback(
    site: &Site,
    global: &Global,
    import: &args::ImportLoopback,
) -> anyhow::Result<Exit> {
    let model = app::account_model(site.config());
    let names = import::Names::new(model.as_ref(), import.user_model.as_deref());
    let mut backend = Backend::open_for_import(site).await?;
    let report = import::run(&import.files, &names, global.json, &mut backend).await;
    backend.close().await?;
    let mut report = report?;
    if global.json {
        report.write_json(&mut io::stdout().lock())?;
    } else {
        print(&report.to_text())?
    }
    Ok(if report.is_whole() && report.missed().is_none() { Exit::Done } else { Exit::Failed })
}

fn user_command(command: UserCommand) -> anyhow::Result<AdminCommand> {
    Ok(match command {
        UserCommand::Add(add) => AdminCommand::UserAdd(NewUser {
            password: prompt::password(&add.password, &add.email)?,
            email: add.email,
            username: add.username,
            realm: add.realm,
            id: add.id,
            roles: add.roles,
        }),
        UserCommand::Invite { email, roles } => AdminCommand::UserInvite { email, roles },
        UserCommand::List => AdminCommand::UserList { after: None, limit: PAGE },
        UserCommand::Show { who } => AdminCommand::UserShow { who },
        UserCommand::SetPassword { who, password: from } => {
            let password = prompt::password(&from, &who.to_string())?;
            AdminCommand::UserSetPassword { who, password }
        }
        UserCommand::Unlock { who } => AdminCommand::UserUnlock { who },
        UserCommand::Verify { who } => AdminCommand::UserVerify { who },
        UserCommand::Disable { who } => AdminCommand::UserSwitch { who, disabled: true },
        UserCommand::Enable { who } => AdminCommand::UserSwitch { who, disabled: false },
        UserCommand::Delete { who, .. } => AdminCommand::UserDelete { who },
    })
}

/// Asks at the terminal, and deletes the account.
fn delete_user(global: &Global, who: Who) -> anyhow::Result<Exit> {
    prompt::may_ask("`user delete` asks before it deletes, and this is not a terminal; say `--yes`")?;
    let site = Site::find(global)?;
    let mut found = None;
    on_runtime(async {
        let mut backend = Backend::open_existing(&site).await?;
        let answer = backend.call(AdminCommand::UserShow { who }).await;
        backend.close().await?;
        found = Some(answer?);
        Ok(Exit::Done)
    })?;
    let Some(Output::User(user)) = found else { anyhow::bail!("the gate's answer names no user") };
    let name = user.email.as_deref().or(user.username.as_deref()).unwrap_or("without a name");
    let asked = format!("delete user {} ({name}), with all tokens and roles?", user.id);
    if !prompt::yes(&printable(&asked))? {
        anyhow::bail!("nothing was deleted");
    }
    // By id: another account may have taken the name while the question was open.
    on_store(&site, global, AdminCommand::UserDelete { who: Who::Id(user.id) })
}

/// Asks at the terminal, and deletes the role.
fn delete_role(global: &Global, name: String) -> anyhow::Result<Exit> {
    prompt::may_ask("`role delete` asks before it deletes, and this is not a terminal; say `--yes`")?;
    let site = Site::find(global)?;
    let mut found = None;
    on_runtime(async {
        let mut backend = Backend::open_existing(&site).await?;
        let answer = backend.call(AdminCommand::RoleUses { name: name.clone() }).await;
        backend.close().await?;
        found = Some(answer?);
        Ok(Exit::Done)
    })?;
    let Some(Output::Done { message }) = found else { anyhow::bail!("the gate told nothing of the role") };
    if !prompt::yes(&printable(&format!("delete role `{name}`? {message}")))? {
        anyhow::bail!("nothing was deleted");
    }
    on_store(&site, global, AdminCommand::RoleDelete { name })
}

fn acl_command(command: AclCommand) -> anyhow::Result<AdminCommand> {
    Ok(match command {
        AclCommand::Add(add) => AdminCommand::AclAdd { rule: add.into_rule()? },
        AclCommand::List => AdminCommand::AclList,
        AclCommand::Remove { ids } => AdminCommand::AclRemove { ids },
    })
}

fn show_config(global: &Global, origin: bool) -> anyhow::Result<Exit> {
    let settings = config::shown(&sources(global))?;
    if global.json {
        let one = |setting: &config::Shown| serde_json::json!({ "key": setting.key, "value": setting.value, "origin": setting.origin });
        print_json(&settings.iter().map(one).collect())?;
    } else {
        print(&config::as_toml(&settings, origin))?;
    }
    Ok(Exit::Done)
}

fn version(json: bool) -> anyhow::Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    if json {
        print_json(&serde_json::json!({ "name": "portcullis", "version": version }))?;
    } else {
        print(&format!("portcullis {version}\n"))?;
    }
    Ok(Exit::Done)
}

fn role_command(command: RoleCommand) -> AdminCommand {
    match command {
        RoleCommand::Add { name } => AdminCommand::RoleAdd { name },
        RoleCommand::List => AdminCommand::RoleList,
        RoleCommand::Delete { name, .. } => AdminCommand::RoleDelete { name },
        RoleCommand::Grant { name, who } => AdminCommand::RoleGrant { name, who },
        RoleCommand::Revoke { name, who } => AdminCommand::RoleRevoke { name, who },
    }
}

fn token_command(command: TokenCommand) -> AdminCommand {
    match command {
        TokenCommand::Issue { who, ttl, name, scopes } => AdminCommand::TokenIssue { who, ttl, name, scopes },
        TokenCommand::List { user } => AdminCommand::TokenList { user },
        TokenCommand::Revoke(TokenRevoke { user: Some(who), .. }) => AdminCommand::TokenRevokeAll { who },
        TokenCommand::Revoke(TokenRevoke { handle, .. }) => {
            AdminCommand::TokenRevoke { handle: handle.unwrap_or_default() }
        }
    }
}

/// Number of accounts in a page.
const PAGE: usize = 1_000;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn ended(line: &str) -> anyhow::Result<Exit> {
        run(std::iter::once("portcullis").chain(line.split_whitespace()).map(OsString::from))
    }

    #[test]
    fn exit_codes_are_those_of_the_manual() {
        assert_eq!((Exit::Done.code(), Exit::Failed.code(), Exit::Usage.code()), (0, 1, 64));
        for line in
            ["--version", "--help", "user --help", "help", "help user add", "version", "completions bash"]
        {
            assert_eq!(ended(line).unwrap(), Exit::Done, "{line}");
        }
        for line in ["nope", "user", "token revoke", "serve --nope", "help nope", "completions csh"] {
            assert_eq!(ended(line).unwrap(), Exit::Usage, "{line}");
        }
        let missing = ended("user list -c /nonexistent/portcullis.toml").unwrap_err();
        assert!(missing.downcast_ref::<ConfigErrors>().is_some());
    }

    #[test]
    fn commands_work_on_the_store_of_a_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("portcullis.toml");
        fs::write(&config, "[password]\nmemory_kib = 8\niterations = 1\n").unwrap();
        let secret = folder.path().join("password");
        fs::write(&secret, "a-good-password\r\n").unwrap();
        let (config, secret) = (config.display(), secret.display());
        for line in [
            format!("role add clerk -c {config}"),
            format!("user add --email a@b --role clerk --password-file {secret} -c {config}"),
            format!("user list --json -c {config}"),
            format!("token issue a@b -c {config}"),
            format!("user delete id:1 --yes -c {config}"),
        ] {
            assert_eq!(ended(&line).unwrap(), Exit::Done, "{line}");
        }
        assert!(ended(&format!("user show id:1 -c {config}")).is_err());
        assert!(ended(&format!("healthcheck -c {config}")).is_err(), "no gate runs");
    }
}
