//! Passwords by reference: credentials file, private files, environment, commands, and the refusals of each.

use crate::support::wait::{self, LIMIT};
use ddl_monitor::deadline::Deadline;
use ddl_monitor::failure::Failure;
use ddl_monitor::inventory::access::Access;
use ddl_monitor::inventory::arguments::{ENABLE_PASSWORD, PASSWORD};
use ddl_monitor::inventory::line::{RawRouter, Router};
use ddl_monitor::inventory::reference::Reference;
use ddl_monitor::inventory::router::Credential;
use ddl_monitor::inventory::secret::Secret;
use ddl_monitor::settings::Secrets;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const CREDENTIALS: &str = "\
[core]
user = 'ddl'
password = 'pw \"of\" core'
enable_password = 'en of core'

[key]
user = 'keyed'
key = '/keys/id'
passphrase = 'phrase'

[both]
user = 'b'
password = 'p'
key = '/k'

[bare]
";

fn private(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    mode(&path, 0o600);
    path
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn soon() -> Deadline {
    Deadline::after(LIMIT)
}

fn get(text: &str, secrets: &Secrets) -> Result<Secret, Failure> {
    Reference::parse(PASSWORD, text)?.open(secrets, "password")?.resolve(soon())
}

#[track_caller]
fn value(text: &str, secrets: &Secrets) -> String {
    match get(text, secrets) {
        Ok(secret) => secret.expose().to_owned(),
        Err(failure) => panic!("{text}: {failure}"),
    }
}

#[track_caller]
fn refusal(text: &str, secrets: &Secrets) -> String {
    match get(text, secrets) {
        Ok(_) => panic!("{text} is not refused"),
        Err(failure) => failure.message,
    }
}

fn stored(dir: &TempDir, text: &str) -> Secrets {
    Secrets { file: Some(private(dir, "credentials.toml", text)), ..Secrets::default() }
}

#[test]
fn a_reference_gives_the_secret_from_where_it_is_kept() {
    let dir = TempDir::new().unwrap();
    let secrets = stored(&dir, CREDENTIALS);
    assert_eq!(value("secret:core", &secrets), "pw \"of\" core");
    for (text, expected) in [("pw\n", "pw"), ("pw", "pw"), ("pw\r\n", "pw"), (" pw ", " pw ")] {
        let path = private(&dir, "pw", text);
        assert_eq!(value(&format!("file:{}", path.display()), &secrets), expected);
    }
    assert_eq!(value("env:PATH", &secrets), std::env::var("PATH").unwrap());
    assert_eq!(value("exec:/bin/echo a  'b  c' \"d\\\"e\" f\\ g", &secrets), "a b  c d\"e f g");
    for literal in ["plain", "secretary:x", "fi:x", "http://x", "a:b:c", "pa{$X}", "{#LLD}", "秘密"] {
        assert_eq!(value(literal, &secrets), literal);
    }
}

#[test]
fn a_reference_that_names_nothing_is_refused() {
    let secrets = Secrets::default();
    let allowed = "allowed is secret:NAME, file:PATH, env:NAME, exec:COMMAND or the secret itself";
    let mistyped = "a secret that begins like this is given by file:, env: or exec:";
    let command = "needs a command and its arguments, quotes closed, no control characters";
    for (text, expected) in [
        ("secret:", format!("secret: needs a name of 1 to 64 letters, digits or . _ -: {allowed}")),
        ("secret:ca nary", format!("secret: needs a name of 1 to 64 letters, digits or . _ -: {allowed}")),
        ("env:", format!("env: needs a name of 1 to 64 letters, digits or _: {allowed}")),
        ("env:CA=NARY", format!("env: needs a name of 1 to 64 letters, digits or _: {allowed}")),
        ("file:", format!("file: needs a path without control characters: {allowed}")),
        ("file:ca\nnary", format!("file: needs a path without control characters: {allowed}")),
        ("secrets:canary", format!("(hidden): did you mean secret:? {mistyped}: {allowed}")),
        ("Secret:canary", format!("(hidden): did you mean secret:? {mistyped}: {allowed}")),
        ("files:/canary", format!("(hidden): did you mean file:? {mistyped}: {allowed}")),
        ("exe:canary", format!("(hidden): did you mean exec:? {mistyped}: {allowed}")),
        ("exec:", format!("exec: {command}")),
        ("exec:  ", format!("exec: {command}")),
        ("exec:echo 'canary", format!("exec: {command}")),
        ("exec:echo canary\\", format!("exec: {command}")),
        ("exec:echo canary\nreload", format!("exec: {command}")),
        ("exec:'' canary", format!("exec: {command}")),
        ("canary\nreload", format!("(hidden): the secret has more than one line: {allowed}")),
        ("canary\u{3}", format!("(hidden): the secret has control characters in it: {allowed}")),
        ("canary\u{fffd}", format!("(hidden): the secret is not valid UTF-8: {allowed}")),
    ] {
        assert_eq!(refusal(text, &secrets), format!("--password ({{$LINE_ROUTER_PASSWORD}}) {expected}"));
    }
    assert_eq!(
        refusal(&"canary".repeat(11_000), &secrets),
        format!("--password ({{$LINE_ROUTER_PASSWORD}}) (hidden): the secret has more than 1024 bytes: {allowed}")
    );
}

#[test]
fn a_file_that_others_can_read_or_change_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = private(&dir, "pw", "canary\n");
    let text = format!("file:{}", path.display());
    let expected = |mode: &str| {
        format!(
            "--password ({{$LINE_ROUTER_PASSWORD}}) \"{text}\": mode {mode}; allowed is a file that others cannot read \
             and only its owner can write: chmod g-w,o-rwx"
        )
    };
    for (bits, shown) in [(0o644, "0644"), (0o604, "0604"), (0o620, "0620"), (0o602, "0602"), (0o666, "0666")] {
        mode(&path, bits);
        assert_eq!(refusal(&text, &Secrets::default()), expected(shown));
    }
    for bits in [0o400, 0o440, 0o640, 0o700] {
        mode(&path, bits);
        assert_eq!(value(&text, &Secrets::default()), "canary", "{bits:o}");
    }
}

