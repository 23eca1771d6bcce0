//! A Zabbix API of any version, as far as a sync asks it: hosts, templates and macros in memory, the parameters that this
//! version knows and no others, and faults. 6.0 and 7.0 are checked against the real ones by tests/zabbix; 5.0, 6.4, 7.2 and 7.4
//! cannot be run here and are built from Zabbix' published API documentation.

use super::wait;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

pub const USER: &str = "sync";
pub const PASSWORD: &str = "canary-api-5521";
pub const TOKEN: &str = "0123456789abcdefcanary-token";

/// What goes wrong with the next answers to a method.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer is right, a later one is not.
    Nothing,
    /// Nothing is answered until [`ZabbixApi::release`].
    Held,
    /// The connection ends in the middle of the answer.
    Cut,
    Status(u16, &'static str),
    /// This text in the place of JSON.
    Text(&'static str),
    /// An error of the API: message and data.
    Error(&'static str, &'static str),
    /// By gzip, if the client says that it takes that.
    Compressed,
    /// The second half of a list is left out.
    Half,
    /// This as the result.
    Result(Value),
}

/// What Zabbix knows.
#[derive(Clone, Default)]
pub struct World {
    pub hosts: Vec<Host>,
    pub templates: Vec<Template>,
    pub global: Vec<Value>,
    /// Ids and names.
    pub proxies: Vec<(u64, &'static str)>,
    pub groups: Vec<(u64, &'static str)>,
}

#[derive(Clone, Default)]
pub struct Host {
    pub id: u64,
    pub host: String,
    pub name: String,
    pub disabled: bool,
    pub tags: Vec<(String, String)>,
    pub group: String,
    pub parents: Vec<u64>,
    pub macros: Vec<Value>,
    /// 0 = the server.
    pub proxy: u64,
    /// With it `proxy` is the one that the group assigned.
    pub proxy_group: u64,
}

#[derive(Clone, Default)]
pub struct Template {
    pub id: u64,
    pub parents: Vec<u64>,
    pub tags: Vec<(String, String)>,
    pub macros: Vec<Value>,
    /// Ids of its items.
    pub items: Vec<u64>,
    /// Ids of its discovery rules.
    pub rules: Vec<u64>,
    /// The user may not see it.
    pub hidden: bool,
}

pub fn text_macro(name: &str, value: &str) -> Value {
    json!({"macro": name, "value": value, "type": "0"})
}

pub fn secret_macro(name: &str) -> Value {
    json!({"macro": name, "type": "1"})
}

impl Host {
    /// A line by a router, with a tag of its own.
    pub fn line(id: u64, target: &str, router: &str) -> Self {
        Self {
            id,
            host: target.to_owned(),
            name: format!("Line to {target}"),
            tags: vec![("TempType".into(), "LINE".into())],
            group: "Lines".into(),
            macros: vec![
                text_macro("{$LINE_ID}", &format!("L-{id}")),
                text_macro("{$LINE_ROUTER_IP}", router),
                text_macro("{$LINE_ROUTER_PLATFORM}", "cisco_iosxe"),
                text_macro("{$LINE_ROUTER_PASSWORD}", "secret:good"),
            ],
            ..Self::default()
        }
    }

    /// With this macro in the place of one with that name.
    pub fn with(mut self, new: Value) -> Self {
        self.macros.retain(|one| one["macro"] != new["macro"]);
        self.macros.push(new);
        self
    }
}

#[derive(Default)]
struct Shared {
    world: World,
    faults: Vec<(String, Fault)>,
    /// Methods that were called.
    calls: Vec<String>,
    /// What a client of this version may not do, and did.
    mistakes: Vec<String>,
    sessions: BTreeSet<String>,
    takes_gzip: bool,
    /// Nothing is held back any more.
    released: bool,
    /// What `apiinfo.version` says in the place of the version that is spoken.
    says: Option<&'static str>,
}

pub struct ZabbixApi {
    version: (u32, u32),
    port: u16,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

impl ZabbixApi {
    /// `6.0`, …
    pub fn start(version: &str, world: World) -> Self {
        let (major, minor) = version.split_once('.').expect("a version");
        let version = (major.parse().expect("a number"), minor.parse().expect("a number"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Mutex::new(Shared { world, ..Shared::default() }));
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || serve(&listener, version, &theirs));
        Self { version, port, shared, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/zabbix", self.port)
    }

    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Settings to sync with it, by user and password.
    pub fn settings(&self) -> String {
        format!("zabbix.url = {:?}\nzabbix.password = \"secret:api\"", self.url())
    }

    pub fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut lock(&self.shared).world);
    }

    /// Happens to the next answer to `method`; several happen one after the other.
    pub fn fault(&self, method: &str, fault: Fault) {
        lock(&self.shared).faults.push((method.to_owned(), fault));
    }

    /// Ends what is held back, now and later.
    pub fn release(&self) {
        lock(&self.shared).released = true;
    }

    pub fn says_version(&self, text: &'static str) {
        lock(&self.shared).says = Some(text);
    }

    pub fn calls(&self, method: &str) -> usize {
        lock(&self.shared).calls.iter().filter(|called| *called == method).count()
    }

    /// The client said that answers may be compressed.
    pub fn takes_gzip(&self) -> bool {
        lock(&self.shared).takes_gzip
    }

    /// Logins that did not end.
    pub fn sessions(&self) -> usize {
        lock(&self.shared).sessions.len()
    }
}

impl Drop for ZabbixApi {
    fn drop(&mut self) {
        let mistakes = std::mem::take(&mut lock(&self.shared).mistakes);
        // The thread ends at a connection that says nothing.
        lock(&self.shared).faults.push((String::new(), Fault::Cut));
        self.release();
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if !std::thread::panicking() {
            assert!(mistakes.is_empty(), "Zabbix {:?} would not have understood: {mistakes:?}", self.version);
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn serve(listener: &TcpListener, version: (u32, u32), shared: &Arc<Mutex<Shared>>) {
    for connection in listener.incoming().flatten() {
        if lock(shared).faults.iter().any(|(method, _)| method.is_empty()) {
            return;
        }
        // One that is slow holds nobody else up.
        let shared = Arc::clone(shared);
        std::thread::spawn(move || while answer(&connection, version, &shared).is_some() {});
    }
}

/// One request; None when the connection is to be closed.
fn answer(mut connection: &TcpStream, version: (u32, u32), shared: &Mutex<Shared>) -> Option<()> {
    let mut reader = BufReader::new(connection);
    let (mut length, mut bearer, mut path) = (0, None, String::new());
    reader.read_line(&mut path).ok().filter(|length| *length > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ")?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "accept-encoding" if value.contains("gzip") => lock(shared).takes_gzip = true,
            "authorization" => bearer = value.strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request: Value = serde_json::from_slice(&body).ok()?;
    let method = request["method"].as_str().unwrap_or_default().to_owned();
    if !path.starts_with("POST /zabbix/api_jsonrpc.php ") {
        return respond(connection, 404, "Not Found", "text/html", b"<html>", None);
    }
    let (fault, mut reply) = {
        let mut shared = lock(shared);
        shared.calls.push(method.clone());
        let fault = shared.faults.iter().position(|(of, _)| *of == method).map(|at| shared.faults.remove(at).1);
        (fault, reply(&mut shared, version, &request, bearer.as_deref()))
    };
    match fault {
        Some(Fault::Held) => wait::until("the test to go on", || lock(shared).released.then_some(())),
        Some(Fault::Cut) => {
            let body = reply.to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
            let half = &body.as_bytes()[..body.len() / 2];
            connection.write_all(&[head.as_bytes(), half].concat()).ok()?;
            return None;
        }
        Some(Fault::Status(status, more)) => {
            return respond(connection, status, "Fault", "text/html", b"<html>no</html>", Some(more));
        }
        Some(Fault::Text(text)) => return respond(connection, 200, "OK", "text/html", text.as_bytes(), None),
        Some(Fault::Error(message, data)) => {
            reply = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": message, "data": data}});
        }
        Some(Fault::Compressed) if lock(shared).takes_gzip => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(reply.to_string().as_bytes()).ok()?;
            let body = packed.finish().ok()?;
            return respond(connection, 200, "OK", "application/json", &body, Some("Content-Encoding: gzip"));
        }
        Some(Fault::Half) => {
            if let Some(list) = reply["result"].as_array_mut() {
                list.truncate(list.len() / 2);
            }
        }
        Some(Fault::Result(result)) => reply["result"] = result,
        Some(Fault::Nothing | Fault::Compressed) | None => {}
    }
    respond(connection, 200, "OK", "application/json", reply.to_string().as_bytes(), None)
}

fn respond(
    mut connection: &TcpStream,
    status: u16,
    word: &str,
    kind: &str,
    body: &[u8],
    more: Option<&str>,
) -> Option<()> {
    let more = more.filter(|more| !more.is_empty()).map(|more| format!("{more}\r\n")).unwrap_or_default();
    let head =
        format!("HTTP/1.1 {status} {word}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{more}\r\n", body.len());
    connection.write_all(&[head.as_bytes(), body].concat()).ok()
}

fn reply(shared: &mut Shared, version: (u32, u32), request: &Value, bearer: Option<&str>) -> Value {
    let method = request["method"].as_str().unwrap_or_default();
    let parameters = &request["params"];
    let result = allowed(shared, version, request, bearer).and_then(|()| match method {
        "apiinfo.version" => {
            Ok(shared.says.map_or_else(|| format!("{}.{}.7", version.0, version.1), str::to_owned).into())
        }
        "user.login" => log_in(shared, version, parameters),
        "user.logout" => Ok(shared.sessions.remove(bearer.or(request["auth"].as_str()).unwrap_or_default()).into()),
        "host.get" => {
            known(shared, parameters, &host_parameters(version)).map(|()| hosts(&shared.world, version, parameters))
        }
        "template.get" => {
            let names = ["templateids", "output", "selectMacros", "selectParentTemplates", "selectTags"];
            known(shared, parameters, &names).map(|()| templates(&shared.world, parameters))
        }
        "item.get" | "discoveryrule.get" => {
            let names = ["hostids", "templateids", "itemids", "inherited", "templated", "output"];
            let rules = method == "discoveryrule.get";
            known(shared, parameters, &names).map(|()| items(&only(&shared.world, rules), parameters))
        }
        "usermacro.get" => known(shared, parameters, &["globalmacro", "output"]).map(|()| json!(shared.world.global)),
        "proxy.get" => {
            let name = if version >= (7, 0) { "name" } else { "host" };
            let rows = shared.world.proxies.iter().map(|(id, text)| json!({"proxyid": id.to_string(), name: text}));
            Ok(rows.collect())
        }
        "proxygroup.get" if version >= (7, 0) => {
            let rows = shared.world.groups.iter();
            Ok(rows.map(|(id, text)| json!({"proxy_groupid": id.to_string(), "name": text})).collect())
        }
        _ => Err(format!("Incorrect method \"{method}\".")),
    });
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "result": result, "id": 1}),
        Err(data) => {
            json!({"jsonrpc": "2.0", "error": {"code": -32602, "message": "Invalid params.", "data": data}, "id": 1})
        }
    }
}

/// Who asks, in the way that the version wants it.
fn allowed(shared: &mut Shared, version: (u32, u32), request: &Value, bearer: Option<&str>) -> Result<(), String> {
    let open = ["apiinfo.version", "user.login"].contains(&request["method"].as_str().unwrap_or_default());
    let own = request["auth"].as_str();
    if open {
        if own.is_some() || bearer.is_some() {
            shared.mistakes.push("a token where none is allowed".to_owned());
        }
        return Ok(());
    }
    if own.is_some() && version >= (7, 2) {
        return Err("Invalid parameter \"/\": unexpected parameter \"auth\".".to_owned());
    }
    let token = if version >= (6, 4) { bearer.or(own) } else { own };
    let known = |token: &str| shared.sessions.contains(token) || (token == TOKEN && version >= (5, 4));
    if token.is_some_and(known) { Ok(()) } else { Err("Not authorised.".to_owned()) }
}

fn log_in(shared: &mut Shared, version: (u32, u32), parameters: &Value) -> Result<Value, String> {
    let name = if version < (5, 4) { "user" } else { "username" };
    if parameters[name].is_null() {
        return Err(format!("Invalid parameter \"/\": the parameter \"{name}\" is missing."));
    }
    if (&parameters[name], &parameters["password"]) != (&USER.into(), &PASSWORD.into()) {
        return Err("Incorrect user name or password or account is temporarily blocked.".to_owned());
    }
    let token = format!("session{}", shared.calls.len());
    shared.sessions.insert(token.clone());
    Ok(token.into())
}

/// Real ones ignore what they do not know; here it is a mistake of the client.
fn known(shared: &mut Shared, parameters: &Value, names: &[&str]) -> Result<(), String> {
    for name in parameters.as_object().into_iter().flat_map(Map::keys) {
        if !names.contains(&name.as_str()) {
            shared.mistakes.push(format!("parameter {name}"));
        }
    }
    Ok(())
}

fn host_parameters(version: (u32, u32)) -> Vec<&'static str> {
    let mut names = vec!["hostids", "output", "filter", "selectMacros", "selectParentTemplates", "selectTags"];
    if version >= (5, 4) {
        names.extend(["tags", "evaltype", "inheritedTags", "selectInheritedTags"]);
    }
    names.push(if version >= (6, 2) { "selectHostGroups" } else { "selectGroups" });
    names
}

/// `"hostids": [1, 2]`; everything when it is not there.
fn among(parameters: &Value, key: &str, id: u64) -> bool {
    parameters.get(key).is_none_or(|ids| ids.as_array().expect("ids").iter().any(|one| one.as_u64() == Some(id)))
}

fn hosts(world: &World, version: (u32, u32), parameters: &Value) -> Value {
    let wanted = |host: &&Host| {
        let inherited = ancestors(world, &host.parents, true);
        let tags = host.tags.iter().chain(inherited.iter().flat_map(|template| &template.tags));
        let tag = |asked: &Value| {
            tags.clone()
                .any(|(name, value)| asked["tag"] == **name && (asked["operator"] == 4 || asked["value"] == **value))
        };
        among(parameters, "hostids", host.id)
            && (parameters["filter"]["status"] != 0 || !host.disabled)
            && parameters["tags"].as_array().is_none_or(|all| all.iter().any(tag))
    };
    world.hosts.iter().filter(wanted).map(|host| row(world, host, version, parameters)).collect()
}

fn row(world: &World, host: &Host, version: (u32, u32), parameters: &Value) -> Value {
    let mut whole = json!({
        "hostid": host.id.to_string(), "host": host.host, "name": host.name,
        "status": u8::from(host.disabled).to_string(),
    });
    if version >= (7, 0) {
        let by = if host.proxy_group != 0 { 2 } else { u8::from(host.proxy != 0) };
        whole["monitored_by"] = by.to_string().into();
        whole["proxyid"] = if by == 1 { host.proxy } else { 0 }.to_string().into();
        whole["proxy_groupid"] = host.proxy_group.to_string().into();
        whole["assigned_proxyid"] = if by == 2 { host.proxy } else { 0 }.to_string().into();
    } else {
        whole["proxy_hostid"] = host.proxy.to_string().into();
    }
    let output = parameters["output"].as_array().expect("output");
    let mut row: Map<String, Value> = whole.as_object().expect("an object").clone();
    row.retain(|name, _| output.iter().any(|wanted| *wanted == **name));
    let selected = |name: &str| !parameters[name].is_null();
    if selected("selectMacros") {
        row.insert("macros".into(), json!(host.macros));
    }
    if selected("selectParentTemplates") {
        let visible = ancestors(world, &host.parents, false);
        let visible = visible.iter().filter(|template| host.parents.contains(&template.id));
        row.insert("parentTemplates".into(), visible.map(|one| json!({"templateid": one.id.to_string()})).collect());
    }
    if selected("selectTags") {
        row.insert("tags".into(), tags(&host.tags));
    }
    if selected("selectInheritedTags") {
        let all = ancestors(world, &host.parents, true);
        let all: Vec<_> = all.iter().flat_map(|template| template.tags.clone()).collect();
        row.insert("inheritedTags".into(), tags(&all));
    }
    let groups = json!([{"name": host.group}]);
    if selected("selectHostGroups") {
        row.insert("hostgroups".into(), groups.clone());
    }
    if selected("selectGroups") {
        row.insert("groups".into(), groups);
    }
    Value::Object(row)
}

fn tags(all: &[(String, String)]) -> Value {
    all.iter().map(|(tag, value)| json!({"tag": tag, "value": value})).collect()
}

fn ancestors<'a>(world: &'a World, parents: &[u64], hidden: bool) -> Vec<&'a Template> {
    let mut found: Vec<&Template> = Vec::new();
    let mut next: Vec<u64> = parents.to_vec();
    while let Some(id) = next.pop() {
        let template = world.templates.iter().find(|one| one.id == id).expect("a template");
        if (hidden || !template.hidden) && !found.iter().any(|one| one.id == id) {
            found.push(template);
            next.extend(&template.parents);
        }
    }
    found
}

