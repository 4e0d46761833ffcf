//! Arguments about webhooks.

use clap::Subcommand;
use domain::ids::WebhookId;

#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// List the webhooks, without their secrets
    List,
    /// Tell a receiver what happens from now on; the secret that signs it is shown once
    Add {
        /// https://HOST[:PORT]/PATH
        url: String,
        /// Kinds of events, separated by commas; default: all
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        kind: Vec<String>,
        /// Of events about findings only those of findings that this filter holds: 'tier:P0,P1 not tag:lab'
        #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
        filter: String,
    },
    /// Tell it nothing any more
    Remove { id: WebhookId },
    /// Send it a message that says nothing, once and now
    Test { id: WebhookId },
}
