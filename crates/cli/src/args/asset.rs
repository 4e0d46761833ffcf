//! Commands about assets.

use clap::Subcommand;
use domain::ids::RecordId;
use domain::presence::Grouping;

#[derive(Debug, Subcommand)]
pub(crate) enum Asset {
    /// List the known assets
    List {
        /// Which assets, as in 'os:debian tag:prod not scope:none'
        #[arg(long, value_name = "FILTER")]
        filter: Option<String>,
        /// Order: name, last_seen, findings; with - in front the largest first
        #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
        sort: Option<engine::views::AssetSort>,
    },
    /// Make an asset known
    Add {
        /// `local` or ssh://user@host[:port]
        way: String,
        /// Shown to people; default: the host
        #[arg(long)]
        name: Option<String>,
        /// Stored credential to log in with
        #[arg(long, value_name = "NAME")]
        credential: Option<String>,
        /// Host to go through first: ssh://user@host[:port]
        #[arg(long, value_name = "SSH-URL")]
        jump: Option<String>,
        /// Tags, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "LIST")]
        tags: Vec<String>,
    },
    /// Show an asset with its findings and their history
    Show {
        /// Name or id
        asset: String,
    },
    /// Show what is installed on an asset, or was at the instant of --at
    Inventory {
        /// Name or id
        asset: String,
        /// Only what is different from what was known at this instant (RFC 3339, or a date)
        #[arg(long, value_name = "INSTANT", value_parser = super::parse_instant)]
        since: Option<jiff::Timestamp>,
    },
    /// Say that an asset is gone: it leaves the open counts, and its findings end without remediation
    Retire {
        /// Name or id
        asset: String,
        /// Why, for people
        #[arg(long, value_name = "TEXT")]
        because: Option<String>,
    },
    /// Show how long assets were there: of what comes and goes that tells more than how many there were
    Hours {
        /// What is counted together: fleet, tag
        #[arg(long, value_name = "WHAT", default_value = "fleet", value_parser = grouping)]
        by: Grouping,
        /// First instant (RFC 3339, or a date) of the period; default is 30 days before its end
        #[arg(long, value_name = "INSTANT", value_parser = super::parse_instant)]
        from: Option<jiff::Timestamp>,
        /// Its end; default is now
        #[arg(long, value_name = "INSTANT", value_parser = super::parse_instant)]
        to: Option<jiff::Timestamp>,
    },
    /// Show what each source says of an asset, and what tells it from others
    Records {
        /// Name or id
        asset: String,
    },
    /// Say that two assets are one: everything of both is the older one's from now on
    Merge {
        /// Name or id
        asset: String,
        /// Name or id
        other: String,
    },
    /// Say that records of an asset are another one: what it has from them goes with them
    Split {
        /// Name or id
        asset: String,
        /// Ids of records, as `vigie asset records` shows them
        #[arg(required = true)]
        records: Vec<RecordId>,
    },
    /// List pairs of assets that may be one, or copies of each other
    Cases,
}

fn grouping(word: &str) -> Result<Grouping, String> {
    let known = Grouping::ALL.into_iter().find(|grouping| grouping.as_str() == word);
    known.ok_or_else(|| "choose one of fleet, tag".to_owned())
}