#[test]
fn what_is_no_readable_line_of_text_is_refused() {
    let dir = TempDir::new().unwrap();
    let secrets = Secrets::default();
    let refused = |path: &Path| {
        let text = format!("file:{}", path.display());
        refusal(&text, &secrets).replace(&format!("--password ({{$LINE_ROUTER_PASSWORD}}) \"{text}\": "), "")
    };
    assert_eq!(refused(&dir.path().join("none")), "not found");
    assert_eq!(refused(dir.path()), "not a file");
    assert_eq!(refused(Path::new("/dev/zero")), "not a file");
    assert_eq!(refused(&private(&dir, "empty", "")), "is empty");
    assert_eq!(refused(&private(&dir, "newline", "\n")), "is empty");
    assert_eq!(refused(&private(&dir, "two", "a\nb\n")), "has more than one line");
    assert_eq!(refused(&private(&dir, "large", &"x".repeat(5000))), "more than 4096 bytes");
    let fifo = dir.path().join("fifo");
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, rustix::fs::Mode::RUSR, 0).unwrap();
    assert_eq!(refused(&fifo), "not a file");
    let latin = private(&dir, "latin", "");
    fs::write(&latin, b"K\xf6ln").unwrap();
    assert_eq!(refused(&latin), "not valid UTF-8");
}

#[test]
fn a_mistake_in_the_credentials_file_has_its_line_and_no_value() {
    let dir = TempDir::new().unwrap();
    let secrets = stored(
        &dir,
        "[core]\npasword = 'canary'\nuser = 'a b'\nkey = 'canary'\npassphrase = 5\nenable_password = \"a\\nb\"\nshell = ''\n[other]\n",
    );
    let at = |line: u32| format!("credentials file {}:{line}:", secrets.file.as_ref().unwrap().display());
    assert_eq!(
        refusal("secret:core", &secrets),
        format!(
            "--password ({{$LINE_ROUTER_PASSWORD}}) secret:core: {} [core] has no field \"pasword\"; did you mean password; \
             {} user of [core]: allowed is 1 to 128 letters, digits or . _ - @ \\ / + % # : = , and not - first; \
             {} key of [core]: allowed is an absolute path; {} passphrase of [core] is not text in quotes; \
             {} enable_password of [core]: has more than one line; \
             {} [core] has no field \"shell\"; it has user, password, enable_password, key, passphrase",
            at(2),
            at(3),
            at(4),
            at(5),
            at(6),
            at(7)
        )
    );
    // Somebody else's mistakes are not ours.
    assert!(refusal("secret:other", &secrets).ends_with("[other] of the credentials file has no password"));

    let secrets = stored(&dir, "[core]\npassword = \"canary\nuser = x\n");
    let syntax = refusal("secret:core", &secrets);
    assert!(syntax.contains(&at(2)), "{syntax}");
    assert!(!syntax.contains("canary"), "{syntax}");
    let secrets = stored(&dir, "password = 'canary'\n");
    assert_eq!(
        ddl_monitor::inventory::credentials::mistakes(secrets.file.as_ref().unwrap()),
        [format!("{} a value outside of any login; write [NAME] above it", at(1))]
    );
}

