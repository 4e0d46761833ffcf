//! Signing in: the one-time set-up of the first administrator, passwords, sessions.

mod password;
mod throttle;

use axum::Json;
use axum::extract::{ConnectInfo, State as Shared};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse as _, Response};
use domain::ids::UserId;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use store::user::{Role, User};
use store::{Db, ExposeSecret as _, SecretString, StoreError};
use wire_types::session::{Session, Setup, SignIn};

pub(crate) use throttle::Throttle;

use crate::State;
use crate::error::ApiError;
use crate::gate::{COOKIE, Principal};

/// How long the one-time link works.
const SETUP_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// How long a session lasts.
const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(12);

const NAME_CHARS_MAX: usize = 100;

/// Issues the token of the one-time link that makes the first administrator. `None`: there is one already.
pub async fn create_setup_token(db: &Db, now: Timestamp) -> Result<Option<String>, StoreError> {
    let mut tx = db.begin().await?;
    if store::user::count(&mut tx).await? > 0 {
        return Ok(None);
    }
    let token = random_token();
    store::setup_token::issue(&mut tx, &token, now + SETUP_LIFE).await?;
    tx.commit().await?;
    Ok(Some(token.expose_secret().to_owned()))
}

/// Makes the first administrator, once, and signs in.
#[utoipa::path(post, path = "/api/v1/setup", request_body = Setup, tag = "session",
    responses((status = 200, body = Session), (status = 401, body = wire_types::status::Problem)))]
pub(crate) async fn set_up(Shared(state): Shared<State>, Json(setup): Json<Setup>) -> Result<Response, ApiError> {
    let name = valid_name(&setup.name)?;
    let password = password::valid(setup.password)?;
    let engine = state.engine();
    let now = engine.now();
    let password_hash = password::hash(&state, password).await?;
    let mut tx = engine.db.begin().await?;
    if store::user::count(&mut tx).await? > 0 {
        return Err(ApiError::conflict("there is an administrator already: sign in"));
    }
    if !store::setup_token::redeem(&mut tx, &SecretString::from(setup.token), now).await? {
        return Err(ApiError::forbidden("the link is used up or too old: a restart of Vigie prints a new one"));
    }
    let user = User {
        id: UserId::from_uuid(store::new_id(now)),
        name,
        password_hash,
        role: Role::Administrator,
        created_at: now,
    };
    store::user::insert(&mut tx, &user).await?;
    let signed_in = start(&mut tx, &user, now).await?;
    tx.commit().await?;
    Ok(signed_in)
}

/// Signs in.
#[utoipa::path(post, path = "/api/v1/session", request_body = SignIn, tag = "session",
    responses((status = 200, body = Session), (status = 401, body = wire_types::status::Problem)))]
pub(crate) async fn sign_in(
    Shared(state): Shared<State>,
    ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>,
    Json(sign_in): Json<SignIn>,
) -> Result<Response, ApiError> {
    let engine = state.engine();
    let now = engine.now();
    if let Some(seconds) = state.0.throttle.wait(&sign_in.name, peer.ip(), now) {
        return Err(ApiError::too_many(seconds));
    }
    let user = match store::user::find_by_name(&engine.db, &sign_in.name).await? {
        Some(user) if password::matches(&state, &user.password_hash, sign_in.password.clone()).await? => user,
        found => {
            if found.is_none() {
                // The same work as for a name that exists, so that the time does not tell names.
                password::matches(&state, password::NOBODY, sign_in.password).await?;
            }
            state.0.throttle.failed(&sign_in.name, peer.ip(), now);
            return Err(ApiError::wrong_password());
        }
    };
    state.0.throttle.succeeded(&sign_in.name, peer.ip());
    let mut tx = engine.db.begin().await?;
    store::session::sweep(&mut tx, now).await?;
    let signed_in = start(&mut tx, &user, now).await?;
    tx.commit().await?;
    Ok(signed_in)
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
pub(crate) async fn sign_out(Shared(state): Shared<State>, principal: Principal) -> Result<Response, ApiError> {
    let mut tx = state.engine().db.begin().await?;
    store::session::end(&mut tx, principal.session).await?;
    tx.commit().await?;
    let cookie = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])).into_response())
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = Session)))]
pub(crate) async fn get_session(principal: Principal) -> Json<Session> {
    Json(session(&principal.name, principal.role, principal.expires_at))
}

async fn start(tx: &mut store::Tx, user: &User, now: Timestamp) -> Result<Response, StoreError> {
    let token = random_token();
    let expires_at = now + SESSION_LIFE;
    store::session::start(tx, user.id, &token, now, expires_at).await?;
    let cookie = format!(
        "{COOKIE}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict",
        token.expose_secret(),
        SESSION_LIFE.as_secs()
    );
    let mut response = Json(session(&user.name, user.role, expires_at)).into_response();
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn session(name: &str, role: Role, expires_at: Timestamp) -> Session {
    let role = match role {
        Role::Administrator => "administrator",
    };
    Session { user: name.to_owned(), role: role.to_owned(), expires_at: expires_at.to_string() }
}

/// 256 bits from the system's source of randomness, in hex.
fn random_token() -> SecretString {
    let bytes: [u8; 32] = rand::rng().random();
    SecretString::from(hex::encode(bytes))
}

fn valid_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    let legal = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
    if legal { Ok(name.to_owned()) } else { Err(ApiError::bad_request("name: 1 to 100 printable characters")) }
}
