//! `policy`: tests and comparisons of policy folders.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PolicyCommand {
    /// Run the cases beside the policies (*.cases.json)
    Test(PolicyTest),
    /// Compare two folders: who may do what under one and not under the other; exit 1 when anything opens
    Diff(PolicyDiff),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyTest {
    /// The folder [default: policies.dir, of each app where there are several]
    pub(in crate::cli) dir: Option<PathBuf>,
    /// Only this one of several apps
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) app: Option<String>,
    /// Pass where there is no case at all
    #[arg(long)]
    pub(in crate::cli) allow_empty: bool,
    /// Show how many cases each rule decides
    #[arg(long)]
    pub(in crate::cli) coverage: bool,
    /// Fail when a rule decides no case
    #[arg(long)]
    pub(in crate::cli) require_coverage: bool,
    /// Drop and flip each rule in turn, and fail when no case notices
    #[arg(long)]
    pub(in crate::cli) mutate: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyDiff {
    /// The folder in force now
    pub(in crate::cli) old: PathBuf,
    /// The new folder
    pub(in crate::cli) new: PathBuf,
    /// The app whose policies these are, where there are several and neither folder is in use
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) app: Option<String>,
    /// Compare the requests of this access log (JSON) as well
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) log: Option<PathBuf>,
}
