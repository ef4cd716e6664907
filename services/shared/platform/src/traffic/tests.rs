use governor::clock::FakeRelativeClock;

use super::*;
use crate::policy::Role;

fn policy(criticality: Criticality) -> MethodPolicy {
    MethodPolicy {
        writes: true,
        criticality,
        roles: vec![Role::Channel],
        money_in_flight: false,
        scoped: false,
        amount_bands: Vec::new(),
    }
}

fn in_flight(criticality: Criticality) -> MethodPolicy {
    MethodPolicy { money_in_flight: true, ..policy(criticality) }
}

fn traffic(config: &TrafficConfig) -> Traffic<FakeRelativeClock> {
    Traffic::with_clock(config, &Queues::default(), FakeRelativeClock::default(), false)
}

fn caller(name: &str) -> Arc<str> {
    name.into()
}

fn small() -> TrafficConfig {
    TrafficConfig { caller_rate: 10, caller_burst: 3, ..TrafficConfig::default() }
}

fn crowded() -> TrafficConfig {
    TrafficConfig { in_flight_min: 1, in_flight_max: 10, ..TrafficConfig::default() }
}

#[test]
fn a_caller_who_is_refused_takes_nothing_from_others() {
    let traffic = traffic(&TrafficConfig { service_rate: 1, service_burst: 6, ..small() });
    let policy = policy(Criticality::Payment);
    for _ in 0..100 {
        drop(traffic.admit(&caller("channel/greedy"), &policy));
    }

    let fine = (0..3).all(|_| traffic.admit(&caller("channel/b"), &policy).is_ok());
    assert!(fine);
    let shed = traffic.admit(&caller("channel/c"), &policy).unwrap_err();
    assert_eq!((shed.reason, shed.limit), ("RATE_LIMITED", "service"));
}

#[test]
fn calls_for_which_there_is_no_place_take_no_token_that_others_share() {
    let config = TrafficConfig { service_rate: 1, service_burst: 20, ..crowded() };
    let traffic = traffic(&config);
    let batch = policy(Criticality::Batch);
    let places: Vec<_> =
        (0..1_000).map_while(|_| traffic.admit(&caller("channel/loader"), &batch).ok()).collect();
    for _ in 0..100 {
        assert!(traffic.admit(&caller("channel/loader"), &batch).is_err());
    }
    drop(places);

    let payment = policy(Criticality::Payment);
    let fine = (0..15).all(|_| traffic.admit(&caller("channel/a"), &payment).is_ok());
    assert!(fine, "five tokens are spent and fifteen are left");
}

#[test]
fn a_token_that_is_not_to_be_had_takes_no_place() {
    let traffic = traffic(&TrafficConfig { class_rate: 1, class_burst: 1, ..crowded() });
    let payment = policy(Criticality::Payment);
    let place = traffic.admit(&caller("channel/a"), &payment).unwrap();

    let shed = traffic.admit(&caller("channel/a"), &payment).unwrap_err();

    assert_eq!((shed.limit, traffic.in_flight()), ("class", 1));
    drop(place);
    assert_eq!(traffic.in_flight(), 0);
}

#[test]
fn lower_classes_are_refused_before_higher_ones_and_money_in_flight_never() {
    let traffic = traffic(&crowded());
    let payment = policy(Criticality::Payment);
    let a = caller("channel/a");
    let places: Vec<_> = (0..9).map(|_| traffic.admit(&a, &payment).unwrap()).collect();

    let batch = traffic.admit(&a, &policy(Criticality::Batch)).unwrap_err();
    assert_eq!((batch.reason, batch.limit), ("OVERLOADED", "in_flight"));
    assert!(batch.wait > Duration::ZERO);
    assert!(traffic.admit(&a, &payment).is_err());
    let card = traffic.admit(&a, &policy(Criticality::CardAuthorization)).unwrap();
    let finishing = traffic.admit(&a, &in_flight(Criticality::Batch)).unwrap();
    assert_eq!(traffic.in_flight(), 11);
    drop((places, card, finishing));
    assert!(traffic.admit(&a, &policy(Criticality::Batch)).is_ok());
}

#[test]
fn what_limits_can_be_switched_off_for_measuring() {
    let limited = TrafficConfig { control: "buckets".into(), ..crowded() };
    let open = TrafficConfig { control: "none".into(), ..limited.clone() };
    let many = |config: &TrafficConfig| {
        let (traffic, payment) = (traffic(config), policy(Criticality::Payment));
        let config = TrafficConfig { caller_rate: 10, caller_burst: 30, ..config.clone() };
        let limits = Limits::of(&config);
        traffic.apply(1, &limits);
        let admit = |_| traffic.admit(&caller("channel/a"), &payment).ok();
        (0..100).map_while(admit).collect::<Vec<_>>().len()
    };

    assert_eq!([many(&crowded()), many(&limited), many(&open)], [9, 30, 100]);
}

#[test]
fn other_limits_hold_at_once_and_say_their_version() {
    let traffic = traffic(&TrafficConfig::default());
    let payment = policy(Criticality::Payment);
    let limits = Limits::of(&TrafficConfig { in_flight_min: 1, in_flight_max: 2, ..small() });

    traffic.apply(7, &limits);

    assert_eq!(*traffic.in_force(), InForce { version: 7, limits });
    assert_eq!(traffic.configured().in_flight_max, 4_096);
    assert_eq!(traffic.write_limit(), 2);
    let shed = {
        let _place = traffic.admit(&caller("channel/a"), &payment).unwrap();
        traffic.admit(&caller("channel/a"), &payment).unwrap_err()
    };
    assert_eq!(shed.limit, "in_flight", "95 % of 2 is 1");
    drop(traffic.admit(&caller("channel/a"), &payment).unwrap());
    assert_eq!(traffic.admit(&caller("channel/a"), &payment).unwrap_err().limit, "caller");
}
