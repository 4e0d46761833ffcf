//! Every kind's end, and what must hold for all of them.

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;

const KINDS: [Kind; 8] = [
    Kind::Instance,
    Kind::Container,
    Kind::Function,
    Kind::Inspected,
    Kind::Scanned,
    Kind::Name,
    Kind::ShortLived,
    Kind::Declared,
];

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(4_000_000_000 + hour * 3600).unwrap()
}

/// The last contact is at hour 0. It is missed in sweeps and in listings alike: of which the kind's end is, is a test of its own.
fn contacts(misses: &[i64]) -> Contacts {
    let miss = |hour: &i64| Miss { at: at(*hour), others_answered: true };
    let misses: Vec<Miss> = misses.iter().map(miss).collect();
    Contacts { last_at: at(0), listed_at: None, gone_at: None, unlisted: misses.clone(), misses, tries: Tries::None }
}

fn tried(first: i64, last: i64) -> Contacts {
    Contacts { tries: Tries::Unanswered { first_at: at(first), last_at: at(last) }, ..contacts(&[]) }
}

fn with_nobody() -> Contacts {
    Contacts { tries: Tries::Nobody, ..contacts(&[]) }
}

fn ended_by_owner(hour: i64) -> Contacts {
    Contacts { gone_at: Some(at(hour)), ..contacts(&[]) }
}

fn unproven(misses: &[i64]) -> Contacts {
    let mut contacts = contacts(misses);
    contacts.misses.iter_mut().chain(&mut contacts.unlisted).for_each(|miss| miss.others_answered = false);
    contacts
}

const PRESENT: &str = "present";
const UNREACHABLE: &str = "unreachable";
const DAY: i64 = 24;

fn standing(kind: Kind, contacts: &Contacts, hour: i64) -> String {
    match contacts.standing(kind, &Policy::default(), at(hour)) {
        Standing::Present => PRESENT.to_owned(),
        Standing::Unreachable { since } => {
            assert_eq!(since, contacts.last_at);
            UNREACHABLE.to_owned()
        }
        Standing::Retire { ending, because } => format!("{}: {because}", ending.as_str()),
    }
}

