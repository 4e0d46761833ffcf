//! Findings: lists, counts, and one of them.

#![expect(unused_qualifications, reason = "utoipa's macros qualify names")]

use axum::extract::State as Shared;
use domain::filter::{Condition, Filter, Known};
use domain::ids::{AssetId, FindingId};
use domain::pattern::Pattern;
use domain::priority::Tier;
use domain::vulnerability::VulnerabilityId;
use engine::views::{Query as FindingQuery, active};
use engine::{GroupBy, Sort};
use serde::Deserialize;
use utoipa::IntoParams;
use wire_types::finding::{FindingDetail, FindingFacets, FindingGroups, FindingPage};
use wire_types::status::Problem;

use crate::error::ApiError;
use crate::extract::{Json, Path, Query};
use crate::gate::Principal;
use crate::{State, cursor, wire};

/// Which findings, in which order.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Which findings, as in `tier:P0,P1 state:open epss>=0.5`: the guide's page "Filters" has the language. Without it
    /// every finding
    filter: Option<String>,
    /// `priority` (the order of work), `score`, `cvss`, `epss`, `due`, `first_seen`, `asset`, `vulnerability` or `package`;
    /// with `-` in front of it the largest first. Unknown values are last either way
    sort: Option<String>,
    /// Short for `tier:` in the filter: `P0` to `P4`
    tier: Option<String>,
    /// Short for `scope:` in the filter: name of a scope
    scope: Option<String>,
    /// Short for `asset_id:` in the filter: id of an asset
    asset: Option<String>,
    /// Short for `vuln:` in the filter: a vulnerability's identifier
    vulnerability: Option<String>,
    /// Short for `text:` in the filter: part of a package's, vulnerability's or asset's name
    text: Option<String>,
    /// Findings on this page, 1 to 500
    limit: Option<usize>,
    /// `next_cursor` of the page before, whose sort it belongs to
    cursor: Option<String>,
}

/// What to count.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct FacetParams {
    /// Which findings: the guide's page "Filters" has the language. Without it every finding
    filter: Option<String>,
    /// Names and vulnerabilities with the highest counts, 1 to 500; 20 where nothing is said
    limit: Option<usize>,
}

/// What to group by.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupParams {
    /// `tier`, `state`, `os`, `scope`, `tag`, `asset`, `vulnerability` or `package`
    by: String,
    /// Which findings: the guide's page "Filters" has the language. Without it every finding
    filter: Option<String>,
    /// Groups with the highest counts, 1 to 500
    limit: Option<usize>,
}

/// Names and vulnerabilities in facets where the reader does not say how many.
const FACET_VALUES: usize = 20;

