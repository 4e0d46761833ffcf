//! Signing in: the one-time set-up of the first administrator, passwords, sessions.

mod password;
mod throttle;

use axum::extract::{ConnectInfo, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse as _, Response};
use domain::ids::UserId;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use store::session::Session as StoredSession;
use store::user::{Role, User};
use store::{Db, ExposeSecret as _, SecretString, StoreError, Tx};
use wire_types::session::{Session, Setup, SignIn};
use wire_types::status::Problem;

pub(crate) use throttle::Throttle;

use crate::State;
use crate::error::ApiError;
use crate::extract::Json;
use crate::gate::{COOKIE, Principal};

/// How long the one-time link works.
const SETUP_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// When a session ends, however much it is used.
const SESSION_LIFE: SignedDuration = store::session::LIFE_MAX;

/// When a session ends that is not used.
const SESSION_IDLE: SignedDuration = SignedDuration::from_hours(2);

/// A session's end is moved in steps, so that not every request writes.
const SESSION_STEP: SignedDuration = SignedDuration::from_mins(5);

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
#[utoipa::path(post, path = "/api/v1/setup", request_body = Setup, tag = "session", security(()),
    responses((status = 200, body = Session), (status = 403, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn set_up(
    Shared(state): Shared<State>,
    headers: HeaderMap,
    Json(setup): Json<Setup>,
) -> Result<Response, ApiError> {
    let name = valid_name(&setup.name)?;
    if name == store::audit::ITSELF || name.contains(':') {
        return Err(ApiError::bad_request("name: without a colon, and not that of Vigie: others act under such names"));
    }
    let password = password::valid(setup.password)?;
    let token = SecretString::from(setup.token);
    let engine = state.engine();
    let now = engine.now();
    // Tried and taken back: whoever has no link may not make this machine hash.
    redeem(&mut engine.db.begin().await?, &token, now).await?;
    let password_hash = password::hash(&state, password).await?;
    let mut tx = engine.db.acting_as(&name).begin().await?;
    redeem(&mut tx, &token, now).await?;
    let user = User {
        id: UserId::from_uuid(store::new_id(now)),
        name,
        password_hash,
        role: Role::Administrator,
        created_at: now,
    };
    store::user::insert(&mut tx, &user).await?;
    let signed_in = start(&mut tx, &user, now, &headers).await?;
    tx.commit().await?;
    Ok(signed_in)
}

/// Signs in.
#[utoipa::path(post, path = "/api/v1/session", request_body = SignIn, tag = "session", security(()),
    responses((status = 200, body = Session), (status = 401, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn sign_in(
    Shared(state): Shared<State>,
    ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>,
    headers: HeaderMap,
    Json(sign_in): Json<SignIn>,
) -> Result<Response, ApiError> {
    // Nobody has a name that could not be given.
    let name = valid_name(&sign_in.name).map_err(|_| ApiError::wrong_password())?;
    let password = SecretString::from(sign_in.password);
    let engine = state.engine();
    let now = engine.now();
    state.0.throttle.begin(&name, peer.ip(), now).map_err(ApiError::too_many)?;
    let user = store::user::find_by_name(&engine.db, &name).await?;
    // The same work for a name that nobody has, so that the time does not tell names.
    let hash = user.as_ref().map_or(password::NOBODY, |user| &user.password_hash);
    let is_right = password::matches(&state, hash, password).await?;
    let Some(user) = user.filter(|_| is_right) else {
        tracing::warn!(name, address = %peer.ip(), "a sign-in failed");
        return Err(ApiError::wrong_password());
    };
    state.0.throttle.succeeded(&name, peer.ip());
    let mut tx = engine.db.acting_as(&user.name).begin().await?;
    store::session::sweep(&mut tx, now).await?;
    let signed_in = start(&mut tx, &user, now, &headers).await?;
    tx.commit().await?;
    Ok(signed_in)
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
pub(crate) async fn sign_out(Shared(state): Shared<State>, principal: Principal) -> Result<Response, ApiError> {
    let mut tx = principal.begin(&state).await?;
    store::session::end(&mut tx, principal.session, state.engine().now()).await?;
    tx.commit().await?;
    let cookie = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])).into_response())
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = Session)))]
pub(crate) async fn get_session(principal: Principal) -> Json<Session> {
    Json(session(&principal.name, principal.role, principal.expires_at))
}

/// Where the end of a session moves to, now that it is used. `None`: it stays.
pub(crate) fn renewed(session: &StoredSession, now: Timestamp) -> Option<Timestamp> {
    let later = (now + SESSION_IDLE).min(session.created_at + SESSION_LIFE);
    (later.duration_since(session.expires_at) >= SESSION_STEP).then_some(later)
}

/// Uses the token up, in a transaction that the caller keeps or drops.
async fn redeem(tx: &mut Tx, token: &SecretString, now: Timestamp) -> Result<(), ApiError> {
    if store::user::count(&mut *tx).await? > 0 {
        return Err(ApiError::conflict("there is an administrator already: sign in"));
    }
    if !store::setup_token::redeem(tx, token, now).await? {
        return Err(ApiError::forbidden("the link is used up or too old: a restart of Vigie prints a new one"));
    }
    Ok(())
}

async fn start(tx: &mut Tx, user: &User, now: Timestamp, headers: &HeaderMap) -> Result<Response, ApiError> {
    let token = random_token();
    let expires_at = now + SESSION_IDLE;
    store::session::start(tx, user.id, &token, now, expires_at).await?;
    let cookie = format!(
        "{COOKIE}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}",
        token.expose_secret(),
        SESSION_LIFE.as_secs(),
        if is_secure(headers) { "; Secure" } else { "" },
    );
    let mut cookie = HeaderValue::try_from(cookie).map_err(anyhow::Error::from)?;
    cookie.set_sensitive(true);
    let mut response = Json(session(&user.name, user.role, expires_at)).into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Whether the browser speaks TLS to whatever stands before Vigie: it says so itself.
fn is_secure(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

fn session(name: &str, role: Role, expires_at: Timestamp) -> Session {
    let role = match role {
        Role::Administrator => "administrator",
    };
    Session { user: name.to_owned(), role: role.to_owned(), expires_at: expires_at.to_string() }
}

/// 256 bits from the system's source of randomness, in hex.
pub fn random_token() -> SecretString {
    let bytes: [u8; 32] = rand::rng().random();
    SecretString::from(hex::encode(bytes))
}

/// What a webhook's messages are signed with.
pub fn webhook_secret() -> SecretString {
    engine::deliver::secret(&rand::rng().random())
}

fn valid_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    let legal = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
    if legal { Ok(name.to_owned()) } else { Err(ApiError::bad_request("name: 1 to 100 printable characters")) }
}
