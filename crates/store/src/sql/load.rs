//! Writing very many rows: by COPY where the engine has it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Value, insert_rows};
use crate::db::{Tx, TxEngine};
use crate::error::StoreError;

/// Fewer rows than this are inserted: COPY is one more message each way.
const FEW: usize = 32;

/// Writes rows into a table. `columns` are those of the rows, in their order.
pub(crate) async fn load_rows(
    tx: &mut Tx,
    doing: &'static str,
    table: &str,
    columns: &str,
    rows: Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let copy_in = if rows.len() < FEW { None } else { tx.dialect().copy_in(table, columns) };
    if let (Some(text), TxEngine::Postgres(tx, server)) = (copy_in, &mut tx.engine) {
        let failed = |source| StoreError::query(doing, source);
        let lines = rows.iter().fold(String::new(), |mut lines, row| {
            push_row(&mut lines, row);
            lines
        });
        drop(rows);
        let given_up = GivenUp(Some(&server.has_given_up));
        let copying = async {
            let mut copy = tx.copy_in_raw(&text).await?;
            copy.send(lines.as_bytes()).await?;
            copy.finish().await.map(drop)
        };
        let copied = server.unless_left(copying).await.map_err(failed);
        given_up.not();
        return copied;
    }
    insert_rows(tx, doing, &format!("insert into {table} ({columns})"), "", rows).await
}

/// Says that something was given up, unless it came to its end.
struct GivenUp<'a>(Option<&'a AtomicBool>);

impl GivenUp<'_> {
    fn not(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if let Some(given_up) = self.0 {
            given_up.store(true, Ordering::Relaxed);
        }
    }
}

/// A line of COPY's text form: tabs between values, `\N` for null, backslashes before what has a meaning.
fn push_row(lines: &mut String, row: &[Value]) {
    for (index, value) in row.iter().enumerate() {
        if index > 0 {
            lines.push('\t');
        }
        push_value(lines, value);
    }
    lines.push('\n');
}

fn push_value(lines: &mut String, value: &Value) {
    let written = match value {
        Value::Int(Some(number)) => write!(lines, "{number}"),
        Value::Uuid(Some(id)) => write!(lines, "{id}"),
        Value::Bool(Some(value)) => write!(lines, "{value}"),
        Value::Bytes(Some(bytes)) => write!(lines, "\\\\x{}", hex::encode(bytes)),
        Value::Text(Some(text)) => {
            push_text(lines, text);
            Ok(())
        }
        Value::Int(None) | Value::Uuid(None) | Value::Bool(None) | Value::Bytes(None) | Value::Text(None) => {
            lines.push_str("\\N");
            Ok(())
        }
    };
    written.expect("a string takes everything");
}

fn push_text(lines: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\\' => lines.push_str("\\\\"),
            '\t' => lines.push_str("\\t"),
            '\n' => lines.push_str("\\n"),
            '\r' => lines.push_str("\\r"),
            other => lines.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_is_escaped() {
        let mut lines = String::new();
        push_row(
            &mut lines,
            &[
                Value::Int(Some(-7)),
                Value::Int(None),
                Value::from("a\tb\\N\r\n\\."),
                Value::from(""),
                Value::Bytes(Some(vec![0, 255])),
                Value::Bytes(Some(Vec::new())),
                Value::Bool(Some(true)),
                Value::Uuid(Some(uuid::Uuid::nil())),
            ],
        );
        let expected =
            "-7\t\\N\ta\\tb\\\\N\\r\\n\\\\.\t\t\\\\x00ff\t\\\\x\ttrue\t00000000-0000-0000-0000-000000000000\n";
        assert_eq!(lines, expected);
    }
}
