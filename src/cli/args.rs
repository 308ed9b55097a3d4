//! The command line as types (clap). Doc comments of arguments are the texts of `--help` and docs/commands.md.

mod caller;
mod cert;
mod config_command;
mod mail;
mod pages_command;
mod policy_command;
mod rules;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use clap_complete::Shell;

use crate::{admin::Who, config};

pub(super) use caller::CallerArg;
pub(super) use cert::CertCommand;
pub(super) use config_command::ConfigCommand;
pub(super) use mail::MailCommand;
pub(super) use pages_command::PagesCommand;
pub(super) use policy_command::{PolicyCommand, PolicyDiff, PolicyTest};
pub(super) use rules::AclCommand;

/// A login, access tokens and ACL files in front of any HTTP app.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, about, max_term_width = 100)]
pub(super) struct Line {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Global {
    /// The configuration [default: portcullis.toml, if it exists]
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Set one key of the configuration, e.g. server.http=127.0.0.1:8081; `config show` lists them
    #[arg(long, value_name = "KEY=VALUE", global = true, value_parser = assignment)]
    pub(super) set: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the gate (the default command)
    Serve,
    /// Try it: a small app, the gate, sample policies and two users, in a temporary folder
    Demo {
        /// Over TLS, with a certificate of its own authority
        #[arg(long)]
        tls: bool,
    },
    /// Show every mistake in the configuration and the policies at once
    Check {
        /// Warnings are mistakes too
        #[arg(long)]
        strict: bool,
    },
    /// Explain why a request is allowed or denied: every rule, the one that decides, and what would change it
    Explain(Explain),
    /// Test policies, or compare two policy folders
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// JSON Schemas for editors
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Roles, and who has them
    #[command(subcommand)]
    Role(RoleCommand),
    /// Access tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Import accounts and live sessions from another system
    #[command(subcommand)]
    Import(ImportCommand),
    /// Stored rules, which count in addition to the policy files
    #[command(subcommand)]
    Acl(AclCommand),
    /// Show the running gate: version, policies in force, store, upstreams, sessions, last reload
    Status,
    /// Mails
    #[command(subcommand)]
    Mail(MailCommand),
    /// Login pages
    #[command(subcommand)]
    Pages(PagesCommand),
    /// Certificates
    #[command(subcommand)]
    Cert(CertCommand),
    /// The configuration as it is read
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Exit 0 when the gate is ready (for HEALTHCHECK in a container)
    Healthcheck,
    /// Print the completions of a shell, e.g. portcullis completions bash > /etc/bash_completion.d/portcullis
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages into a folder, e.g. /usr/local/share/man/man1
    Man {
        /// The folder; created if it does not exist
        dir: PathBuf,
    },
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Who asks: anonymous, id:7, email:a@b, username:ann, or bare
    #[arg(long = "as", value_name = "WHO", required_unless_present = "request_id")]
    pub(super) who: Option<CallerArg>,
    /// The verb, e.g. GET
    #[arg(required_unless_present = "request_id")]
    pub(super) method: Option<String>,
    /// The path and query, e.g. /orders/7, or a whole URL
    #[arg(required_unless_present = "request_id")]
    pub(super) target: Option<String>,
    /// The host, where there are several apps
    #[arg(long, value_name = "NAME")]
    pub(super) host: Option<String>,
    /// A role in addition to those in the store; may be repeated
    #[arg(long = "role", value_name = "R")]
    pub(super) roles: Vec<String>,
    /// The subject of the certificate that the client shows, e.g. CN=robot
    #[arg(long, value_name = "SUBJECT")]
    pub(super) certificate: Option<String>,
    /// A scope of the token; may be repeated
    #[arg(long = "scope", value_name = "S")]
    pub(super) scopes: Vec<String>,
    /// Whether the caller owns the row; if given, the app is not asked
    #[arg(long, value_name = "YES/NO")]
    pub(super) owner: Option<YesNo>,
    /// The request's JSON body
    #[arg(long, value_name = "JSON")]
    pub(super) body: Option<String>,
    /// Decide a request of the access log again
    #[arg(long, value_name = "ID", requires = "log", conflicts_with_all = ["who", "method", "target", "host", "roles", "certificate", "scopes", "owner", "body"])]
    pub(super) request_id: Option<String>,
    /// The access log, in JSON
    #[arg(long, value_name = "FILE", requires = "request_id")]
    pub(super) log: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum YesNo {
    Yes,
    No,
}

#[derive(Debug, Subcommand)]
pub(super) enum SchemaCommand {
    /// The JSON Schema of policy files and cases
    Policy,
    /// The JSON Schema of portcullis.toml
    Config,
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add an account
    Add(UserAdd),
    /// Add an account without a password, and print a link that sets the first one; it lives 7 days, or as long as `users.max_ttl` allows
    Invite {
        /// The email address
        email: String,
        /// A role to give; may be repeated
        #[arg(long = "role", value_name = "R")]
        roles: Vec<String>,
    },
    /// List all accounts
    List,
    /// Show one account
    Show {
        #[arg(help = WHO)]
        who: Who,
    },
    /// Set a password, and end every session of the account
    SetPassword {
        #[arg(help = WHO)]
        who: Who,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Mark an account's email address as confirmed
    Verify {
        #[arg(help = WHO)]
        who: Who,
    },
    /// Forget the failed logins of an account, which slow its logins
    Unlock {
        #[arg(help = WHO)]
        who: Who,
    },
    /// Disable an account: no login, and its tokens are refused
    Disable {
        #[arg(help = WHO)]
        who: Who,
    },
    /// Enable an account again
    Enable {
        #[arg(help = WHO)]
        who: Who,
    },
    /// Delete an account, its tokens and its roles
    Delete {
        #[arg(help = WHO)]
        who: Who,
        /// Do not ask (needed if standard input is not a terminal)
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct UserAdd {
    /// The email address
    #[arg(long, value_name = "E")]
    pub(super) email: String,
    /// The username
    #[arg(long, value_name = "U")]
    pub(super) username: Option<String>,
    /// The realm that the names belong to
    #[arg(long, value_name = "R")]
    pub(super) realm: Option<String>,
    /// An id of your own choice; later ones are counted from there
    #[arg(long, value_name = "N", value_parser = own_id)]
    pub(super) id: Option<i64>,
    /// A role to give; may be repeated
    #[arg(long = "role", value_name = "R")]
    pub(super) roles: Vec<String>,
    #[command(flatten)]
    pub(super) password: PasswordFrom,
}

/// The source of a password. It is never an argument: other users of the machine can read the arguments of a process.
/// Without an option the terminal is asked, if there is one.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub(super) struct PasswordFrom {
    /// Read the password from standard input (one trailing newline is dropped)
    #[arg(long)]
    pub(super) password_stdin: bool,
    /// Read the password from a file (one trailing newline is dropped)
    #[arg(long, value_name = "F")]
    pub(super) password_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum RoleCommand {
    /// Add a role
    Add {
        /// The name of the role
        name: String,
    },
    /// List all roles, and how many users have them
    List,
    /// Delete a role, and take it from all users
    Delete {
        /// The name of the role
        name: String,
        /// Do not ask (needed if standard input is not a terminal)
        #[arg(short, long)]
        yes: bool,
    },
    /// Give a user a role
    Grant {
        /// The name of the role
        name: String,
        #[arg(help = WHO)]
        who: Who,
    },
    /// Take a role away from a user
    Revoke {
        /// The name of the role
        name: String,
        #[arg(help = WHO)]
        who: Who,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token and print its id, which is shown only once
    Issue {
        #[arg(help = WHO)]
        who: Who,
        /// Its lifetime in seconds [default: users.ttl]
        #[arg(long, value_name = "S", allow_negative_numbers = true, value_parser = seconds)]
        ttl: Option<f64>,
        /// A name for it, shown by `token list`
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// A scope of the token; may be repeated
        #[arg(long = "scope", value_name = "S", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        scopes: Vec<String>,
    },
    /// List tokens by their handles, which are not credentials
    List {
        #[arg(long, value_name = "WHO", help = WHO)]
        user: Option<Who>,
    },
    /// End one token, or all of a user
    Revoke(TokenRevoke),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct TokenRevoke {
    /// As `token list` shows it
    pub(super) handle: Option<String>,
    /// All tokens of this user
    #[arg(long, value_name = "WHO")]
    pub(super) user: Option<Who>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// From LoopBack 3: the memory connector's file, or a file for each collection
    Loopback(ImportLoopback),
    /// Read a LoopBack 3 project, and list what is covered as it is and what needs a decision
    CheckApp {
        /// The project's top folder
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct ImportFiles {
    /// The memory connector's file
    pub(super) file: Option<PathBuf>,
    /// Accounts, as NDJSON or a JSON array
    #[arg(long, value_name = "F")]
    pub(super) users: Option<PathBuf>,
    /// Access tokens
    #[arg(long, value_name = "F")]
    pub(super) tokens: Option<PathBuf>,
    /// Roles
    #[arg(long, value_name = "F")]
    pub(super) roles: Option<PathBuf>,
    /// Role mappings
    #[arg(long, value_name = "F")]
    pub(super) role_mappings: Option<PathBuf>,
    /// Stored ACL rows
    #[arg(long, value_name = "F")]
    pub(super) acls: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ImportLoopback {
    #[command(flatten)]
    pub(super) files: ImportFiles,
    /// The model of the accounts, if it is not the policies' account model
    #[arg(long, value_name = "NAME")]
    pub(super) user_model: Option<String>,
}

fn own_id(text: &str) -> Result<i64, String> {
    let id = text.parse().ok().filter(|id| *id >= 1);
    id.ok_or_else(|| "an id of one's own choice is a whole number from 1 on, such as 7".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok(seconds);
    }
    Err(match config::in_seconds(text) {
        Some(seconds) => format!("a lifetime is a number of seconds; write {seconds} for `{text}`"),
        None => "a lifetime is a number of seconds, such as 3600, or -1 for ever".to_owned(),
    })
}

const WHO: &str = "id:7, email:a@b, username:ann, or bare: an id, else an email, else a username";

fn assignment(text: &str) -> Result<(String, String), String> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(format!("`{text}` has no `=`; write KEY=VALUE"));
    };
    if key.is_empty() {
        return Err("the key is empty; write KEY=VALUE".into());
    }
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Line, clap::Error> {
        Line::try_parse_from(std::iter::once("portcullis").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definitions_agree_with_each_other() {
        Line::command().debug_assert();
    }

    #[test]
    fn every_documented_line_parses() {
        for line in [
            "",
            "serve",
            "serve -c a.toml",
            "-c a.toml serve",
            "demo",
            "check --strict --json",
            "user add --email a@b --username u --realm r --id 7 --role x --role y --password-stdin",
            "user add --email a@b --password-file f",
            "user list --json",
            "user show id:7",
            "user set-password email:a@b --password-stdin",
            "user unlock ann",
            "user disable ann",
            "user enable ann",
            "user delete username:ann",
            "user delete ann --yes",
            "user add --email a@b",
            "user set-password ann",
            "acl list --json",
            "acl remove 5 6",
            "acl add --model Order --property find --access-type READ --permission ALLOW --principal-type ROLE --principal-id clerk",
            "acl add {}",
            "status --json",
            "config show --origin",
            "completions zsh",
            "man /tmp",
            "version",
            "role add editor",
            "role list",
            "role grant editor 7",
            "role revoke editor 7",
            "token issue 7 --ttl 60 --name ci --scope a --scope b",
            "token issue 7 --ttl -1",
            "token list --user 7",
            "token revoke abcd",
            "token revoke --user 7",
            "import loopback db.json -c x.toml",
            "import loopback --users u --tokens t --roles r --role-mappings m --acls a --user-model Customer",
            "import check-app ../app --json",
            "healthcheck",
            "explain --as anonymous GET /",
            "explain --as id:7 GET /orders/7?x=1 --json --role clerk --scope s --owner yes --body {}",
            "explain --request-id r1 --log access.jsonl",
            "policy test",
            "policy test policies --coverage --require-coverage --mutate",
            "policy diff old new --log access.jsonl",
            "schema policy",
            "schema config",
            "serve --set server.http=127.0.0.1:0",
        ] {
            assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
        }
    }

    #[test]
    fn f10_a_lifetime_with_a_unit_is_told_its_seconds() {
        for (text, right) in
            [("10h", "write 36000 for `10h`"), ("7d", "write 604800 for"), ("soon", "such as 3600")]
        {
            let error = parse(&format!("token issue 7 --ttl {text}")).unwrap_err().to_string();
            assert!(error.contains(right) && !error.contains("float"), "{error}");
        }
        for id in ["x", "0", "-3", "1.5", "99999999999999999999"] {
            let error = parse(&format!("user add --email a@b --id={id}")).unwrap_err().to_string();
            assert!(error.contains("a whole number from 1 on"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for line in [
            "nope",
            "user add --email a@b --password secret",
            "user add --email a@b --password-stdin --password-file f",
            "user add --email a@b --id 0 --password-stdin",
            "user show",
            "explain GET /",
            "explain --as id:7 GET",
            "explain --request-id r1",
            "explain --as id:7 GET / --owner maybe",
            "policy diff old",
            "schema",
            "user show id:",
            "token revoke",
            "token revoke abc --user 7",
            "token issue 7 --ttl soon",
            "acl add",
            "acl add {} --property find",
            "acl remove",
            "completions tcsh",
            "explain --as anonymos GET /",
            "explain --as $everyone GET /",
            "token issue 7 --scope=",
            "import loopback",
            "import",
            "import check-app",
            "serve --set nonsense",
            "serve --set =x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
