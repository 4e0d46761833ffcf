//! Events: a stream that ends with its session, and that is resumed where it was.

#![expect(unused_qualifications, reason = "utoipa's macros qualify names")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use domain::event::EventKind;
use engine::events::Message;
use futures_util::stream;
use serde::Deserialize;
use store::outbox::{self, Position};
use store::{Db, StoreError};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use utoipa::IntoParams;
use wire_types::event::OutboxEvent;
use wire_types::status::Problem;

use crate::error::ApiError;
use crate::extract::Query;
use crate::gate::Principal;
use crate::{State, gate, wire};

/// Streams that one server has open.
const STREAMS_MAX: usize = 64;

/// Events that are read at once.
const PAGE: usize = 200;

/// How often it is asked whether there is anything new, whichever server wrote it.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// How often a silent stream asks whether its session is still good; before it says anything it always does.
const ADMIT_EVERY: Duration = Duration::from_secs(15);

/// After how much silence a comment is sent, so that nobody between takes the connection for a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a reader waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What all streams of one server share.
pub(crate) struct Streams {
    seats: Arc<Semaphore>,
    /// Where the events ended, and when that was asked: however many streams there are, it is asked once.
    end: Mutex<Option<(Instant, Position)>>,
    stopping: watch::Sender<bool>,
}

/// Which events, and from where on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Id of the last event that was seen; the header `Last-Event-ID` comes before it. Default: from now on
    after: Option<String>,
    /// Kinds, separated by commas; default: all
    kind: Option<String>,
}

/// Events as they happen, as a stream of server-sent events.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(Params, ("last-event-id" = Option<String>, Header, description = "Id of the last event that was seen")),
    responses((status = 200, body = OutboxEvent, content_type = "text/event-stream"),
        (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn follow_events(
    Shared(state): Shared<State>,
    principal: Principal,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Result<Response, ApiError> {
    let words = params.kind.as_deref().unwrap_or_default().split(',').map(str::trim);
    let kinds = wire::event_kinds(words.filter(|word| !word.is_empty()))?;
    let header = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or_default());
    let position = match header.or(params.after.as_deref()) {
        Some(text) => text.parse().map_err(|error| ApiError::bad_request(format!("after: {error}")))?,
        None => outbox::end(&state.engine().db).await?,
    };
    let seat = Arc::clone(&state.streams().seats).try_acquire_owned();
    let seat = seat.map_err(|_| ApiError::busy("as many streams of events are open as there may be"))?;
    // An id without data moves the reader's place and is no event.
    let begin = sse::Event::default().retry(RETRY).id(position.to_string());
    let following =
        Following { state, principal, kinds, position, ready: VecDeque::from([begin]), more: true, _seat: seat };
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// One stream.
struct Following {
    state: State,
    principal: Principal,
    kinds: Vec<EventKind>,
    position: Position,
    ready: VecDeque<sse::Event>,
    /// There may be more behind the position without waiting.
    more: bool,
    _seat: OwnedSemaphorePermit,
}

impl Following {
    /// `None`: the stream is over, and whoever may comes back for the rest.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let went_on = async {
                let go_on = (self.more || self.wait().await?) && self.is_admitted().await?;
                if go_on {
                    self.read().await?;
                }
                Ok::<_, StoreError>(go_on)
            };
            match went_on.await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    tracing::warn!("a stream of events ends early: {error}");
                    return None;
                }
            }
        }
    }

    /// Waits until there is something new. `false`: nobody may wait any longer.
    async fn wait(&self) -> Result<bool, StoreError> {
        let mut asked = Instant::now();
        loop {
            if self.position.is_before(&self.state.streams().end(&self.state.engine().db).await?) {
                return Ok(true);
            }
            tokio::select! {
                () = self.state.streams().stopped() => return Ok(false),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if asked.elapsed() >= ADMIT_EVERY {
                if !self.is_admitted().await? {
                    return Ok(false);
                }
                asked = Instant::now();
            }
        }
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let engine = self.state.engine();
        let page = outbox::after(&engine.db, &self.position, &self.kinds, PAGE).await?;
        let written = |message: &Message<'_>| {
            sse::Event::default().id(message.id.as_str()).event(message.kind).data(message.json())
        };
        let lost = page.lost.iter().map(|from| written(&Message::lost(from, engine.now())));
        let may_see = |event: &&outbox::Event| self.principal.may_see(event.asset.as_ref().map(|(asset, _)| *asset));
        let told = page.events.iter().filter(may_see).map(|event| written(&Message::of(event)));
        self.ready.extend(lost.chain(told));
        if self.ready.is_empty() && page.end != self.position {
            // Nothing for this reader, who need not look through it again either.
            self.ready.push_back(sse::Event::default().id(page.end.to_string()));
        }
        (self.position, self.more) = (page.end, page.more);
        Ok(())
    }

    /// Whether the reader would be let in now.
    async fn is_admitted(&self) -> Result<bool, StoreError> {
        Ok(!self.state.streams().is_stopping() && gate::is_admitted(&self.state, &self.principal).await?)
    }
}

impl Default for Streams {
    fn default() -> Self {
        let (stopping, _) = watch::channel(false);
        Self { seats: Arc::new(Semaphore::new(STREAMS_MAX)), end: Mutex::default(), stopping }
    }
}

impl Streams {
    /// Ends every stream, since none ends by itself.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    async fn stopped(&self) {
        // An error would mean that nobody can stop the server any more.
        let _ = self.stopping.subscribe().wait_for(|stop| *stop).await;
    }

    /// Where the events end, or ended a moment ago.
    async fn end(&self, db: &Db) -> Result<Position, StoreError> {
        let mut known = self.end.lock().await;
        if let Some((asked, end)) = known.as_ref()
            && asked.elapsed() < LOOK_EVERY
        {
            return Ok(end.clone());
        }
        let end = outbox::end(db).await?;
        *known = Some((Instant::now(), end.clone()));
        Ok(end)
    }
}
