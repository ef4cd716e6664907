//! Text that callers write into metadata and fields, each read alone and with what must hold of it.

use http::{HeaderMap, HeaderValue};
use kernel::{
    AccountNumber, BusinessDate, Currency, CustomerId, Money, PositiveMoney, RequestId,
    RequestWindow,
};
use platform::db::ReadToken;
use platform::deadline;
use platform::telemetry::SpanLink;

use crate::now;
use crate::repeats::{alike, told_apart};

/// Reads a text. What it answers is what was read, in the usual form, or what is said to the caller.
pub(crate) type Read = fn(&str) -> Result<String, String>;

/// Every kind of text, by name.
pub(crate) const READERS: [(&str, Read); 9] = [
    ("account-number", |text| told(AccountNumber::parse(text))),
    ("business-date", |text| told(BusinessDate::parse(text))),
    ("currency", |text| told(Currency::parse(text))),
    ("customer-id", |text| told(CustomerId::parse(text))),
    ("grpc-timeout", timeout),
    ("money", money),
    ("read-token", |text| told(ReadToken::parse(text))),
    ("request-id", request_id),
    ("traceparent", traceparent),
];

/// Where to begin: one good text of each kind, and some that are nearly good.
pub(crate) const SEEDS: [&str; 14] = [
    "1000000000000012",
    "2026-02-28",
    "0000-00-00",
    "CNY",
    "019508f0-4a3b-7c5d-8e6f-0123456789ab",
    "99999999H",
    "1500m",
    "9223372036854775807 JPY",
    "-1 CNY",
    "deposit:1:0/3000060",
    "deposit:4294967295:FFFFFFFF/FFFFFFFF",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
    "",
];

/// Reads bytes as this kind of text. What is read keeps its meaning in its usual form; what is refused is not repeated.
pub(crate) fn run(read: Read, bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match read(text) {
        Ok(usual) => assert_eq!(read(&usual).as_ref(), Ok(&usual), "the usual form is another"),
        Err(said) => {
            // By chance it may be a word of what is said; then one like it is not.
            let other = alike(text);
            let repeated = told_apart(text)
                && said.contains(text)
                && read(&other).is_err_and(|said| said.contains(&other));
            assert!(!repeated, "what is said repeats what was given");
        }
    }
}

fn told<T: ToString, E: ToString>(read: Result<T, E>) -> Result<String, String> {
    read.map(|value| value.to_string()).map_err(|error| error.to_string())
}

fn timeout(text: &str) -> Result<String, String> {
    let value = HeaderValue::from_str(text).map_err(|_| "no header".to_owned())?;
    let headers = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-timeout"), value)]);
    let read = deadline::from_headers(&headers).map_err(|error| error.to_string())?;
    let left = read.ok_or("there is one")?;
    assert!(text.len() <= 9 && left.as_secs() <= 99_999_999 * 3_600, "longer than can be said");
    Ok(text.to_owned())
}

fn money(text: &str) -> Result<String, String> {
    let (minor, code) = text.split_once(' ').ok_or("no money")?;
    let minor: i64 = minor.parse().map_err(|_| "no number")?;
    let currency = Currency::parse(code).map_err(|error| error.to_string())?;
    let money = Money::new(minor, currency);
    // Whatever the amount: an overflow is an answer and no panic.
    for other in [i64::MIN, -1, 0, 1, i64::MAX] {
        let other = Money::new(other, currency);
        assert_eq!(money.checked_add(other).is_ok(), minor.checked_add(other.minor()).is_some());
        assert_eq!(money.checked_sub(other).is_ok(), minor.checked_sub(other.minor()).is_some());
    }
    // What is said of an amount may repeat it: it is nobody's name.
    let positive = PositiveMoney::try_new(money).map_err(|_| "not positive")?;
    Ok(format!("{} {}", positive.minor(), positive.currency()))
}

fn request_id(text: &str) -> Result<String, String> {
    let id = RequestId::parse(text).map_err(|error| error.to_string())?;
    // Refused or not, it is an answer and no panic.
    let checked = RequestWindow::default().check(id, now());
    Ok(checked.map_or_else(|_| id.to_string(), |()| id.to_string()))
}

/// It has no answer: what is no trace is no trace.
#[expect(clippy::unnecessary_wraps, reason = "it is one of the readers")]
fn traceparent(text: &str) -> Result<String, String> {
    let link = SpanLink::parse(text);
    let other = SpanLink::parse(&text.to_ascii_lowercase());
    assert_eq!(format!("{link:?}"), format!("{other:?}"), "the case of digits matters");
    Ok(text.to_owned())
}
