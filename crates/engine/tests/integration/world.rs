//! An engine over a database of a test, at an instant that the test chooses.

use std::sync::{Arc, Mutex};

use engine::Engine;
use engine::import::{ImportOptions, Imported, read};
use jiff::{SignedDuration, Timestamp};
use outside::NeverTouch;
use serde_json::Value;
use store::Db;
use tempfile::TempDir;

/// When it begins.
pub(crate) const NOW: &str = "2099-01-13T08:00:00Z";

pub(crate) struct World {
    pub(crate) engine: Engine,
    now: Arc<Mutex<Timestamp>>,
    _data: TempDir,
}

impl World {
    pub(crate) fn new(db: &Db) -> Self {
        let data = tempfile::tempdir().unwrap();
        let now = Arc::new(Mutex::new(NOW.parse().unwrap()));
        let clock = Arc::clone(&now);
        let clock: engine::Clock = Arc::new(move || *clock.lock().unwrap());
        let engine = Engine::new(db.clone(), data.path().to_owned(), NeverTouch::default(), clock);
        Self { engine, now, _data: data }
    }

    pub(crate) fn wait(&self, hours: i64) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_hours(hours)).unwrap();
    }

    pub(crate) async fn import(&self, report: &Value, options: &ImportOptions) -> Vec<Imported> {
        let reports = read(report.to_string().into_bytes(), options).await.unwrap();
        let mut tx = self.engine.db.begin().await.unwrap();
        let imported = self.engine.import(&mut tx, reports).await.unwrap();
        tx.commit().await.unwrap();
        imported
    }
}

/// Created, closed, reopened, untouched.
pub(crate) fn moved(imported: &Imported) -> [u64; 4] {
    let counts = imported.counts;
    [counts.created, counts.closed, counts.reopened, counts.untouched]
}
