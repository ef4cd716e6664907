//! The pages of the reference say what the tables say.

use scheme::table::{ECHOED, ELEMENTS, Length, REQUIRED};
use scheme::{Column, ResponseCode, clearing, settlement};

const MESSAGES: &str = include_str!("../../../../../docs/reference/iso8583.md");
const FILES: &str = include_str!("../../../../../docs/reference/clearing-file.md");

/// The cells of the rows of the table that stands after a heading.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, after) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let lines = after.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn numbers(fields: &[u8]) -> String {
    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn data_elements_are_on_their_page() {
    let expected: Vec<Vec<String>> = ELEMENTS
        .iter()
        .map(|element| {
            let length = match element.length {
                Length::Fixed(length) => length.to_string(),
                Length::Two(longest) => format!("LL, at most {longest}"),
                Length::Three(longest) => format!("LLL, at most {longest}"),
            };
            let secret = if element.secret { "yes" } else { "no" };
            let (name, kind) = (element.name.to_owned(), element.kind.symbol().to_owned());
            vec![element.number.to_string(), name, kind, length, secret.to_owned()]
        })
        .collect();

    assert_eq!(rows(MESSAGES, "## Data elements"), expected);
    assert!(ELEMENTS.is_sorted_by(|one, next| one.number < next.number));
}

#[test]
fn messages_are_on_their_page() {
    let asked = REQUIRED.iter().filter(|(mti, _)| !mti.is_answer());
    let expected: Vec<Vec<String>> = asked
        .map(|(mti, required)| {
            let types = [*mti, mti.repeat(), mti.answer().unwrap()].map(|mti| mti.to_string());
            [types.as_slice(), &[numbers(required)]].concat()
        })
        .collect();
    let found: Vec<Vec<&str>> = rows(MESSAGES, "## Messages")
        .into_iter()
        .map(|row| vec![row[0], row[1], row[2], row[4]])
        .collect();

    assert_eq!(found, expected);
    let page = MESSAGES.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(&format!("repeats elements {} of its request", numbers(ECHOED))));
}

#[test]
fn response_codes_are_on_their_page() {
    let found: Vec<(&str, &str)> =
        rows(MESSAGES, "## Response codes").iter().map(|row| (row[0], row[1])).collect();
    let expected: Vec<(&str, &str)> =
        ResponseCode::ALL.iter().map(|(code, words)| (code.as_str(), *words)).collect();

    assert_eq!(found, expected);
}

#[test]
fn columns_are_on_their_page() {
    let tables: [(&str, &[Column]); 5] = [
        ("### Header", &clearing::HEADER),
        ("### Record", &clearing::RECORD),
        ("### Trailer", &clearing::TRAILER),
        ("### Header of the report", &settlement::HEADER),
        ("### Record of the report", &settlement::RECORD),
    ];
    for (heading, columns) in tables {
        let mut from = 1;
        let expected: Vec<Vec<String>> = columns
            .iter()
            .map(|column| {
                let at = from;
                from += column.width;
                let kind = if column.digits { "digits" } else { "text" };
                let (at, width) = (at.to_string(), column.width.to_string());
                vec![at, width, column.name.to_owned(), kind.to_owned()]
            })
            .collect();
        let found: Vec<Vec<&str>> =
            rows(FILES, heading).into_iter().map(|row| row[..4].to_vec()).collect();

        assert_eq!(found, expected, "{heading}");
    }
}
