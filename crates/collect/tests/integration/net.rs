//! Sweeping the lab's network.

use std::time::Duration;

use collect::discovery::net::{Options, Summary, sweep};
use domain::asset::{Service, Sighting};
use outside::NeverTouch;
use testkit::lab::{Host, Lab};

fn options(range: &str) -> Options {
    Options {
        ports: vec![22, 80, 443, 8080],
        connect_timeout: Duration::from_millis(300),
        ..Options::new(vec![range.parse().unwrap()])
    }
}

fn run(lab: &Lab, options: &Options, never_touch: &[&str]) -> (Vec<Sighting>, Summary) {
    let never_touch = NeverTouch::parse(never_touch).unwrap();
    let now = "2024-01-13T08:00:00Z".parse().unwrap();
    lab.inside(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut sightings = Vec::new();
        let mut sink = |sighting| sightings.push(sighting);
        let summary = runtime.block_on(sweep(options, &never_touch, now, &mut sink)).unwrap();
        sightings.sort_by_key(|sighting| sighting.address);
        (sightings, summary)
    })
}

fn words(service: &Service) -> (u16, Option<&str>, &str) {
    (service.port, service.protocol.as_deref(), service.banner.as_deref().unwrap_or_default())
}

#[test]
fn a_sweep_finds_hosts_and_what_they_say_of_themselves() {
    let Some(lab) = Lab::start(3) else { return };
    let (sightings, summary) = run(&lab, &options("10.77.0.0/27"), &[]);
    let addresses: Vec<String> = sightings.iter().map(|sighting| sighting.address.to_string()).collect();
    // The bridge refuses all ports, and so is live.
    assert_eq!(addresses, ["10.77.0.1", "10.77.0.11", "10.77.0.12", "10.77.0.13"]);
    assert_eq!(summary, Summary { looked_at: 30, live: 4, ..Summary::default() });
    assert!(sightings[0].services.is_empty() && sightings[0].ssh_host_key.is_none());

    let said = |index: usize| -> Vec<_> { sightings[index].services.iter().map(words).collect() };
    let [(22, Some("ssh"), ssh), (80, Some("http"), http)] = said(1)[..] else { panic!("{:?}", sightings[1]) };
    assert!(ssh.starts_with("SSH-2.0-OpenSSH_9"), "{ssh}");
    assert_eq!(http, "HTTP/1.0 200 OK · vigie-demo/1.0-1 · \"Vigie demo\"");
    let [(22, Some("ssh"), _), (443, Some("tls"), tls)] = said(2)[..] else { panic!("{:?}", sightings[2]) };
    assert!(tls.starts_with("O=Vigie Lab, CN=tls.lab.test · ends 21"), "{tls}");
    assert!(tls.contains(" · SHA-256 ") && tls.contains(" · self-signed · names tls.lab.test, www.lab.test"), "{tls}");
    assert!(tls.contains(" · HTTP/1.0 200 ok"), "{tls}");
    assert_eq!(said(3).len(), 1);

    for (host, sighting) in lab.hosts().iter().zip(&sightings[1..]) {
        let shown = host.run(&["ssh-keygen", "-l", "-f", "/etc/ssh/ssh_host_ed25519_key.pub"]);
        assert_eq!(sighting.ssh_host_key.as_deref(), shown.split(' ').nth(1));
    }
}

#[test]
fn never_touch_and_excluded_addresses_get_no_packet() {
    let Some(lab) = Lab::start(3) else { return };
    let mut options = options("10.77.0.8/29");
    options.exclude = vec!["10.77.0.12/32".parse().unwrap()];
    let [_, second, third] = lab.hosts() else { panic!("three hosts") };
    // Every IPv4 packet but neighbour discovery, which the bridge sends to all.
    let received = |host: &Host| host.run(&["awk", "/^Ip:/ { n = $3 } END { print n }", "/proc/net/snmp"]);
    let before = [received(second), received(third)];
    let (sightings, summary) = run(&lab, &options, &["10.77.0.13"]);
    assert_eq!(sightings.iter().map(|sighting| sighting.address.to_string()).collect::<Vec<_>>(), ["10.77.0.11"]);
    assert_eq!((summary.looked_at, summary.left_out), (4, 2));
    assert_eq!([received(second), received(third)], before);
}

#[test]
fn one_connection_at_a_time_is_enough() {
    let Some(lab) = Lab::start(2) else { return };
    let mut options = options("10.77.0.8/29");
    options.concurrency = 1;
    let (sightings, _) = run(&lab, &options, &[]);
    assert_eq!(sightings.iter().map(|sighting| sighting.services.len()).collect::<Vec<_>>(), [2, 2]);
}
