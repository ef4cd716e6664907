use super::*;
use crate::domain::{DayCounting, Method};

const SOLD: &str = include_str!("../../../books/products.toml");

const SMALL: &str = r#"
[[benchmark]]
code = "LPR_1Y"
values = [{ effective_from = 2025-05-20, percent = "3.00" }]

[[product]]
code = "SMALL"
method = "ANNUITY"
day_count = "MONTHLY/360"
rate = { benchmark = "LPR_1Y", spread_basis_points = 50, repricing = "JANUARY" }
penalty_multiple = "1.5"
grace_days = 3
allocation = { by = "PART", order = ["PENALTY", "COMPOUND", "INTEREST", "PRINCIPAL"] }
prepayment = { allowed = true, fee_percent = "0.5" }
provision_percent = { normal = "1", special_mention = "2", substandard = "25", doubtful = "50", loss = "100" }
term_months = { minimum = 1, maximum = 60 }

[[product.offer]]
currency = "CNY"
minimum_minor = 100
maximum_minor = 1000
prepayment_minimum_minor = 1
"#;

fn problems(text: &str) -> Vec<String> {
    let problems = load(SourceText { name: "products.toml", text }).unwrap_err();
    problems.0.iter().map(Problem::to_string).collect()
}

#[test]
fn the_products_that_are_sold_are_sound_and_cover_every_method_and_day_count() {
    let products = load(SourceText { name: "products.toml", text: SOLD }).unwrap();

    for method in Method::ALL {
        assert!(products.iter().any(|product| product.method == method), "{method:?}");
    }
    for counting in DayCounting::ALL {
        // The Eurobond basis differs from the bond basis only in broken periods; nothing of this bank is counted so.
        let sold = products.iter().any(|product| product.day_counting == counting);
        assert!(sold || counting == DayCounting::Thirty360European, "{counting:?}");
    }
}

#[test]
fn what_the_file_says_is_what_the_product_is() {
    let products = load(SourceText { name: "products.toml", text: SMALL }).unwrap();
    let product = products.find("SMALL").unwrap();

    assert_eq!(product.penalty_multiple_ppm, 1_500_000);
    assert_eq!(product.prepayment.fee_ppm, 5_000);
    assert_eq!(product.provision_ppm, [10_000, 20_000, 250_000, 500_000, 1_000_000]);
    assert_eq!((product.minimum_term_months, product.maximum_term_months), (1, 60));
    assert_eq!(product.rate_on("2025-05-20".parse().unwrap()).map(kernel::Rate::ppm), Some(35_000));
}

#[test]
fn each_problem_is_named_with_its_line() {
    let cases = [
        ("code = \"SMALL\"", "code = \"small\"", "products.toml:7: small: a code is"),
        ("\"ANNUITY\"", "\"RENT\"", "products.toml:8: SMALL: \"RENT\" is no method"),
        ("MONTHLY/360", "365/365", "products.toml:9: SMALL: \"365/365\" is no day count"),
        (
            "benchmark = \"LPR_1Y\"",
            "benchmark = \"LPR_9Y\"",
            "products.toml:10: SMALL: there is no",
        ),
        (
            "benchmark = \"LPR_1Y\", spread_basis_points = 50",
            "fixed = \"3\"",
            ":10: SMALL: a fixed rate has no",
        ),
        (
            "spread_basis_points = 50",
            "spread_basis_points = -301",
            ":10: SMALL: benchmark and spread",
        ),
        ("repricing = \"JANUARY\"", "repricing = \"MAY\"", ":10: SMALL: \"MAY\" is no repricing"),
        ("\"1.5\"", "\"2.1\"", "products.toml:11: SMALL: a penalty multiple"),
        ("grace_days = 3", "grace_days = 31", "products.toml:12: SMALL: days of grace"),
        ("by = \"PART\"", "by = \"DAY\"", "products.toml:13: SMALL: an allocation is"),
        ("[\"PENALTY\", ", "[\"INTEREST\", ", "products.toml:13: SMALL: an order names"),
        ("\"0.5\"", "\"101\"", "products.toml:14: SMALL: a percentage"),
        ("normal = \"1\"", "normal = \"3\"", "products.toml:15: SMALL: a worse category"),
        ("minimum = 1,", "minimum = 61,", "products.toml:16: SMALL: terms are"),
        ("\"CNY\"", "\"XYZ\"", "products.toml:19: SMALL: not an active"),
        ("minimum_minor = 100\n", "minimum_minor = 1001\n", "products.toml:20: SMALL: amounts are"),
        ("percent = \"3.00\"", "percent = \"3,00\"", "products.toml:4: LPR_1Y: a rate is"),
        ("2025-05-20,", "2025-05-20T00:00:00,", "products.toml:4: LPR_1Y: that is no date"),
    ];
    for (sound, wrong, expected) in cases {
        assert!(SMALL.contains(sound), "{sound}");
        let found = problems(&SMALL.replacen(sound, wrong, 1));
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}: {found:?}");
    }
}

#[test]
fn all_problems_come_at_once() {
    let text =
        SMALL.replace("\"ANNUITY\"", "\"RENT\"").replace("grace_days = 3", "grace_days = -1");

    assert_eq!(problems(&text).len(), 2);
    assert_eq!(problems("").len(), 1);
    assert_eq!(problems("[[product]]\nname = \"x\"").len(), 1);
}

#[test]
fn a_product_or_benchmark_or_currency_that_is_there_twice_is_a_problem() {
    assert_eq!(problems(&format!("{SMALL}{SMALL}")).len(), 2);
    let offer = SMALL.split_once("[[product.offer]]").unwrap().1;
    assert_eq!(problems(&format!("{SMALL}[[product.offer]]{offer}")).len(), 1);
}
