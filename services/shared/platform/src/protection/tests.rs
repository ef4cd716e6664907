//! What must hold of every sealed field and every digest.

use uuid::Uuid;

use super::{DataKey, Error, Keyring, Place, SearchKey, Secret};

fn hex(digit: char) -> Secret<String> {
    Secret::new(digit.to_string().repeat(64))
}

fn key(id: &str, digit: char) -> DataKey {
    DataKey::parse(id, &hex(digit)).unwrap()
}

fn ring() -> Keyring {
    Keyring::try_new(key("k1", 'a'), vec![]).unwrap()
}

fn place(row: u128, column: &'static str) -> Place {
    Place { row: Uuid::from_u128(row), column }
}

const HERE: Place = Place { row: Uuid::from_u128(7), column: "customers.name" };

#[test]
fn a_sealed_field_opens_where_it_belongs() {
    let sealed = ring().seal(HERE, "李小龙".as_bytes()).unwrap();

    assert_eq!(ring().open(HERE, &sealed).unwrap().expose(), "李小龙".as_bytes());
}

#[test]
fn an_empty_value_is_a_value() {
    let sealed = ring().seal(HERE, b"").unwrap();

    assert_eq!(ring().open(HERE, &sealed).unwrap().expose(), b"");
}

#[test]
fn a_field_moved_to_another_row_refuses_to_open() {
    let sealed = ring().seal(HERE, b"Ada").unwrap();

    assert_eq!(ring().open(place(8, "customers.name"), &sealed), Err(Error::NotAuthentic));
}

#[test]
fn a_field_moved_to_another_column_refuses_to_open() {
    let sealed = ring().seal(HERE, b"Ada").unwrap();

    assert_eq!(ring().open(place(7, "customers.phone"), &sealed), Err(Error::NotAuthentic));
}

#[test]
fn a_field_with_any_one_bit_flipped_refuses_to_open() {
    let sealed = ring().seal(HERE, b"Ada").unwrap();

    let opened = (0..sealed.len() * 8).filter(|bit| {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        ring().open(HERE, &flipped).is_ok()
    });
    assert_eq!(opened.count(), 0);
}

#[test]
fn a_field_cut_short_anywhere_refuses_to_open() {
    let sealed = ring().seal(HERE, b"Ada").unwrap();

    let opened = (0..sealed.len()).filter(|end| ring().open(HERE, &sealed[..*end]).is_ok());
    assert_eq!(opened.count(), 0);
}

#[test]
fn sealing_the_same_value_twice_gives_different_bytes() {
    assert_ne!(ring().seal(HERE, b"Ada").unwrap(), ring().seal(HERE, b"Ada").unwrap());
}

#[test]
fn an_old_key_still_reads_and_the_new_one_writes() {
    let sealed = ring().seal(HERE, b"Ada").unwrap();
    let rotated = Keyring::try_new(key("k2", 'b'), vec![key("k1", 'a')]).unwrap();

    assert_eq!(rotated.open(HERE, &sealed).unwrap().expose(), b"Ada");
    let sealed_again = rotated.seal(HERE, b"Ada").unwrap();
    assert_eq!(ring().open(HERE, &sealed_again), Err(Error::UnknownKey));
}

#[test]
fn another_key_under_the_same_id_refuses_to_open() {
    let sealed = ring().seal(HERE, b"Ada").unwrap();
    let other = Keyring::try_new(key("k1", 'c'), vec![]).unwrap();

    assert_eq!(other.open(HERE, &sealed), Err(Error::NotAuthentic));
}

#[test]
fn two_keys_with_one_id_are_refused() {
    let twice = Keyring::try_new(key("k1", 'a'), vec![key("k1", 'b')]);

    assert_eq!(twice.err(), Some(Error::KeyIdTwice));
}

#[test]
fn keys_that_are_not_64_hexadecimal_digits_are_refused() {
    for bad in ["", "ab", &"g".repeat(64), &"+f".repeat(32), &"a".repeat(66), &"é".repeat(32)] {
        let bad = Secret::new(bad.to_owned());
        assert_eq!(DataKey::parse("k1", &bad).err(), Some(Error::KeyFormat));
        assert_eq!(SearchKey::parse(&bad).err(), Some(Error::KeyFormat));
    }
}

#[test]
fn key_ids_that_a_header_cannot_carry_are_refused() {
    for bad in ["", "with space", &"k".repeat(33), "schlüssel"] {
        assert_eq!(DataKey::parse(bad, &hex('a')).err(), Some(Error::KeyId));
    }
}

#[test]
fn a_digest_depends_on_key_purpose_and_where_parts_end() {
    let search = SearchKey::parse(&hex('a')).unwrap();
    let digest = search.digest("document", &[b"PASSPORT", b"X1"]);

    assert_eq!(digest, search.digest("document", &[b"PASSPORT", b"X1"]));
    assert_ne!(digest, search.digest("document", &[b"PASSPORTX", b"1"]));
    assert_ne!(digest, search.digest("request", &[b"PASSPORT", b"X1"]));
    assert_ne!(
        digest,
        SearchKey::parse(&hex('b')).unwrap().digest("document", &[b"PASSPORT", b"X1"])
    );
}

#[test]
fn nothing_secret_can_be_printed() {
    let printed = format!(
        "{:?} {:?} {:?} {:?}",
        Secret::new("tell nobody"),
        ring(),
        SearchKey::parse(&hex('a')).unwrap(),
        ring().open(HERE, &ring().seal(HERE, b"tell nobody").unwrap()),
    );

    assert!(!printed.contains("tell nobody"));
    assert!(!printed.contains("aaaa"));
}
