//! Credentials: list, add. Their secrets go in and never come out.

use axum::extract::State as Shared;
use domain::credential::{Credential as Record, CredentialKind};
use domain::ids::CredentialId;
use store::SecretString;
use store::seal::MasterKey;
use wire_types::credential::{Credential, NewCredential};
use wire_types::status::Problem;

use crate::error::ApiError;
use crate::extract::Json;
use crate::gate::Principal;
use crate::{State, wire};

/// Every credential, without its secret.
#[utoipa::path(get, path = "/api/v1/credentials", tag = "credentials",
    responses((status = 200, body = Vec<Credential>)))]
pub(crate) async fn list_credentials(
    Shared(state): Shared<State>,
    _: Principal,
) -> Result<Json<Vec<Credential>>, ApiError> {
    let credentials = store::credential::list(&state.engine().db).await?;
    Ok(Json(credentials.iter().map(wire::credential).collect()))
}

/// Seals a credential.
#[utoipa::path(post, path = "/api/v1/credentials", request_body = NewCredential, tag = "credentials",
    responses((status = 200, body = Credential), (status = 400, body = Problem)))]
pub(crate) async fn add_credential(
    Shared(state): Shared<State>,
    principal: Principal,
    Json(new): Json<NewCredential>,
) -> Result<Json<Credential>, ApiError> {
    let engine = state.engine();
    let kind = match new.kind.as_str() {
        "password" => CredentialKind::Password,
        "ssh_key" => CredentialKind::SshKey,
        _ => return Err(ApiError::bad_request("kind: password or ssh_key")),
    };
    if new.secret.is_empty() {
        return Err(ApiError::bad_request("secret: must not be empty"));
    }
    let id = CredentialId::from_uuid(store::new_id(engine.now()));
    let (name, user, destinations, sudo) = (new.name, new.user, new.destinations, new.sudo);
    let record = Record { id, name, kind, user, destinations, sudo };
    wire::check_credential(&record)?;
    let (secret, passphrase) = (SecretString::from(new.secret), new.passphrase.map(SecretString::from));
    let key = MasterKey::load_or_create(&engine.data_dir.join("master.key")).map_err(anyhow::Error::from)?;
    let mut tx = principal.begin(&state).await?;
    store::credential::add(&mut tx, &key, &record, &secret, passphrase.as_ref(), engine.now()).await?;
    tx.commit().await?;
    Ok(Json(wire::credential(&record)))
}
