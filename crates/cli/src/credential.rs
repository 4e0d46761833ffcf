//! `vigie credential`: secrets go in and never come out.

use std::io::Read as _;

use domain::credential::{Credential as Record, CredentialKind};
use domain::ids::CredentialId;
use engine::Engine;
use store::SecretString;
use store::seal::MasterKey;

use crate::args::{Common, Credential, Format};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::inspect::read_secret;
use crate::output;

pub(crate) async fn run(common: &Common, command: Credential) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    match command {
        Credential::List => print(common.format, &store::credential::list(&engine.db).await?)?,
        Credential::Show { name } => print(common.format, &[context::credential(&engine, &name).await?])?,
        Credential::Add { name, user, destination, identity, passphrase_file, sudo } => {
            let kind = if identity.is_some() { CredentialKind::SshKey } else { CredentialKind::Password };
            let secret = match &identity {
                Some(path) => read_secret(path)?,
                None => secret_from_stdin()?,
            };
            let passphrase = passphrase_file.as_deref().map(read_secret).transpose()?;
            let id = CredentialId::from_uuid(store::new_id(engine.now()));
            let credential = Record { id, name, kind, user, destinations: destination, sudo };
            add(&engine, &credential, &secret, passphrase.as_ref()).await?;
            output::line(format_args!("{}: sealed", credential.name))?;
        }
    }
    engine.db.close().await;
    Ok(Exit::Clean)
}

async fn add(
    engine: &Engine,
    credential: &Record,
    secret: &SecretString,
    passphrase: Option<&SecretString>,
) -> anyhow::Result<()> {
    server::wire::check_credential(credential)?;
    let key = MasterKey::load_or_create(&engine.data_dir.join("master.key"))?;
    let mut tx = engine.db.begin().await?;
    store::credential::add(&mut tx, &key, credential, secret, passphrase, engine.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// The first line of standard input: a secret on the command line would be seen by every user of the machine.
fn secret_from_stdin() -> anyhow::Result<SecretString> {
    let mut text = String::new();
    std::io::stdin().lock().take(64 * 1024).read_to_string(&mut text)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Usage(
            "no secret on standard input: `vigie credential add … < file`, or --identity FILE".to_owned(),
        )
        .into());
    }
    Ok(SecretString::from(line))
}

fn print(format: Format, credentials: &[Record]) -> anyhow::Result<()> {
    let credentials: Vec<_> = credentials.iter().map(server::wire::credential).collect();
    if format == Format::Json {
        return output::json(&credentials);
    }
    let mut table = output::table(&["Credential", "Kind", "User", "Destinations", "Sudo"]);
    for credential in credentials {
        table.add_row(vec![
            credential.name,
            credential.kind.replace('_', " "),
            credential.user,
            credential.destinations.join(", "),
            if credential.sudo { "yes" } else { "no" }.to_owned(),
        ]);
    }
    output::line(table)?;
    Ok(())
}