fn templates(world: &World, parameters: &Value) -> Value {
    let visible = world.templates.iter().filter(|one| !one.hidden && among(parameters, "templateids", one.id));
    let row = |one: &Template| {
        let parents = world.templates.iter().filter(|other| one.parents.contains(&other.id) && !other.hidden);
        let parents: Vec<Value> = parents.map(|other| json!({"templateid": other.id.to_string()})).collect();
        let id = one.id.to_string();
        json!({"templateid": id, "macros": one.macros, "parentTemplates": parents, "tags": tags(&one.tags)})
    };
    visible.map(row).collect()
}

/// With templates that have their items only, or their discovery rules only, in the place of items.
fn only(world: &World, rules: bool) -> World {
    let mut world = world.clone();
    for template in &mut world.templates {
        if rules {
            template.items = template.rules.clone();
        }
    }
    world
}

/// An item of a template is on all below it; its copy there has the id of the origin and of the owner in it.
fn items(world: &World, parameters: &Value) -> Value {
    if parameters.get("itemids").is_some() {
        let mut ids: Vec<u64> = Vec::new();
        for template in world.templates.iter().filter(|one| !one.hidden) {
            ids.extend(&template.items);
            ids.extend(inherited(world, template.id, &template.parents).iter().map(|(id, _)| id));
        }
        return ids
            .iter()
            .filter(|id| among(parameters, "itemids", **id))
            .map(|id| json!({"itemid": id.to_string()}))
            .collect();
    }
    let mut rows = Vec::new();
    let hosts = world.hosts.iter().map(|one| (one.id, &one.parents, "hostids"));
    let templates = world.templates.iter().filter(|one| !one.hidden).map(|one| (one.id, &one.parents, "templateids"));
    for (owner, parents, key) in hosts.chain(templates) {
        if parameters.get(key).is_some() && among(parameters, key, owner) {
            let own = inherited(world, owner, parents);
            rows.extend(own.iter().map(|(id, origin)| {
                json!({"itemid": id.to_string(), "hostid": owner.to_string(), "templateid": origin.to_string()})
            }));
        }
    }
    rows.into()
}

fn inherited(world: &World, owner: u64, parents: &[u64]) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    for parent in parents {
        let template = world.templates.iter().find(|one| one.id == *parent).expect("a template");
        let above = inherited(world, template.id, &template.parents);
        let origins = template.items.iter().copied().chain(above.iter().map(|(id, _)| *id));
        found.extend(origins.map(|origin| (owner * 1_000_000 + origin % 1_000_000, origin)));
    }
    found
}
