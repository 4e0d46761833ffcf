//! Deliver: hands events to webhooks, each in order, at least once.
//!
//! The outbox says what there is to tell, and a webhook how far it has been told. Whoever is behind gets a job; an attempt sends
//! one event after the other and moves the webhook's position with each. An event that a receiver does not take is tried again
//! with growing pauses. When the last attempt fails the job is dead, and the events behind that one are tried.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Context as _, anyhow};
use domain::event::EventKind;
use domain::filter::{Filter, FilterError};
use domain::ids::{FindingId, WebhookId};
use integrations::messages::webhook::{self as channel, Message};
use jiff::Timestamp;
use outside::receiver::Receiver;
use store::audit::Note;
use store::outbox::{self, Event, Position};
use store::queue::{self, JobState, Lease, Listing, NewJob};
use store::seal::MasterKey;
use store::webhook::{self, Webhook};
use store::{SecretString, Tx};

use crate::views::About;
use crate::work::{Report, Verb};
use crate::{Engine, Invalid, events};

pub use integrations::messages::webhook::secret;

/// Attempts at one event: with pauses of up to an hour, some three days.
pub const ATTEMPTS_MAX: u32 = 70;

/// Events that are read at once.
const PAGE: usize = 100;

/// Events that one job sends at most, so that many webhooks take turns.
const SENT_MAX: u64 = 1000;

/// An event that was not taken.
#[derive(Debug, thiserror::Error)]
#[error("event {name} ({kind}) was not taken: {reason}")]
pub(crate) struct Untaken {
    name: String,
    kind: &'static str,
    reason: String,
    /// Behind it.
    pub(crate) behind: Position,
}

/// Who sends what to whom.
struct Delivery<'a> {
    engine: &'a Engine,
    receiver: Receiver,
    secret: SecretString,
    webhook: Webhook,
    /// `None`: whatever a finding is.
    filter: Option<Filter>,
    sent: u64,
}

impl Engine {
    /// Makes a webhook that is told of these kinds from now on; of events about findings, of those that the filter holds when they
    /// are told. An empty filter holds all.
    pub async fn add_webhook(
        &self,
        tx: &mut Tx,
        url: &str,
        kinds: Vec<EventKind>,
        filter: &str,
        secret: &SecretString,
    ) -> anyhow::Result<Webhook> {
        let receiver = Receiver::new(url, &self.destinations).map_err(|error| Invalid(format!("url: {error}")))?;
        let filter = match filter.trim() {
            "" => String::new(),
            text => read(text).map_err(|error| Invalid(format!("filter: {error}")))?.to_string(),
        };
        let webhook = Webhook {
            id: WebhookId::from_uuid(store::new_id(self.now())),
            url: url.to_owned(),
            kinds,
            filter,
            created_at: self.now(),
            position: outbox::end(&mut *tx).await?,
            delivered_at: None,
            last_error: None,
        };
        webhook::add(tx, &self.master_key()?, &webhook, &receiver.origin(), secret).await?;
        Ok(webhook)
    }

    /// Forgets a webhook.
    pub async fn remove_webhook(&self, tx: &mut Tx, id: WebhookId) -> anyhow::Result<()> {
        Ok(webhook::remove(tx, id, Verb::Deliver.as_str(), self.now()).await?)
    }

    /// Notes that somebody wants a webhook tested. Commit, then [`Engine::test_webhook`].
    pub async fn ask_webhook_test(&self, tx: &mut Tx, id: WebhookId) -> anyhow::Result<Webhook> {
        let webhook = webhook::get(&mut *tx, id).await?.ok_or_else(|| webhook::missing(id))?;
        tx.note(Note::new(self.now(), "webhook.test", id));
        Ok(webhook)
    }

    /// Sends a message that is no event, once and now. The error within says why it was not taken.
    pub async fn test_webhook(&self, webhook: Webhook) -> anyhow::Result<Result<(), String>> {
        let now = self.now();
        let sent = match self.delivery(webhook).await {
            Ok(None) => return Ok(Err("it was removed".to_owned())),
            Ok(Some(delivery)) => {
                let name = format!("test-{}", store::new_id(now));
                let json = events::Message::test(&name, now).json();
                delivery.send(name, json).await.map_err(anyhow::Error::from)
            }
            // It may not go where it should, or its secret is lost.
            Err(error) if !error.is::<store::StoreError>() => Err(error),
            Err(error) => return Err(error),
        };
        Ok(sent.map_err(|error| crate::with_causes(&error)))
    }

    /// Enqueues a job for each webhook that is behind and has none.
    pub(crate) async fn enqueue_deliveries(&self) -> anyhow::Result<usize> {
        let webhooks = webhook::list(&self.db).await?;
        if webhooks.is_empty() {
            return Ok(0);
        }
        let end = outbox::end(&self.db).await?;
        let live = Listing {
            states: &[JobState::Ready, JobState::Leased],
            kind: Some(Verb::Deliver.as_str()),
            before: None,
            limit: webhooks.len(),
        };
        let live: BTreeSet<String> = queue::list(&self.db, live).await?.into_iter().map(|job| job.key).collect();
        let behind = |webhook: &&Webhook| webhook.position != end && !live.contains(&webhook.id.to_string());
        let behind: Vec<&Webhook> = webhooks.iter().filter(behind).collect();
        if behind.is_empty() {
            return Ok(0);
        }
        let (now, mut tx) = (self.now(), self.db.begin().await?);
        for webhook in &behind {
            let job = NewJob::scheduled(Verb::Deliver.as_str(), webhook.id.to_string(), ATTEMPTS_MAX, now);
            queue::enqueue(&mut tx, &job, now).await?;
        }
        tx.commit().await?;
        Ok(behind.len())
    }

