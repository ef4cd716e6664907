//! Currencies as messages say them: the numeric codes of ISO 4217, one for each currency that the kernel knows.
//!
//! Invariant: every currency of the kernel is in the table; the tests compare them.

use kernel::Currency;

/// The three digits of a currency. `None` where the table has no row for it.
pub fn numeric(currency: Currency) -> Option<&'static str> {
    let row = TABLE.binary_search_by(|(code, _)| (*code).cmp(currency.code())).ok()?;
    TABLE.get(row).map(|(_, numeric)| *numeric)
}

/// The currency of three digits. `None` where there is none.
pub fn from_numeric(digits: &str) -> Option<Currency> {
    let (code, _) = TABLE.iter().find(|(_, numeric)| *numeric == digits)?;
    Currency::parse(code).ok()
}

/// Alphabetic and numeric codes, sorted by the alphabetic for the binary search.
#[rustfmt::skip]
const TABLE: [(&str, &str); 163] = [
    ("AED", "784"), ("AFN", "971"), ("ALL", "008"), ("AMD", "051"), ("AOA", "973"), ("ARS", "032"),
    ("AUD", "036"), ("AWG", "533"), ("AZN", "944"), ("BAM", "977"), ("BBD", "052"), ("BDT", "050"),
    ("BHD", "048"), ("BIF", "108"), ("BMD", "060"), ("BND", "096"), ("BOB", "068"), ("BOV", "984"),
    ("BRL", "986"), ("BSD", "044"), ("BTN", "064"), ("BWP", "072"), ("BYN", "933"), ("BZD", "084"),
    ("CAD", "124"), ("CDF", "976"), ("CHE", "947"), ("CHF", "756"), ("CHW", "948"), ("CLP", "152"),
    ("CNY", "156"), ("COP", "170"), ("COU", "970"), ("CRC", "188"), ("CUP", "192"), ("CVE", "132"),
    ("CZK", "203"), ("DJF", "262"), ("DKK", "208"), ("DOP", "214"), ("DZD", "012"), ("EGP", "818"),
    ("ERN", "232"), ("ETB", "230"), ("EUR", "978"), ("FJD", "242"), ("FKP", "238"), ("GBP", "826"),
    ("GEL", "981"), ("GHS", "936"), ("GIP", "292"), ("GMD", "270"), ("GNF", "324"), ("GTQ", "320"),
    ("GYD", "328"), ("HKD", "344"), ("HNL", "340"), ("HTG", "332"), ("HUF", "348"), ("IDR", "360"),
    ("ILS", "376"), ("INR", "356"), ("IQD", "368"), ("IRR", "364"), ("ISK", "352"), ("JMD", "388"),
    ("JOD", "400"), ("JPY", "392"), ("KES", "404"), ("KGS", "417"), ("KHR", "116"), ("KMF", "174"),
    ("KPW", "408"), ("KRW", "410"), ("KWD", "414"), ("KYD", "136"), ("KZT", "398"), ("LAK", "418"),
    ("LBP", "422"), ("LKR", "144"), ("LRD", "430"), ("LSL", "426"), ("LYD", "434"), ("MAD", "504"),
    ("MDL", "498"), ("MGA", "969"), ("MKD", "807"), ("MMK", "104"), ("MNT", "496"), ("MOP", "446"),
    ("MRU", "929"), ("MUR", "480"), ("MVR", "462"), ("MWK", "454"), ("MXN", "484"), ("MXV", "979"),
    ("MYR", "458"), ("MZN", "943"), ("NAD", "516"), ("NGN", "566"), ("NIO", "558"), ("NOK", "578"),
    ("NPR", "524"), ("NZD", "554"), ("OMR", "512"), ("PAB", "590"), ("PEN", "604"), ("PGK", "598"),
    ("PHP", "608"), ("PKR", "586"), ("PLN", "985"), ("PYG", "600"), ("QAR", "634"), ("RON", "946"),
    ("RSD", "941"), ("RUB", "643"), ("RWF", "646"), ("SAR", "682"), ("SBD", "090"), ("SCR", "690"),
    ("SDG", "938"), ("SEK", "752"), ("SGD", "702"), ("SHP", "654"), ("SLE", "925"), ("SOS", "706"),
    ("SRD", "968"), ("SSP", "728"), ("STN", "930"), ("SVC", "222"), ("SYP", "760"), ("SZL", "748"),
    ("THB", "764"), ("TJS", "972"), ("TMT", "934"), ("TND", "788"), ("TOP", "776"), ("TRY", "949"),
    ("TTD", "780"), ("TWD", "901"), ("TZS", "834"), ("UAH", "980"), ("UGX", "800"), ("USD", "840"),
    ("USN", "997"), ("UYI", "940"), ("UYU", "858"), ("UZS", "860"), ("VED", "926"), ("VES", "928"),
    ("VND", "704"), ("VUV", "548"), ("WST", "882"), ("XAD", "396"), ("XAF", "950"), ("XCD", "951"),
    ("XCG", "532"), ("XOF", "952"), ("XPF", "953"), ("YER", "886"), ("ZAR", "710"), ("ZMW", "967"),
    ("ZWG", "924"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_currency_of_the_kernel_has_a_numeric_code_and_comes_back_from_it() {
        let letters = || b'A'..=b'Z';
        let codes =
            letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
        let known: Vec<Currency> = codes
            .filter_map(|code| Currency::parse(std::str::from_utf8(&code).unwrap()).ok())
            .collect();

        assert_eq!(known.len(), TABLE.len());
        for currency in known {
            assert_eq!(numeric(currency).and_then(from_numeric), Some(currency));
        }
    }

    #[test]
    fn some_are_as_published() {
        assert_eq!(numeric(Currency::CNY), Some("156"));
        assert_eq!(numeric(Currency::EUR), Some("978"));
        assert_eq!(from_numeric("840"), Some(Currency::USD));
        assert_eq!(from_numeric("000"), None);
    }
}
