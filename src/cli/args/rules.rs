//! `acl`: stored rules on the command line.

use std::str::FromStr;

use clap::{Args, Subcommand};

use crate::{cli::prompt::UsageError, policy::StoredRule};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AclCommand {
    /// Store a rule, in force at once
    Add(Box<AclAdd>),
    /// List all stored rules
    List,
    /// Remove stored rules by their ids
    Remove {
        /// As `acl list` shows them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AclAdd {
    /// The whole rule as JSON, as `explain` proposes it
    #[arg(value_name = "JSON", required_unless_present_any = ["model", "permission", "principal_type", "principal_id"],
        conflicts_with_all = ["property", "access_type", "permission", "principal_type", "principal_id"])]
    rule: Option<Rule>,
    /// The model of the rule; * is every model. Also with a JSON rule that names none
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// The method or property [default: *]
    #[arg(long, value_name = "NAME")]
    property: Option<String>,
    /// READ, WRITE or EXECUTE [default: *]
    #[arg(long, value_name = "TYPE")]
    access_type: Option<String>,
    /// ALLOW or DENY
    #[arg(long, value_name = "WORD")]
    permission: Option<String>,
    /// ROLE, USER or APP
    #[arg(long, value_name = "TYPE")]
    principal_type: Option<String>,
    /// The role's name, or the user's id
    #[arg(long, value_name = "NAME")]
    principal_id: Option<String>,
}

impl AclAdd {
    /// The complete rule, except for its id.
    ///
    /// # Errors
    /// [`UsageError`] if the JSON and the option name different models.
    pub(in crate::cli) fn into_rule(self) -> Result<StoredRule, UsageError> {
        if let Some(Rule(rule)) = self.rule {
            return match (&rule.model, &self.model) {
                (Some(one), Some(other)) if one != other => Err(UsageError::new(format!(
                    "the JSON is about the model `{one}`, and `--model` says `{other}`; leave one of them out"
                ))),
                _ => Ok(StoredRule { model: rule.model.or(self.model), ..rule }),
            };
        }
        Ok(StoredRule {
            id: String::new(),
            model: self.model,
            property: self.property,
            access_type: self.access_type,
            permission: self.permission,
            principal_type: self.principal_type,
            principal_id: self.principal_id,
        })
    }
}

/// A rule in JSON.
#[derive(Clone, Debug)]
struct Rule(StoredRule);

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(text);
        let Ok(serde_json::Value::Object(mut members)) = parsed else {
            return Err(format!("it is not a JSON object; write it in single quotes, such as '{EXAMPLE}'"));
        };
        let mut take = |key: &str| match members.remove(key) {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(serde_json::Value::String(text)) => Ok(Some(text)),
            // Policy files contain ids of users as numbers.
            Some(serde_json::Value::Number(number)) if key == "principalId" => Ok(Some(number.to_string())),
            Some(_) => Err(format!("`{key}` is not text; write it in quotes")),
        };
        let rule = StoredRule {
            id: String::new(),
            model: take("model")?,
            property: take("property")?,
            access_type: take("accessType")?,
            permission: take("permission")?,
            principal_type: take("principalType")?,
            principal_id: take("principalId")?,
        };
        match members.keys().next() {
            Some(key) => Err(format!("a rule has no key `{key}`; its keys are {}", KEYS.join(", "))),
            None => Ok(Self(rule)),
        }
    }
}

const KEYS: [&str; 6] = ["model", "property", "accessType", "permission", "principalType", "principalId"];

const EXAMPLE: &str = r#"{"model":"Order","property":"find","accessType":"READ","permission":"ALLOW","principalType":"ROLE","principalId":"clerk"}"#;
