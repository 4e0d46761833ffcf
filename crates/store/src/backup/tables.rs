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
    Table { name: "meta", columns: &[("key", Text), ("value", Text)], key: "key", identity: None },
    Table {
        name: "asset",
        columns: &[
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
        key: "id",
        identity: None,
    },
    Table {
        name: "asset_identifier",
        columns: &[("asset_id", Uuid), ("kind", Text), ("value", Text), ("first_seen_at", Int), ("last_seen_at", Int)],
        key: "asset_id, kind, value",
        identity: None,
    },
    Table {
        name: "sighting",
        columns: &[
            ("asset_id", Uuid),
            ("source", Text),
            ("address", Text),
            ("services", Text),
            ("ssh_host_key", Text),
            ("first_observed_at", Int),
            ("observed_at", Int),
            ("record_id", Uuid),
        ],
        key: "asset_id, source, address",
        identity: None,
    },
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
    Table {
        name: "inspection_part",
        columns: &[("asset_id", Uuid), ("digest", Text), ("bytes", Bytes)],
        key: "asset_id, digest",
        identity: None,
    },
    Table {
        name: "inspection",
        columns: &[
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
        key: "asset_id, id",
        identity: None,
    },
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
    Table {
        name: "recording",
        columns: &[("asset_id", Uuid), ("seq", Int), ("at", Int), ("cause", Text), ("record_id", Uuid)],
        key: "asset_id, seq",
        identity: None,
    },
    Table {
        name: "finding",
        columns: &[
            ("asset_id", Uuid),
            ("defect_id", Int),
            ("match_id", Int),
            ("state", Text),
            ("detected_at", Int),
            ("moved_at", Int),
            ("recording", Int),
            ("more", Text),
        ],
        key: "asset_id, defect_id",
        identity: None,
    },
    Table {
        name: "episode",
        columns: &[
            ("asset_id", Uuid),
            ("defect_id", Int),
            ("number", Int),
            ("opened_by", Text),
            ("detected_at", Int),
            ("confirmed_at", Int),
            ("ended_at", Int),
        ],
        key: "asset_id, defect_id, number",
        identity: None,
    },
    Table {
        name: "finding_event",
        columns: &[
            ("asset_id", Uuid),
            ("defect_id", Int),
            ("seq", Int),
            ("recording", Int),
            ("observed_at", Int),
            ("change", Text),
            ("fact", Text),
        ],
        key: "asset_id, defect_id, seq",
        identity: None,
    },
    Table {
        name: "scope",
        columns: &[
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
        key: "id",
        identity: None,
    },
    Table {
        name: "credential",
        columns: &[
            ("id", Uuid),
            ("name", Text),
            ("kind", Text),
            ("login", Text),
            ("destinations", Text),
            ("sudo", Bool),
            ("sealed_secret", Bytes),
            ("sealed_passphrase", Bytes),
        ],
        key: "id",
        identity: None,
    },
    Table {
        name: "host_key",
        columns: &[("destination", Text), ("public_key", Text), ("pinned_at", Int)],
        key: "destination",
        identity: None,
    },
    Table {
        name: "user",
        columns: &[("id", Uuid), ("name", Text), ("password_hash", Text), ("role", Text), ("created_at", Int)],
        key: "id",
        identity: None,
    },
    Table {
        name: "session",
        columns: &[("id", Uuid), ("token_hash", Text), ("user_id", Uuid), ("created_at", Int), ("expires_at", Int)],
        key: "id",
        identity: None,
    },
    Table {
        name: "setup_token",
        columns: &[("token_hash", Text), ("expires_at", Int)],
        key: "token_hash",
        identity: None,
    },
    Table {
        name: "job",
        columns: &[
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
        key: "id",
        identity: None,
    },
    Table {
        name: "schedule",
        columns: &[("name", Text), ("kind", Text), ("payload", Text), ("every_seconds", Int), ("next_at", Int)],
        key: "name",
        identity: None,
    },
    Table {
        name: "run",
        columns: &[
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
        key: "asset_id, id",
        identity: None,
    },
    Table {
        name: "run_event",
        columns: &[("asset_id", Uuid), ("run_id", Uuid), ("seq", Int), ("at", Int), ("detail", Text)],
        key: "asset_id, run_id, seq",
        identity: None,
    },
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
    Table { name: "audit_head", columns: &[("id", Int), ("seq", Int), ("hash", Text)], key: "id", identity: None },
    Table {
        name: "node",
        columns: &[
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
        key: "id",
        identity: None,
    },
    Table {
        name: "report_scope",
        columns: &[
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
        key: "asset_id, id",
        identity: None,
    },
    Table {
        name: "report_entry",
        columns: &[
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
        key: "asset_id, scope_id, identity",
        identity: None,
    },
    Table {
        name: "record",
        columns: &[("id", Uuid), ("asset_id", Uuid), ("digest", Text), ("source", Text), ("native_key", Text)],
        key: "id",
        identity: None,
    },
    Table {
        name: "record_identifier",
        columns: &[
            ("record_id", Uuid),
            ("kind", Text),
            ("scope", Text),
            ("value", Text),
            ("first_seen_at", Int),
            ("last_seen_at", Int),
        ],
        key: "record_id, kind, scope, value",
        identity: None,
    },
    Table { name: "record_link", columns: &[("a", Uuid), ("b", Uuid), ("joined", Bool)], key: "a, b", identity: None },
    Table {
        name: "identity_case",
        columns: &[("a", Uuid), ("b", Uuid), ("question", Text), ("proof", Text), ("since_at", Int)],
        key: "a, b, question",
        identity: None,
    },
    Table {
        name: "finding_alias",
        columns: &[("id", Uuid), ("asset_id", Uuid), ("defect_id", Int)],
        key: "id",
        identity: None,
    },
    Table {
        name: "webhook",
        columns: &[
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
        key: "id",
        identity: None,
    },
    Table {
        name: "sweep",
        columns: &[
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
        key: "id",
        identity: None,
    },
    Table {
        name: "observation",
        columns: &[
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
        key: "record_id, digest",
        identity: None,
    },
    Table {
        name: "saved_view",
        columns: &[
            ("id", Uuid),
            ("name", Text),
            ("filter", Text),
            ("sort", Text),
            ("owner", Text),
            ("shared", Bool),
            ("created_at", Int),
        ],
        key: "id",
        identity: None,
    },
    Table {
        name: "listing",
        columns: &[("source", Text), ("kind", Text), ("taken_at", Int), ("things", Int)],
        key: "source, kind, taken_at",
        identity: None,
    },
    Table {
        name: "listed",
        columns: &[
            ("record_id", Uuid),
            ("source", Text),
            ("kind", Text),
            ("fleet", Text),
            ("image", Text),
            ("started_at", Int),
            ("listed_at", Int),
            ("ended_at", Int),
        ],
        key: "record_id",
        identity: None,
    },
];

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
