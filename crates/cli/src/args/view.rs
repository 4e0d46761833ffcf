//! Commands about saved views.

use clap::Subcommand;
use engine::Sort;

#[derive(Debug, Subcommand)]
pub(crate) enum View {
    /// List the own views, and those that others share
    List,
    /// Save a filter and an order under a name, for `vigie findings --view NAME`
    Add {
        name: String,
        /// Which findings, as in 'tier:P0,P1 kev:yes not tag:lab'
        #[arg(long, value_name = "FILTER")]
        filter: String,
        /// Order, as `vigie findings --sort` takes it
        #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
        sort: Option<Sort>,
        /// Let others use it too
        #[arg(long)]
        shared: bool,
    },
    /// Forget a view
    Remove {
        /// Name or id
        view: String,
    },
}
