//! Webhooks with a real receiver: signed, in order, at least once, and never to where nothing may go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::advisory::VendorStatus;
use domain::cause::Cause;
use domain::component::{Ecosystem, Package, Release};
use domain::event::EventKind;
use domain::finding::{Change, Evidence, Fact, Finding, FindingKey, FixedCause, OpenedBy, Strength};
use domain::ids::AssetId;
use domain::retirement::Policy;
use domain::verdict::{Confidence, Match};
use domain::vulnerability::VulnerabilityId;
use engine::Engine;
use engine::deliver::ATTEMPTS_MAX;
use engine::discover::NewAsset;
use engine::forget::Retention;
use engine::work::{Verb, WorkOptions, Worker};
use jiff::{SignedDuration, Timestamp};
use outside::NeverTouch;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::finding::{Recording, Save};
use store::outbox::NewEvent;
use store::queue::{self, JobState, Listing};
use store::webhook::{self, Webhook};
use store::{Db, ExposeSecret as _, SecretString};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::work::{Nowhere, until};

/// What one request to the receiver held.
#[derive(Debug, Clone)]
struct Got {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

/// A receiver on loopback that answers with whatever it was told to, and then with 204.
struct Receiver {
    port: u16,
    answers: Arc<Mutex<Vec<u16>>>,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver =
            Self { port: listener.local_addr().unwrap().port(), answers: Arc::default(), got: Arc::default() };
        let (answers, got, port) = (Arc::clone(&receiver.answers), Arc::clone(&receiver.got), receiver.port);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let (mut line, mut headers) = (String::new(), Vec::<(String, String)>::new());
                stream.read_line(&mut line).await.unwrap();
                assert_eq!(line, "POST /hook?of=vigie HTTP/1.1\r\n");
                loop {
                    line.clear();
                    stream.read_line(&mut line).await.unwrap();
                    let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                    headers.push((name.to_lowercase(), value.to_owned()));
                }
                let header = |wanted: &str| {
                    headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()).unwrap()
                };
                assert_eq!(header("content-type"), "application/json");
                let mut body = vec![0; header("content-length").parse().unwrap()];
                stream.read_exact(&mut body).await.unwrap();
                got.lock().unwrap().push(Got {
                    id: header("webhook-id"),
                    timestamp: header("webhook-timestamp"),
                    signature: header("webhook-signature"),
                    body: String::from_utf8(body).unwrap(),
                });
                let answer = answers.lock().unwrap().pop().unwrap_or(204);
                // Where a redirect would lead, if anybody followed it.
                let answer = format!(
                    "HTTP/1.1 {answer} x\r\nlocation: http://127.0.0.1:{port}/away\r\ncontent-length: 0\r\n\
                     connection: close\r\n\r\n"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        receiver
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?of=vigie", self.port)
    }

    fn answer_first(&self, statuses: &[u16]) {
        *self.answers.lock().unwrap() = statuses.iter().rev().copied().collect();
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// The numbers in what was sent, attempts included.
    fn numbers(&self) -> Vec<Option<u64>> {
        let number = |got: &Got| serde_json::from_str::<Value>(&got.body).unwrap()["data"]["number"].as_u64();
        self.got().iter().map(number).collect()
    }
}

/// A server that works, at an instant that the test moves.
struct Node {
    engine: Arc<Engine>,
    now: Arc<Mutex<Timestamp>>,
    secret: SecretString,
    _stop: watch::Sender<bool>,
    _data: TempDir,
}

impl Node {
    fn start(db: &Db, allowed: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let now = Arc::new(Mutex::new("2099-01-13T08:00:00Z".parse().unwrap()));
        let clock = Arc::clone(&now);
        let clock: engine::Clock = Arc::new(move || *clock.lock().unwrap());
        let mut engine = Engine::new(db.clone(), data.path().to_owned(), NeverTouch::default(), clock);
        engine.destinations.allowed = allowed.iter().map(|range| range.parse().unwrap()).collect();
        let engine = Arc::new(engine);
        let options = WorkOptions {
            retirement: Policy::default(),
            retention: Retention::default(),
            holder: "test".to_owned(),
            lease: SignedDuration::from_mins(1),
            poll: Duration::from_millis(20),
            inspections_max: 1,
        };
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(Worker::new(Arc::clone(&engine), options, Arc::new(Nowhere)).run(stopped));
        let secret = integrations::messages::webhook::secret(&[42; 32]);
        Self { engine, now, secret, _stop: stop, _data: data }
    }

