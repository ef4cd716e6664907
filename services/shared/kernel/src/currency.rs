//! Currencies: the active codes of ISO 4217 and how many decimals each has.
//!
//! Invariant: a [`Currency`] is always in the table below, so nothing downstream has to ask whether a code
//! exists. The table follows ISO 4217 List One up to amendment 180 (1 January 2026: Bulgaria adopts the
//! euro). When an amendment comes, add or remove one row; the tests check order and uniqueness.
//!
//! Absent on purpose: numeric codes and symbols (no caller needs them), exchange rates (not a fact about a
//! currency), withdrawn codes, the two fund codes with four decimals (CLF, UYW), and codes for which ISO
//! gives no minor unit (metals, SDR, testing), because an amount in them could not be stored in minor units.

use std::fmt;

/// A currency, by its ISO 4217 alphabetic code. Ordered by code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// The text is not the code of an active ISO 4217 currency with 0, 2 or 3 decimals, in upper case.
///
/// It does not repeat the text, which comes from outside and may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an active ISO 4217 currency code")]
pub struct UnknownCurrency;

impl Currency {
    /// Renminbi, the home currency of the product pack; two decimals.
    pub const CNY: Self = Self(*b"CNY");
    /// United States dollar; two decimals.
    pub const USD: Self = Self(*b"USD");
    /// Euro; two decimals.
    pub const EUR: Self = Self(*b"EUR");
    /// Japanese yen; no decimals, so one minor unit is one yen.
    pub const JPY: Self = Self(*b"JPY");
    /// Kuwaiti dinar; three decimals.
    pub const KWD: Self = Self(*b"KWD");

    /// Reads a code of exactly three upper-case letters. `cny` and ` CNY` are refused: two spellings of one
    /// currency would be two keys in a table.
    pub fn parse(code: &str) -> Result<Self, UnknownCurrency> {
        let code: [u8; 3] = code.as_bytes().try_into().map_err(|_| UnknownCurrency)?;
        find(code).map(|_| Self(code)).ok_or(UnknownCurrency)
    }