#[test]
fn a_login_that_is_not_in_the_credentials_file_is_refused() {
    let dir = TempDir::new().unwrap();
    let secrets = stored(&dir, CREDENTIALS);
    let file = secrets.file.as_ref().unwrap().display();
    let named = |name: &str| format!("--password ({{$LINE_ROUTER_PASSWORD}}) secret:{name}: ");
    assert_eq!(
        refusal("secret:cor", &secrets),
        format!("{}credentials file {file}: no [cor] in it; did you mean [core]", named("cor"))
    );
    assert_eq!(
        refusal("secret:elsewhere", &secrets),
        format!("{}credentials file {file}: no [elsewhere] in it", named("elsewhere"))
    );
    mode(secrets.file.as_ref().unwrap(), 0o644);
    assert_eq!(
        refusal("secret:core", &secrets),
        format!(
            "{}credentials file {file}: mode 0644; allowed is a file that others cannot read and only its owner can \
             write: chmod g-w,o-rwx",
            named("core")
        )
    );
    assert_eq!(
        refusal("secret:core", &Secrets::default()),
        format!(
            "{}no credentials file is known; set secrets.file, or put credentials.toml beside the settings file",
            named("core")
        )
    );
}

#[test]
fn plain_passwords_can_be_forbidden() {
    let secrets = Secrets { allow_plain_password: false, ..Secrets::default() };
    assert_eq!(
        refusal("canary", &secrets),
        "--password ({$LINE_ROUTER_PASSWORD}) (hidden): a plain password is forbidden by \
         secrets.allow_plain_password = false: allowed is secret:NAME, file:PATH, env:NAME or exec:COMMAND"
    );
    assert_eq!(value("exec:echo fine", &secrets), "fine");
}

#[test]
fn an_unknown_variable_is_refused() {
    assert_eq!(
        refusal("env:NO_SUCH_VARIABLE_9", &Secrets::default()),
        "--password ({$LINE_ROUTER_PASSWORD}) env:NO_SUCH_VARIABLE_9: no such variable in the environment"
    );
}

#[test]
fn a_command_that_gives_no_one_line_is_refused_without_its_arguments() {
    let refused = |command: &str| {
        let message = refusal(&format!("exec:{command}"), &Secrets::default());
        assert!(!message.contains("canary"), "{message}");
        message.replace("--password ({$LINE_ROUTER_PASSWORD}) ", "")
    };
    assert_eq!(refused("/no/such/program canary"), "\"exec:/no/such/program\": program not found");
    assert_eq!(refused("sh -c 'echo canary; exit 3'"), "\"exec:sh\": ended with exit status: 3");
    assert_eq!(refused("sh -c 'kill -9 $$'"), "\"exec:sh\": ended with signal: 9 (SIGKILL)");
    assert_eq!(refused("true"), "\"exec:true\": output is empty");
    assert_eq!(refused("printf 'canary\\nb\\n'"), "\"exec:printf\": output has more than one line");
    assert_eq!(refused("printf '\\377'"), "\"exec:printf\": output is not valid UTF-8");
    assert_eq!(refused("yes canary"), "\"exec:yes\": output has 4096 bytes or more");
    assert_eq!(refused("sh -c 'echo canary >&2'"), "\"exec:sh\": output is empty");
}

#[test]
fn a_command_is_not_run_for_a_masters_name() {
    let dir = TempDir::new().unwrap();
    let ran = dir.path().join("ran");
    let text = format!("exec:sh -c 'touch {}; echo pw'", ran.display());
    let held = Reference::parse(PASSWORD, &text).unwrap().open(&Secrets::default(), "password").unwrap();
    assert_eq!(held.identity().expose(), text);
    assert!(!ran.exists());
    assert_eq!(held.resolve(soon()).map(|s| s.expose().to_owned()).unwrap(), "pw");
    assert!(ran.exists());
}

