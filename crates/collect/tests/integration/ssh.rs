//! Inspecting lab hosts over SSH.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use collect::connectors::CommandError;
use collect::connectors::ssh::{
    self, Destination, HostKey, HostKeys, HostKeysAnswer, Key, KeyUnreadable, Login, Session, SshError, Target,
};
use domain::command::Command;
use ecosystems::capture::{FollowUp, Probe, Reading};
use outside::NeverTouch;
use secrecy::SecretString;
use testkit::lab::{Host, Lab, PACKAGES, PASSPHRASE, PASSWORD, USER, USER_WITHOUT_SUDO};

/// Host keys in memory.
#[derive(Default)]
struct Keys(Mutex<BTreeMap<Destination, HostKey>>);

impl HostKeys for Keys {
    fn pinned<'a>(&'a self, destination: &'a Destination) -> HostKeysAnswer<'a, Option<HostKey>> {
        Box::pin(async { Ok(self.0.lock().unwrap().get(destination).cloned()) })
    }

    fn pin<'a>(&'a self, destination: &'a Destination, key: &'a HostKey) -> HostKeysAnswer<'a, ()> {
        Box::pin(async {
            let before = self.0.lock().unwrap().insert(destination.clone(), key.clone());
            assert_eq!(before, None, "only a first key is pinned");
            Ok(())
        })
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn key(path: &Path, passphrase: Option<&str>) -> Result<Key, KeyUnreadable> {
    let text = SecretString::from(std::fs::read_to_string(path).unwrap());
    Key::parse(&text, passphrase.map(SecretString::from).as_ref())
}

fn target(lab: &Lab, host: &Host) -> Target {
    Target {
        user: USER.to_owned(),
        host: host.address.to_string(),
        port: 22,
        login: Login::Keys(vec![key(&lab.key(), None).unwrap()]),
        sudo: true,
        jump: None,
    }
}

async fn connect(target: &Target, keys: &Keys) -> Result<Session, SshError> {
    ssh::connect(target, keys, &NeverTouch::default()).await
}

const fn command(words: &'static [&'static str], root: bool) -> Command {
    Command { words, root, output_bytes_max: 4096, timeout_seconds: 10, may_complain: false }
}

const OS_RELEASE: Probe = Probe::File { path: "etc/os-release", bytes_max: 4096 };
const STATUS: Probe = Probe::File { path: "var/lib/dpkg/status", bytes_max: 16 << 20 };
const SHADOW: Probe = Probe::File { path: "etc/shadow", bytes_max: 4096 };
const ABSENT: Probe = Probe::File { path: "etc/absent", bytes_max: 4096 };
const BELOW_A_FILE: Probe = Probe::File { path: "etc/passwd/absent", bytes_max: 4096 };
const TOO_LARGE: Probe = Probe::File { path: "etc/passwd", bytes_max: 16 };
const A_FOLDER: Probe = Probe::File { path: "etc", bytes_max: 16 };
const SOURCES: Probe = Probe::Folder { path: "etc/apt/sources.list.d", files_max: 10, bytes_max: 4096 };
const ABSENT_FOLDER: Probe = Probe::Folder { path: "etc/absent", files_max: 10, bytes_max: 4096 };
const FULL_FOLDER: Probe = Probe::Folder { path: "etc", files_max: 3, bytes_max: 1 << 20 };
const UNAME: Probe = Probe::Command(command(&["uname", "-s"], false));
const ROOT_ID: Probe = Probe::Command(command(&["id", "-u"], true));
const NO_PROGRAM: Probe = Probe::Command(command(&["vigie-no-such-program"], false));
const NO_ROOT_PROGRAM: Probe = Probe::Command(command(&["vigie-no-such-program"], true));
const LISTENERS: Probe = Probe::Command(command(&["ss", "-H", "-l", "-n", "-t", "-p"], true));

const PROBES: [Probe; 15] = [
    OS_RELEASE,
    STATUS,
    SHADOW,
    ABSENT,
    BELOW_A_FILE,
    TOO_LARGE,
    A_FOLDER,
    SOURCES,
    ABSENT_FOLDER,
    FULL_FOLDER,
    UNAME,
    ROOT_ID,
    NO_PROGRAM,
    NO_ROOT_PROGRAM,
    LISTENERS,
];

