//! Hold-downs and budgets: how they begin, double, end and are forgotten.

use super::*;
use crate::settings::Budget;

struct Book {
    dir: tempfile::TempDir,
    logins: Logins,
}

impl Book {
    fn new() -> Self {
        Self::with(LoginSettings::default())
    }

    fn with(settings: LoginSettings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let logins = Logins::new(dir.path().join("logins.json"), settings);
        Self { dir, logins }
    }

    fn id(&self, router: &str, way: &str, credential: &str) -> LoginId {
        let known_hosts = self.dir.path().join("known_hosts");
        LoginId { router: router.into(), way: way.into(), credential: credential.into(), known_hosts }
    }

    fn held(&self, router: &str, credential: &str) -> Option<Failure> {
        self.logins.held(&self.id(router, "w", credential))
    }

    #[track_caller]
    fn retry_in(&self, router: &str, credential: &str) -> f64 {
        self.held(router, credential).expect("a hold-down").retry_in.expect("retry_in").round()
    }

    fn permit(&self, router: &str, credential: &str) -> Result<(), Failure> {
        self.logins.permit(&self.id(router, "w", credential))
    }

    fn fail(&self, router: &str, credential: &str, failure: &Failure) {
        self.logins.failed(&self.id(router, "w", credential), failure).unwrap();
    }

    fn succeed(&self, router: &str, credential: &str) {
        self.logins.succeeded(&self.id(router, "w", credential)).unwrap();
    }

    /// Lets time pass: moves all that is recorded into the past, or into the future where the clock is set back.
    fn wait(&self, seconds: f64) {
        let mut text: serde_json::Value =
            serde_json::from_slice(&std::fs::read(self.dir.path().join("logins.json")).unwrap()).unwrap();
        shift(&mut text, seconds);
        std::fs::write(self.dir.path().join("logins.json"), text.to_string()).unwrap();
    }
}

fn shift(value: &mut serde_json::Value, seconds: f64) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_f64().filter(|_| matches!(name.as_str(), "from" | "until" | "at")) {
                    Some(time) => *value = (time - seconds).into(),
                    None => shift(value, seconds),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| shift(value, seconds)),
        _ => {}
    }
}

fn refused() -> Failure {
    Failure::new(Kind::Auth, Stage::Login, "router refused user ddl")
}

fn silent() -> Failure {
    Failure::new(Kind::Connect, Stage::Connect, "no answer")
}

/// A book in which three routers refused the credential `c`, just now.
fn refused_by_three() -> Book {
    let book = Book::new();
    for router in ["r1:22", "r2:22", "r3:22"] {
        book.permit(router, "c").unwrap();
        book.fail(router, "c", &refused());
    }
    book
}

#[test]
fn refused_credential_is_held_on_that_router() {
    let book = Book::new();
    book.permit("r1:22", "c1").unwrap();
    book.fail("r1:22", "c1", &refused());
    let held = book.permit("r1:22", "c1").unwrap_err();
    assert_eq!(held.kind, Kind::Auth);
    assert!(held.retry_in.is_some_and(|s| (299.0..=300.0).contains(&s)), "{held:?}");
    assert!(held.message.starts_with("router refused user ddl; held down for 5m"), "{held}");
    assert_eq!(book.held("r1:22", "c2"), None);
    assert_eq!(book.held("r2:22", "c1"), None);
}

#[test]
fn hold_downs_double_to_their_limit() {
    let book = Book::new();
    for (failure, expected) in [
        (silent(), [10.0, 20.0, 40.0, 60.0, 60.0, 60.0]),
        // For ever: no refusal needs a person.
        (refused(), [300.0, 600.0, 1200.0, 2400.0, 3600.0, 3600.0]),
    ] {
        for time in expected {
            book.permit("r1:22", "c1").unwrap();
            book.fail("r1:22", "c1", &failure);
            assert_eq!(book.retry_in("r1:22", "c1"), time);
            book.wait(time);
            assert_eq!(book.held("r1:22", "c1"), None);
        }
    }
}

#[test]
fn failed_way_does_not_hold_another_way() {
    let book = Book::new();
    let (by_proxy, direct) = (book.id("r1:22", "proxy", "c1"), book.id("r1:22", "direct", "c1"));
    for _ in 0..2 {
        book.logins.permit(&by_proxy).unwrap();
        book.logins.failed(&by_proxy, &silent()).unwrap();
        assert!(book.logins.held(&by_proxy).is_some());
        book.logins.permit(&direct).unwrap();
        book.logins.succeeded(&direct).unwrap();
        // The success says nothing about the proxy.
        assert!(book.logins.held(&by_proxy).is_some());
        book.wait(70.0);
    }
    // But a refused credential is refused whichever way it came.
    book.logins.failed(&by_proxy, &refused()).unwrap();
    assert_eq!(book.logins.permit(&direct).unwrap_err().kind, Kind::Auth);
}

