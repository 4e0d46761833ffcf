//! Every table and column of the schema, in an order in which rows may be written: what is referred to comes first.
//!
//! The change log and the events are left out: their numbers are about one database, and a restored one begins its own.

pub(super) use super::kind::{Column, Kind};
use Kind::{Bool, Bytes, Int, Text, Uuid};

/// One table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    /// Orders the rows, so that equal databases have equal backups.
    pub(super) key: &'static str,
    /// The column that the engine numbers.
    pub(super) identity: Option<&'static str>,
}

pub(super) const TABLES: &[Table] = &[
    table("meta", "key", &[("key", Text), ("value", Text)]),
    table(
        "asset",
        "id",
        &[
            ("id", Uuid),
            ("tail", Int),
            ("name", Text),
            ("way", Text),
            ("identity", Text),
            ("platform", Text),
            ("tags", Text),
            ("services", Text),
            ("first_seen_at", Int),
            ("last_seen_at", Int),
            ("last_inspected_at", Int),
            ("last_error", Text),
            ("retired_at", Int),
            ("merged_into", Uuid),
            ("merged_tags", Text),
            ("retired_as", Text),
            ("retired_because", Text),
            ("unreachable_since", Int),
            ("unanswered_first_at", Int),
            ("unanswered_at", Int),
        ],
    ),
    table(
        "asset_identifier",
        "asset_id, kind, value",
        &[("asset_id", Uuid), ("kind", Text), ("value", Text), ("first_seen_at", Int), ("last_seen_at", Int)],
    ),
    table(
        "sighting",
        "asset_id, source, address",
        &[
            ("asset_id", Uuid),
            ("source", Text),
            ("address", Text),
            ("services", Text),
            ("ssh_host_key", Text),
            ("first_observed_at", Int),
            ("observed_at", Int),
            ("record_id", Uuid),
        ],
    ),
    Table {
        name: "component",
        columns: &[
            ("id", Int),
            ("digest", Text),
            ("ecosystem", Text),
            ("source", Text),
            ("source_version", Text),
            ("name", Text),
            ("version", Text),
            ("arch", Text),
            ("path", Text),
            ("kernel", Text),
            ("module", Text),
            ("origin", Text),
            ("owner", Text),
            ("cpe", Text),
            ("layer", Text),
        ],
        key: "id",
        identity: Some("id"),
    },
    Table {
        name: "package",
        columns: &[
            ("id", Int),
            ("digest", Text),
            ("ecosystem", Text),
            ("distribution", Text),
            ("release", Text),
            ("name", Text),
            ("place", Text),
        ],
        key: "id",
        identity: Some("id"),
    },
    Table { name: "vulnerability", columns: &[("id", Int), ("public_id", Text)], key: "id", identity: Some("id") },
    table("inspection_part", "asset_id, digest", &[("asset_id", Uuid), ("digest", Text), ("bytes", Bytes)]),
    table(
        "inspection",
        "asset_id, id",
        &[
            ("asset_id", Uuid),
            ("id", Uuid),
            ("observed_at", Int),
            ("recorded_at", Int),
            ("way", Text),
            ("complete", Bool),
            ("knowledge", Text),
            ("components", Text),
            ("facts", Text),
            ("undecided", Text),
            ("undecided_count", Int),
            ("record_id", Uuid),
        ],
    ),
    Table {
        name: "defect",
        columns: &[("id", Int), ("digest", Text), ("code", Int), ("package_id", Int), ("vulnerability_id", Int)],
        key: "id",
        identity: Some("id"),
    },
    Table {
        name: "match",
        columns: &[
            ("id", Int),
            ("digest", Text),
            ("version", Text),
            ("source", Text),
            ("advisory", Text),
            ("status", Text),
            ("urgency", Text),
            ("fixed_version", Text),
            ("restart_needed", Bool),
            ("confidence", Text),
            ("places", Bytes),
        ],
        key: "id",
        identity: Some("id"),
    },
    table(
        "recording",
        "asset_id, seq",
        &[("asset_id", Uuid), ("seq", Int), ("at", Int), ("cause", Text), ("record_id", Uuid)],
    ),
    table(
        "finding",
        "asset_id, defect_id",
        &[
            ("asset_id", Uuid),
            ("defect_id", Int),
            ("match_id", Int),
            ("state", Text),
            ("detected_at", Int),
            ("moved_at", Int),
            ("recording", Int),
            ("more", Text),
        ],
    ),
    table(
        "episode",
        "asset_id, defect_id, number",
        &[
            ("asset_id", Uuid),
            ("defect_id", Int),
            ("number", Int),
            ("opened_by", Text),
            ("detected_at", Int),
            ("confirmed_at", Int),
            ("ended_at", Int),
        ],
    ),
    table(
        "finding_event",
        "asset_id, defect_id, seq",
        &[
            ("asset_id", Uuid),
            ("defect_id", Int),
            ("seq", Int),
            ("recording", Int),
            ("observed_at", Int),
            ("change", Text),
            ("fact", Text),
        ],
    ),
    table(
        "scope",
        "id",
        &[
            ("id", Uuid),
            ("name", Text),
            ("selector", Text),
            ("confidentiality", Text),
            ("integrity", Text),
            ("availability", Text),
            ("exposure", Text),
            ("cadence_seconds", Int),
            ("threshold_tenths", Int),
        ],
    ),
    table(
        "credential",
        "id",
        &[
            ("id", Uuid),
            ("name", Text),
            ("kind", Text),
            ("login", Text),
            ("destinations", Text),
            ("sudo", Bool),
            ("sealed_secret", Bytes),
            ("sealed_passphrase", Bytes),
        ],
    ),
    table("host_key", "destination", &[("destination", Text), ("public_key", Text), ("pinned_at", Int)]),
    table("user", "id", &[("id", Uuid), ("name", Text), ("password_hash", Text), ("role", Text), ("created_at", Int)]),
    table(
        "session",
        "id",
        &[("id", Uuid), ("token_hash", Text), ("user_id", Uuid), ("created_at", Int), ("expires_at", Int)],
    ),
    table("setup_token", "token_hash", &[("token_hash", Text), ("expires_at", Int)]),
    table(
        "job",
        "id",
        &[
            ("id", Uuid),
            ("kind", Text),
            ("key", Text),
            ("payload", Text),
            ("priority", Int),
            ("state", Text),
            ("run_at", Int),
            ("attempts", Int),
            ("attempts_max", Int),
            ("holder", Text),
            ("lease_until", Int),
            ("last_error", Text),
            ("created_at", Int),
            ("ended_at", Int),
            ("lane", Text),
            ("segment", Text),
            ("asked_by", Text),
            ("started_at", Int),
            ("cancel_asked_at", Int),
            ("progress_done", Int),
            ("progress_total", Int),
            ("progress_text", Text),
        ],
    ),
    table(
        "schedule",
        "name",
        &[("name", Text), ("kind", Text), ("payload", Text), ("every_seconds", Int), ("next_at", Int)],
    ),
    table(
        "run",
        "asset_id, id",
        &[
            ("asset_id", Uuid),
            ("id", Uuid),
            ("action", Text),
            ("plan", Text),
            ("state", Text),
            ("detail", Text),
            ("node", Text),
            ("created_at", Int),
            ("output", Text),
        ],
    ),
    table(
        "run_event",
        "asset_id, run_id, seq",
        &[("asset_id", Uuid), ("run_id", Uuid), ("seq", Int), ("at", Int), ("detail", Text)],
    ),
    Table {
        name: "audit",
        columns: &[
            ("seq", Int),
            ("at", Int),
            ("actor", Text),
            ("what", Text),
            ("subject", Text),
            ("old_value", Text),
            ("new_value", Text),
            ("previous", Text),
            ("hash", Text),
        ],
        key: "seq",
        identity: Some("seq"),
    },
    table("audit_head", "id", &[("id", Int), ("seq", Int), ("hash", Text)]),
    table(
        "node",
        "id",
        &[
            ("id", Uuid),
            ("name", Text),
            ("scope_id", Uuid),
            ("token_hash", Text),
            ("public_key", Text),
            ("created_at", Int),
            ("last_seen_at", Int),
            ("removed_at", Int),
            ("version", Text),
        ],
    ),
    table(
        "report_scope",
        "asset_id, id",
        &[
            ("asset_id", Uuid),
            ("id", Uuid),
            ("digest", Text),
            ("tool", Text),
            ("category", Text),
            ("branch", Text),
            ("path", Text),
            ("observed_at", Int),
            ("recorded_at", Int),
            ("record_id", Uuid),
        ],
    ),
    table(
        "report_entry",
        "asset_id, scope_id, identity",
        &[
            ("asset_id", Uuid),
            ("scope_id", Uuid),
            ("identity", Text),
            ("finding", Text),
            ("rule", Text),
            ("severity", Text),
            ("message", Text),
            ("path", Text),
            ("url", Text),
            ("object", Text),
            ("line", Int),
            ("suppressed", Text),
            ("first_at", Int),
            ("gone_at", Int),
        ],
    ),
    table(
        "record",
        "id",
        &[("id", Uuid), ("asset_id", Uuid), ("digest", Text), ("source", Text), ("native_key", Text)],
    ),
    table(
        "record_identifier",
        "record_id, kind, scope, value",
        &[
            ("record_id", Uuid),
            ("kind", Text),
            ("scope", Text),
            ("value", Text),
            ("first_seen_at", Int),
            ("last_seen_at", Int),
        ],
    ),
    table("record_link", "a, b", &[("a", Uuid), ("b", Uuid), ("joined", Bool)]),
    table(
        "identity_case",
        "a, b, question",
        &[("a", Uuid), ("b", Uuid), ("question", Text), ("proof", Text), ("since_at", Int)],
    ),
    table("finding_alias", "id", &[("id", Uuid), ("asset_id", Uuid), ("defect_id", Int)]),
    table(
        "webhook",
        "id",
        &[
            ("id", Uuid),
            ("url", Text),
            ("kinds", Text),
            ("sealed_secret", Bytes),
            ("created_at", Int),
            ("position", Text),
            ("delivered_at", Int),
            ("last_error", Text),
            ("filter", Text),
        ],
    ),
    table(
        "sweep",
        "id",
        &[
            ("id", Uuid),
            ("source", Text),
            ("site", Text),
            ("network", Text),
            ("excluded", Text),
            ("ports", Text),
            ("started_at", Int),
            ("ended_at", Int),
            ("complete", Bool),
            ("reason", Text),
            ("answered", Int),
        ],
    ),
    table(
        "observation",
        "record_id, digest",
        &[
            ("record_id", Uuid),
            ("digest", Text),
            ("source", Text),
            ("site", Text),
            ("address", Text),
            ("services", Text),
            ("ssh_host_key", Text),
            ("first_observed_at", Int),
            ("observed_at", Int),
        ],
    ),
    table(
        "saved_view",
        "id",
        &[
            ("id", Uuid),
            ("name", Text),
            ("filter", Text),
            ("sort", Text),
            ("owner", Text),
            ("shared", Bool),
            ("created_at", Int),
        ],
    ),
    table("listing", "source, kind, taken_at", &[("source", Text), ("kind", Text), ("taken_at", Int), ("things", Int)]),
    table(
        "listed",
        "record_id",
        &[
            ("record_id", Uuid),
            ("source", Text),
            ("kind", Text),
            ("fleet", Text),
            ("image", Text),
            ("started_at", Int),
            ("listed_at", Int),
            ("ended_at", Int),
        ],
    ),
    table(
        "policy",
        "version",
        &[("version", Int), ("text", Text), ("note", Text), ("created_at", Int), ("created_by", Text)],
    ),
];