    async fn add(&self, url: &str, kinds: &[EventKind]) -> anyhow::Result<Webhook> {
        let mut tx = self.engine.db.begin().await.unwrap();
        let webhook = self.engine.add_webhook(&mut tx, url, kinds.to_vec(), "", &self.secret).await?;
        tx.commit().await.unwrap();
        Ok(webhook)
    }

    async fn add_for(&self, url: &str, kinds: &[EventKind], filter: &str) -> anyhow::Result<Webhook> {
        let mut tx = self.engine.db.begin().await.unwrap();
        let webhook = self.engine.add_webhook(&mut tx, url, kinds.to_vec(), filter, &self.secret).await?;
        tx.commit().await.unwrap();
        Ok(webhook)
    }

    /// An asset with such a tag.
    async fn tagged(&self, host: &str, tag: &str) -> AssetId {
        let way = format!("ssh://root@{host}");
        let new = NewAsset { way, tags: vec![tag.to_owned()], ..NewAsset::default() };
        self.engine.make_known(&new).await.unwrap().id
    }

    /// Something is learnt of the one finding of an asset.
    async fn learn(&self, asset: AssetId, fact: Fact) {
        let release = Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() };
        let package = Package { ecosystem: Ecosystem::Deb, release, name: "demo".to_owned(), place: String::new() };
        let vulnerability = VulnerabilityId::new("CVE-2099-0001").unwrap();
        let key = FindingKey { asset, package, vulnerability };
        let evidence = Evidence { observed_at: self.engine.now(), fact };
        let mut tx = self.engine.db.begin().await.unwrap();
        let known = store::finding::get(&mut tx, key.id()).await.unwrap().map(|stored| stored.finding);
        let is_new = known.is_none();
        let (finding, change) = match known {
            Some(mut finding) => {
                let change = finding.apply(&evidence);
                (finding, change)
            }
            None => (Finding::open(key, &evidence).unwrap(), Change::Moved),
        };
        let matched = Match {
            package: finding.key.package.clone(),
            vulnerability: finding.key.vulnerability.clone(),
            version: "1".to_owned(),
            places: Arc::default(),
            source: "debian".to_owned(),
            advisory: "CVE-2099-0001".to_owned(),
            vendor_status: VendorStatus::Open,
            urgency: String::new(),
            fixed_version: None,
            restart_needed: false,
            confidence: Confidence::High,
        };
        let save = Save { finding: &finding, matched: Some(&matched), evidence: &[(evidence, change)], is_new };
        let recording = Recording { at: self.engine.now(), cause: &Cause::Clock, record: None };
        store::finding::save(&mut tx, save, recording).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn tell(&self, kind: EventKind, number: u64) {
        let mut tx = self.engine.db.begin().await.unwrap();
        tx.tell(NewEvent::new(self.engine.now(), kind).saying(&json!({ "number": number })));
        tx.commit().await.unwrap();
    }

    /// Lets the longest pause pass.
    fn wait(&self) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_hours(2)).unwrap();
    }

    async fn webhook(&self, webhook: &Webhook) -> Webhook {
        webhook::get(&self.engine.db, webhook.id).await.unwrap().unwrap()
    }

    async fn is_up_to_date(&self, webhook: &Webhook) -> bool {
        self.webhook(webhook).await.position == store::outbox::end(&self.engine.db).await.unwrap()
    }

    async fn jobs(&self, states: &[JobState]) -> Vec<queue::Job> {
        let listing = Listing { states, kind: Some(Verb::Deliver.as_str()), before: None, limit: 100 };
        queue::list(&self.engine.db, listing).await.unwrap()
    }

    /// Checks a signature by the definition of HMAC (RFC 2104), not with the code that made it.
    fn verify(&self, got: &Got) {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let secret = self.secret.expose_secret().strip_prefix("whsec_").unwrap();
        let mut block = [0_u8; 64];
        let key = STANDARD.decode(secret).unwrap();
        block[..key.len()].copy_from_slice(&key);
        let signed = format!("{}.{}.{}", got.id, got.timestamp, got.body);
        let inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36)).chain_update(&signed).finalize();
        let outer = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
        assert_eq!(got.signature, format!("v1,{}", STANDARD.encode(outer)), "{got:?}");
    }
}

