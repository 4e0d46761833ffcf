//! The command line: a stable contract, described in `docs/book/src/cli.md` and covered by snapshots.

mod asset;
mod listing;
mod policy;
mod scope;
mod view;
mod webhook;
mod work;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

pub(crate) use asset::Asset;
pub(crate) use listing::{Findings, ImportArgs};
pub(crate) use policy::{Label, Policy, Population, Replay};
pub(crate) use scope::Scope;
pub(crate) use view::View;
pub(crate) use webhook::Webhook;
pub(crate) use work::{Jobs, JobsList, Keep, Node, NodeCommand, NodeWork, Retire};

/// Continuous threat exposure management: find, rank, fix, prove.
#[derive(Debug, Parser)]
#[command(name = "vigie", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Common {
    /// Folder of the database, the master key, the feeds and the knowledge file
    #[arg(long, global = true, value_name = "D", default_value = ".vigie", env = "VIGIE_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
    /// Judge as of this instant (RFC 3339, or a date) instead of now
    #[arg(long, global = true, value_name = "INSTANT", value_parser = parse_instant)]
    pub(crate) at: Option<Timestamp>,
    /// How to print the answer
    #[arg(long, global = true, value_enum, default_value = "table")]
    pub(crate) format: Format,
    /// Database: a PostgreSQL URL; default is an embedded SQLite file in the data folder
    #[arg(long, global = true, value_name = "URL", env = "VIGIE_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// Change an older database without a backup of it in the data folder
    #[arg(long, global = true)]
    pub(crate) no_backup_before_upgrade: bool,
    /// Networks that no discovery, connector or download may send a packet to, separated by commas
    #[arg(long, global = true, value_name = "LIST", value_delimiter = ',', env = "VIGIE_NEVER_TOUCH")]
    pub(crate) never_touch: Vec<ipnet::IpNet>,
    /// Networks that webhooks may lead into although they are not public, or without TLS, separated by commas
    #[arg(long, global = true, value_name = "LIST", value_delimiter = ',', env = "VIGIE_ALLOW_DESTINATION")]
    pub(crate) allow_destination: Vec<ipnet::IpNet>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    /// SARIF 2.1.0, for `scan` only
    Sarif,
    /// CycloneDX 1.6 in JSON, for `sbom` only
    Cyclonedx,
    /// SPDX 2.3 in JSON, for `sbom` only
    Spdx,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Inspect one system and print its findings; works alone, without a server
    Scan(Scan),
    /// Bring the knowledge up to date, or show how far it can be trusted
    #[command(subcommand)]
    Feeds(Feeds),
    /// Write a bill of materials: CycloneDX, or SPDX with --format spdx
    Sbom {
        /// Root directory, folder, file, or image (by its name in a registry, an OCI layout, an archive)
        target: String,
        #[command(flatten)]
        image: ImageOptions,
    },
    /// Say why a component is affected by a vulnerability, or is not, or why nobody can tell; or how a finding came about
    Explain(Explain),
    /// Serve the page and the API, synchronise feeds and inspect assets, unattended
    Serve(Serve),
    /// Inspect known assets now, and keep what is found
    Inspect(Inspect),
    /// List or count findings by any filter
    Findings(Findings),
    /// Who has a component: its versions, and how many assets have each
    Components {
        /// Name of a source package or of a binary one, such as openssl
        name: String,
    },
    /// Compare findings with what judging the last inspections anew gives, with their evidence, and with the lists
    Check {
        /// Names of assets; default: all
        #[arg(value_name = "ASSET")]
        assets: Vec<String>,
    },
    /// Take in what another tool found
    Import(ImportArgs),
    /// Find assets
    #[command(subcommand)]
    Discover(Discover),
    /// Show what would fix the findings, do it after confirmation, and prove it
    Remediate(Remediate),
    /// What waits, what runs, what failed
    Jobs {
        #[command(subcommand)]
        command: Option<Jobs>,
    },
    /// Inspect the assets of one scope from their own network, for a server elsewhere; or register such nodes there
    Node(Node),
    /// Known assets
    #[command(subcommand)]
    Asset(Asset),
    /// Perimeters and their rules
    #[command(subcommand)]
    Scope(Scope),
    /// How priorities are set: the policy in use, what another one would change
    #[command(subcommand)]
    Policy(Policy),
    /// Sealed ways to log in
    #[command(subcommand)]
    Credential(Credential),
    /// Saved views: filters and orders under names
    #[command(subcommand)]
    View(View),
    /// Who is told of what happens
    #[command(subcommand)]
    Webhook(Webhook),
    /// Keys of SSH servers, pinned at the first connection
    #[command(subcommand)]
    HostKey(HostKey),
    /// Who changed what
    #[command(subcommand)]
    Audit(Audit),
    /// Write a copy of the database to a file, while it is in use
    Backup {
        /// File to write; must not exist
        to: PathBuf,
    },
    /// Fill an empty database from a backup
    Restore {
        /// File that `backup` wrote
        from: PathBuf,
    },
    /// Read a whole backup and say whether it is what was written; touches no database
    Verify {
        /// File that `backup` wrote
        file: PathBuf,
    },
    /// Move everything to an empty database of the other kind, or of the same
    MigrateTo {
        /// The new database: a PostgreSQL URL, or sqlite:PATH
        #[arg(value_name = "URL")]
        to: String,
    },
    /// Compare versions: lines `A<tab>B` in, `<`, `=`, `>` or `?` out
    VersionCompare {
        /// Whose order to use: deb, rpm, apk, alpm, pypi, npm, golang, maven, gem, composer, nuget, cargo, semver, generic
        #[arg(long, value_name = "ECOSYSTEM")]
        ecosystem: String,
    },
    /// Score CVSS vectors: one vector a line in, one JSON object a line out
    Cvss,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Scan {
    #[command(subcommand)]
    pub(crate) target: Option<ScanTarget>,
    /// ssh://user@host[:port]
    #[arg(value_name = "SSH-URL")]
    pub(crate) url: Option<String>,
    /// Exit with code 1 if a finding has this priority or a more urgent one
    #[arg(long, value_name = "P0..P4", global = true, value_parser = parse_tier)]
    pub(crate) fail_on: Option<domain::priority::Tier>,
    /// Print at most this many findings in the table
    #[arg(long, value_name = "N", global = true)]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) ssh: SshOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScanTarget {
    /// This machine
    Local,
    /// A root directory: a mounted disk, an unpacked image, a chroot
    Root {
        /// The directory that is `/` of the system
        dir: PathBuf,
    },
    /// A container image: a name in a registry, an OCI layout, an archive of `docker save` or `skopeo copy`
    Image {
        /// [REGISTRY/]NAME[:TAG][@DIGEST], or a folder or file, with :TAG behind it where it holds several images
        name: String,
        #[command(flatten)]
        options: ImageOptions,
    },
    /// Lockfiles, manifests, bills of materials and installed packages in a folder, or one such file
    Path {
        /// Folder or file
        path: PathBuf,
    },
    /// A bill of materials: CycloneDX (JSON, XML) or SPDX (JSON, tag-value)
    Sbom {
        /// The file, packed or not
        file: PathBuf,
    },
}

