//! The configuration files of the services, written anew at each start.
//!
//! Only what this bank decides is written; every other setting keeps the service's own default.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use testkit::environment::write_private;

use crate::error::Error;
use crate::file::BankFile;
use crate::keys::{Keys, SCHEME_PIN_KEYS, ZonePinKey};
use crate::options::Options;

/// Chart of accounts and accounting rules, as the accounting service ships them; products, as the loan and the card service do.
const CHART: &str = include_str!("../../../services/accounting/books/chart.toml");
const RULES: &str = include_str!("../../../services/accounting/books/rules.toml");
const PRODUCTS: &str = include_str!("../../../services/loan/books/products.toml");
const CARD_PRODUCTS: &str = include_str!("../../../services/card/books/products.toml");

/// The cell of a bank that has only one.
const CELL_CODE: u32 = 101;

#[derive(Serialize)]
struct ServiceConfig<'a> {
    server: Server<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls<'a>>,
    audit: Audit<'a>,
    database: Database<'a>,
    telemetry: Telemetry<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    clients: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bank: Option<Bank>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protection: Option<Protection<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    books: Option<Books>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<PinKeys<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<Gateway<'a>>,
}

#[derive(Serialize)]
struct Server<'a> {
    listen: &'a str,
    operations_listen: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unprotected: bool,
}

#[derive(Serialize)]
struct Tls<'a> {
    #[serde(rename = "certificate_file")]
    certificate: &'a Path,
    #[serde(rename = "key_file")]
    key: &'a Path,
    #[serde(rename = "ca_file")]
    authority: &'a Path,
}

#[derive(Serialize)]
struct Audit<'a> {
    heads_file: &'a Path,
}

#[derive(Serialize)]
struct Database<'a> {
    nodes: &'a [String],
}

#[derive(Serialize)]
struct Telemetry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    otlp_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_ratio: Option<f64>,
}

#[derive(Serialize)]
struct Bank {
    cell_code: u32,
}

#[derive(Serialize)]
struct Protection<'a> {
    key_encryption_key_id: &'a str,
    key_encryption_key_hex: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    retired_key_encryption_keys: &'a BTreeMap<String, String>,
    search_key_hex: &'a str,
}

/// The keys that PIN and CVV2 are computed with, and those under which PINs travel.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "they are called what the service calls them")]
struct PinKeys<'a> {
    pin_verification_key_hex: &'a str,
    card_verification_key_hex: &'a str,
    provider: &'static str,
    zone_pin_keys: &'a BTreeMap<String, ZonePinKey>,
}

/// Where the scheme asks.
#[derive(Serialize)]
struct Gateway<'a> {
    listen: &'a str,
    pin_keys: [&'a str; 2],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    plain: bool,
}

/// What a service reads besides its configuration, and what its books begin with.
#[derive(Serialize)]
#[serde(untagged)]
enum Books {
    Accounting { chart_file: String, rules_file: String, first_business_date: String },
    Products { products_file: String },
}

/// Writes the configuration of every service, and the files that services load.
pub(crate) fn write(file: &BankFile, keys: &Keys, options: &Options) -> Result<(), Error> {
    let directory = file.dir.join("config");
    write_private(&directory.join("chart.toml"), CHART)?;
    write_private(&directory.join("rules.toml"), RULES)?;
    write_private(&directory.join("products.toml"), PRODUCTS)?;
    write_private(&directory.join("card-products.toml"), CARD_PRODUCTS)?;
    for (name, entry) in &file.services {
        let config = ServiceConfig {
            server: Server {
                listen: without_scheme(&entry.grpc),
                operations_listen: without_scheme(&entry.operations),
                unprotected: file.certificates.is_none(),
            },
            tls: tls(file, name)?,
            audit: Audit { heads_file: &entry.audit_heads },
            database: Database { nodes: &entry.database.app_urls },
            telemetry: Telemetry {
                otlp_endpoint: options.otlp.as_deref(),
                sample_ratio: options.trace_ratio,
            },
            clients: clients(file, name),
            bank: (name == "deposit").then_some(Bank { cell_code: CELL_CODE }),
            protection: protection(name, keys),
            books: books(name, &directory, file),
            keys: (name == "card").then_some(PinKeys {
                pin_verification_key_hex: &keys.card.pin_verification_key_hex,
                card_verification_key_hex: &keys.card.card_verification_key_hex,
                provider: "software",
                zone_pin_keys: &keys.card.zone_pin_keys,
            }),
            gateway: entry.iso8583.as_deref().map(|listen| Gateway {
                listen,
                pin_keys: SCHEME_PIN_KEYS,
                plain: file.certificates.is_none(),
            }),
        };
        let mut config = toml::Table::try_from(&config).map_err(anyhow::Error::from)?;
        for wanted in &options.overrides {
            wanted.apply(name, &mut config).map_err(Error::Usage)?;
        }
        let text = toml::to_string(&config).map_err(anyhow::Error::from)?;
        write_private(&entry.config, &text)?;
    }
    Ok(())
}

/// The keys of what a service seals.
fn protection<'a>(service: &str, keys: &'a Keys) -> Option<Protection<'a>> {
    match service {
        "customer" => Some(Protection {
            key_encryption_key_id: &keys.key_encryption_key_id,
            key_encryption_key_hex: &keys.key_encryption_key_hex,
            retired_key_encryption_keys: &keys.retired_key_encryption_keys,
            search_key_hex: &keys.search_key_hex,
        }),
        "card" => Some(Protection {
            key_encryption_key_id: &keys.card.key_encryption_key_id,
            key_encryption_key_hex: &keys.card.key_encryption_key_hex,
            retired_key_encryption_keys: &keys.card.retired_key_encryption_keys,
            search_key_hex: &keys.card.search_key_hex,
        }),
        _ => None,
    }
}

/// Who the service is on the network; nothing where the bank runs unprotected.
fn tls<'a>(file: &'a BankFile, service: &str) -> anyhow::Result<Option<Tls<'a>>> {
    let Some(certificates) = &file.certificates else {
        return Ok(None);
    };
    let own = certificates.identities.get(&format!("service/{service}"));
    let own = own.with_context(|| format!("{service} has no certificate"))?;
    Ok(Some(Tls {
        certificate: &own.certificate,
        key: &own.key,
        authority: &certificates.authority,
    }))
}

/// Who calls whom.
fn clients<'a>(file: &'a BankFile, service: &str) -> BTreeMap<&'a str, &'a str> {
    let callees: &[&str] = match service {
        "deposit" => &["customer", "accounting"],
        "loan" | "card" => &["customer", "deposit", "accounting"],
        "customer" | "accounting" => &["deposit", "loan", "card"],
        _ => &[],
    };
    let entries = file.services.iter().filter(|(name, _)| callees.contains(&name.as_str()));
    entries.map(|(name, entry)| (name.as_str(), entry.grpc.as_str())).collect()
}

fn books(service: &str, directory: &Path, file: &BankFile) -> Option<Books> {
    let path = |name: &str| directory.join(name).display().to_string();
    match service {
        "accounting" => Some(Books::Accounting {
            chart_file: path("chart.toml"),
            rules_file: path("rules.toml"),
            first_business_date: file.first_business_date.to_string(),
        }),
        "loan" => Some(Books::Products { products_file: path("products.toml") }),
        "card" => Some(Books::Products { products_file: path("card-products.toml") }),
        _ => None,
    }
}

/// `https://127.0.0.1:4000` is `127.0.0.1:4000` to whoever listens.
fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, address)| address)
}
