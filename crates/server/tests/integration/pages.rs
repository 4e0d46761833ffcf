//! What a browser gets, built page or not.

use axum::http::{Method, StatusCode, header};

use crate::app::App;

#[tokio::test]
async fn every_page_is_the_application_under_a_strict_policy() {
    let app = App::start().await;
    for path in ["/", "/assets-of-mine", "/vulnerabilities/CVE-2099-0001", "/setup"] {
        let page = app.send(Method::GET, path, None, None).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!page.text.contains("__CSP_NONCE__"));
        assert_eq!(page.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}

#[tokio::test]
async fn what_is_missing_is_missing() {
    let app = App::start().await;
    let endpoint = app.send(Method::GET, "/api/v1/nothing", None, None).await;
    assert_eq!(endpoint.status, StatusCode::NOT_FOUND);
    assert_eq!(endpoint.headers[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(app.send(Method::GET, "/static/none.js", None, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.send(Method::GET, "/healthz", None, None).await.text, "ok");
    assert_eq!(app.send(Method::GET, "/readyz", None, None).await.text, "ok");
}