#[test]
fn each_kind_ends_in_its_own_way() {
    let owner = "gone: its owner says that it has ended";
    let rows: &[(Kind, Contacts, i64, &str)] = &[
        // An autoscaling machine: the event at once, else two full listings without it.
        (Kind::Instance, ended_by_owner(0), 0, owner),
        (Kind::Instance, ended_by_owner(-1), 9000, PRESENT),
        (Kind::Instance, ended_by_owner(5), 4, PRESENT),
        (Kind::Instance, contacts(&[]), 9000, PRESENT),
        (Kind::Instance, contacts(&[1]), 9000, UNREACHABLE),
        (Kind::Instance, contacts(&[1, 2]), 2, "gone: it is missing in 2 full listings in a row"),
        (Kind::Instance, contacts(&[1, 2]), 1, UNREACHABLE),
        (Kind::Instance, contacts(&[-2, -1, 1]), 9000, UNREACHABLE),
        (Kind::Instance, unproven(&[1, 2, 3]), 9000, UNREACHABLE),
        // A container: neither run nor offered for a week.
        (Kind::Container, contacts(&[1]), 9000, UNREACHABLE),
        (Kind::Container, contacts(&[1, 7 * DAY]), 9000, UNREACHABLE),
        (
            Kind::Container,
            contacts(&[1, 9, 7 * DAY + 1]),
            7 * DAY + 1,
            "gone: nothing runs it and nothing offers it, for 7 days",
        ),
        (Kind::Container, ended_by_owner(3), 3, owner),
        // A function: its version is deleted.
        (Kind::Function, ended_by_owner(3), 3, owner),
        (Kind::Function, contacts(&[1]), 9000, UNREACHABLE),
        (Kind::Function, contacts(&[1, 2]), 2, "gone: it is missing in 2 full listings in a row"),
        // A laptop, or whatever is inspected: 45 days, 90 days, and somebody must have tried.
        (Kind::Inspected, contacts(&[]), 45 * DAY - 1, PRESENT),
        (Kind::Inspected, contacts(&[]), 45 * DAY, UNREACHABLE),
        (Kind::Inspected, tried(3, 9), 9, UNREACHABLE),
        (Kind::Inspected, tried(3, 90 * DAY - 1), 9000, UNREACHABLE),
        (Kind::Inspected, tried(90 * DAY, 91 * DAY - 1), 9000, UNREACHABLE),
        (Kind::Inspected, tried(90 * DAY, 91 * DAY), 91 * DAY, "expired: no contact for 91 days"),
        (Kind::Inspected, tried(3, 90 * DAY), 90 * DAY, "expired: no contact for 90 days"),
        (Kind::Inspected, with_nobody(), 90 * DAY - 1, UNREACHABLE),
        (Kind::Inspected, with_nobody(), 90 * DAY, "expired: no contact for 90 days"),
        (Kind::Inspected, contacts(&[1, 2, 3]), 89 * DAY, UNREACHABLE),
        // A host in the network: three sweeps and two weeks.
        (Kind::Scanned, contacts(&[]), 9000, PRESENT),
        (Kind::Scanned, contacts(&[1]), 1, UNREACHABLE),
        (Kind::Scanned, contacts(&[1, 2, 3]), 14 * DAY - 1, UNREACHABLE),
        (Kind::Scanned, contacts(&[1, 2, 3]), 14 * DAY, "expired: no answer to 3 sweeps in a row, for 14 days"),
        (Kind::Scanned, contacts(&[1, 300]), 9000, UNREACHABLE),
        (Kind::Scanned, contacts(&[-2, -1, 0, 1, 2]), 9000, UNREACHABLE),
        (Kind::Scanned, unproven(&[1, 2, 3, 4, 5]), 9000, UNREACHABLE),
        (Kind::Scanned, tried(1, 2000), 9000, UNREACHABLE),
        // A name: no such name for a week.
        (Kind::Name, contacts(&[1]), 9000, UNREACHABLE),
        (Kind::Name, contacts(&[1, 2, 3]), 9000, UNREACHABLE),
        (Kind::Name, contacts(&[1, 7 * DAY + 1]), 7 * DAY + 1, "gone: there is no such name, for 7 days"),
        // What was made for one job: a day.
        (Kind::ShortLived, with_nobody(), DAY - 1, PRESENT),
        (Kind::ShortLived, with_nobody(), DAY, "expired: made for one job, and no contact for 24 hours"),
        (Kind::ShortLived, contacts(&[]), 9000, PRESENT),
        (Kind::ShortLived, tried(DAY, DAY), 9000, UNREACHABLE),
        (Kind::ShortLived, tried(DAY - 1, DAY), DAY, "expired: made for one job, and no contact for 24 hours"),
        // What people say stands.
        (Kind::Declared, contacts(&[]), 90_000, PRESENT),
        (Kind::Declared, tried(1, 9000), 90_000, UNREACHABLE),
        (Kind::Declared, ended_by_owner(1), 1, owner),
    ];
    for (kind, contacts, hour, expected) in rows {
        assert_eq!(standing(*kind, contacts, *hour), *expected, "{kind:?} at {hour}: {contacts:?}");
    }
    let kinds: BTreeSet<Kind> = rows.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, KINDS.into(), "every kind has its rows");
}

#[test]
fn sweeps_end_what_is_scanned_and_listings_what_is_listed() {
    let many = || contacts(&[1, 2, 8 * DAY, 15 * DAY]);
    for kind in KINDS {
        let sweeps = Contacts { unlisted: Vec::new(), ..many() };
        let listings = Contacts { misses: Vec::new(), ..many() };
        let ends = [sweeps, listings].map(|contacts| standing(kind, &contacts, 15 * DAY) != UNREACHABLE);
        let expected = match kind {
            Kind::Instance | Kind::Container | Kind::Function | Kind::Name => [false, true],
            Kind::Scanned => [true, false],
            Kind::Inspected | Kind::ShortLived | Kind::Declared => [false, false],
        };
        assert_eq!(ends, expected, "{kind:?}");
    }
}