async fn events_arrive_signed_in_order_and_at_least_once(db: &Db) {
    let (receiver, node) = (Receiver::start().await, Node::start(db, &["127.0.0.0/8"]));
    node.tell(EventKind::ImportDone, 0).await;
    let webhook = node.add(&receiver.url(), &[]).await.unwrap();
    receiver.answer_first(&[500, 302, 204, 503]);
    node.tell(EventKind::ImportDone, 1).await;
    node.tell(EventKind::ImportDone, 2).await;
    // The first is not taken twice: it is tried again after a pause, and nothing overtakes it.
    for attempts in [1, 2] {
        until("an attempt fails", async || {
            node.jobs(&[JobState::Ready]).await.iter().any(|job| job.attempts == attempts)
        })
        .await;
        assert_eq!(receiver.got().len(), attempts as usize);
        let failed = node.webhook(&webhook).await;
        assert_eq!((failed.position, failed.delivered_at), (webhook.position.clone(), None));
        let error = failed.last_error.unwrap();
        assert!(error.contains(if attempts == 1 { "500" } else { "302" }) && !error.contains("hook?"), "{error}");
        node.wait();
    }
    // The second fails too: what was taken before it is kept, and its pauses begin anew.
    until("both are taken", async || node.is_up_to_date(&webhook).await).await;
    assert_eq!(receiver.numbers(), [1, 1, 1, 2, 2].map(Some), "a redirect is not followed, and none comes from before");
    let got = receiver.got();
    got.iter().for_each(|got| node.verify(got));
    assert!(got[0].id == got[2].id && got[2].id != got[3].id, "an attempt has the name of its event");
    assert!(got[0].timestamp < got[1].timestamp, "and an instant of its own");
    let body: Value = serde_json::from_str(&got[3].body).unwrap();
    assert_eq!((&body["id"], &body["kind"]), (&json!(got[3].id), &json!("import.done")));
    until("the job has left no trace", async || node.jobs(&JobState::ALL).await.is_empty()).await;
    let done = node.webhook(&webhook).await;
    assert_eq!((done.last_error, done.delivered_at), (None, Some(node.engine.now())));
}

async fn a_webhook_hears_what_it_asked_for_until_it_is_removed(db: &Db) {
    let (receiver, node) = (Receiver::start().await, Node::start(db, &["127.0.0.0/8"]));
    let webhook = node.add(&receiver.url(), &[EventKind::JobDead]).await.unwrap();
    node.tell(EventKind::ImportDone, 1).await;
    node.tell(EventKind::JobDead, 2).await;
    node.tell(EventKind::ImportDone, 3).await;
    until("it is up to date", async || node.is_up_to_date(&webhook).await).await;
    assert_eq!(receiver.numbers(), [Some(2)]);
    let mut tx = db.begin().await.unwrap();
    let asked = node.engine.ask_webhook_test(&mut tx, webhook.id).await.unwrap();
    tx.commit().await.unwrap();
    receiver.answer_first(&[410]);
    let refused = node.engine.test_webhook(asked.clone()).await.unwrap().unwrap_err();
    assert_eq!(refused, "127.0.0.1 answered 410");
    node.engine.test_webhook(asked.clone()).await.unwrap().unwrap();
    let got = receiver.got();
    got.iter().for_each(|got| node.verify(got));
    assert_eq!(serde_json::from_str::<Value>(&got[2].body).unwrap()["kind"], json!("test"));
    let mut tx = db.begin().await.unwrap();
    node.engine.remove_webhook(&mut tx, webhook.id).await.unwrap();
    node.engine.remove_webhook(&mut tx, webhook.id).await.unwrap_err();
    tx.commit().await.unwrap();
    node.tell(EventKind::JobDead, 4).await;
    assert_eq!(node.engine.test_webhook(asked).await.unwrap(), Err("it was removed".to_owned()));
    assert_eq!(receiver.got().len(), 3);
}

