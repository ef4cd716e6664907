use super::*;
use crate::domain::Bucket;

const SHIPPED: &str = include_str!("../../../books/products.toml");

fn read(text: &str) -> Result<Products, Problems> {
    load(SourceText { name: "products.toml", text })
}

/// What is wrong with the shipped file after a change.
fn problems(from: &str, to: &str) -> Vec<(usize, String)> {
    assert!(SHIPPED.contains(from), "{from}");
    let problems = read(&SHIPPED.replacen(from, to, 1)).unwrap_err();
    problems.0.into_iter().map(|problem| (problem.line, problem.message)).collect()
}

#[test]
fn the_shipped_products_are_right() {
    let products = read(SHIPPED).unwrap();
    let debit = products.find("DEBIT").unwrap();

    assert_eq!(debit.bin.serial_digits(), 7);
    assert_eq!(debit.limits.len(), Bucket::ALL.len());
    assert!(debit.restricted.contains("7995"));
    assert!(products.find("OTHER").is_none());
}

#[test]
fn each_problem_is_named_with_its_line() {
    let line = |part: &str| SHIPPED[..SHIPPED.find(part).unwrap()].matches('\n').count() + 1;
    let bin = "{ digits = \"62170099\", length = 16 }";
    let at = line(bin);
    for (to, message) in [
        ("{ digits = \"6217x\", length = 16 }", "the digits of a range are 6 to 8"),
        ("{ digits = \"62170099\", length = 20 }", "a number has 16 to 19 digits"),
    ] {
        assert_eq!(problems(bin, to), [(at, message.to_owned())]);
    }
    let at = line("\"7995\"");
    assert_eq!(problems("\"7995\"", "\"79\""), [(at, "a merchant category is four digits".into())]);
    let at = line("validity_years = 5");
    let wrong = problems("validity_years = 5", "validity_years = 0");
    assert_eq!(wrong, [(at, "validity_years must be 1 to 10".to_owned())]);
    assert_eq!(problems("\"CNY\"", "\"XXX1\"")[0].1, "not a currency (ISO 4217)");
    assert!(problems("ALL = {", "EVERYTHING = {")[0].1.contains("no bucket"));
    assert!(
        problems("transaction = 500000, day = 2000000", "transaction = 2, day = 1")[0]
            .1
            .contains("must not fall")
    );
    assert!(problems("day_count = 20 ", "day_count = -1 ")[0].1.contains("negative"));
}

#[test]
fn two_products_have_neither_a_code_nor_numbers_in_common() {
    let products = SHIPPED[SHIPPED.find("[[product]]").unwrap()..].to_owned();
    let twice = format!("{SHIPPED}\n{products}");
    let messages: Vec<_> = read(&twice).unwrap_err().0.into_iter().map(|p| p.message).collect();

    assert_eq!(
        messages,
        ["the code is used twice", "its numbers overlap those of another product"]
    );
}
