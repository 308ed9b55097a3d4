//! The XML and HTML formats of answers, for the few clients that request them.

use serde_json::{Map, Value};

/// An error below `<error>`, formatted as by LoopBack's error handler.
pub(super) fn error(inner: &Map<String, Value>) -> String {
    let mut out = String::from("<?xml version='1.0'?>\n");
    element(&mut out, "error", &Value::Object(inner.clone()), Indent { width: 4, level: 0 });
    out.truncate(out.trim_end().len());
    out
}

/// A result below `<response>`.
pub(super) fn result(value: &Value) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let indent = Indent { width: 2, level: 0 };
    match value {
        Value::Array(items) => {
            out.push_str("<response>\n");
            items.iter().for_each(|item| element(&mut out, "result", item, indent.deeper()));
            out.push_str("</response>\n");
        }
        other => element(&mut out, "response", other, indent),
    }
    out.truncate(out.trim_end().len());
    out
}

/// An error as an HTML page with status, message and code.
pub(super) fn page(inner: &Map<String, Value>) -> String {
    let text = |name: &str| escaped(&plain(inner.get(name).unwrap_or(&Value::Null)));
    let code = match inner.get("code") {
        Some(code) => format!("\n    <p>code: {}</p>", escaped(&plain(code))),
        None => String::new(),
    };
    let title = if inner.contains_key("name") { text("name") } else { text("message") };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"utf-8\">\n    <title>{title}</title>\n  \
         </head>\n  <body>\n    <h1>{title}</h1>\n    <h2><em>{}</em> {}</h2>{code}\n  </body>\n</html>\n",
        text("statusCode"),
        text("message"),
    )
}

#[derive(Clone, Copy)]
struct Indent {
    width: usize,
    level: usize,
}

impl Indent {
    fn deeper(self) -> Self {
        Self { level: self.level + 1, ..self }
    }

    fn blanks(self) -> String {
        " ".repeat(self.width * self.level)
    }
}

fn element(out: &mut String, name: &str, value: &Value, indent: Indent) {
    let (blanks, tag) = (indent.blanks(), tag(name));
    match value {
        Value::Array(items) => {
            let present = items.iter().filter(|item| !item.is_null());
            present.for_each(|item| element(out, name, item, indent));
        }
        Value::Object(map) if map.is_empty() => out.push_str(&format!("{blanks}<{tag}/>\n")),
        Value::Object(map) => {
            out.push_str(&format!("{blanks}<{tag}>\n"));
            map.iter().for_each(|(name, value)| element(out, name, value, indent.deeper()));
            out.push_str(&format!("{blanks}</{tag}>\n"));
        }
        scalar => {
            let text = escaped_text(&plain(scalar));
            out.push_str(&format!("{blanks}<{tag}>{text}</{tag}>\n"));
        }
    }
}

/// The name of an element for a property. Characters that XML does not allow become `_`.
fn tag(name: &str) -> String {
    // An element's name must not begin with a digit.
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let rest: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    if first { rest } else { format!("_{rest}") }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// XML does not allow other control characters, not even escaped ones.
fn escaped_text(text: &str) -> String {
    let known = |c: &char| !c.is_control() || matches!(c, '\n' | '\t' | '\r');
    let text: String = text.chars().filter(known).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace("]]>", "]]&gt;")
}

fn escaped(text: &str) -> String {
    escaped_text(text).replace('>', "&gt;").replace('"', "&#34;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lays_errors_out_as_loopback_does() {
        let inner = json!({
            "statusCode": 422, "name": "ValidationError", "message": "<`email`> isn't",
            "details": {"codes": {"email": ["presence", "custom.string"]}},
        });
        insta::assert_snapshot!(error(inner.as_object().unwrap()), @r"
        <?xml version='1.0'?>
        <error>
            <statusCode>422</statusCode>
            <name>ValidationError</name>
            <message>&lt;`email`> isn't</message>
            <details>
                <codes>
                    <email>presence</email>
                    <email>custom.string</email>
                </codes>
            </details>
        </error>
        ");
    }

    #[test]
    fn lays_results_out_as_loopback_does() {
        insta::assert_snapshot!(result(&json!({"email": "a@b", "id": 1, "a b": {}, "1": null})), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <response>
          <email>a@b</email>
          <id>1</id>
          <a_b/>
          <_1>null</_1>
        </response>
        "#);
        insta::assert_snapshot!(result(&json!([{"id": 1}])), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <response>
          <result>
            <id>1</id>
          </result>
        </response>
        "#);
    }

    #[test]
    fn a_page_holds_no_foreign_markup() {
        let inner = json!({"statusCode": 400, "name": "Error", "message": "<script>'\"&"});
        let page = page(inner.as_object().unwrap());
        assert!(page.contains("<em>400</em> &lt;script&gt;&#39;&#34;&amp;"), "{page}");
        assert!(!page.contains("<script"));
    }
}
