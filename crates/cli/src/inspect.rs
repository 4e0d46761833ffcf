//! `vigie inspect`, and reading one host by SSH for `vigie scan`.

use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, bail};
use collect::connectors::ssh::{Key, Target};
use domain::asset::{Asset, SshTarget};
use domain::inventory::Inventory;
use engine::Engine;
use engine::inspect::{Access, Keys, Login, Outcome};
use serde_json::{Value, json};
use store::SecretString;

use crate::args::{Common, Format, Inspect, SshOptions};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::output;

/// Largest key or password file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

pub(crate) async fn run(common: &Common, args: Inspect) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    let as_json = common.format == Format::Json;
    let assets = chosen(&engine, &args).await?;
    if assets.is_empty() && !as_json {
        output::line("No asset is due. `vigie inspect --all` inspects them all.")?;
    }
    let mut answers = Vec::new();
    let mut exit = Exit::Clean;
    for asset in assets {
        engine.note_try(asset.id).await?;
        let result = engine.inspect(asset.id).await;
        exit = match &result {
            Err(_) => Exit::Failed,
            Ok(outcome) if exit == Exit::Clean && !outcome.undecided.is_empty() => Exit::Unknown,
            Ok(_) => exit,
        };
        if as_json {
            answers.push(answer(&asset.name, &result));
        } else {
            output::line(sentence(&asset.name, &result))?;
        }
    }
    if as_json {
        output::json(&answers)?;
    }
    engine.db.close().await;
    Ok(exit)
}

fn answer(asset: &str, result: &anyhow::Result<Outcome>) -> Value {
    match result {
        Ok(outcome) => {
            let unknown: Vec<_> = outcome.undecided.iter().map(api::convert::unknown).collect();
            json!({ "asset": asset, "opened": outcome.opened, "ended": outcome.ended, "active": outcome.active,
                "unknown": unknown })
        }
        Err(error) => json!({ "asset": asset, "error": engine::with_causes(error) }),
    }
}

fn sentence(asset: &str, result: &anyhow::Result<Outcome>) -> String {
    match result {
        Ok(outcome) => format!("{asset}: {}", outcome.in_words()),
        Err(error) => format!("{asset}: UNKNOWN, the inspection failed: {}", engine::with_causes(error)),
    }
}

async fn chosen(engine: &Engine, args: &Inspect) -> anyhow::Result<Vec<Asset>> {
    if args.assets.is_empty() && !args.all {
        return engine.due().await;
    }
    if args.all {
        let assets = engine.all_assets().await?;
        let reachable = assets.iter().filter(|asset| asset.way.is_some() && asset.retired_at.is_none());
        return Ok(reachable.map(|asset| Asset::clone(asset)).collect());
    }
    let mut assets = Vec::new();
    for name in &args.assets {
        assets.push(context::asset(engine, name).await?);
    }
    Ok(assets)
}

/// Reads one host by SSH, without making it an asset. Its key is pinned like that of any other host.
pub(crate) async fn read_ssh(common: &Common, url: &str, options: &SshOptions) -> anyhow::Result<(String, Inventory)> {
    let engine = context::engine(common).await?;
    let target = target(&engine, url, options).await?;
    let keys = Keys { db: &engine.db, now: engine.now() };
    let access = Access::ssh(&target, &keys, &engine.never_touch).await?;
    let inventory = access.read(&Mutex::default()).await?;
    access.close().await;
    engine.db.close().await;
    let name = inventory.identity.hostname.clone().unwrap_or_else(|| target.host.clone());
    Ok((name, inventory))
}

async fn target(engine: &Engine, url: &str, options: &SshOptions) -> anyhow::Result<Target> {
    let mut record = context::parse_ssh(url)?;
    if let Some(jump) = &options.jump {
        record.jump = Some(Box::new(context::parse_ssh(jump)?));
    }
    if let Some(name) = &options.credential {
        set_credential(&mut record, context::credential(engine, name).await?.id);
        return engine.target(&record).await;
    }
    let login = login(options)?;
    Ok(with_login(&record, &login, options.sudo))
}

fn set_credential(record: &mut SshTarget, id: domain::ids::CredentialId) {
    record.credential = Some(id);
    if let Some(jump) = &mut record.jump {
        set_credential(jump, id);
    }
}

fn with_login(record: &SshTarget, login: &Login, sudo: bool) -> Target {
    Target {
        user: record.user.clone(),
        host: record.host.clone(),
        port: record.port,
        login: login.clone(),
        sudo,
        jump: record.jump.as_ref().map(|jump| Box::new(with_login(jump, login, sudo))),
    }
}

/// The login that the options name; without one, the operator's usual key files.
fn login(options: &SshOptions) -> anyhow::Result<Login> {
    let secret = options.password_file.as_deref().map(read_secret).transpose()?;
    match (&options.identity, secret) {
        (Some(identity), passphrase) => Ok(Login::Keys(vec![read_key(identity, passphrase.as_ref())?])),
        (None, Some(password)) => Ok(Login::Password(password)),
        (None, None) => {
            let home = std::env::var_os("HOME").context("HOME is not set: name a key with --identity")?;
            let folder = Path::new(&home).join(".ssh");
            let usual = ["id_ed25519", "id_ecdsa", "id_rsa"].map(|name| folder.join(name));
            let keys: Vec<Key> =
                usual.iter().filter(|path| path.exists()).filter_map(|path| read_key(path, None).ok()).collect();
            if keys.is_empty() {
                bail!(
                    "no key in {} can be used without a passphrase: name one with --identity, a password with \
                     --password-file, or a stored credential with --credential",
                    folder.display()
                );
            }
            Ok(Login::Keys(keys))
        }
    }
}

fn read_key(path: &Path, passphrase: Option<&SecretString>) -> anyhow::Result<Key> {
    let text = read_secret(path)?;
    Key::parse(&text, passphrase).with_context(|| format!("use the key {}", path.display()))
}

/// Reads a secret from a file, without the line end that editors add to it.
pub(crate) fn read_secret(path: &Path) -> anyhow::Result<SecretString> {
    let size = std::fs::metadata(path).with_context(|| format!("read {}", path.display()))?.len();
    if size > SECRET_BYTES_MAX {
        return Err(Usage(format!("{} is too large for a secret", path.display())).into());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let is_key = text.starts_with("-----BEGIN");
    Ok(SecretString::from(if is_key { text } else { text.trim_end_matches(['\r', '\n']).to_owned() }))
}