/// The queue: active findings, those to do first at the top.
#[utoipa::path(get, path = "/api/v1/priorities", params(Params), tag = "findings",
    responses((status = 200, body = FindingPage), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list_priorities(
    Shared(state): Shared<State>,
    principal: Principal,
    Query(params): Query<Params>,
) -> Result<Json<FindingPage>, ApiError> {
    page(&state, &principal, params, active()).await
}

/// Findings by any filter, in any order.
#[utoipa::path(get, path = "/api/v1/findings", params(Params), tag = "findings",
    responses((status = 200, body = FindingPage), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list_findings(
    Shared(state): Shared<State>,
    principal: Principal,
    Query(params): Query<Params>,
) -> Result<Json<FindingPage>, ApiError> {
    page(&state, &principal, params, Filter::Everything).await
}

/// Counts beside a list of findings.
#[utoipa::path(get, path = "/api/v1/findings/facets", params(FacetParams), tag = "findings",
    responses((status = 200, body = FindingFacets), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn count_findings(
    Shared(state): Shared<State>,
    principal: Principal,
    Query(params): Query<FacetParams>,
) -> Result<Json<FindingFacets>, ApiError> {
    let most = cursor::limit(params.limit.or(Some(FACET_VALUES)))?;
    let filter = written(params.filter.as_deref())?;
    Ok(Json(wire::facets(state.engine().facets(&principal.visible(), &filter, most).await?)))
}

/// Findings grouped by one thing.
#[utoipa::path(get, path = "/api/v1/findings/groups", params(GroupParams), tag = "findings",
    responses((status = 200, body = FindingGroups), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn group_findings(
    Shared(state): Shared<State>,
    principal: Principal,
    Query(params): Query<GroupParams>,
) -> Result<Json<FindingGroups>, ApiError> {
    let by: GroupBy = params.by.parse().map_err(|error| ApiError::bad_request(format!("by: {error}")))?;
    let most = cursor::limit(params.limit)?;
    let filter = written(params.filter.as_deref())?;
    let groups = state.engine().groups(&principal.visible(), &filter, by, most).await?;
    Ok(Json(wire::groups(by, groups)))
}

/// One finding with its history.
#[utoipa::path(get, path = "/api/v1/findings/{id}", params(("id" = String, Path)), tag = "findings",
    responses((status = 200, body = FindingDetail), (status = 404, body = Problem)))]
pub(crate) async fn get_finding(
    Shared(state): Shared<State>,
    _: Principal,
    Path(id): Path<String>,
) -> Result<Json<FindingDetail>, ApiError> {
    let engine = state.engine();
    let id: FindingId = id.parse().map_err(|_| ApiError::not_found("finding"))?;
    let row = engine.finding(id).await?.ok_or_else(|| ApiError::not_found("finding"))?;
    let history = engine.history(&row).await?;
    let reports = store::report::of_finding(&engine.db, id).await?;
    Ok(Json(wire::finding_detail(&row, &history, &reports, engine.now())))
}

async fn page(
    state: &State,
    principal: &Principal,
    params: Params,
    within: Filter,
) -> Result<Json<FindingPage>, ApiError> {
    let limit = cursor::limit(params.limit)?;
    let sort = params.sort.as_deref().map_or(Ok(Sort::WORK), str::parse);
    let sort = sort.map_err(|error| ApiError::bad_request(format!("sort: {error}")))?;
    let after = params.cursor.as_deref().map(cursor::read_finding).transpose()?;
    let filter = Filter::all([within, filter(params)?]);
    let engine = state.engine();
    let page = engine.findings(&principal.visible(), &FindingQuery { filter, sort, after, limit }).await?;
    Ok(Json(wire::page(&page, engine.now(), page.next.as_ref().map(cursor::write_finding))))
}

/// A filter as it was written.
pub(super) fn written(text: Option<&str>) -> Result<Filter, ApiError> {
    text.unwrap_or_default().parse().map_err(|error| ApiError::bad_request(format!("filter: {error}")))
}

/// The filter that was written, and what is said beside it.
fn filter(params: Params) -> Result<Filter, ApiError> {
    let mut parts = vec![written(params.filter.as_deref())?];
    let mut also = |condition| parts.push(Filter::Where(condition));
    if let Some(text) = params.tier {
        let tier = Tier::parse(&text).ok_or_else(|| ApiError::bad_request("tier: one of P0, P1, P2, P3, P4"))?;
        also(Condition::Tier(vec![Known::Is(tier)]));
    }
    if let Some(name) = params.scope {
        also(Condition::Scope(vec![Known::Is(Pattern::new(short("scope", name)?))]));
    }
    if let Some(text) = params.asset {
        let id: AssetId = text.parse().map_err(|_| ApiError::bad_request("asset: the id of an asset"))?;
        also(Condition::AssetId(vec![id]));
    }
    if let Some(text) = params.vulnerability {
        let id = VulnerabilityId::new(text);
        let id = id.map_err(|error| ApiError::bad_request(format!("vulnerability: {error}")))?;
        also(Condition::Vulnerability(vec![Pattern::new(id.as_str())]));
    }
    if let Some(text) = params.text.filter(|text| !text.is_empty()) {
        also(Condition::Text(short("text", text)?));
    }
    Ok(Filter::all(parts))
}

fn short(what: &str, text: String) -> Result<String, ApiError> {
    if text.len() > 200 { Err(ApiError::bad_request(format!("{what}: at most 200 bytes"))) } else { Ok(text) }
}
