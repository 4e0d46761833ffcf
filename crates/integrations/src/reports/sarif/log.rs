//! The parts of SARIF 2.1.0 (OASIS) that say what was found where; all others are skipped.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(super) struct Log<'a> {
    #[serde(borrow)]
    pub(super) runs: Option<Vec<Run<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run<'a> {
    pub(super) tool: Tool,
    pub(super) automation_details: Option<AutomationDetails>,
    #[serde(default)]
    pub(super) version_control_provenance: Vec<VersionControl>,
    #[serde(default)]
    pub(super) invocations: Vec<Invocation>,
    #[serde(default)]
    pub(super) original_uri_base_ids: BTreeMap<String, ArtifactLocation>,
    #[serde(default)]
    pub(super) artifacts: Vec<Artifact>,
    /// Parts of the run that lie in other files.
    pub(super) external_property_file_references: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(super) results: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
pub(super) struct Tool {
    pub(super) driver: Component,
    #[serde(default)]
    pub(super) extensions: Vec<Component>,
}

#[derive(Deserialize)]
pub(super) struct Component {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) default_configuration: Option<Configuration>,
    #[serde(default)]
    pub(super) message_strings: BTreeMap<String, Message>,
    #[serde(default)]
    pub(super) properties: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct Configuration {
    pub(super) level: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct AutomationDetails {
    pub(super) id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionControl {
    pub(super) repository_uri: Option<String>,
    pub(super) branch: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation {
    pub(super) execution_successful: Option<bool>,
    pub(super) start_time_utc: Option<String>,
    pub(super) end_time_utc: Option<String>,
    #[serde(default)]
    pub(super) tool_execution_notifications: Vec<Notification>,
}

#[derive(Deserialize)]
pub(super) struct Notification {
    pub(super) level: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Artifact {
    pub(super) location: Option<ArtifactLocation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifResult {
    pub(super) rule_id: Option<String>,
    pub(super) rule_index: Option<i64>,
    pub(super) rule: Option<RuleReference>,
    pub(super) kind: Option<String>,
    pub(super) level: Option<String>,
    pub(super) message: Option<Message>,
    #[serde(default)]
    pub(super) locations: Vec<Location>,
    #[serde(default)]
    pub(super) fingerprints: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) partial_fingerprints: BTreeMap<String, String>,
    pub(super) baseline_state: Option<String>,
    pub(super) suppressions: Option<Vec<Suppression>>,
    #[serde(default)]
    pub(super) properties: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleReference {
    pub(super) id: Option<String>,
    pub(super) index: Option<i64>,
    pub(super) tool_component: Option<ComponentReference>,
}

#[derive(Deserialize)]
pub(super) struct ComponentReference {
    pub(super) index: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) text: Option<String>,
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) arguments: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location {
    pub(super) physical_location: Option<PhysicalLocation>,
    #[serde(default)]
    pub(super) logical_locations: Vec<LogicalLocation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PhysicalLocation {
    pub(super) artifact_location: Option<ArtifactLocation>,
    pub(super) region: Option<Region>,
    pub(super) context_region: Option<Region>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ArtifactLocation {
    pub(super) uri: Option<String>,
    pub(super) index: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Region {
    pub(super) start_line: Option<u32>,
    pub(super) start_column: Option<u32>,
    pub(super) snippet: Option<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogicalLocation {
    pub(super) name: Option<String>,
    pub(super) fully_qualified_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Suppression {
    pub(super) status: Option<String>,
    pub(super) justification: Option<String>,
}
