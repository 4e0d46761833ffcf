//! What a browser gets, built page or not.

use axum::http::{Method, StatusCode, header};

use crate::app::App;

#[tokio::test]
async fn every_page_is_the_application_under_a_strict_policy() {
    let app = App::start().await;
    let mut policies = Vec::new();
    for path in ["/", "/assets", "/assets/0190", "/vulnerabilities/CVE-2099-0001", "/setup", "/%3Cscript%3E", "/../x"] {
        let page = app.send(Method::GET, path, None, None).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(page.headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(!page.text.contains("__CSP_NONCE__"));
        policies.push(policy);
    }
    policies.sort();
    let count = policies.len();
    policies.dedup();
    assert_eq!(policies.len(), count, "each answer has a nonce of its own");
}

/// Embedded in debug builds too, so that what is tested is what is handed out.
#[tokio::test]
async fn the_page_s_files_are_in_the_binary_and_kept_by_browsers() {
    let app = App::start().await;
    let page = app.send(Method::GET, "/", None, None).await;
    let scripts: Vec<&str> = page.text.split('"').filter(|part| part.starts_with("/static/")).collect();
    if scripts.is_empty() {
        assert!(page.text.contains("its page was not built"), "{}", page.text);
        return;
    }
    for path in scripts {
        let file = app.send(Method::GET, path, None, None).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        assert_eq!(file.headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        let kind = file.headers[header::CONTENT_TYPE].to_str().unwrap();
        assert!(kind.starts_with("text/javascript") || kind.starts_with("text/css"), "{path}: {kind}");
        let head = app.send(Method::HEAD, path, None, None).await;
        assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
    }
}

#[tokio::test]
async fn what_is_missing_is_missing() {
    let app = App::start().await;
    app.send(Method::GET, "/static/none.js", None, None).await.problem(StatusCode::NOT_FOUND);
    app.send(Method::GET, "/static/../index.html", None, None).await.problem(StatusCode::NOT_FOUND);
    assert_eq!(app.send(Method::GET, "/healthz", None, None).await.text, "ok");
    assert_eq!(app.send(Method::GET, "/readyz", None, None).await.text, "ok");
}
