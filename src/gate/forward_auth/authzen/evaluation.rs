//! One evaluation: who, what and where, as the head of the request that it is about.

use serde_json::{Map, Value};

use crate::{gate::forward_auth::described::scanned, identity::UserId, refusal::Refusal, wire::RequestHead};

/// An evaluation that can be judged.
#[derive(Debug)]
pub(super) struct Evaluation {
    pub(super) head: RequestHead,
    pub(super) subject: Subject,
}

/// Who asks for access.
#[derive(Debug)]
pub(super) enum Subject {
    /// `{"type": "anonymous"}`.
    Anonymous,
    /// `{"type": "user", "properties": {"token": …}}`: with what the token may do.
    Token(String),
    /// `{"type": "user", "id": …}`: with all that the user may do.
    User(UserId),
}

type Object = Map<String, Value>;

impl Evaluation {
    /// Reads an evaluation. Of several objects the first that has a key counts. `host`: where the resource names none.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub(super) fn read(objects: &[&Object], host: &str) -> Result<Self, String> {
        let subject = Subject::read(entity(objects, "subject")?)?;
        let method = text(entity(objects, "action")?, "action", "name")?;
        let resource = entity(objects, "resource")?;
        text(resource, "resource", "type")?;
        let id = text(resource, "resource", "id")?;
        let property = |name| properties(resource, "resource", name);
        // The id may be the path itself.
        let path = property("path")?.or_else(|| Some(id).filter(|id| id.starts_with('/')));
        let path =
            path.ok_or("`resource.properties.path` has to be the path of the request, such as `/orders/7`")?;
        let host = property("host")?.unwrap_or(host);
        // A control byte would end the line.
        if [method, path, host].iter().any(|part| part.bytes().any(|byte| byte <= b' ' || byte == 0x7f)) {
            return Err(
                "`action.name`, the path and the host have no blanks and no control characters".to_owned()
            );
        }
        let bytes = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let head = scanned(bytes.as_bytes());
        let head = head.map_err(|error| Refusal::from(&error).error_parts().3.into_owned())?;
        Ok(Self { head, subject })
    }
}

impl Subject {
    fn read(subject: &Object) -> Result<Self, String> {
        match text(subject, "subject", "type")? {
            "anonymous" => Ok(Self::Anonymous),
            "user" => match properties(subject, "subject", "token")? {
                Some(token) => Ok(Self::Token(token.to_owned())),
                None => Ok(Self::User(UserId::parse(text(subject, "subject", "id")?))),
            },
            _ => Err("`subject.type` has to be `user` or `anonymous`".to_owned()),
        }
    }
}

fn entity<'o>(objects: &[&'o Object], name: &str) -> Result<&'o Object, String> {
    let found = objects.iter().find_map(|object| object.get(name));
    let found = found.ok_or_else(|| format!("`{name}` is missing"))?;
    found.as_object().ok_or_else(|| format!("`{name}` has to be an object"))
}

fn text<'o>(object: &'o Object, of: &str, name: &str) -> Result<&'o str, String> {
    let value = object.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("`{of}.{name}` has to be a text"))
}

/// A property that may be left out.
fn properties<'o>(object: &'o Object, of: &str, name: &str) -> Result<Option<&'o str>, String> {
    let Some(properties) = object.get("properties") else { return Ok(None) };
    let properties =
        properties.as_object().ok_or_else(|| format!("`{of}.properties` has to be an object"))?;
    let Some(value) = properties.get(name) else { return Ok(None) };
    let value = value.as_str().filter(|value| !value.is_empty());
    value.map(Some).ok_or_else(|| format!("`{of}.properties.{name}` has to be a text"))
}