#[test]
fn host_key_hold_ends_when_known_hosts_changes() {
    let book = Book::new();
    let file = book.dir.path().join("known_hosts");
    let changed = Failure::new(Kind::HostKey, Stage::HostKey, "host key has changed");
    std::fs::write(&file, "r1 ssh-ed25519 AAAA\n").unwrap();
    for (at, change) in
        [(&|| std::fs::write(&file, "").unwrap()) as &dyn Fn(), &|| std::fs::remove_file(&file).unwrap(), &|| {
            std::fs::write(&file, "r1 ssh-ed25519 BBBB\n").unwrap()
        }]
        .into_iter()
        .enumerate()
    {
        book.fail("r1:22", "c1", &changed);
        assert!(book.held("r1:22", "c1").is_some(), "{at}");
        change();
        assert_eq!(book.held("r1:22", "c1"), None, "{at}");
    }
    // A router out of reach is not nearer because another router's key was recorded.
    book.fail("r1:22", "c1", &silent());
    std::fs::write(&file, "r2 ssh-ed25519 CCCC\n").unwrap();
    assert!(book.held("r1:22", "c1").is_some());
}

#[test]
fn three_refusals_hold_a_credential_everywhere() {
    let book = refused_by_three();
    let held = book.held("r9:22", "c").unwrap();
    assert!(held.message.contains("3 routers refused"), "{held}");
    assert_eq!(book.retry_in("r9:22", "c"), 3600.0);
    // Their own first hold-down is shorter, and does not count.
    assert_eq!(book.retry_in("r1:22", "c"), 3900.0);
    assert_eq!(book.held("r9:22", "another"), None);
}

#[test]
fn success_frees_a_credential_everywhere() {
    let book = refused_by_three();
    book.wait(3600.0);
    book.permit("r9:22", "c").unwrap();
    book.succeed("r9:22", "c");
    for router in ["r1:22", "r2:22", "r3:22", "r10:22"] {
        assert_eq!(book.held(router, "c"), None, "{router}");
    }
}

#[test]
fn one_router_per_longest_hold_down_is_the_trial() {
    let book = refused_by_three();
    for round in 0..3 {
        book.wait(3600.0);
        let trial = format!("s{round}:22");
        book.permit(&trial, "c").unwrap();
        // Its outcome is awaited.
        assert!(book.permit("s9:22", "c").is_err());
        book.fail(&trial, "c", &refused());
        for router in [trial.as_str(), "s9:22", "r1:22"] {
            assert!(book.retry_in(router, "c") >= 3600.0, "{round} {router}");
        }
    }
}

#[test]
fn trial_without_a_verdict_leaves_it_to_the_next_router() {
    let book = refused_by_three();
    book.wait(3600.0);
    book.permit("dead:22", "c").unwrap();
    book.fail("dead:22", "c", &silent());
    book.permit("s1:22", "c").unwrap();
    // Its master died: the trial is free again once the login must be over.
    assert!(book.permit("s2:22", "c").is_err());
    book.wait(40.0);
    book.permit("s2:22", "c").unwrap();
}

#[test]
fn routers_that_refused_wait_for_the_others() {
    let book = refused_by_three();
    book.wait(3600.0);
    assert_eq!(book.retry_in("r1:22", "c"), 300.0);
    assert_eq!(book.held("s1:22", "c"), None);
    book.wait(300.0);
    assert_eq!(book.held("r1:22", "c"), None);
}

#[test]
fn router_that_refuses_alone_is_not_freed_by_others() {
    let book = Book::new();
    for router in ["r1:22", "r2:22"] {
        book.fail(router, "c", &refused());
    }
    // Another router accepts the credential: there is no outage, and r1 and r2 are not the first of three.
    book.succeed("s1:22", "c");
    assert!(book.held("r1:22", "c").is_some());
    book.fail("r3:22", "c", &refused());
    assert_eq!(book.held("s2:22", "c"), None);
    // A router that refused it and accepts it now: the login server is back.
    book.succeed("r3:22", "c");
    assert_eq!(book.held("r1:22", "c"), None);
}

#[test]
fn router_that_wants_more_says_nothing_against_a_credential() {
    let book = Book::new();
    let wants_more = Failure { incomplete: true, ..refused() };
    for router in ["r1:22", "r2:22", "r3:22"] {
        book.fail(router, "c", &wants_more);
        assert_eq!(book.retry_in(router, "c"), 300.0);
    }
    assert_eq!(book.held("r9:22", "c"), None);
}

#[test]
fn forget_frees_a_router_from_the_refusals_of_others() {
    let book = refused_by_three();
    assert_eq!(book.logins.forget(Some("r9:22")).unwrap(), ["r9:22"]);
    assert_eq!(book.held("r9:22", "c"), None);
    book.fail("r1:22", "c", &refused());
    book.fail("r2:22", "c", &silent());
    assert_eq!(book.logins.forget(None).unwrap(), ["r1:22", "r2:22"]);
    assert_eq!((book.held("r1:22", "c"), book.held("r2:22", "c")), (None, None));
}

