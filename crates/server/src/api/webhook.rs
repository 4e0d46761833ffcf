//! Webhooks: list, add, remove, test. For administrators only; secrets are shown once.

use axum::extract::State as Shared;
use axum::http::StatusCode;
use domain::ids::WebhookId;
use store::{ExposeSecret as _, StoreError};
use wire_types::status::Problem;
use wire_types::webhook::{AddedWebhook, NewWebhook, Webhook, WebhookTest};

use crate::error::ApiError;
use crate::extract::{Json, Path};
use crate::gate::Administrator;
use crate::{State, auth, wire};

/// Every webhook, without its secret.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "events", responses((status = 200, body = Vec<Webhook>)))]
pub(crate) async fn list_webhooks(
    Shared(state): Shared<State>,
    _: Administrator,
) -> Result<Json<Vec<Webhook>>, ApiError> {
    let webhooks = store::webhook::list(&state.engine().db).await?;
    Ok(Json(webhooks.iter().map(wire::webhook).collect()))
}

/// Adds a webhook, which is told of what happens from now on.
#[utoipa::path(post, path = "/api/v1/webhooks", request_body = NewWebhook, tag = "events",
    responses((status = 200, body = AddedWebhook), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn add_webhook(
    Shared(state): Shared<State>,
    Administrator(principal): Administrator,
    Json(new): Json<NewWebhook>,
) -> Result<Json<AddedWebhook>, ApiError> {
    let kinds = wire::event_kinds(&new.kinds)?;
    let secret = auth::webhook_secret();
    let mut tx = principal.begin(&state).await?;
    let webhook = state.engine().add_webhook(&mut tx, &new.url, kinds, &new.filter, &secret).await.map_err(refused)?;
    tx.commit().await?;
    Ok(Json(AddedWebhook { webhook: wire::webhook(&webhook), secret: secret.expose_secret().to_owned() }))
}

/// Removes a webhook.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", params(("id" = String, Path)), tag = "events",
    responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove_webhook(
    Shared(state): Shared<State>,
    Administrator(principal): Administrator,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = read_id(&id)?;
    let mut tx = principal.begin(&state).await?;
    state.engine().remove_webhook(&mut tx, id).await.map_err(refused)?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a message of the kind `test`, once and now.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/test", params(("id" = String, Path)), tag = "events",
    responses((status = 200, body = WebhookTest), (status = 404, body = Problem)))]
pub(crate) async fn test_webhook(
    Shared(state): Shared<State>,
    Administrator(principal): Administrator,
    Path(id): Path<String>,
) -> Result<Json<WebhookTest>, ApiError> {
    let (engine, id) = (state.engine(), read_id(&id)?);
    let mut tx = principal.begin(&state).await?;
    let asked = engine.ask_webhook_test(&mut tx, id).await.map_err(refused)?;
    tx.commit().await?;
    let error = engine.test_webhook(asked).await?.err();
    Ok(Json(WebhookTest { delivered: error.is_none(), error }))
}

fn refused(error: anyhow::Error) -> ApiError {
    match error.downcast::<StoreError>() {
        Ok(StoreError::Missing { .. }) => ApiError::not_found("webhook"),
        Ok(StoreError::Refused { reason, .. }) => ApiError::conflict(reason),
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}

fn read_id(id: &str) -> Result<WebhookId, ApiError> {
    id.parse().map_err(|_| ApiError::not_found("webhook"))
}
