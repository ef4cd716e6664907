//! What a request means, from both ends of the line.

use kernel::Currency;
use proptest::prelude::*;
use scheme::words::{amount, available, cvv2, pin, set_amount, set_available, set_cvv2, set_pin};
use scheme::{Channel, FieldProblem, Kind, Message, Mti, PinBlock, PresentedPin, Wanted};

const HOME: &str = "156";

fn request(code: &str, entry: &str, condition: &str, category: &str) -> Message {
    let mut message = Message::new(Mti::AUTHORIZATION);
    message.set(3, code).set(18, category).set(19, "156").set(22, entry).set(25, condition);
    message
}

fn asked(code: &str, entry: &str, condition: &str, category: &str) -> (Kind, Channel) {
    let wanted = Wanted::of(&request(code, entry, condition, category), HOME).unwrap();
    (wanted.kind, wanted.channel)
}

#[test]
fn codes_mean_what_the_reference_says() {
    assert_eq!(asked("000000", "051", "00", "5411"), (Kind::Purchase, Channel::Pos));
    assert_eq!(asked("009900", "021", "06", "7011"), (Kind::Preauthorization, Channel::Pos));
    assert_eq!(asked("010000", "051", "00", "5411"), (Kind::Cash, Channel::Atm));
    assert_eq!(asked("310000", "071", "02", "6011"), (Kind::BalanceInquiry, Channel::Atm));
    assert_eq!(asked("200000", "812", "59", "5411"), (Kind::Refund, Channel::Online));
    assert_eq!(asked("000000", "012", "08", "5411"), (Kind::Purchase, Channel::Online));
    assert_eq!(asked("000000", "071", "00", "5411"), (Kind::Purchase, Channel::Contactless));
    assert_eq!(asked("000000", "911", "00", "5411"), (Kind::Purchase, Channel::Contactless));

    let unknown = Wanted::of(&request("400000", "051", "00", "5411"), HOME).unwrap_err();
    assert_eq!((unknown.field, unknown.problem), (3, FieldProblem::Meaning));
    let mut message = request("000000", "051", "00", "5411");
    assert!(!Wanted::of(&message, HOME).unwrap().abroad);
    assert!(Wanted::of(message.set(19, "840"), HOME).unwrap().abroad);
    message.remove(19);
    assert_eq!(Wanted::of(&message, HOME).unwrap_err().field, 19);
}

#[test]
fn a_pin_says_its_format_and_its_key() {
    let mut message = Message::new(Mti::AUTHORIZATION);
    assert_eq!(pin(&message), Ok(None));

    let short = PresentedPin { block: PinBlock::Format0([7; 8]), key_index: 3 };
    set_pin(&mut message, short);
    assert_eq!(message.text(53), Some("0003000000000000"));
    assert_eq!(pin(&message), Ok(Some(short)));

    let long = PresentedPin { block: PinBlock::Format4([9; 16]), key_index: 99 };
    set_pin(&mut message, long);
    assert_eq!((message.get(52), message.text(53)), (None, Some("0499000000000000")));
    assert_eq!(pin(&message), Ok(Some(long)));
}

#[test]
fn a_pin_that_is_not_whole_is_refused() {
    let block = [7; 8];
    let mut message = Message::new(Mti::AUTHORIZATION);
    message.set(52, block);
    assert_eq!(pin(&message).unwrap_err().problem, FieldProblem::Missing);
    for control in ["0400000000000000", "0100000000000000", "0000000000000001"] {
        message.set(53, control);
        assert_eq!(pin(&message).unwrap_err().field, 53, "{control}");
    }
    message.set(53, "0000000000000000").set(125, [9; 16]);
    assert_eq!(pin(&message).unwrap_err().field, 53);
    message.remove(52).remove(125);
    assert_eq!(pin(&message).unwrap_err().field, 53);
}

#[test]
fn a_cvv2_is_among_other_private_data_or_alone() {
    let mut message = Message::new(Mti::AUTHORIZATION);
    assert_eq!(cvv2(&message), Ok(None));
    set_cvv2(&mut message, "123");
    assert_eq!(message.text(48), Some("9203123"));
    assert_eq!(cvv2(&message), Ok(Some("123")));
    assert_eq!(cvv2(message.set(48, "0102ab9203456")), Ok(Some("456")));
    assert_eq!(cvv2(message.set(48, "0102ab")), Ok(None));
    for wrong in
        ["9", "92", "9203", "920312", "9204 123", "9203abc", "92031239203123", "xx03123", "92+3123"]
    {
        assert_eq!(cvv2(message.set(48, wrong)).unwrap_err().field, 48, "{wrong}");
    }
}

#[test]
fn amounts_that_cannot_be_said_are_refused() {
    let mut message = Message::new(Mti::AUTHORIZATION);
    assert_eq!(set_amount(&mut message, -1, Currency::CNY).unwrap_err().field, 4);
    message.set(4, "1").set(49, "999");
    assert_eq!(amount(&message).unwrap_err().field, 49);
    assert_eq!(set_available(&mut message, i64::MIN, Currency::CNY).unwrap_err().field, 54);
    for wrong in [
        "0002156C00000000001",
        "0001156C000000000001",
        "0002156X000000000001",
        "0002156C00000000000x",
    ] {
        assert_eq!(available(message.set(54, wrong)).unwrap_err().field, 54, "{wrong}");
    }
}

proptest! {
    #[test]
    fn what_one_end_wants_the_other_hears(
        kind in prop::sample::select(vec![Kind::Purchase, Kind::Cash, Kind::Preauthorization, Kind::Refund, Kind::BalanceInquiry]),
        channel in prop::sample::select(vec![Channel::Atm, Channel::Pos, Channel::Online, Channel::Contactless]),
        abroad: bool,
        category in "[0-57-9][0-9]{3}",
    ) {
        let channel = if kind == Kind::Cash { Channel::Atm } else { channel };
        let merchant_category = if channel == Channel::Atm && kind != Kind::Cash { "6011".to_owned() } else { category };
        let wanted = Wanted { kind, channel, abroad, merchant_category };
        let mut message = Message::new(Mti::AUTHORIZATION);

        wanted.write(&mut message, if abroad { "840" } else { HOME });

        prop_assert!(message.encode().is_ok());
        prop_assert_eq!(Wanted::of(&message, HOME), Ok(wanted));
    }

    #[test]
    fn amounts_come_back(minor in 0..=999_999_999_999_i64, owed: bool) {
        let mut message = Message::new(Mti::AUTHORIZATION);
        set_amount(&mut message, minor, Currency::JPY).unwrap();
        prop_assert_eq!(amount(&message), Ok((minor, Currency::JPY)));

        let balance = if owed { -minor } else { minor };
        set_available(&mut message, balance, Currency::CNY).unwrap();
        prop_assert!(message.encode().is_ok());
        prop_assert_eq!(available(&message), Ok((balance, Currency::CNY)));
    }

    #[test]
    fn whatever_private_data_comes_is_read_or_refused(text in "[ -~]{0,40}") {
        let mut message = Message::new(Mti::AUTHORIZATION);
        message.set(48, &text);
        prop_assert!(cvv2(&message).is_err() || cvv2(&message).is_ok());
    }
}
