//! `key`, `backup`, `restore` and `migrate`: what they do to files, and what they print.

use super::{CommandError, print};
use crate::admin;
use crate::config::{BackupArgs, KeyArgs, KeyCommand, MigrateArgs, RestoreArgs};
use crate::host::Host;
use crate::store::sled::{RestoreError, check_backup, migrate as migrate_store, restore as restore_store};
use crate::transport::tls::SELF_SIGNED;
use castle::v1;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Lists or rotates the keys.
pub(super) async fn key(command: KeyCommand) -> Result<(), CommandError> {
    match command {
        KeyCommand::List(KeyArgs { data, json }) => {
            let keys = Host::open(&data.data_dir).await?.signing_keys().await?;
            if json {
                return print(&keys.iter().map(key_json).collect::<Value>().to_string());
            }
            print(&keys.iter().map(key_line).collect::<Vec<_>>().join("\n"))
        }
        KeyCommand::Rotate(KeyArgs { data, json }) => {
            let key = Host::open(&data.data_dir).await?.rotate_signing_key().await?;
            print(&if json { key_json(&key).to_string() } else { key_line(&key) })
        }
    }
}

fn key_json(key: &v1::SigningKey) -> Value {
    json!({
        "id": key.key_id,
        "created_at": key.created_at.map(|at| at.to_string()),
        "signs": key.signs,
        "verifies_until": key.verifies_until.map(|at| at.to_string()),
    })
}

fn key_line(key: &v1::SigningKey) -> String {
    let made = key.created_at.map(|at| at.to_string()).unwrap_or_default();
    match key.verifies_until {
        None => format!("{}  signs, since {made}", key.key_id),
        Some(until) => format!("{}  made {made}, verifies until {until}", key.key_id),
    }
}

/// Writes a backup beside its place, reads it back, and only then gives it its name.
pub(super) async fn backup(args: BackupArgs) -> Result<(), CommandError> {
    let partial = beside(&args.file, ".partial");
    let made = fill(&args, &partial).await;
    if made.is_err() {
        std::fs::remove_file(&partial).ok(); // the first error says more
    }
    let (head, tail, bytes) = made?;
    let (made_at, sha256) = (prost_types::Timestamp::from(head.made_at), hex(&tail.digest));
    if args.json {
        return print(
            &json!({
                "file": args.file,
                "bytes": bytes,
                "rows": tail.rows,
                "schema": head.schema,
                "made_at": made_at.to_string(),
                "sha256": sha256,
            })
            .to_string(),
        );
    }
    let file = args.file.display();
    print(&format!(
        "{file}: {} rows, {bytes} bytes, read back and whole\nkeep it safe: it holds password hashes and signing keys",
        tail.rows
    ))
}

async fn fill(
    args: &BackupArgs,
    partial: &Path,
) -> Result<(crate::store::backup::Head, crate::store::backup::Tail, u64), CommandError> {
    let mut host = Host::open(&args.data.data_dir).await?;
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| CommandError::File { path, source }
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(partial)
        .map_err(at(partial))?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(at(partial))?;
    host.copy(&mut file).await?;
    file.sync_all().map_err(at(partial))?;
    file.seek(SeekFrom::Start(0)).map_err(at(partial))?;
    let (head, tail) = check_backup(&file).map_err(RestoreError::from)?;
    let bytes = file.metadata().map_err(at(partial))?.len();
    std::fs::rename(partial, &args.file).map_err(at(&args.file))?;
    let folder = args.file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
    Ok((head, tail, bytes))
}

/// Puts the store of a backup in the place of the one that is there.
pub(super) async fn restore(args: RestoreArgs) -> Result<(), CommandError> {
    let RestoreArgs { data, file, json } = args;
    let restored = tokio::task::spawn_blocking(move || {
        // A file that is no good leaves not even an empty folder behind.
        check_backup(File::open(&file).map_err(|source| RestoreError::Io { path: file.clone(), source })?)?;
        admin::make_data_dir(&data.data_dir)?;
        restore_store(&admin::store_dir(&data.data_dir), &file, SystemTime::now())
    });
    let restored = restored.await.expect("restoring does not panic")?;
    let made_at = prost_types::Timestamp::from(restored.head.made_at).to_string();
    if json {
        return print(
            &json!({
                "rows": restored.tail.rows,
                "made_at": made_at,
                "kept": restored.kept,
                "sha256": hex(&restored.tail.digest),
            })
            .to_string(),
        );
    }
    let kept = restored.kept.map_or_else(String::new, |kept| {
        format!(
            "\nthe store that was there is kept in {}; remove it when you need it no more",
            kept.display()
        )
    });
    print(&format!(
        "restored {} rows as of {made_at}; everybody has to log in again{kept}",
        restored.tail.rows
    ))
}

/// Copies the store and what belongs to it, and says how to serve from there.
pub(super) async fn migrate(args: MigrateArgs) -> Result<(), CommandError> {
    let MigrateArgs { data, to, json } = args;
    let (from, to_dir) = (data.data_dir.clone(), to.data_dir().to_owned());
    let migrated = tokio::task::spawn_blocking(move || {
        let store = admin::store_dir(&from);
        migrate_store(&store, &to_dir, SystemTime::now(), admin::store_dir, |building| {
            belongings(&from, building)
        })
    });
    let migrated = migrated.await.expect("migrating does not panic")?;
    let (dir, sha256) = (to.data_dir().display(), hex(&migrated.tail.digest));
    if json {
        return print(
            &json!({
                "to": to.to_string(),
                "data_dir": to.data_dir(),
                "rows": migrated.tail.rows,
                "schema": migrated.head.schema,
                "sha256": sha256,
            })
            .to_string(),
        );
    }
    let old = data.data_dir.display();
    print(&format!(
        "{dir}: {} rows, read back and whole; {old} is as it was\n\
         serve from it:\n\
         castle-server serve --data-dir {dir}\n\
         serve from {old} no more, and remove it in the end: it holds password hashes and signing keys",
        migrated.tail.rows
    ))
}

/// Copies what a server needs of its data folder besides the store: the certificate that it made itself, to which links
/// are pinned, and the note of how guests reach it.
fn belongings(from: &Path, to: &Path) -> std::io::Result<()> {
    for name in SELF_SIGNED.into_iter().chain([admin::REACHED_AT]) {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name))?;
        }
    }
    Ok(())
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}
