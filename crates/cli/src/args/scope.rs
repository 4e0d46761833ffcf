//! Commands about scopes.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "made once, from the command line")]
pub(crate) enum Scope {
    /// List the scopes
    List,
    /// Add a scope; any of --cidr, --tag, --name-pattern, --filter selects
    Add {
        name: String,
        #[arg(long, value_name = "CIDR")]
        cidr: Vec<String>,
        #[arg(long, value_name = "TAG")]
        tag: Vec<String>,
        /// Pattern over asset names, with * and ?
        #[arg(long, value_name = "PATTERN")]
        name_pattern: Vec<String>,
        /// Filter that asks for nothing but the asset: "os:debian not tag:lab"
        #[arg(long, value_name = "FILTER")]
        filter: Option<String>,
        /// low, medium, high
        #[arg(long, value_name = "LEVEL")]
        confidentiality: Option<String>,
        /// low, medium, high
        #[arg(long, value_name = "LEVEL")]
        integrity: Option<String>,
        /// low, medium, high
        #[arg(long, value_name = "LEVEL")]
        availability: Option<String>,
        /// internet, partner, internal, restricted, isolated, offline
        #[arg(long, value_name = "CLASS")]
        exposure: Option<String>,
        /// Inspect at least this often: 30m, 12h, 7d
        #[arg(long, value_name = "DURATION")]
        cadence: Option<String>,
        /// Contextual score from which a finding is at least P3
        #[arg(long, value_name = "SCORE")]
        threshold: Option<f64>,
    },
    /// Show a scope and the assets that it holds
    Show { name: String },
}
