//! Secrets that occur nowhere else, and the search for them in anything: as they are written, in packed digits, in
//! hexadecimal and in base 64.

use std::fmt::Write as _;

/// Fewer bytes than these are somewhere by chance.
const TELLING: usize = 6;

/// What is searched at once; a page of Postgres.
const PAGE: usize = 8 << 10;

/// The secrets of one bank.
pub struct Canaries {
    patterns: Vec<Pattern>,
    /// The patterns by their first two bytes.
    by_start: Vec<Vec<usize>>,
    longest: usize,
}

struct Pattern {
    what: String,
    bytes: Vec<u8>,
}

impl Canaries {
    /// Of secrets with their names.
    pub fn of(secrets: &[(&str, String)]) -> Self {
        let patterns: Vec<Pattern> =
            secrets.iter().flat_map(|(name, secret)| patterns(name, secret)).collect();
        let mut by_start = vec![Vec::new(); 1 << 16];
        for (index, pattern) in patterns.iter().enumerate() {
            assert!(
                pattern.bytes.len() >= TELLING,
                "too short to be told from chance: {}",
                pattern.what
            );
            by_start[start(&pattern.bytes)].push(index);
        }
        let longest = patterns.iter().map(|pattern| pattern.bytes.len()).max().unwrap();
        Self { patterns, by_start, longest }
    }

    /// What of them is in some bytes, and where.
    pub fn in_bytes(&self, place: &str, bytes: &[u8]) -> Vec<String> {
        let zeros = [0; PAGE];
        let mut found = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let page = &bytes[at..bytes.len().min(at + PAGE)];
            // Most of a new database is nothing, and comparing is quicker than searching.
            if page != &zeros[..page.len()] {
                let end = bytes.len().min(at + PAGE + self.longest - 1);
                self.search(place, (at, &bytes[at..end], page.len()), &mut found);
            }
            at += PAGE;
        }
        found
    }

    /// Searches what begins in the first `length` bytes.
    fn search(
        &self,
        place: &str,
        (at, bytes, length): (usize, &[u8], usize),
        found: &mut Vec<String>,
    ) {
        for offset in 0..length.min(bytes.len().saturating_sub(1)) {
            for index in &self.by_start[start(&bytes[offset..])] {
                let pattern = &self.patterns[*index];
                if bytes[offset..].starts_with(&pattern.bytes) {
                    found.push(format!("{} at {} of {place}", pattern.what, at + offset));
                }
            }
        }
    }

    /// How many ways of writing them are looked for.
    pub fn len(&self) -> usize {
        self.patterns.len()
    }
}

fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// A secret in all the ways of writing that are looked for.
fn patterns(name: &str, secret: &str) -> Vec<Pattern> {
    let mut found = vec![(String::from("as it is"), secret.as_bytes().to_vec())];
    let pairs = secret.len().is_multiple_of(2) && secret.bytes().all(|byte| byte.is_ascii_digit());
    if pairs && secret.len() >= 2 * TELLING {
        found.push(("in packed digits".into(), packed(secret)));
    }
    let hex = hex(secret.as_bytes());
    found.push(("in hexadecimal, upper case".into(), hex.to_uppercase().into_bytes()));
    found.push(("in hexadecimal".into(), hex.into_bytes()));
    for before in 0..3 {
        found.push((
            format!("in base 64, after {before}"),
            base64_within(secret.as_bytes(), before),
        ));
    }
    // Digits only: upper and lower case are the same.
    found.dedup_by(|one, other| one.1 == other.1);
    let what = |how: String| format!("{name} {how}");
    found.into_iter().map(|(how, bytes)| Pattern { what: what(how), bytes }).collect()
}

/// Two digits to a byte.
pub fn packed(digits: &str) -> Vec<u8> {
    digits.as_bytes().chunks(2).map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0')).collect()
}

/// Two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// In base 64, without padding.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let mut bits = [0; 4];
        bits[1..=three.len()].copy_from_slice(three);
        let bits = u32::from_be_bytes(bits);
        for place in 0..=three.len() {
            text.push(char::from(LETTERS[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

/// What is always the same in base 64 of something in which these bytes come after so many others, whichever.
fn base64_within(bytes: &[u8], before: usize) -> Vec<u8> {
    let all = base64(&[&vec![0; before], bytes].concat());
    let known = (before + bytes.len()) * 8 / 6;
    all.as_bytes()[(before * 8).div_ceil(6)..known].to_vec()
}

#[test]
fn a_secret_is_found_in_every_way_of_writing_and_across_pages() {
    let secret = "6225880394751826";
    let canaries = Canaries::of(&[("number", secret.to_owned())]);
    let ways = [
        secret.as_bytes().to_vec(),
        packed(secret),
        hex(secret.as_bytes()).into_bytes(),
        hex(secret.as_bytes()).to_uppercase().into_bytes(),
        base64(secret.as_bytes()).into_bytes(),
        base64(format!("x{secret}y").as_bytes()).into_bytes(),
        base64(format!("xx{secret}yy").as_bytes()).into_bytes(),
    ];
    for (number, way) in ways.iter().enumerate() {
        for at in [0, 1, PAGE - 3, PAGE - 1, PAGE, 2 * PAGE + 1] {
            let mut bytes = vec![b'.'; 3 * PAGE];
            bytes[at..at + way.len()].copy_from_slice(way);

            assert!(!canaries.in_bytes("here", &bytes).is_empty(), "way {number} at {at}");
        }
    }
    assert_eq!(canaries.in_bytes("here", &vec![b'6'; 3 * PAGE]), Vec::<String>::new());
    assert_eq!(canaries.in_bytes("here", b"6"), Vec::<String>::new());
}

#[test]
fn base_64_is_that_of_others() {
    assert_eq!(base64(b"6225880394751826"), "NjIyNTg4MDM5NDc1MTgyNg");
    assert_eq!(base64(b"Ma"), "TWE");
    assert_eq!(base64(b""), "");
}
