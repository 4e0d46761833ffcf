//! Pulling from a registry: tokens, digests, limits, redirects. What Debian's own registry does is tested with the binary.

use std::time::Duration;

use outside::image::{Image, ImageError, Login, Platform, Reference, Registry, Wanted};
use outside::{ClientOptions, NeverTouch};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

/// A registry with one image of one layer, under `app`.
struct Served {
    server: MockServer,
    layer: Vec<u8>,
    manifest: Vec<u8>,
}

impl Served {
    async fn new() -> Self {
        let layer = b"not looked into here".to_vec();
        let config = json!({"os": "linux", "architecture": "riscv64", "rootfs": {"diff_ids": [digest(&layer)]}});
        let config = config.to_string().into_bytes();
        let manifest = json!({"schemaVersion": 2, "config": descriptor(CONFIG, &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)]});
        let manifest = manifest.to_string().into_bytes();
        let served = Self { server: MockServer::start().await, layer, manifest };
        served.blob(&config).await;
        served
    }

    async fn get(&self, at: &str, response: ResponseTemplate) {
        Mock::given(method("GET")).and(path(format!("/v2/app/{at}"))).respond_with(response).mount(&self.server).await;
    }

    async fn blob(&self, bytes: &[u8]) {
        self.get(&format!("blobs/{}", digest(bytes)), ok(bytes)).await;
    }

    async fn pull(&self, login: Option<Login>, platform: Option<&Platform>) -> Result<Image, ImageError> {
        self.pull_past(login, platform, &NeverTouch::default()).await
    }

    async fn pull_past(
        &self,
        login: Option<Login>,
        platform: Option<&Platform>,
        never_touch: &NeverTouch,
    ) -> Result<Image, ImageError> {
        let reference: Reference = format!("{}/app:1", self.server.address()).parse().expect("a reference");
        let options = ClientOptions { first_pause: Duration::from_millis(1), attempts: 2, ..ClientOptions::default() };
        let spool = tempfile::tempdir().expect("a folder");
        let registry = Registry::new(&reference, login, false, never_touch, options).await?;
        registry.pull(Wanted { platform, spool: spool.path() }).await
    }

    async fn refused(&self) -> String {
        self.pull(None, None).await.expect_err("it is refused").to_string()
    }
}

fn ok(bytes: &[u8]) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_bytes(bytes)
}

#[tokio::test]
async fn a_platform_is_chosen_from_an_index() {
    let served = Served::new().await;
    served.blob(&served.layer).await;
    let mut image = descriptor("", &served.manifest);
    image["platform"] = json!({"os": "linux", "architecture": "riscv64"});
    let mut other = image.clone();
    other["platform"]["architecture"] = "s390x".into();
    other["digest"] = digest(b"never fetched").into();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [other, image]}).to_string();
    served.get("manifests/1", ok(index.as_bytes())).await;
    served.get(&format!("manifests/{}", digest(&served.manifest)), ok(&served.manifest)).await;

    let riscv: Platform = "linux/riscv64".parse().expect("a platform");
    let image = served.pull(None, Some(&riscv)).await.expect("it is there");
    assert_eq!(image.digest.map(|digest| digest.to_string()), Some(digest(&served.manifest)));
    assert_eq!((image.config.architecture.as_str(), image.layers.len()), ("riscv64", 1));
    assert!(served.refused().await.contains("it has linux/s390x, linux/riscv64"), "no guess between several");
}