#[track_caller]
fn text(reading: &Reading) -> &str {
    match reading {
        Reading::Bytes(bytes) => std::str::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn failed(reading: &Reading) -> &str {
    match reading {
        Reading::Failed(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_inspection_reads_what_is_there_and_says_what_is_not() {
    let Some(lab) = Lab::start(1) else { return };
    let target = target(&lab, &lab.hosts()[0]);
    let (capture, elapsed) = lab.inside(|| {
        block_on(async {
            let session = connect(&target, &Keys::default()).await.unwrap();
            let start = Instant::now();
            let capture = session.capture(&PROBES).await;
            let elapsed = start.elapsed();
            session.close().await;
            (capture, elapsed)
        })
    });
    assert!(capture.live);
    assert!(text(capture.get(&OS_RELEASE)).contains("VERSION_CODENAME=bookworm"));
    assert!(text(capture.get(&STATUS)).contains("Package: vigie-demo-web\n"));
    assert!(text(capture.get(&SHADOW)).starts_with("root:"), "read with sudo");
    for missing in [ABSENT, BELOW_A_FILE, ABSENT_FOLDER, NO_PROGRAM, NO_ROOT_PROGRAM] {
        assert_eq!(capture.readings.get(&missing), Some(&Reading::Missing), "{missing:?}");
    }
    assert_eq!(failed(capture.get(&TOO_LARGE)), "it is larger than 16 bytes");
    assert_eq!(failed(capture.get(&A_FOLDER)), "cat ended with status 1: cat: /etc: Is a directory");
    assert_eq!(failed(capture.get(&FULL_FOLDER)), "it has more than 3 files");
    let Reading::Files(files) = capture.get(&SOURCES) else { panic!("{:?}", capture.get(&SOURCES)) };
    assert_eq!(files.keys().collect::<Vec<_>>(), ["vigie-demo.list"]);
    assert_eq!(text(capture.get(&UNAME)), "Linux\n");
    assert_eq!(text(capture.get(&ROOT_ID)), "0\n");
    assert!(text(capture.get(&LISTENERS)).contains("vigie-demo-webd"));
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
    println!("{} probes in {elapsed:?}", PROBES.len());
}

#[test]
fn the_inventory_of_a_lab_host_is_whole() {
    let Some(lab) = Lab::start(1) else { return };
    let host = &lab.hosts()[0];
    let target = target(&lab, host);
    let inspect = || {
        lab.inside(|| {
            block_on(async {
                let session = connect(&target, &Keys::default()).await.unwrap();
                let probes: Vec<Probe> = ecosystems::probes().copied().collect();
                let start = Instant::now();
                let capture = session.capture(&probes).await;
                let mut follow_ups = Vec::new();
                for follow_up in ecosystems::follow_ups(&capture) {
                    let reading = session.follow_up(&follow_up).await;
                    follow_ups.push((follow_up, reading));
                }
                println!("{} probes, {} follow-ups in {:?}", probes.len(), follow_ups.len(), start.elapsed());
                ecosystems::inventory(&capture, &follow_ups)
            })
        })
    };
    let before = inspect();
    assert_eq!(before.gaps, []);
    assert!(before.packages_complete());
    let components = before.components.unwrap();
    for package in PACKAGES {
        let component = components.iter().find(|component| component.name == package.name).unwrap();
        assert_eq!((component.version.as_str(), component.source.as_str()), (package.version, package.source));
        assert_eq!(component.source_version, package.source_version);
    }
    assert_eq!(before.identity.hostname.as_deref(), Some("lab1"));
    assert_eq!(before.identity.addresses, [host.address]);
    let listener = |port: u16| {
        let found = before.listeners.iter().flatten().find(|listener| listener.port == port);
        found.and_then(|listener| listener.package.as_deref())
    };
    assert_eq!((listener(22), listener(80)), (Some("openssh-server"), Some("vigie-demo-web")));
    assert_eq!(before.stale_packages, Some(Vec::new()));

    host.install(&["vigie-demo-web=1.0-2", "vigie-demo-web-common=1.0-2"]);
    let after = inspect();
    assert_eq!(after.gaps, []);
    assert_eq!(after.stale_packages, Some(vec!["vigie-demo-web".to_owned()]), "the old program still runs");
}

#[test]
fn without_sudo_root_is_a_gap_and_never_nothing() {
    let Some(lab) = Lab::start(1) else { return };
    let mut not_allowed = target(&lab, &lab.hosts()[0]);
    not_allowed.sudo = false;
    let mut refused = target(&lab, &lab.hosts()[0]);
    USER_WITHOUT_SUDO.clone_into(&mut refused.user);
    for (target, because) in [
        (not_allowed, "id needs root: vigie is not root, and its credential does not allow sudo"),
        (refused, "id needs root: sudo: a password is required"),
    ] {
        let capture = lab.inside(|| {
            block_on(async {
                connect(&target, &Keys::default()).await.unwrap().capture(&[ROOT_ID, SHADOW, OS_RELEASE]).await
            })
        });
        assert_eq!(failed(capture.get(&ROOT_ID)), because);
        assert!(!failed(capture.get(&SHADOW)).is_empty());
        assert!(matches!(capture.get(&OS_RELEASE), Reading::Bytes(_)));
    }
}

#[test]
fn a_changed_host_key_is_refused_loudly() {
    let Some(lab) = Lab::start(1) else { return };
    let host = &lab.hosts()[0];
    let target = target(&lab, host);
    let keys = Keys::default();
    let connect_once = || lab.inside(|| block_on(connect(&target, &keys)).map(|session| session.host_key().clone()));
    let first = connect_once().unwrap();
    assert_eq!(connect_once().unwrap(), first);
    assert_eq!(first.algorithm, "ssh-ed25519");
    let shown = host.run(&["ssh-keygen", "-l", "-f", "/etc/ssh/ssh_host_ed25519_key.pub"]);
    assert!(shown.contains(&first.fingerprint), "{shown} has {first}");

    host.run(&["rm", "/etc/ssh/ssh_host_ed25519_key"]);
    host.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/ssh_host_ed25519_key"]);
    host.run(&["sh", "-c", "kill -HUP $(cat /run/sshd.pid)"]);
    let error = loop {
        match connect_once() {
            // Until the server has read its new key, or while it starts again.
            Ok(same) => assert_eq!(same, first),
            Err(SshError::Unreachable { .. }) => {}
            Err(error) => break error,
        }
    };
    let message = error.to_string();
    assert!(message.contains(&first.fingerprint) && message.contains("HAS CHANGED"), "{message}");
    assert!(matches!(&error, SshError::HostKeyChanged(change) if change.pinned == first && change.seen != first));
    assert_eq!(keys.0.lock().unwrap().values().collect::<Vec<_>>(), [&first], "the pinned key stays");
}

#[test]
fn the_pinned_kind_of_key_is_asked_for() {
    let Some(lab) = Lab::start(1) else { return };
    let host = &lab.hosts()[0];
    let target = target(&lab, host);
    let shown = host.run(&["ssh-keygen", "-l", "-f", "/etc/ssh/ssh_host_ecdsa_key.pub"]);
    let fingerprint = shown.split(' ').nth(1).unwrap();
    let pinned: HostKey = format!("ecdsa-sha2-nistp256 {fingerprint}").parse().unwrap();
    let keys = Keys::default();
    keys.0.lock().unwrap().insert(Destination { host: target.host.clone(), port: 22 }, pinned.clone());
    let session = lab.inside(|| block_on(connect(&target, &keys)).map(|session| session.host_key().clone()));
    assert_eq!(session.unwrap(), pinned);
}

#[test]
fn every_way_to_log_in() {
    let Some(lab) = Lab::start(2) else { return };
    let password = |password: &str| Login::Password(SecretString::from(password));
    let keys = |keys: Vec<Key>| Login::Keys(keys);
    let [plain, dialogue] = [0, 1].map(|index| target(&lab, &lab.hosts()[index]));
    let rsa = key(&lab.rsa_key(), None).unwrap();
    let locked = key(&lab.locked_key(), Some(PASSPHRASE)).unwrap();
    let stranger = stranger(&lab);
    let cases = [
        (&plain, password(PASSWORD), Ok(())),
        (&plain, password("wrong"), Err("wrong user or password")),
        (&dialogue, password(PASSWORD), Ok(())),
        (&dialogue, password("wrong"), Err("wrong user or password")),
        (&plain, keys(vec![rsa]), Ok(())),
        (&plain, keys(vec![stranger.clone(), locked]), Ok(())),
        (&plain, keys(vec![stranger]), Err("wrong user or key")),
        (&plain, keys(Vec::new()), Err("there is no key to try")),
    ];
    for (target, login, expected) in cases {
        let target = Target { login, ..target.clone() };
        let result = lab.inside(|| block_on(connect(&target, &Keys::default())).map(drop));
        let result = result.map_err(|error| match error {
            SshError::Refused { reason, .. } => reason,
            other => panic!("{other}"),
        });
        assert_eq!(result.as_ref().map_err(String::as_str), expected.as_ref().map_err(|reason| *reason), "{target:?}");
    }
    assert!(matches!(key(&lab.locked_key(), None), Err(KeyUnreadable::Locked)));
    assert!(matches!(key(&lab.locked_key(), Some("wrong")), Err(KeyUnreadable::WrongPassphrase)));
}

/// A key that no host knows.
fn stranger(lab: &Lab) -> Key {
    let text =
        lab.hosts()[0].run(&["sh", "-c", "ssh-keygen -q -t ed25519 -N '' -f /tmp/stranger && cat /tmp/stranger"]);
    Key::parse(&SecretString::from(text), None).unwrap()
}

#[test]
fn a_jump_host_forwards_to_the_next() {
    let Some(lab) = Lab::start(3) else { return };
    let [first, second, third] = [0, 1, 2].map(|index| target(&lab, &lab.hosts()[index]));
    let keys = Keys::default();
    let target = Target { jump: Some(Box::new(Target { jump: Some(Box::new(first)), ..second })), ..third };
    let (came_from, name) = lab.inside(|| {
        block_on(async {
            let session = connect(&target, &keys).await.unwrap();
            let came_from = session.run(command(&["sh", "-c", "echo $SSH_CLIENT"], false), b"").await.unwrap();
            let name = session.run(command(&["cat", "/etc/hostname"], false), b"").await.unwrap();
            session.close().await;
            (came_from.stdout, name.stdout)
        })
    });
    assert_eq!(name, b"lab3\n");
    assert!(came_from.starts_with(lab.hosts()[1].address.to_string().as_bytes()));
    assert_eq!(keys.0.lock().unwrap().len(), 3, "each host on the way is pinned");
}

#[test]
fn never_touch_holds_for_every_host_on_the_way() {
    let Some(lab) = Lab::start(2) else { return };
    let [first, second] = [0, 1].map(|index| target(&lab, &lab.hosts()[index]));
    let target = Target { jump: Some(Box::new(first)), ..second };
    for host in lab.hosts() {
        let never_touch = NeverTouch::parse(&[host.address.to_string()]).unwrap();
        let error = lab.inside(|| block_on(ssh::connect(&target, &Keys::default(), &never_touch))).unwrap_err();
        assert!(matches!(error, SshError::NeverTouch { .. }), "{error}");
    }
}

#[test]
fn commands_are_bounded_and_take_their_data_as_input() {
    let Some(lab) = Lab::start(1) else { return };
    let target = target(&lab, &lab.hosts()[0]);
    lab.inside(|| {
        block_on(async {
            let session = connect(&target, &Keys::default()).await.unwrap();
            let run = async |words, stdin: &[u8]| session.run(command(words, false), stdin).await;
            let data = "a b\n$(reboot)\n`id`\n'\"\\\n".repeat(20_000);
            let counted = run(&["wc", "-c"], data.as_bytes()).await.unwrap();
            assert_eq!(counted.stdout, format!("{}\n", data.len()).into_bytes());
            let listed = run(&["xargs", "-d", "\\n", "printf", "<%s>"], b"a b\n$(id)\n").await.unwrap();
            assert_eq!(listed.stdout, b"<a b><$(id)>");
            assert_eq!(run(&["yes"], b"").await, Err(CommandError::TooLarge { program: "yes", bytes: 4096 }));
            let sleep = Command { timeout_seconds: 1, ..command(&["sleep", "600"], false) };
            assert_eq!(session.run(sleep, b"").await, Err(CommandError::TimedOut { program: "sleep", seconds: 1 }));
            let ended = run(&["sh", "-c", "echo no >&2; exit 7"], b"").await.unwrap();
            assert_eq!((ended.status, ended.stderr), (Some(7), b"no\n".to_vec()));
            let killed = run(&["sh", "-c", "kill -9 $$"], b"").await.unwrap();
            // The login shell tells it so.
            assert_eq!(killed.status, Some(128 + 9));
            let reading = session.follow_up(&FollowUp { command: command(&["cat"], true), stdin: b"x".to_vec() }).await;
            assert_eq!(reading, Reading::Bytes(b"x".to_vec()));
        });
    });
}

#[test]
fn nobody_there_is_an_error_that_says_so() {
    let Some(lab) = Lab::start(1) else { return };
    let mut target = target(&lab, &lab.hosts()[0]);
    target.port = 23;
    let error = lab.inside(|| block_on(connect(&target, &Keys::default()))).unwrap_err();
    assert_eq!(error.to_string(), "10.77.0.11:23 cannot be reached");
}
