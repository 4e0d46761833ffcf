//! Whatever a command changes is in the audit trail, under the name of who ran it.

use std::process::Stdio;

use serde_json::Value;
use testkit::mirror::TestMirror;

use crate::vigie::{Vigie, finished};

const AT: &str = "2024-01-13T08:00:00Z";

fn trail(vigie: &Vigie) -> Vec<Value> {
    let export = vigie.expect(0, AT, &["audit", "export"]);
    export.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_command_that_changes_something_is_in_the_trail() {
    let vigie = Vigie::new();
    let mirror = TestMirror::demo(AT, &["bookworm"]);
    let folder = vigie.path("mirror");
    mirror.write(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    let secret = vigie.path("secret");
    std::fs::write(&secret, "geheim-0815").unwrap();
    let steps: [(&[&str], &str); 7] = [
        (&["scope", "add", "office", "--tag", "office"], "scope.add"),
        (&["credential", "add", "lab", "--user", "root", "--destination", "192.0.2.1"], "credential.add"),
        (&["asset", "add", "local", "--name", "here"], "asset.add"),
        (&["discover", "net", "127.0.0.1/32", "--ports", "1"], "asset.add"),
        (&["feeds", "sync", "--mirror", folder], "knowledge.sync"),
        (&["inspect", "here"], "asset.inspect"),
        (&["asset", "retire", "here", "--because", "scrapped"], "asset.retire"),
    ];
    let mut count = 0;
    for (args, expected) in steps {
        let mut command = vigie.command(AT, args);
        command.stdin(Stdio::from(std::fs::File::open(&secret).unwrap()));
        let output = command.output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 2)), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let entries = trail(&vigie);
        let new = &entries[count..];
        assert!(new.iter().any(|entry| entry["what"] == expected), "{args:?}: {new:?}");
        count = entries.len();
    }
    let entries = trail(&vigie);
    let actor = entries[0]["actor"].as_str().unwrap().to_owned();
    assert!(actor.starts_with("os:") && actor.len() > 3, "{actor}");
    assert!(entries.iter().all(|entry| entry["actor"] == actor.as_str()), "{entries:?}");
    assert!(!format!("{entries:?}").contains("geheim-0815"));
    // What only looks is not in it.
    for args in [["scope", "list"], ["asset", "list"], ["audit", "list"], ["credential", "list"]] {
        vigie.expect(0, AT, &args);
    }
    assert_eq!(trail(&vigie).len(), count);

    let kept = vigie.json(0, AT, &["audit", "verify"])["head"].as_str().unwrap().to_owned();
    assert!(vigie.expect(0, AT, &["audit", "verify", "--kept", &kept]).contains("The trail is whole"));
    let (number, hash) = kept.split_once(':').unwrap();
    let wrong = format!("{number}:{}", hash.chars().rev().collect::<String>());
    assert!(vigie.expect(70, AT, &["audit", "verify", "--kept", &wrong]).contains("BROKEN"));
    vigie.expect(64, AT, &["audit", "verify", "--kept", "12"]);
    let listed = vigie.json(0, AT, &["audit", "list", "--limit", "2"]);
    assert_eq!(listed[0]["seq"].as_i64(), Some(i64::try_from(count).unwrap()), "the latest first");

    let backup = vigie.path("copy");
    vigie.expect(0, AT, &["backup", backup.to_str().unwrap()]);
    let other = Vigie::new();
    let args = ["restore", backup.to_str().unwrap()];
    finished(0, other.run(AT, &args), &args);
    let restored = trail(&other);
    assert_eq!(restored[..count], entries[..]);
    assert_eq!(restored[count]["what"], "backup.restore");
    other.expect(0, AT, &["audit", "verify", "--kept", &kept]);
}
