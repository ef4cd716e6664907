//! What finds a message again.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use scheme::{
    FieldProblem, Message, Mti, OriginalData, institution, transmission_text, transmission_time,
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn a_reversal_names_its_original() {
    let mut original = Message::new(Mti::AUTHORIZATION.repeat());
    original.set(11, "42").set(7, "1123130501").set(32, "012345");

    let data = OriginalData::of(&original).unwrap();
    let mut reversal = Message::new(Mti::REVERSAL);
    reversal.set(90, data.to_text());

    assert_eq!(reversal.text(90), Some("010000004211231305010000001234500000000000"));
    assert_eq!(OriginalData::named_in(&reversal), Ok(data));
}

#[test]
fn what_names_nothing_is_refused() {
    let mut reversal = Message::new(Mti::REVERSAL);
    assert_eq!(OriginalData::named_in(&reversal).unwrap_err().problem, FieldProblem::Missing);
    reversal.set(90, [b'x'; 42]);
    assert_eq!(OriginalData::named_in(&reversal).unwrap_err().problem, FieldProblem::Meaning);
    assert_eq!(OriginalData::parse("0100"), None);
    assert_eq!(OriginalData::of(&Message::new(Mti::FINANCIAL)).unwrap_err().field, 32);
}

#[test]
fn institutions_have_one_spelling() {
    assert_eq!(institution("123"), institution("00000000123"));
    assert_eq!(institution("123").unwrap(), "00000000123");
    for text in ["", "123456789012", "12a", " 12"] {
        assert_eq!(institution(text), None);
    }
}

#[test]
fn a_time_without_a_year_is_of_the_year_that_brings_it_nearest() {
    let cases = [
        ("1231235959", "2027-01-01T00:00:10Z", Some("2026-12-31T23:59:59Z")),
        ("0101000001", "2026-12-31T23:59:50Z", Some("2027-01-01T00:00:01Z")),
        ("0229120000", "2028-02-29T12:00:00Z", Some("2028-02-29T12:00:00Z")),
        ("0229120000", "2027-03-01T00:00:00Z", Some("2028-02-29T12:00:00Z")),
        ("0229120000", "2026-03-01T00:00:00Z", None),
        ("0431120000", "2026-03-01T00:00:00Z", None),
        ("0430240000", "2026-03-01T00:00:00Z", None),
        ("043012000", "2026-03-01T00:00:00Z", None),
        ("+430120000", "2026-03-01T00:00:00Z", None),
    ];
    for (text, now, expected) in cases {
        assert_eq!(transmission_time(text, at(now)), expected.map(at), "{text} at {now}");
    }
    assert!(transmission_time("0101000000", DateTime::<Utc>::MAX_UTC).is_some());
    assert!(transmission_time("0101000000", DateTime::<Utc>::MIN_UTC).is_some());
}

proptest! {
    #[test]
    fn a_time_near_to_now_comes_back(seconds in 0..4_000_000_000_i64, apart in -15_000_000..15_000_000_i64) {
        let now = DateTime::from_timestamp(seconds, 0).unwrap();
        let sent = now + TimeDelta::seconds(apart);

        prop_assert_eq!(transmission_time(&transmission_text(sent), now), Some(sent));
    }

    #[test]
    fn whatever_names_an_original_is_written_again_to_the_same(text in "[0-9]{42}") {
        prop_assert_eq!(OriginalData::parse(&text).unwrap().to_text(), text);
    }
}