#[test]
fn clock_set_back_ends_hold_downs() {
    let book = refused_by_three();
    book.fail("r4:22", "x", &silent());
    book.wait(-86_400.0);
    for (router, credential) in [("r1:22", "c"), ("r9:22", "c"), ("r4:22", "x")] {
        assert_eq!(book.held(router, credential), None, "{router}");
    }
}

#[test]
fn clock_set_back_does_not_lock_a_budget_up() {
    let every = Duration::from_secs(3600);
    let all_routers = Budget { burst: 50, every };
    let book =
        Book::with(LoginSettings { per_router: Budget { burst: 2, every }, all_routers, ..LoginSettings::default() });
    for _ in 0..2 {
        book.permit("r1:22", "c").unwrap();
    }
    book.wait(-86_400.0);
    assert_eq!(book.permit("r1:22", "c").unwrap_err().kind, Kind::LoginLimit);
    book.wait(3600.0);
    book.permit("r1:22", "c").unwrap();
}

#[test]
fn routers_have_a_login_budget() {
    let book = Book::new();
    for _ in 0..5 {
        book.permit("r1:22", "c1").unwrap();
    }
    let limit = book.permit("r1:22", "c1").unwrap_err();
    assert_eq!(limit.kind, Kind::LoginLimit);
    assert!(limit.retry_in.is_some_and(|s| s > 8.0 && s <= 10.0), "{limit:?}");
    book.permit("r2:22", "c1").unwrap();
}

#[test]
fn budget_never_holds_more_than_its_burst() {
    let every = Duration::from_secs(10);
    let (per_router, all_routers) = (Budget { burst: 3, every }, Budget { burst: 4, every });
    let book = Book::with(LoginSettings { per_router, all_routers, ..LoginSettings::default() });
    let take = |router: &str| (0..100).take_while(|_| book.permit(router, "c").is_ok()).count();
    assert_eq!(take("r1:22"), 3);
    // Part of it is back after 25 s, all of it after 35 s, and not more after 35,000 s.
    for (time, burst) in [(25.0, 2), (35.0, 3), (35_000.0, 3)] {
        book.wait(time);
        assert_eq!(take("r1:22"), burst, "{time}");
    }
    // A login that did not count is given back, and not twice.
    book.wait(35_000.0);
    book.permit("r1:22", "c").unwrap();
    for _ in 0..5 {
        book.fail("r1:22", "c", &Failure::settings("key file /k: it needs a passphrase"));
    }
    assert_eq!(take("r1:22"), 3);
    book.wait(35_000.0);
    assert_eq!([take("r1:22"), take("r2:22")], [3, 1]);
}

#[test]
fn login_that_asked_no_router_costs_no_budget() {
    let book = Book::new();
    for _ in 0..20 {
        book.permit("r1:22", "c1").unwrap();
        book.fail("r1:22", "c1", &Failure::settings("key file /k: it needs a passphrase"));
    }
    assert_eq!(book.held("r1:22", "c1"), None);
}

#[test]
fn all_routers_together_have_a_login_budget() {
    let all_routers = Budget { burst: 3, every: Duration::from_secs(60) };
    let book = Book::with(LoginSettings { all_routers, ..LoginSettings::default() });
    for router in ["a:22", "b:22", "c:22"] {
        book.permit(router, "c1").unwrap();
    }
    assert_eq!(book.permit("d:22", "c1").unwrap_err().kind, Kind::LoginLimit);
}

#[test]
fn lock_that_others_hold_is_not_a_wrong_setting() {
    let book = Book::new();
    let lock = book.logins.path.with_extension("lock");
    let held = Lock::acquire(&lock, Deadline::after(LOCK_WAIT)).unwrap();
    let busy = Lock::acquire(&lock, Deadline::after(Duration::ZERO)).unwrap_err();
    assert_eq!(book.logins.unusable(&busy).kind, Kind::Master);
    drop(held);
    let full = io::Error::from_raw_os_error(28);
    assert_eq!(book.logins.unusable(&full).kind, Kind::Settings);
}

#[test]
fn book_that_cannot_be_written_permits_no_login() {
    let book = Book::new();
    let logins = Logins::new(book.dir.path().join("gone/logins.json"), LoginSettings::default());
    assert_eq!(logins.permit(&book.id("r1:22", "w", "c1")).unwrap_err().kind, Kind::Settings);
}

#[test]
fn book_that_is_a_fifo_is_not_waited_for() {
    let book = Book::new();
    let made = std::process::Command::new("mkfifo").arg(book.dir.path().join("logins.json")).status().unwrap();
    assert!(made.success());
    assert!(book.logins.forget(None).is_err());
    assert_eq!(book.permit("r1:22", "c1").unwrap_err().kind, Kind::Settings);
}
