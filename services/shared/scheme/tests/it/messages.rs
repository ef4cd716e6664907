//! Messages from bytes and to bytes.

use proptest::prelude::*;
use scheme::{FieldError, FieldProblem, Message, Mti, ResponseCode};

use crate::some::{self, bytes, hex};

fn purchase() -> Message {
    let mut message = Message::new(Mti::AUTHORIZATION);
    message
        .set(2, "6225880212345678")
        .set(3, "000000")
        .set(4, "12345")
        .set(7, "1123130501")
        .set(11, "7")
        .set(14, "2911")
        .set(18, "5411")
        .set(19, "156")
        .set(22, "051")
        .set(25, "00")
        .set(32, "12345")
        .set(37, "632713000007")
        .set(41, "T1")
        .set(48, "9203123")
        .set(49, "156")
        .set(52, [0xAB; 8])
        .set(53, "0000");
    message
}

#[test]
fn a_message_is_type_bitmap_and_elements_in_order() {
    let mut message = Message::new(Mti::NETWORK_MANAGEMENT);
    message.set(70, "1").set(7, "1123130501").set(11, "000001");

    let encoded = message.encode().unwrap();

    // Bits 1, 7 and 11 of the first bitmap, bit 70 of the second.
    let expected =
        [b"0800".as_slice(), &bytes("82200000000000000400000000000000"), b"1123130501000001001"];
    assert_eq!(hex(&encoded), hex(&expected.concat()));
    assert_eq!(Message::decode(&encoded), Ok(message));
}

#[test]
fn what_is_short_is_filled_up_as_its_kind_asks() {
    let message = purchase();

    assert_eq!(message.text(4), Some("000000012345"));
    assert_eq!(message.text(11), Some("000007"));
    assert_eq!(message.text(41), Some("T1      "));
    assert_eq!(message.trimmed(41), Some("T1"));
    assert_eq!(message.text(32), Some("12345"));
    assert_eq!(message.missing(), None);
}

#[test]
fn no_secret_is_printed() {
    let printed = format!("{:?}", purchase());

    assert!(printed.starts_with("0100 2=(16 bytes) 3=\"000000\" 4=\"000000012345\""), "{printed}");
    for secret in ["5678", "2911", "9203123", "abab", "ABAB", "171"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[test]
fn an_answer_repeats_what_names_its_request_and_no_secret_but_the_number() {
    let answer = purchase().answer(ResponseCode::INSUFFICIENT_FUNDS);

    assert_eq!(answer.mti(), Mti::AUTHORIZATION_ANSWER);
    assert_eq!(answer.text(39), Some("51"));
    assert_eq!(answer.text(37), Some("632713000007"));
    let fields: Vec<u8> = answer.present().collect();
    assert_eq!(fields, [2, 3, 4, 7, 11, 18, 19, 22, 25, 32, 37, 39, 41, 49]);
    assert_eq!(answer.missing(), None);
}

#[test]
fn types_have_answers_and_repetitions() {
    let answers =
        [("0100", "0110"), ("0101", "0110"), ("0220", "0230"), ("0421", "0430"), ("0800", "0810")];
    for (request, answer) in answers {
        assert_eq!(Mti::parse(request).unwrap().answer(), Mti::parse(answer));
    }
    assert_eq!(Mti::REVERSAL.repeat().as_str(), "0401");
    assert_eq!(Mti::REVERSAL.repeat().repeat().original(), Mti::REVERSAL);
    assert_eq!(Mti::REVERSAL_ANSWER.answer(), None);
    assert_eq!(Mti::parse("100"), None);
    assert_eq!(Mti::parse("01x0"), None);
}

#[test]
fn the_first_element_that_is_missing_is_named() {
    let mut message = purchase();
    message.remove(37);
    assert_eq!(message.missing(), Some(37));

    assert_eq!(Message::new(Mti::REVERSAL.repeat()).missing(), Some(3));
    assert_eq!(Message::new(Mti::parse("0600").unwrap()).missing(), Some(0));
}

/// What is wrong, which element, and what was read before.
#[test]
fn what_cannot_be_read_is_named_by_its_element() {
    let with = |first: &str, rest: &[u8]| [b"0100".as_slice(), &bytes(first), rest].concat();
    let cases: [(&[u8], u8, FieldProblem); 10] = [
        (b"010", 0, FieldProblem::CutOff),
        (b"01a0xxxxxxxx", 0, FieldProblem::Character),
        (b"0100\xFF", 1, FieldProblem::CutOff),
        (&with("8000000000000000", b"1234567"), 1, FieldProblem::CutOff),
        (&with("0800000000000000", b"000000"), 5, FieldProblem::Unknown),
        (&with("4000000000000000", b"1x"), 2, FieldProblem::Length),
        (&with("4000000000000000", b"2012345678901234567890"), 2, FieldProblem::Length),
        (&with("2000000000000000", b"00000"), 3, FieldProblem::CutOff),
        (&with("2000000000000000", b"00000x"), 3, FieldProblem::Character),
        (&with("2000000000000000", b"0000001"), 1, FieldProblem::TooMuch),
    ];
    for (bytes, field, problem) in cases {
        assert_eq!(Message::decode(bytes).unwrap_err().error, FieldError { field, problem });
    }
    let cut_off = Message::decode(&with("2020000000000000", b"0000001")).unwrap_err();
    assert_eq!(cut_off.before.unwrap().text(3), Some("000000"));
}

#[test]
fn what_must_not_be_there_is_not_encoded() {
    let cases: [(u8, &[u8], FieldProblem); 4] = [
        (5, b"1", FieldProblem::Unknown),
        (4, b"-1", FieldProblem::Character),
        (11, b"1234567", FieldProblem::Length),
        (52, &[1; 7], FieldProblem::Length),
    ];
    for (field, value, problem) in cases {
        let mut message = Message::new(Mti::AUTHORIZATION);
        message.set(field, value);
        assert_eq!(message.encode(), Err(FieldError { field, problem }));
    }
}

#[test]
fn response_codes_have_words() {
    assert_eq!(ResponseCode::parse("51"), Ok(ResponseCode::INSUFFICIENT_FUNDS));
    assert_eq!(format!("{:?}", ResponseCode::INSUFFICIENT_FUNDS), "51 insufficient funds");
    assert!(ResponseCode::APPROVED.is_approved());
    assert!(ResponseCode::parse("99").is_err());
    assert!(ResponseCode::ALL.is_sorted() && ResponseCode::ALL.len() == 20);
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_to_the_same(message in some::message()) {
        let encoded = message.encode().unwrap();

        prop_assert_eq!(Message::decode(&encoded), Ok(message));
    }

    #[test]
    fn whatever_comes_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(message) = Message::decode(&bytes) {
            let again = Message::decode(&message.encode().unwrap());
            prop_assert_eq!(again, Ok(message));
        }
    }

    #[test]
    fn a_message_with_a_byte_changed_is_read_or_refused(message in some::message(), at: usize, byte: u8) {
        let mut bytes = message.encode().unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;

        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(Message::decode(&message.encode().unwrap()), Ok(message));
        }
    }

    #[test]
    fn a_message_that_is_cut_off_is_refused(message in some::message(), at: usize) {
        let bytes = message.encode().unwrap();

        prop_assert!(Message::decode(&bytes[..at % bytes.len()]).is_err());
    }
}