#[test]
fn what_its_owner_lists_does_not_expire_and_need_not_answer() {
    for kind in [Kind::Inspected, Kind::ShortLived] {
        let listed = |hour| Contacts { listed_at: Some(at(hour)), ..tried(1, 100 * DAY) };
        assert!(standing(kind, &listed(-1), 100 * DAY).starts_with("expired"), "{kind:?}");
        assert_eq!(standing(kind, &listed(100 * DAY), 100 * DAY), UNREACHABLE, "{kind:?}");
    }
}

#[test]
fn what_may_be_silent_for_ever_never_expires() {
    let policy = Policy { inspected: None, scanned: None, short_lived: None, ..Policy::default() };
    for kind in KINDS {
        for contacts in [tried(1, 90_000), with_nobody()] {
            let standing = contacts.standing(kind, &policy, at(90_000));
            assert!(!matches!(standing, Standing::Retire { .. }), "{kind:?}: {standing:?}");
        }
    }
}

#[test]
fn fewer_than_two_sweeps_are_never_enough() {
    let policy = Policy { scanned_sweeps: 0, ..Policy::default() };
    let standing = contacts(&[1]).standing(Kind::Scanned, &policy, at(9000));
    assert_eq!(standing, Standing::Unreachable { since: at(0) });
}