/// A table that numbers nothing by itself.
const fn table(name: &'static str, key: &'static str, columns: &'static [Column]) -> Table {
    Table { name, columns, key, identity: None }
}

impl Table {
    /// The name as SQL text: one of them is a reserved word.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }
}

#[cfg(test)]
mod tests {
    use crate::db::Db;
    use crate::migrate;
    use crate::sql::query_built;

    use super::*;

    /// The backup before an upgrade reads an old schema by today's list.
    #[test]
    fn no_migration_takes_away_what_an_old_backup_must_hold() {
        for text in migrate::MIGRATIONS {
            let text = text.to_lowercase();
            assert!(
                !["drop table", "drop column", "rename"].iter().any(|word| text.contains(word)),
                "keep what is dropped or renamed in TABLES, marked as gone, before you write such a step: {text}"
            );
        }
    }

    /// A column that is missing here would silently be lost by a restore.
    #[tokio::test]
    async fn every_column_of_the_schema_is_listed() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path().join("vigie.db").to_str().unwrap()).await.unwrap();
        let text = "select t.name as table_name, c.name as column_name, c.type as column_type
                    from sqlite_master t join pragma_table_info(t.name) c
                    where t.type = 'table' and t.name not in ('schema_version', 'asset_change', 'change_head', 'event')
                    order by t.rowid, c.cid";
        let mut found = Vec::new();
        for row in query_built("read the schema", text.to_owned()).all(&db).await.unwrap() {
            let kind = match row.text("column_type").unwrap().to_lowercase().as_str() {
                "bigint" | "integer" => Int,
                "text" => Text,
                "bytea" => Bytes,
                "uuid" => Uuid,
                "boolean" => Bool,
                other => panic!("a column of type {other}"),
            };
            found.push((row.text("table_name").unwrap(), row.text("column_name").unwrap(), kind));
        }
        let listed = TABLES.iter().flat_map(|table| {
            table.columns.iter().map(|(column, kind)| (table.name.to_owned(), (*column).to_owned(), *kind))
        });
        assert_eq!(found, listed.collect::<Vec<_>>());
    }
}