#[test]
fn a_command_and_all_it_started_are_killed_at_the_deadline() {
    let dir = TempDir::new().unwrap();
    let pid = dir.path().join("pid");
    let text = format!("exec:sh -c 'sleep 4711 & echo $! > {}; wait'", pid.display());
    let held = Reference::parse(PASSWORD, &text).unwrap().open(&Secrets::default(), "password").unwrap();
    let Err(failure) = held.resolve(Deadline::after(Duration::from_secs(5))) else { panic!("not refused") };
    assert_eq!(failure.message, "--password ({$LINE_ROUTER_PASSWORD}) \"exec:sh\": not finished in time");
    let stat = PathBuf::from(format!("/proc/{}/stat", fs::read_to_string(&pid).unwrap().trim()));
    // Killed is killed at once; reaped it is by whoever adopts it.
    let alive = || fs::read_to_string(&stat).is_ok_and(|s| !s.rsplit(')').next().unwrap_or("").starts_with(" Z"));
    wait::until("the end of the command's child", || (!alive()).then_some(()));
}

#[test]
fn a_command_inherits_no_descriptor() {
    let dir = TempDir::new().unwrap();
    let leaked = rustix::io::dup(fs::File::open(dir.path()).unwrap()).unwrap();
    assert!(!rustix::io::fcntl_getfd(&leaked).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    let text = format!("exec:readlink /proc/self/fd/{}", leaked.as_raw_fd());
    assert!(refusal(&text, &Secrets::default()).ends_with("ended with exit status: 1"));
}

#[test]
fn byte_order_mark_is_not_part_of_a_secret() {
    let dir = TempDir::new().unwrap();
    let file = private(&dir, "secret", "\u{feff}canary\r\n");
    let access_of = |secrets: &Secrets, change: &dyn Fn(&mut RawRouter)| {
        access(secrets, |raw| change(raw)).unwrap().password_identity().unwrap().to_owned()
    };
    let by_file = access_of(&Secrets::default(), &|raw| {
        raw.user = Some("me".into());
        raw.password = Some(format!("file:{}", file.display()));
    });
    assert_eq!(by_file, "canary");
    let stored = stored(&dir, &format!("\u{feff}{CREDENTIALS}"));
    assert_eq!(access_of(&stored, &|raw| raw.password = Some("secret:core".into())), "pw \"of\" core");
}

fn access(secrets: &Secrets, change: impl FnOnce(&mut RawRouter)) -> Result<Access, String> {
    let mut raw =
        RawRouter { address: Some("192.0.2.1".into()), platform: Some("cisco_iosxe".into()), ..RawRouter::default() };
    change(&mut raw);
    let router = Router::parse(raw).map_err(|failure| failure.message)?;
    Access::of(&router, secrets).map_err(|failure| failure.message)
}

#[test]
fn a_stored_login_gives_what_the_arguments_do_not() {
    let dir = TempDir::new().unwrap();
    let secrets = stored(&dir, CREDENTIALS);
    let core = access(&secrets, |raw| raw.password = Some("secret:core".into())).unwrap();
    assert_eq!(core.user, "ddl");
    assert_eq!(core.password_identity(), Some("pw \"of\" core"));
    assert_eq!(core.enable_identity(), Some("en of core"));
    let (credential, enable) = core.resolve(soon()).unwrap();
    assert_eq!(credential.password.unwrap().expose(), "pw \"of\" core");
    assert!(credential.key.is_none());
    assert_eq!(enable.unwrap().expose(), "en of core");

    let ours = access(&secrets, |raw| {
        raw.password = Some("secret:core".into());
        raw.user = Some("me".into());
        raw.enable_password = Some("exec:echo enable".into());
    })
    .unwrap();
    assert_eq!(ours.user, "me");
    assert_eq!(ours.enable_identity(), Some("exec:echo enable"));
    assert_eq!(ours.resolve(soon()).unwrap().1.unwrap().expose(), "enable");

    let key = access(&secrets, |raw| raw.password = Some("secret:key".into())).unwrap();
    assert_eq!(key.user, "keyed");
    assert_eq!((key.password_identity(), key.passphrase_identity()), (None, Some("phrase")));
    let credential = key.resolve(soon()).unwrap().0;
    assert!(credential.password.is_none());
    let key = credential.key.unwrap();
    assert_eq!((key.file.as_path(), key.passphrase.unwrap().expose()), (Path::new("/keys/id"), "phrase"));
}

#[test]
fn key_and_password_may_both_be_given() {
    let dir = TempDir::new().unwrap();
    let secrets = stored(&dir, CREDENTIALS);
    let given = |change: fn(&mut RawRouter)| {
        let access = access(&secrets, change).unwrap();
        let Credential { password, key } = access.resolve(soon()).unwrap().0;
        let key = key.map(|key| (key.file.display().to_string(), key.passphrase.map(|text| text.expose().to_owned())));
        (access.user, password.map(|text| text.expose().to_owned()), key)
    };
    let both = |user: &str, password: &str, file: &str| {
        (user.to_owned(), Some(password.to_owned()), Some((file.to_owned(), None)))
    };
    let literal = given(|raw| {
        raw.user = Some("me".into());
        raw.password = Some("canary".into());
        raw.key = Some("/k".into());
    });
    assert_eq!(literal, both("me", "canary", "/k"));
    let stored_password = given(|raw| {
        raw.password = Some("secret:core".into());
        raw.key = Some("/k".into());
    });
    assert_eq!(stored_password, both("ddl", "pw \"of\" core", "/k"));
    assert_eq!(given(|raw| raw.password = Some("secret:both".into())), both("b", "p", "/k"));
    // A key that is given takes the place of the stored one, with its passphrase.
    let other_key = given(|raw| {
        raw.password = Some("secret:key".into());
        raw.key = Some("/k".into());
    });
    assert_eq!(other_key, ("keyed".to_owned(), None, Some(("/k".to_owned(), None))));
}

#[test]
fn replaced_key_or_certificate_is_another_login() {
    let dir = TempDir::new().unwrap();
    let key = private(&dir, "id", "key");
    let identity = || {
        let access = access(&Secrets::default(), |raw| {
            raw.user = Some("me".into());
            raw.key = Some(key.display().to_string());
        });
        access.unwrap().key_identity().unwrap()
    };
    let mut seen = vec![identity()];
    assert_eq!(identity(), seen[0]);
    fs::write(&key, "another key").unwrap();
    seen.push(identity());
    fs::write(dir.path().join("id-cert.pub"), "a certificate").unwrap();
    seen.push(identity());
    fs::remove_file(&key).unwrap();
    seen.push(identity());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn a_login_that_is_not_whole_is_refused() {
    let dir = TempDir::new().unwrap();
    let secrets = stored(&dir, CREDENTIALS);
    let refused = |change: fn(&mut RawRouter)| access(&secrets, change).err().unwrap();
    assert_eq!(
        refused(|_| ()),
        "neither --password ({$LINE_ROUTER_PASSWORD}) nor --key ({$LINE_ROUTER_KEY}) is given: allowed is one of them, or \
         both"
    );
    assert_eq!(
        refused(|raw| raw.password = Some("canary".into())),
        "--user ({$LINE_ROUTER_USERNAME}) is not given: allowed is 1 to 128 letters, digits or . _ - @ \\ / + % # : = , \
         and not - first"
    );
    assert_eq!(
        refused(|raw| raw.password = Some("secret:bare".into())),
        "--password ({$LINE_ROUTER_PASSWORD}) secret:bare: the login has neither password nor key in the credentials file"
    );
    assert_eq!(
        refused(|raw| {
            raw.password = Some("secret:core".into());
            raw.enable_password = Some("secret:key".into());
        }),
        "--enable-password ({$LINE_ROUTER_ENABLE_PASSWORD}) secret:key: [key] of the credentials file has no enable_password"
    );
}

#[test]
fn a_key_file_that_is_of_no_use_is_refused_by_its_argument_before_a_master_is_started() {
    let dir = TempDir::new().unwrap();
    let open = private(&dir, "open", "key");
    mode(&open, 0o644);
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let secrets = stored(&dir, &format!("[core]\nuser = 'ddl'\nkey = {:?}\n", fifo));
    for (file, why) in [(open, "mode 0644"), (fifo.clone(), "not a file"), (dir.path().join("none"), "not found")] {
        let access = access(&secrets, |raw| {
            raw.user = Some("ddl".into());
            raw.key = Some(file.display().to_string());
        });
        let message = access.unwrap().check_key().err().unwrap().message;
        assert!(message.starts_with(&format!("--key ({{$LINE_ROUTER_KEY}}) {:?}: {why}", file)), "{message}");
    }
    let stored = access(&secrets, |raw| raw.password = Some("secret:core".into())).unwrap();
    let message = stored.check_key().err().unwrap().message;
    assert!(message.contains(&format!("secret:core: key {fifo:?}: not a file")), "{message}");
}

#[test]
fn a_key_alone_has_no_secret() {
    let access = access(&Secrets::default(), |raw| {
        raw.user = Some("ddl".into());
        raw.key = Some("/keys/id".into());
    })
    .unwrap();
    assert_eq!((access.key_identity().as_deref(), access.password_identity()), (Some("/keys/id none none"), None));
    assert_eq!(ENABLE_PASSWORD.flag, "--enable-password");
    assert!(access.enable_identity().is_none());
}