    /// The three-letter code, such as `CNY`.
    pub fn code(&self) -> &str {
        // Every row of the table is ASCII, so the default is never taken.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The same as [`Currency::code`], under the name that Rust gives to such a view.
    pub fn as_str(&self) -> &str {
        self.code()
    }

    /// How many decimals an amount shows: 0, 2 or 3. One unit is 10 to this power minor units.
    pub fn decimals(self) -> u8 {
        // Every currency that exists is in the table, so the default is never taken.
        find(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The decimals of a code, if the table has it.
fn find(code: [u8; 3]) -> Option<u8> {
    let row = TABLE.binary_search_by_key(&code, |&(code, _)| code).ok()?;
    TABLE.get(row).map(|&(_, decimals)| decimals)
}

/// Code and decimals, sorted by code for the binary search.
const TABLE: [([u8; 3], u8); 163] = [
    (*b"AED", 2),
    (*b"AFN", 2),
    (*b"ALL", 2),
    (*b"AMD", 2),
    (*b"AOA", 2),
    (*b"ARS", 2),
    (*b"AUD", 2),
    (*b"AWG", 2),
    (*b"AZN", 2),
    (*b"BAM", 2),
    (*b"BBD", 2),
    (*b"BDT", 2),
    (*b"BHD", 3),
    (*b"BIF", 0),
    (*b"BMD", 2),
    (*b"BND", 2),
    (*b"BOB", 2),
    (*b"BOV", 2),
    (*b"BRL", 2),
    (*b"BSD", 2),
    (*b"BTN", 2),
    (*b"BWP", 2),
    (*b"BYN", 2),
    (*b"BZD", 2),
    (*b"CAD", 2),
    (*b"CDF", 2),
    (*b"CHE", 2),
    (*b"CHF", 2),
    (*b"CHW", 2),
    (*b"CLP", 0),
    (*b"CNY", 2),
    (*b"COP", 2),
    (*b"COU", 2),
    (*b"CRC", 2),
    (*b"CUP", 2),
    (*b"CVE", 2),
    (*b"CZK", 2),
    (*b"DJF", 0),
    (*b"DKK", 2),
    (*b"DOP", 2),
    (*b"DZD", 2),
    (*b"EGP", 2),
    (*b"ERN", 2),
    (*b"ETB", 2),
    (*b"EUR", 2),
    (*b"FJD", 2),
    (*b"FKP", 2),
    (*b"GBP", 2),
    (*b"GEL", 2),
    (*b"GHS", 2),
    (*b"GIP", 2),
    (*b"GMD", 2),
    (*b"GNF", 0),
    (*b"GTQ", 2),
    (*b"GYD", 2),
    (*b"HKD", 2),
    (*b"HNL", 2),
    (*b"HTG", 2),
    (*b"HUF", 2),
    (*b"IDR", 2),
    (*b"ILS", 2),
    (*b"INR", 2),
    (*b"IQD", 3),
    (*b"IRR", 2),
    (*b"ISK", 0),
    (*b"JMD", 2),
    (*b"JOD", 3),
    (*b"JPY", 0),
    (*b"KES", 2),
    (*b"KGS", 2),
    (*b"KHR", 2),
    (*b"KMF", 0),
    (*b"KPW", 2),
    (*b"KRW", 0),
    (*b"KWD", 3),
    (*b"KYD", 2),
    (*b"KZT", 2),
    (*b"LAK", 2),
    (*b"LBP", 2),
    (*b"LKR", 2),
    (*b"LRD", 2),
    (*b"LSL", 2),
    (*b"LYD", 3),
    (*b"MAD", 2),
    (*b"MDL", 2),
    (*b"MGA", 2),
    (*b"MKD", 2),
    (*b"MMK", 2),
    (*b"MNT", 2),
    (*b"MOP", 2),
    (*b"MRU", 2),
    (*b"MUR", 2),
    (*b"MVR", 2),
    (*b"MWK", 2),
    (*b"MXN", 2),
    (*b"MXV", 2),
    (*b"MYR", 2),
    (*b"MZN", 2),
    (*b"NAD", 2),
    (*b"NGN", 2),
    (*b"NIO", 2),
    (*b"NOK", 2),
    (*b"NPR", 2),
    (*b"NZD", 2),
    (*b"OMR", 3),
    (*b"PAB", 2),
    (*b"PEN", 2),
    (*b"PGK", 2),
    (*b"PHP", 2),
    (*b"PKR", 2),
    (*b"PLN", 2),
    (*b"PYG", 0),
    (*b"QAR", 2),
    (*b"RON", 2),
    (*b"RSD", 2),
    (*b"RUB", 2),
    (*b"RWF", 0),
    (*b"SAR", 2),
    (*b"SBD", 2),
    (*b"SCR", 2),
    (*b"SDG", 2),
    (*b"SEK", 2),
    (*b"SGD", 2),
    (*b"SHP", 2),
    (*b"SLE", 2),
    (*b"SOS", 2),
    (*b"SRD", 2),
    (*b"SSP", 2),
    (*b"STN", 2),
    (*b"SVC", 2),
    (*b"SYP", 2),
    (*b"SZL", 2),
    (*b"THB", 2),
    (*b"TJS", 2),
    (*b"TMT", 2),
    (*b"TND", 3),
    (*b"TOP", 2),
    (*b"TRY", 2),
    (*b"TTD", 2),
    (*b"TWD", 2),
    (*b"TZS", 2),
    (*b"UAH", 2),
    (*b"UGX", 0),
    (*b"USD", 2),
    (*b"USN", 2),
    (*b"UYI", 0),
    (*b"UYU", 2),
    (*b"UZS", 2),
    (*b"VED", 2),
    (*b"VES", 2),
    (*b"VND", 0),
    (*b"VUV", 0),
    (*b"WST", 2),
    (*b"XAD", 2),
    (*b"XAF", 0),
    (*b"XCD", 2),
    (*b"XCG", 2),
    (*b"XOF", 0),
    (*b"XPF", 0),
    (*b"YER", 2),
    (*b"ZAR", 2),
    (*b"ZMW", 2),
    (*b"ZWG", 2),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_code_appears_once() {
        assert!(TABLE.is_sorted_by(|(left, _), (right, _)| left < right));
    }

    #[test]
    fn every_row_is_three_capital_letters_with_0_2_or_3_decimals() {
        for (code, decimals) in TABLE {
            assert!(code.iter().all(u8::is_ascii_uppercase), "{code:?}");
            assert!([0, 2, 3].contains(&decimals), "{code:?}");
        }
    }

    #[test]
    fn every_row_parses_and_prints_as_its_own_code() {
        for (code, decimals) in TABLE {
            let text = std::str::from_utf8(&code).unwrap();
            let currency = Currency::parse(text).unwrap();

            assert_eq!(currency.to_string(), text);
            assert_eq!(currency.as_str(), text);
            assert_eq!(currency.decimals(), decimals);
        }
    }

    #[test]
    fn the_named_currencies_have_the_decimals_of_the_standard() {
        assert_eq!(Currency::parse("CNY"), Ok(Currency::CNY));
        assert_eq!(Currency::parse("USD"), Ok(Currency::USD));
        assert_eq!(Currency::parse("EUR"), Ok(Currency::EUR));
        assert_eq!(Currency::parse("JPY"), Ok(Currency::JPY));
        assert_eq!(Currency::parse("KWD"), Ok(Currency::KWD));
        assert_eq!(Currency::CNY.decimals(), 2);
        assert_eq!(Currency::USD.decimals(), 2);
        assert_eq!(Currency::EUR.decimals(), 2);
        assert_eq!(Currency::JPY.decimals(), 0);
        assert_eq!(Currency::KWD.decimals(), 3);
    }

    #[test]
    fn withdrawn_unknown_and_misspelt_codes_are_refused() {
        for text in
            ["", "CN", "cny", "CNY ", "CNYY", "元", "BGN", "HRK", "CLF", "XAU", "XXX", "ZZZ"]
        {
            assert_eq!(Currency::parse(text), Err(UnknownCurrency), "{text}");
        }
    }
}