async fn a_filter_is_asked_when_an_event_is_told(db: &Db) {
    let (receiver, node) = (Receiver::start().await, Node::start(db, &["127.0.0.0/8"]));
    let (prod, lab) = (node.tagged("192.0.2.7", "prod").await, node.tagged("192.0.2.8", "lab").await);
    let kinds = [EventKind::FindingOpened, EventKind::FindingMoved, EventKind::FindingEnded, EventKind::ImportDone];
    let webhook = node.add_for(&receiver.url(), &kinds, "TAG:prod and not state:stale").await.unwrap();
    assert_eq!(webhook.filter, "tag:prod not state:stale");
    let strength = Strength::PackageDatabase;
    let detected = || Fact::Detected { version: "1".to_owned(), strength, cause: OpenedBy::Detected };
    node.learn(lab, detected()).await;
    node.learn(prod, detected()).await;
    node.tell(EventKind::ImportDone, 7).await;
    until("it is up to date", async || node.is_up_to_date(&webhook).await).await;
    // What the finding is by then counts: one that is stale is not told of, and one that has ended is.
    for fact in [Fact::Unseen, Fact::Absent { cause: FixedCause::Removed, version: None, strength }] {
        node.wait();
        node.learn(prod, fact.clone()).await;
        node.learn(lab, fact).await;
        until("it is up to date", async || node.is_up_to_date(&webhook).await).await;
    }
    let told = |got: &Got| {
        let body: Value = serde_json::from_str(&got.body).unwrap();
        (body["kind"].as_str().unwrap().to_owned(), body["asset"]["id"].as_str().map(str::to_owned))
    };
    let told: Vec<_> = receiver.got().iter().map(told).collect();
    let of_prod = |kind: &str| (kind.to_owned(), Some(prod.to_string()));
    assert_eq!(told, [of_prod("finding.opened"), ("import.done".to_owned(), None), of_prod("finding.ended")]);

    let refused = node.add_for(&receiver.url(), &kinds, "tir:P0").await.unwrap_err();
    assert!(refused.is::<engine::Invalid>() && refused.to_string().contains("did you mean"), "{refused}");
    // A filter that another version wrote and this one cannot read holds nothing back silently.
    let strange = Webhook { filter: "new_field:1".to_owned(), ..webhook };
    let refused = node.engine.test_webhook(strange).await.unwrap().unwrap_err();
    assert!(refused.contains("its filter cannot be read: at character 1"), "{refused}");
}

async fn an_event_that_is_never_taken_is_given_up_and_the_next_is_tried(db: &Db) {
    let (receiver, node) = (Receiver::start().await, Node::start(db, &["127.0.0.0/8"]));
    let webhook = node.add(&receiver.url(), &[EventKind::ImportDone]).await.unwrap();
    receiver.answer_first(&vec![400; ATTEMPTS_MAX as usize]);
    node.tell(EventKind::ImportDone, 1).await;
    node.tell(EventKind::ImportDone, 2).await;
    until("the first is given up", async || {
        // Time passes only while nobody has the job: who takes hours for an attempt has lost it.
        if node.jobs(&[JobState::Ready]).await.iter().any(|job| job.run_at > node.engine.now()) {
            node.wait();
        }
        !node.jobs(&[JobState::Dead]).await.is_empty()
    })
    .await;
    until("the second is taken", async || node.is_up_to_date(&webhook).await).await;
    let mut expected = vec![Some(1); ATTEMPTS_MAX as usize];
    expected.push(Some(2));
    assert_eq!(receiver.numbers(), expected);
    let dead = node.jobs(&[JobState::Dead]).await;
    let error = dead[0].last_error.as_deref().unwrap();
    assert!(error.contains(&receiver.got()[0].id) && error.contains("400"), "the dead letter names its event: {error}");
}