/// Which image to take, and how to get it.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct ImageOptions {
    /// Which platform's image to take, such as linux/arm64; default is this machine's, or the only one
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<outside::image::Platform>,
    /// Log in to the registry as this user; default is the login that docker or podman keeps
    #[arg(long, value_name = "USER", requires = "registry_password_file")]
    pub(crate) registry_user: Option<String>,
    /// File that holds the password or token for the registry
    #[arg(long, value_name = "FILE", requires = "registry_user")]
    pub(crate) registry_password_file: Option<PathBuf>,
    /// Speak to the registry without TLS
    #[arg(long)]
    pub(crate) plain_http: bool,
}

/// How to log in by SSH where no stored credential is named.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct SshOptions {
    /// Private key file (OpenSSH form)
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) identity: Option<PathBuf>,
    /// File that holds the password, or the key's passphrase with --identity
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) password_file: Option<PathBuf>,
    /// Name of a stored credential
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) credential: Option<String>,
    /// Host to go through first: ssh://user@host[:port]
    #[arg(long, value_name = "SSH-URL", global = true)]
    pub(crate) jump: Option<String>,
    /// Use sudo for what root alone may read
    #[arg(long, global = true)]
    pub(crate) sudo: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Feeds {
    /// Fetch what is new, compile it, activate it, and match known assets with it
    Sync {
        #[command(flatten)]
        options: FeedOptions,
        /// Feeds that may lose more than a tenth of their records this time, separated by commas
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        accept_loss: Vec<String>,
    },
    /// Show each feed's state, age and size; with --mirror also whether the mirror has it
    Status(FeedOptions),
    /// Compile the records that are here anew, test the outcome and activate it; fetches nothing
    Build,
    /// Go back to the knowledge before the latest; it stays until a feed brings something new
    Rollback,
    /// Write the knowledge in use, signed, for a site without a network
    Export {
        /// File to write
        to: PathBuf,
        /// Write only what differs from this knowledge file or bundle
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    /// Check a bundle, test it, and activate it
    Import {
        /// File that `feeds export` wrote
        from: PathBuf,
        /// Public key, as `feeds export` prints it, to trust from now on
        #[arg(long, value_name = "KEY")]
        trust: Option<String>,
        /// Feeds that may lose more than a tenth of their records by it, separated by commas
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        accept_loss: Vec<String>,
    },
    /// Read a whole knowledge file or bundle and say whether it is what its hash and signature say
    Verify {
        /// Default: the knowledge in use
        file: Option<PathBuf>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    /// CVE, or any other identifier
    #[arg(required_unless_present = "finding", requires = "component")]
    pub(crate) vulnerability: Option<String>,
    /// Package-url, with the release for a distribution's packages: pkg:deb/debian/curl@7.88.1-10?distro=bookworm
    #[arg(long, value_name = "PURL", requires = "vulnerability")]
    pub(crate) component: Option<String>,
    /// Say instead how this kept finding came to where it is: each change, and what brought it
    #[arg(long, value_name = "ID", conflicts_with_all = ["vulnerability", "component"])]
    pub(crate) finding: Option<domain::ids::FindingId>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FeedOptions {
    /// Folder or base URL that stands in for the publishers
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) mirror: Option<String>,
    /// Feed ids, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) only: Option<Vec<String>>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDRESS:PORT")]
    pub(crate) listen: std::net::SocketAddr,
    /// Further host names under which the page is reached
    #[arg(long, value_name = "NAME")]
    pub(crate) host_name: Vec<String>,
    /// Certificates in PEM, the server's own first: speak TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The certificate's key in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Folder or base URL to fetch feeds from instead of the publishers
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) mirror: Option<String>,
    /// Mirror to fall back to when no publisher answers within 10 seconds; said loudly wherever it is used
    #[arg(long, value_name = "DIR")]
    pub(crate) bundled_sample: Option<PathBuf>,
    /// Inspections that this node runs at once
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) inspections: u16,
    #[command(flatten)]
    pub(crate) retire: Retire,
    #[command(flatten)]
    pub(crate) keep: Keep,
    /// Seconds after which the work of a node that says nothing goes to another one
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = clap::value_parser!(u32).range(2..=3600))]
    pub(crate) lease_seconds: u32,
    /// Answer only, and leave all jobs to other servers on the same database
    #[arg(long, conflicts_with_all = ["inspect_local", "first_priorities"])]
    pub(crate) no_work: bool,
    /// Make this machine an asset and inspect it
    #[arg(long)]
    pub(crate) inspect_local: bool,
    /// Print this many first priorities, with their reasons, once the machine is inspected
    #[arg(long, value_name = "N")]
    pub(crate) first_priorities: Option<usize>,
    /// Stop after the first priorities are printed
    #[arg(long, requires = "first_priorities")]
    pub(crate) once: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Inspect {
    /// Names of assets; all that are due where none is given
    pub(crate) assets: Vec<String>,
    /// All assets that can be inspected, due or not
    #[arg(long, conflicts_with = "assets")]
    pub(crate) all: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Discover {
    /// Find live hosts and open ports by TCP connect, and read their banners
    Net {
        /// Ranges, such as 192.0.2.0/24
        #[arg(required = true, value_name = "CIDR")]
        ranges: Vec<ipnet::IpNet>,
        /// Ports, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "LIST")]
        ports: Option<Vec<u16>>,
        /// Connections that may be tried each second
        #[arg(long, default_value_t = 500, value_name = "N")]
        rate: u32,
        /// Stored credential with which hosts that speak SSH will be inspected
        #[arg(long, value_name = "NAME")]
        credential: Option<String>,
    },
    /// Take in what a cloud, a container platform or a resolver lists, in Vigie's own form
    Listing {
        /// File, packed or not
        file: PathBuf,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Remediate {
    /// Only these assets
    #[arg(long, value_name = "NAME")]
    pub(crate) asset: Vec<String>,
    /// Only these source packages
    #[arg(long, value_name = "NAME")]
    pub(crate) package: Vec<String>,
    /// Show the actions and stop
    #[arg(long)]
    pub(crate) list: bool,
    /// Show the exact plan from the package manager's dry run and stop
    #[arg(long, conflicts_with = "list")]
    pub(crate) plan: bool,
    /// Apply without asking
    #[arg(long, conflicts_with_all = ["list", "plan"])]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Credential {
    /// List the credentials; secrets are never shown
    List,
    /// Seal a credential; the secret is read from a file or from standard input
    Add {
        name: String,
        /// Login name
        #[arg(long)]
        user: String,
        /// Hosts it may be used for: names, addresses or CIDRs
        #[arg(long, required = true, value_name = "HOST|CIDR")]
        destination: Vec<String>,
        /// Private key file (OpenSSH form); without it the secret is a password from standard input
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
        /// File with the key's passphrase
        #[arg(long, value_name = "FILE", requires = "identity")]
        passphrase_file: Option<PathBuf>,
        /// Use sudo for what root alone may read or do
        #[arg(long)]
        sudo: bool,
    },
    /// Show a credential, without its secret
    Show { name: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum HostKey {
    /// List the pinned keys
    List,
    /// Forget a pinned key, after a change that you know of: the next connection pins the new one
    Remove {
        /// HOST:PORT, as the list shows it
        destination: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List the latest changes
    List {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        /// Only those before the change with this number
        #[arg(long, value_name = "NUMBER")]
        before: Option<i64>,
    },
    /// Check that no entry was altered, removed, inserted or moved
    Verify {
        /// The end of the trail as an earlier `verify` printed it: proves that nothing up to it was written anew
        #[arg(long, value_name = "NUMBER:HASH", value_parser = crate::audit::parse_head)]
        kept: Option<store::audit::Head>,
    },
    /// Print every entry with its hash, as JSON lines
    Export,
}

/// Takes RFC 3339, or a date that stands for its first instant in UTC.
pub(crate) fn parse_instant(text: &str) -> Result<Timestamp, String> {
    domain::instant::parse(text).map_err(|error| error.to_string())
}

fn parse_tier(text: &str) -> Result<domain::priority::Tier, String> {
    domain::priority::Tier::parse(text).ok_or_else(|| format!("{text:?} is no priority; write P0, P1, P2, P3 or P4"))
}
