//! Hold-downs and budgets as they begin, double, end and are forgotten.

use super::*;

fn logins(dir: &tempfile::TempDir) -> Logins {
    Logins::new(dir.path().join("logins.json"), LoginSettings::default())
}

fn refused() -> Failure {
    Failure::new(Kind::Auth, Stage::Login, "router refused user ddl")
}

/// Lets the time of every hold pass.
fn let_time_pass(logins: &Logins) {
    logins
        .change(|book| {
            for hold in book.routers.values_mut().chain(book.credentials.values_mut().flat_map(|r| r.values_mut())) {
                hold.from -= 3000.0;
                hold.until = hold.until.map(|u| u - 3000.0);
            }
        })
        .unwrap();
}

#[test]
fn a_refused_password_is_held_for_that_credential_and_router_only() {
    let dir = tempfile::tempdir().unwrap();
    let logins = logins(&dir);
    logins.permit("r1:22", "c1").unwrap();
    logins.failed("r1:22", "c1", &refused()).unwrap();
    let held = logins.permit("r1:22", "c1").unwrap_err();
    assert_eq!(held.kind, Kind::Auth);
    assert!(held.retry_in.is_some_and(|s| (299.0..=300.0).contains(&s)), "{held:?}");
    assert_eq!(logins.held("r1:22", "c2"), None);
    assert_eq!(logins.held("r2:22", "c1"), None);
}

#[test]
fn hold_downs_double_to_their_limit() {
    let dir = tempfile::tempdir().unwrap();
    let logins = logins(&dir);
    let silent = Failure::new(Kind::Connect, Stage::Connect, "no answer");
    let mut waits = Vec::new();
    for _ in 0..5 {
        logins.failed("r1:22", "c1", &silent).unwrap();
        waits.push(logins.held("r1:22", "c1").unwrap().retry_in.unwrap().round());
        let_time_pass(&logins);
        assert_eq!(logins.held("r1:22", "c1"), None);
    }
    assert_eq!(waits, [10.0, 20.0, 40.0, 60.0, 60.0]);
}

#[test]
fn a_credential_refused_by_three_routers_is_held_everywhere_until_a_success() {
    let dir = tempfile::tempdir().unwrap();
    let logins = logins(&dir);
    for router in ["r1:22", "r2:22"] {
        logins.failed(router, "c1", &refused()).unwrap();
    }
    assert_eq!(logins.held("r9:22", "c1"), None);
    logins.failed("r3:22", "c1", &refused()).unwrap();
    assert!(logins.held("r9:22", "c1").unwrap().message.contains("3 routers refused"));
    logins.succeeded("r9:22", "c1").unwrap();
    assert_eq!(logins.held("r1:22", "c1"), None);
}

#[test]
fn after_three_rounds_a_credential_is_held_until_it_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let logins = logins(&dir);
    for _ in 0..3 {
        logins.failed("r1:22", "c1", &refused()).unwrap();
        let_time_pass(&logins);
    }
    let held = logins.held("r1:22", "c1").unwrap();
    assert_eq!(held.retry_in, None);
    assert!(held.message.contains("--forget"));
    assert_eq!(logins.forget(Some("r1:22")).unwrap(), ["r1:22"]);
    assert_eq!(logins.held("r1:22", "c1"), None);
}

#[test]
fn logins_have_a_budget_per_router() {
    let dir = tempfile::tempdir().unwrap();
    let logins = logins(&dir);
    for _ in 0..5 {
        logins.permit("r1:22", "c1").unwrap();
    }
    let limit = logins.permit("r1:22", "c1").unwrap_err();
    assert_eq!(limit.kind, Kind::LoginLimit);
    assert!(limit.retry_in.is_some_and(|s| s > 8.0 && s <= 10.0), "{limit:?}");
    logins.permit("r2:22", "c1").unwrap();
}

#[test]
fn a_login_that_failed_before_the_router_was_asked_costs_no_budget() {
    let dir = tempfile::tempdir().unwrap();
    let logins = logins(&dir);
    for _ in 0..20 {
        logins.permit("r1:22", "c1").unwrap();
        logins.failed("r1:22", "c1", &Failure::settings("key file /k: it needs a passphrase")).unwrap();
    }
    assert_eq!(logins.held("r1:22", "c1"), None);
}

#[test]
fn a_lock_that_others_hold_is_nobodys_mistake_and_a_book_that_cannot_be_written_is() {
    let dir = tempfile::tempdir().unwrap();
    let logins = logins(&dir);
    let held = Lock::acquire(&logins.path.with_extension("lock"), Deadline::after(LOCK_WAIT)).unwrap();
    let busy = Lock::acquire(&logins.path.with_extension("lock"), Deadline::after(Duration::ZERO)).unwrap_err();
    assert_eq!(logins.unusable(&busy).kind, Kind::Master);
    drop(held);
    let full = io::Error::from_raw_os_error(28);
    assert_eq!(logins.unusable(&full).kind, Kind::Settings);
}

#[test]
fn logins_have_a_budget_over_all_routers() {
    let dir = tempfile::tempdir().unwrap();
    let all_routers = Budget { burst: 3, every: Duration::from_secs(60) };
    let settings = LoginSettings { all_routers, ..LoginSettings::default() };
    let logins = Logins::new(dir.path().join("logins.json"), settings);
    for router in ["a:22", "b:22", "c:22"] {
        logins.permit(router, "c1").unwrap();
    }
    assert_eq!(logins.permit("d:22", "c1").unwrap_err().kind, Kind::LoginLimit);
}

#[test]
fn a_book_that_cannot_be_written_permits_no_login() {
    let dir = tempfile::tempdir().unwrap();
    let logins = Logins::new(dir.path().join("gone/logins.json"), LoginSettings::default());
    assert_eq!(logins.permit("r1:22", "c1").unwrap_err().kind, Kind::Settings);
}
