//! `vigie migrate-to`: everything into another database.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use store::backup::{Migrated, Progress};

use crate::args::{Common, Format};
use crate::context;
use crate::exit::Exit;
use crate::output;

pub(crate) async fn run(common: &Common, to: &str) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    let bar = bar(io::stderr().is_terminal());
    let migrated = store::backup::migrate_to(&engine.db, to, engine.now(), &|progress| draw(&bar, progress)).await;
    bar.finish_and_clear();
    engine.db.close().await;
    print(common, to, &migrated?)?;
    Ok(Exit::Clean)
}

fn bar(visible: bool) -> ProgressBar {
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{prefix:>10} [{bar:30}] {human_pos}/{human_len} rows {msg}");
    let bar = ProgressBar::with_draw_target(None, target);
    bar.set_style(style.expect("the template is valid: a test draws it"));
    bar
}

fn draw(bar: &ProgressBar, progress: Progress) {
    bar.set_prefix(if progress.is_comparing { "comparing" } else { "copying" });
    bar.set_message(progress.table);
    bar.set_length(progress.rows_total);
    bar.set_position(progress.rows_done);
}

fn print(common: &Common, to: &str, migrated: &Migrated) -> anyhow::Result<()> {
    let shown = store::without_password(to);
    let Migrated { tables, trail } = migrated;
    if common.format == Format::Json {
        return output::json(&serde_json::json!({
            "database": shown, "tables": tables, "trail_whole": trail.broken.is_empty(),
        }));
    }
    let mut table = output::table(&["Table", "Rows", "Digest, the same on both sides"]);
    for moved in tables.iter().filter(|moved| moved.row_count > 0) {
        table.add_row(vec![moved.name.to_owned(), moved.row_count.to_string(), moved.digest.clone()]);
    }
    output::line(table)?;
    if let Some(broken) = trail.broken.first() {
        output::line(format_args!("! The audit trail was broken before, and is so in the copy: {broken}"))?;
    }
    output::line(format_args!(
        "\n{shown} holds everything. Start the server with it and the same data folder:\n\n    \
         VIGIE_DATABASE={shown} vigie serve --data-dir {}\n\n\
         What a server wrote to the old database since is not in it. The old one was not changed: keep it until the new \
         one has proved itself.",
        common.data_dir.display(),
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid_and_progress_is_drawn() {
        let bar = bar(false);
        draw(&bar, Progress { table: "finding", is_comparing: true, rows_done: 3, rows_total: 9 });
        assert_eq!((bar.position(), bar.length(), bar.prefix().as_str()), (3, Some(9), "comparing"));
    }
}
