//! `vigie cvss`: vectors in, scores out.

use std::io::{self, BufRead, Read as _, Write};

use domain::cvss::{Score, Vector, Version};
use serde::Serialize;

/// A longer line is no vector; its rest is skipped.
const LINE_BYTES_MAX: u64 = 4096;

/// Reads one vector a line and prints one JSON object for each line, a blank or broken one included.
pub(crate) fn run(input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut *input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let answer = if line.last() == Some(&b'\n') || (line.len() as u64) < LINE_BYTES_MAX {
            answer(&line)
        } else {
            skip_line(input)?;
            Answer::Error { error: format!("the line has more than {LINE_BYTES_MAX} bytes") }
        };
        serde_json::to_writer(&mut *output, &answer)?;
        output.write_all(b"\n")?;
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Scores(Scores),
    Error { error: String },
}

#[derive(Serialize)]
struct Scores {
    version: Version,
    base: f64,
    /// 2.0 and 3.x.
    #[serde(skip_serializing_if = "Option::is_none")]
    temporal: Option<f64>,
    /// 4.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    threat: Option<f64>,
    /// The final score, threat included.
    #[serde(skip_serializing_if = "Option::is_none")]
    environmental: Option<f64>,
    /// Of the score that takes in most.
    severity: &'static str,
}

fn answer(line: &[u8]) -> Answer {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Ok(text) = std::str::from_utf8(line) else {
        return Answer::Error { error: "the line is not UTF-8".to_owned() };
    };
    match Vector::parse(text) {
        Ok(vector) => Answer::Scores(Scores {
            version: vector.version(),
            base: vector.base().as_f64(),
            temporal: vector.temporal().map(Score::as_f64),
            threat: vector.threat().map(Score::as_f64),
            environmental: vector.environmental().map(Score::as_f64),
            severity: vector.version().severity(vector.overall()).as_str(),
        }),
        Err(error) => Answer::Error { error: error.to_string() },
    }
}

fn skip_line(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |at| at + 1);
        input.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &[u8], expected: &[&str]) {
        let mut output = Vec::new();
        run(&mut &*input, &mut output).expect("memory does not fail");
        let text = String::from_utf8(output).expect("JSON is UTF-8");
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn one_object_a_line() {
        check(
            b"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\n\
              CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/MAV:L\n\
              AV:N/AC:L/Au:N/C:C/I:C/A:C/E:F/RL:OF/RC:C/CDP:H/TD:H/CR:M/IR:M/AR:L\r\n\
              CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U",
            &[
                r#"{"version":"3.1","base":9.8,"severity":"Critical"}"#,
                r#"{"version":"3.1","base":9.8,"temporal":9.0,"environmental":7.7,"severity":"High"}"#,
                r#"{"version":"2.0","base":10.0,"temporal":8.3,"environmental":9.0,"severity":"High"}"#,
                r#"{"version":"4.0","base":9.3,"threat":8.1,"severity":"High"}"#,
            ],
        );
    }

    #[test]
    fn every_line_has_its_answer() {
        let mut input = b"\n\xff\n".to_vec();
        input.extend(std::iter::repeat_n(b'A', 10_000));
        input.extend(b"\nAV:L/AC:H/Au:M/C:N/I:N/A:N\n");
        check(
            &input,
            &[
                r#"{"error":"the vector is empty"}"#,
                r#"{"error":"the line is not UTF-8"}"#,
                r#"{"error":"the line has more than 4096 bytes"}"#,
                r#"{"version":"2.0","base":0.0,"severity":"Low"}"#,
            ],
        );
    }
}
