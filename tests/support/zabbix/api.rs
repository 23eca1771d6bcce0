//! JSON-RPC over HTTP to a server on loopback, as far as Zabbix' frontend under `php -S` needs it.

use crate::support::wait::LIMIT;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

/// The result, or message and data of the error. An empty token asks as nobody.
pub(super) fn call(url: &str, method: &str, parameters: Value, token: &str) -> Result<Value, String> {
    let mut request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
    if !token.is_empty() {
        request["auth"] = token.into();
    }
    let body = post(url, &request.to_string());
    let answer: Value = serde_json::from_str(&body).map_err(|e| format!("{e}: {body}"))?;
    match &answer["error"] {
        Value::Null => Ok(answer["result"].clone()),
        error => Err(format!("{} {}", text(&error["message"]), text(&error["data"]))),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn post(url: &str, body: &str) -> String {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let mut connection = TcpStream::connect(host).expect("the frontend listens");
    connection.set_read_timeout(Some(LIMIT)).expect("a time-out");
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json-rpc\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).expect("a request is sent");
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {answer:?}"));
    assert!(head.contains(" 200 "), "{head}");
    body.to_owned()
}
