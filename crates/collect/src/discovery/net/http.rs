//! One plain HTTP question, and what the answer says of the server.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::banner::{TEXT_CHARS_MAX, read_until};
use crate::connectors::printable;

/// Headers and the start of the page.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
const PART_CHARS_MAX: usize = 120;

/// Asks for `/`. `None`: whatever speaks there, it is not HTTP.
pub(super) async fn question(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Option<String> {
    stream.write_all(b"GET / HTTP/1.0\r\nUser-Agent: Vigie\r\nAccept: text/html, */*\r\n\r\n").await.ok()?;
    let mut answer = Vec::new();
    read_until(stream, &mut answer, ANSWER_BYTES_MAX, |bytes| find(bytes, b"</title").is_some()).await;
    parse(&answer)
}

/// Status line, `Server` header and title: `HTTP/1.0 200 OK · vigie-demo/1.0 · "Vigie demo"`.
fn parse(answer: &[u8]) -> Option<String> {
    if !answer.starts_with(b"HTTP/") {
        return None;
    }
    let head_end = find(answer, b"\r\n\r\n").or_else(|| find(answer, b"\n\n")).unwrap_or(answer.len());
    let (head, page) = answer.split_at(head_end);
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut text = printable(lines.next().unwrap_or_default(), PART_CHARS_MAX);
    let server = lines.find_map(|line| {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        name.eq_ignore_ascii_case(b"server").then(|| printable(&value[1..], PART_CHARS_MAX))
    });
    if let Some(server) = server.filter(|server| !server.is_empty()) {
        text.push_str(" · ");
        text.push_str(&server);
    }
    if let Some(title) = title(page).filter(|title| !title.is_empty()) {
        text.push_str(&format!(" · \"{title}\""));
    }
    Some(text.chars().take(TEXT_CHARS_MAX).collect())
}

fn title(page: &[u8]) -> Option<String> {
    let element = &page[find(page, b"<title")?..];
    let content = &element[element.iter().position(|byte| *byte == b'>')? + 1..];
    let content = &content[..find(content, b"</title").unwrap_or(content.len())];
    Some(printable(content, PART_CHARS_MAX))
}

/// The first place of a text, whatever its letter case.
fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str) -> Option<String> {
        parse(answer.as_bytes())
    }

    #[test]
    fn an_answer_tells_status_server_and_title() {
        assert_eq!(
            check("HTTP/1.1 200 OK\r\nserver: nginx\r\n\r\n<html><TITLE lang=en>\n Home </title>").as_deref(),
            Some("HTTP/1.1 200 OK · nginx · \"Home\"")
        );
        assert_eq!(check("HTTP/1.0 404 Not Found\n\n").as_deref(), Some("HTTP/1.0 404 Not Found"));
        assert_eq!(check("HTTP/1.0 200\r\nServer:\r\n\r\n<title></title>").as_deref(), Some("HTTP/1.0 200"));
        assert_eq!(check("220 mail ready\r\n"), None);
        assert_eq!(check(""), None);
    }

    #[test]
    fn a_hostile_answer_is_cut_and_printable() {
        let answer = format!("HTTP/1.0 200\x07\r\nServer: {}\r\n\r\n<title>\x1b]0;x", "s".repeat(9000));
        let text = check(&answer).unwrap();
        assert!(text.starts_with("HTTP/1.0 200\u{fffd} · sss") && text.ends_with("\"\u{fffd}]0;x\""), "{text}");
        assert!(text.chars().count() <= TEXT_CHARS_MAX && !text.contains(char::is_control));
    }

    proptest::proptest! {
        #[test]
        fn no_answer_breaks_its_reader(tail: Vec<u8>) {
            let text = parse(&[b"HTTP/1.0 200\r\nServer: x\r\n\r\n<title>", &tail[..]].concat()).unwrap();
            proptest::prop_assert!(text.chars().count() <= TEXT_CHARS_MAX && !text.contains(char::is_control));
            parse(&tail);
        }
    }
}