#[test]
fn the_kind_is_what_the_records_say() {
    use identity::Source;
    use listing::Kind::{Container, Function, Instance, Name};
    let of = |sources: &[Source], listed: &[listing::Kind], tags: &[&str]| {
        Kind::of(&Traits {
            sources: sources.iter().copied().collect(),
            listed: listed.iter().copied().collect(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..Traits::default()
        })
    };
    assert_eq!(of(&[Source::Operator], &[], &["web"]), Kind::Declared);
    assert_eq!(of(&[Source::Operator, Source::NetworkScan], &[], &[]), Kind::Scanned);
    assert_eq!(of(&[Source::NetworkScan, Source::Inspection], &[], &[]), Kind::Inspected);
    assert_eq!(of(&[Source::Agent], &[], &[]), Kind::Inspected);
    // Read on the machine, and listed by nobody: nobody would miss it in a listing.
    assert_eq!(of(&[Source::Inspection], &[], &[]), Kind::Inspected);
    assert_eq!(of(&[Source::Inspection, Source::CloudApi], &[Instance], &[]), Kind::Instance);
    assert_eq!(of(&[Source::CloudApi], &[Container], &[]), Kind::Container);
    assert_eq!(of(&[Source::CloudApi], &[Function], &[]), Kind::Function);
    assert_eq!(of(&[Source::Passive], &[Name], &[]), Kind::Name);
    // A name that leads to a host is no reason to take the host for gone when the name is.
    assert_eq!(of(&[Source::Passive, Source::Inspection], &[Name], &[]), Kind::Inspected);
    assert_eq!(of(&[Source::Inspection], &[Instance], &["test-vm"]), Kind::ShortLived);
    // Before there were records, only the asset itself told.
    let was = |is_inspected, is_sighted| Kind::of(&Traits { is_inspected, is_sighted, ..Traits::default() });
    assert_eq!(
        [was(true, true), was(false, true), was(false, false)],
        [Kind::Inspected, Kind::Scanned, Kind::Declared]
    );
}

fn rank(standing: &Standing) -> u8 {
    match standing {
        Standing::Present => 0,
        Standing::Unreachable { .. } => 1,
        Standing::Retire { .. } => 2,
    }
}

fn any_contacts() -> impl Strategy<Value = Contacts> {
    let hour = || -50_i64..4000;
    let tries = prop_oneof![
        Just(Tries::Nobody),
        Just(Tries::None),
        (hour(), 0_i64..3000)
            .prop_map(|(first, more)| Tries::Unanswered { first_at: at(first), last_at: at(first + more) }),
    ];
    let misses = proptest::collection::vec((hour(), any::<bool>()), 0..8);
    let missed = |misses: Vec<(i64, bool)>| -> Vec<Miss> {
        misses.into_iter().map(|(hour, others_answered)| Miss { at: at(hour), others_answered }).collect()
    };
    (misses.clone(), misses, tries, proptest::option::weighted(0.1, hour())).prop_map(
        move |(misses, unlisted, tries, gone)| Contacts {
            last_at: at(0),
            listed_at: None,
            gone_at: gone.map(at),
            misses: missed(misses),
            unlisted: missed(unlisted),
            tries,
        },
    )
}

proptest! {
    #[test]
    fn time_alone_never_leads_back(contacts in any_contacts(), kind in 0..KINDS.len(), hours in (0_i64..5000, 0_i64..5000)) {
        let policy = Policy::default();
        let [early, late] = [hours.0.min(hours.1), hours.0.max(hours.1)]
            .map(|hour| rank(&contacts.standing(KINDS[kind], &policy, at(hour))));
        prop_assert!(early <= late, "{early} and then {late}");
    }

    #[test]
    fn one_look_in_vain_retires_nothing(
        contacts in any_contacts(), kind in 0..KINDS.len(), hour in 0_i64..5000, look in 1_i64..5000, others_answered in any::<bool>(),
    ) {
        for tries in [Tries::None, Tries::Unanswered { first_at: at(look), last_at: at(look) }] {
            let misses = vec![Miss { at: at(look), others_answered }];
            let one = Contacts { gone_at: None, unlisted: misses.clone(), misses, tries, ..contacts.clone() };
            let standing = one.standing(KINDS[kind], &Policy::default(), at(hour));
            prop_assert!(rank(&standing) < 2, "{standing:?}");
        }
    }

    #[test]
    fn a_contact_makes_everything_before_it_nothing(contacts in any_contacts(), kind in 0..KINDS.len(), hour in 0_i64..5000) {
        let again = Contacts { last_at: at(8000), ..contacts };
        let standing = again.standing(KINDS[kind], &Policy::default(), at(8000 + hour % 23));
        prop_assert_eq!(standing, Standing::Present);
    }

    #[test]
    fn what_nobody_looked_for_is_not_gone(contacts in any_contacts(), kind in 0..KINDS.len(), hour in 0_i64..90_000) {
        let unsought = Contacts { gone_at: None, misses: Vec::new(), unlisted: Vec::new(), tries: Tries::None, ..contacts };
        let standing = unsought.standing(KINDS[kind], &Policy::default(), at(hour));
        prop_assert!(rank(&standing) < 2, "{standing:?}");
        // Looks that prove nothing, and those that failed, which are no looks, change nothing of that.
        let misses: Vec<Miss> = (1..9).map(|hour| Miss { at: at(hour), others_answered: false }).collect();
        let standing = Contacts { unlisted: misses.clone(), misses, ..unsought }.standing(KINDS[kind], &Policy::default(), at(hour));
        prop_assert!(rank(&standing) < 2, "{standing:?}");
    }

    #[test]
    fn only_an_owner_or_his_listings_prove_that_it_is_gone(
        contacts in any_contacts(), kind in 0..KINDS.len(), hour in 0_i64..5000,
    ) {
        let standing = Contacts { gone_at: None, ..contacts }.standing(KINDS[kind], &Policy::default(), at(hour));
        let listed = matches!(KINDS[kind], Kind::Instance | Kind::Container | Kind::Function | Kind::Name);
        if let Standing::Retire { ending, .. } = standing {
            prop_assert_eq!(ending == Ending::Gone, listed);
        }
    }
}