    /// Tells one webhook what it was not told yet, and ends the job.
    pub(crate) async fn deliver(&self, lease: &Lease, report: &Report) -> anyhow::Result<()> {
        let id: WebhookId = lease.key.parse().with_context(|| format!("{:?} is no webhook", lease.key))?;
        let delivery = match webhook::get(&self.db, id).await? {
            Some(webhook) => self.delivery(webhook).await?,
            None => None,
        };
        let failed = match delivery {
            Some(mut delivery) => match delivery.run(report).await {
                // What was taken is no failure: the next job begins its pauses anew.
                Err(error) if delivery.sent > 0 => Some(error),
                ended => ended.map(|()| None)?,
            },
            None => None,
        };
        let mut tx = self.db.begin().await?;
        if let Some(error) = failed {
            webhook::note_error(&mut tx, id, &crate::with_causes(&error)).await?;
        }
        queue::finish_silently(&mut tx, lease).await?;
        Ok(tx.commit().await?)
    }

    /// Notes at its webhook that a delivery failed, and gives the event up if it failed for good.
    pub(crate) async fn note_undelivered(
        &self,
        tx: &mut Tx,
        lease: &Lease,
        error: &anyhow::Error,
        for_good: bool,
    ) -> anyhow::Result<()> {
        let Ok(id) = lease.key.parse::<WebhookId>() else { return Ok(()) };
        webhook::note_error(tx, id, &crate::with_causes(error)).await?;
        if let Some(untaken) = error.downcast_ref::<Untaken>().filter(|_| for_good)
            && let Some(mut webhook) = webhook::get(&mut *tx, id).await?
        {
            webhook::advance(tx, &mut webhook, untaken.behind.clone(), None).await?;
        }
        Ok(())
    }

    /// `None`: the webhook was removed in this moment.
    async fn delivery(&self, webhook: Webhook) -> anyhow::Result<Option<Delivery<'_>>> {
        let Some(secret) = webhook::open(&self.db, &self.master_key()?, &webhook).await? else { return Ok(None) };
        let receiver = Receiver::new(&webhook.url, &self.destinations)?;
        let filter = match webhook.filter.as_str() {
            "" => None,
            text => Some(read(text).map_err(|error| anyhow!("its filter cannot be read: {error}"))?),
        };
        Ok(Some(Delivery { engine: self, receiver, secret: secret?, webhook, filter, sent: 0 }))
    }

    fn master_key(&self) -> anyhow::Result<MasterKey> {
        Ok(MasterKey::load_or_create(&self.data_dir.join("master.key"))?)
    }
}

/// Whether an event is to be told: of those about findings, where these are held.
fn is_for(event: &Event, held: Option<&HashSet<FindingId>>) -> bool {
    match (held, &event.finding) {
        (Some(held), Some(finding)) => held.contains(&finding.id),
        (None, _) | (_, None) => true,
    }
}

fn read(text: &str) -> Result<Filter, FilterError> {
    text.parse()
}

impl Delivery<'_> {
    async fn run(&mut self, report: &Report) -> anyhow::Result<()> {
        loop {
            let db = &self.engine.db;
            let page = outbox::after(db, &self.webhook.position, &self.webhook.kinds, PAGE).await?;
            if let Some(from) = &page.lost {
                self.tell(&events::Message::lost(from, self.engine.now()), from.clone()).await?;
            }
            let Some(held) = self.held(&page.events).await? else { return Ok(()) };
            for event in page.events.iter().filter(|event| is_for(event, held.as_ref())) {
                self.tell(&events::Message::of(event), event.position.clone()).await?;
                report.advance();
            }
            if page.end != self.webhook.position {
                self.advance(page.end, None).await?;
            }
            if !page.more || self.sent >= SENT_MAX {
                return Ok(());
            }
        }
    }

    /// The findings of these events that the filter holds now; within, `None`: it asks for nothing. `None`: the lists do not say
    /// yet how things stand, so that the events have to wait.
    async fn held(&self, events: &[Event]) -> anyhow::Result<Option<Option<HashSet<FindingId>>>> {
        let Some(filter) = &self.filter else { return Ok(Some(None)) };
        let about = events.iter().filter_map(|event| {
            let (asset, finding) = (event.asset.as_ref()?.0, event.finding.as_ref()?);
            Some(About { asset, id: finding.id, vulnerability: &finding.vulnerability })
        });
        match self.engine.held_findings(filter, &about.collect::<Vec<_>>()).await {
            Ok(held) => Ok(held.map(Some)),
            Err(error) if error.is::<crate::Loading>() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends one event, and notes that it was taken.
    async fn tell(&mut self, message: &events::Message<'_>, behind: Position) -> anyhow::Result<()> {
        let name = message.id.clone();
        if let Err(error) = self.send(name.clone(), message.json()).await {
            let reason = crate::with_causes(&anyhow!(error));
            return Err(Untaken { name, kind: message.kind, reason, behind }.into());
        }
        self.sent += 1;
        self.advance(behind, Some(self.engine.now())).await
    }

    async fn advance(&mut self, to: Position, delivered_at: Option<Timestamp>) -> anyhow::Result<()> {
        let mut tx = self.engine.db.begin().await?;
        webhook::advance(&mut tx, &mut self.webhook, to, delivered_at).await?;
        Ok(tx.commit().await?)
    }

    async fn send(&self, id: String, json: String) -> Result<(), channel::WebhookError> {
        channel::send(&self.receiver, &self.secret, Message { id, json }, self.engine.now()).await
    }
}
