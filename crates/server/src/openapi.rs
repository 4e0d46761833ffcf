//! The API's description, made from the handlers.

use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, Content, Ref, RefOr, Response, ResponseBuilder, Responses};
use wire_types::status::Problem;

use crate::gate::COOKIE;
use crate::router::{closed, nodes, open, slow};

/// What the handlers do not say.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vigie",
        description = "Find, rank, fix, prove: the API that the pages use. A value that is not known is null and never \
            zero. An error is a problem object (RFC 9457)."
    ),
    security(("session" = [])),
    components(schemas(Problem)),
    tags(
        (name = "session", description = "Setting up, signing in and out"),
        (name = "status", description = "How the installation is doing"),
        (name = "findings", description = "The queue of work"),
        (name = "views", description = "Filters and orders under names"),
        (name = "assets", description = "What is protected"),
        (name = "vulnerabilities", description = "Flaws, and where they are"),
        (name = "components", description = "Who has what"),
        (name = "scopes", description = "Selected assets and their rules, and the scanner nodes that inspect them"),
        (name = "credentials", description = "Secrets go in and never come out"),
        (name = "feeds", description = "Where knowledge comes from"),
        (name = "events", description = "What happens, as it happens, and who is told of it"),
        (name = "jobs", description = "What waits, what runs, what failed"),
        (name = "node", description = "What scanner nodes ask, with a token of their own"),
        (name = "remediation", description = "What would fix findings, and what was done"),
    )
)]
struct Description;

const PROBLEM: &str = "application/problem+json";

/// The document, as JSON.
pub fn openapi() -> String {
    to_json(&complete(open().merge(closed()).merge(slow()).merge(nodes()).into_openapi()))
}

pub(crate) fn to_json(description: &utoipa::openapi::OpenApi) -> String {
    description.to_pretty_json().expect("a description is plain data, which can always be written as JSON")
}

/// Adds what is the same everywhere: how to sign in, what an error looks like, who may be refused.
pub(crate) fn complete(handlers: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let mut document = Description::openapi();
    document.merge(handlers);
    let components = document.components.get_or_insert_with(Components::new);
    let cookie = ApiKeyValue::with_description(COOKIE, "Set by POST /api/v1/session");
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let bearer =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("Made by `vigie node add`")).build();
    components.add_security_scheme("node", SecurityScheme::Http(bearer));
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let nobody = SecurityRequirement::default();
        let is_open = operation.security.as_ref().is_some_and(|security| security.contains(&nobody));
        let responses = &mut operation.responses;
        as_problems(responses);
        if !is_open {
            responses.responses.entry("401".to_owned()).or_insert_with(|| RefOr::T(problem("Not signed in")));
        }
        responses.responses.entry("default".to_owned()).or_insert_with(|| RefOr::T(problem("Any other error")));
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// Handlers name the type of their errors; how it is sent is the same for all.
fn as_problems(responses: &mut Responses) {
    for (status, response) in &mut responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
        {
            *response = problem(title(status));
        }
    }
}

fn title(status: &str) -> &'static str {
    let status = status.parse().ok().and_then(|code: u16| axum::http::StatusCode::from_u16(code).ok());
    status.and_then(|status| status.canonical_reason()).unwrap_or("Error")
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new().description(description).content(PROBLEM, Content::new(Some(schema))).build()
}