async fn what_was_forgotten_before_it_was_told_is_said_to_be_lost(db: &Db) {
    let (receiver, node) = (Receiver::start().await, Node::start(db, &["127.0.0.0/8"]));
    receiver.answer_first(&[503]);
    let webhook = node.add(&receiver.url(), &[]).await.unwrap();
    node.tell(EventKind::ImportDone, 1).await;
    until("an attempt fails", async || node.jobs(&[JobState::Ready]).await.iter().any(|job| job.attempts == 1)).await;
    let later = node.engine.now() + SignedDuration::from_hours(1);
    let mut tx = db.begin().await.unwrap();
    assert_eq!(store::outbox::prune(&mut tx, later, later).await.unwrap(), 1);
    tx.commit().await.unwrap();
    node.tell(EventKind::ImportDone, 2).await;
    node.wait();
    until("it is up to date", async || node.is_up_to_date(&webhook).await).await;
    let kinds: Vec<Value> =
        receiver.got().iter().map(|got| serde_json::from_str::<Value>(&got.body).unwrap()["kind"].clone()).collect();
    assert_eq!(kinds, ["import.done", "lost", "import.done"]);
}

async fn nothing_goes_to_an_address_that_is_not_allowed(db: &Db) {
    let receiver = Receiver::start().await;
    let node = Node::start(db, &["192.0.2.0/24"]);
    let by_name = format!("http://localhost:{}/hook?of=vigie", receiver.port);
    for url in [receiver.url(), receiver.url().replace("http:", "https:"), "https://169.254.169.254/".to_owned()] {
        let refused = node.add(&url, &[]).await.unwrap_err();
        assert!(refused.is::<engine::Invalid>(), "{refused}");
    }
    // What a name stands for is known when it is resolved, each time.
    let plain = node.add(&by_name, &[]).await.unwrap();
    let tls = node.add(&by_name.replace("http:", "https:"), &[]).await.unwrap();
    for webhook in [&plain, &tls] {
        let refused = node.engine.test_webhook(webhook.clone()).await.unwrap().unwrap_err();
        assert!(refused.contains("--allow-destination"), "{refused}");
    }
    node.tell(EventKind::ImportDone, 1).await;
    until("both fail", async || {
        let jobs = node.jobs(&[JobState::Ready]).await;
        jobs.len() == 2 && jobs.iter().all(|job| job.attempts == 1)
    })
    .await;
    assert!(node.webhook(&plain).await.last_error.is_some_and(|error| error.contains("--allow-destination")));
    assert_eq!(receiver.got().len(), 0);
}

async fn a_secret_is_bound_to_its_receiver(db: &Db) {
    let (receiver, node) = (Receiver::start().await, Node::start(db, &["127.0.0.0/8"]));
    let webhook = node.add(&receiver.url(), &[EventKind::JobDead]).await.unwrap();
    let noted = store::audit::list(db, None, 10).await.unwrap();
    let told = noted[0].after.clone().unwrap();
    assert_eq!(noted[0].what, "webhook.add");
    assert!(told.contains("127.0.0.1") && !told.contains("hook?") && !told.contains("whsec_"), "{told}");
    // Somebody has changed the database so that it leads elsewhere.
    let moved = Webhook { url: receiver.url().replace("vigie", "mallory"), ..webhook };
    let refused = node.engine.test_webhook(moved).await.unwrap().unwrap_err();
    assert!(refused.contains("cannot be opened"), "{refused}");
    assert_eq!(receiver.got().len(), 0);
}

testkit::contract!(
    events_arrive_signed_in_order_and_at_least_once,
    a_webhook_hears_what_it_asked_for_until_it_is_removed,
    a_filter_is_asked_when_an_event_is_told,
    an_event_that_is_never_taken_is_given_up_and_the_next_is_tried,
    what_was_forgotten_before_it_was_told_is_said_to_be_lost,
    nothing_goes_to_an_address_that_is_not_allowed,
    a_secret_is_bound_to_its_receiver,
);