#[tokio::test]
async fn a_token_is_fetched_with_the_login_and_shown_to_the_registry_alone() {
    let served = Served::new().await;
    let realm = format!("Bearer realm=\"{}/token\",service=\"here\"", served.server.uri());
    let challenge = ResponseTemplate::new(401).insert_header("www-authenticate", realm.as_str());
    Mock::given(path("/token"))
        .and(query_param("service", "here"))
        .and(query_param("scope", "repository:app:pull"))
        .and(header("authorization", "Basic YW5hOnNlY3JldA=="))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"access_token": "t0ken"})))
        .mount(&served.server)
        .await;
    for (at, bytes) in [("manifests/1".to_owned(), &served.manifest), (blob_of(&served), &served.layer)] {
        Mock::given(path(format!("/v2/app/{at}")))
            .and(header("authorization", "Bearer t0ken"))
            .respond_with(ok(bytes))
            .with_priority(1)
            .mount(&served.server)
            .await;
        served.get(&at, challenge.clone()).await;
    }
    let login = || Login { user: "ana".to_owned(), password: SecretString::from("secret") };
    assert!(served.pull(Some(login()), None).await.is_ok());
    assert!(!format!("{:?}", login()).contains("secret"));
}

fn blob_of(served: &Served) -> String {
    format!("blobs/{}", digest(&served.layer))
}

#[tokio::test]
async fn a_token_server_without_tls_on_another_host_gets_no_login() {
    let served = Served::new().await;
    let realm = "Bearer realm=\"http://elsewhere.invalid/token\"";
    served.get("manifests/1", ResponseTemplate::new(401).insert_header("www-authenticate", realm)).await;
    let said = served.refused().await;
    assert!(said.ends_with("its token server http://elsewhere.invalid/token is another host without TLS"), "{said}");
}

#[tokio::test]
async fn what_is_not_what_its_digest_says_is_refused() {
    let served = Served::new().await;
    served.get("manifests/1", ok(&served.manifest)).await;
    served.get(&blob_of(&served), ok(b"not looked into her3")).await;
    let said = served.refused().await;
    assert!(said.contains("is not what its digest says"), "{said}");
}

#[tokio::test]
async fn a_layer_is_no_longer_than_the_manifest_says() {
    let served = Served::new().await;
    served.get("manifests/1", ok(&served.manifest)).await;
    served.get(&blob_of(&served), ok(&[b'x'; 5000])).await;
    let said = served.refused().await;
    assert!(said.contains("holds more than 20 bytes"), "{said}");
}

#[tokio::test]
async fn blobs_may_stand_elsewhere_on_the_host_and_not_without_tls_on_another() {
    let served = Served::new().await;
    served.get("manifests/1", ok(&served.manifest)).await;
    let elsewhere = ResponseTemplate::new(307).insert_header("location", "/stored");
    served.get(&blob_of(&served), elsewhere).await;
    Mock::given(path("/stored")).respond_with(ok(&served.layer)).mount(&served.server).await;
    assert!(served.pull(None, None).await.is_ok());

    let served = Served::new().await;
    let away = ResponseTemplate::new(307).insert_header("location", "http://elsewhere.invalid/stored");
    served.get("manifests/1", away).await;
    let said = served.refused().await;
    assert!(said.contains("leaves TLS: refused"), "{said}");
}

#[tokio::test]
async fn a_busy_registry_is_asked_again_and_a_missing_image_is_not() {
    let served = Served::new().await;
    Mock::given(path("/v2/app/manifests/1"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&served.server)
        .await;
    served.get("manifests/1", ok(&served.manifest)).await;
    served.blob(&served.layer).await;
    assert!(served.pull(None, None).await.is_ok());

    let empty = Served::new().await;
    let said = empty.refused().await;
    assert!(said.contains("has no image"), "{said}");
    // The first question is whether the registry speaks TLS, which nobody counts.
    let asked = empty.server.received_requests().await.expect("requests are kept");
    assert_eq!(asked.iter().filter(|request| request.url.path().contains("manifests")).count(), 1);
}

#[tokio::test]
async fn a_forbidden_range_is_never_touched() {
    let served = Served::new().await;
    let never_touch = NeverTouch::parse(&["127.0.0.0/8"]).expect("a range");
    let error = served.pull_past(None, None, &never_touch).await.expect_err("it is forbidden");
    assert!(matches!(error, ImageError::Forbidden(_)), "{error}");
    assert_eq!(served.server.received_requests().await.map(|requests| requests.len()), Some(0));
}
