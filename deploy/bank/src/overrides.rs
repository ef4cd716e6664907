//! Settings of services that somebody asked for by `bank up --set`.

use std::str::FromStr;

use crate::options::SERVICES;

/// One setting of one service, such as `deposit.lanes.lanes=4`.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    service: String,
    /// Sections, then the key.
    path: Vec<String>,
    value: toml::Value,
    text: String,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "say SERVICE.SECTION.KEY=VALUE, such as deposit.lanes.lanes=4";
        let (path, value) = text.split_once('=').ok_or(form)?;
        let mut words = path.trim().split('.').map(str::to_owned);
        let service = words.next().unwrap_or_default();
        let path: Vec<String> = words.collect();
        if path.len() < 2 || path.iter().any(String::is_empty) {
            return Err(form.to_owned());
        }
        if !SERVICES.contains(&service.as_str()) {
            return Err(format!(
                "there is no service {service}: there are {}",
                SERVICES.join(", ")
            ));
        }
        let mut parsed: toml::Table =
            toml::from_str(&format!("value = {value}")).map_err(|_| {
                format!("{value} is no value of TOML: words need quotes, as in KEY='\"word\"'")
            })?;
        // Text after a line break could have brought more.
        let only = parsed.len() == 1;
        let value = parsed.remove("value").filter(|_| only).ok_or("a value is on one line")?;
        Ok(Self { service, path, value, text: text.to_owned() })
    }
}

impl Override {
    /// Puts the setting into the configuration of `service`, if it is meant. What the bank itself decides stays.
    pub(crate) fn apply(&self, service: &str, config: &mut toml::Table) -> Result<(), String> {
        if service != self.service {
            return Ok(());
        }
        let (key, sections) = self.path.split_last().ok_or("there is no key")?;
        let decided = || format!("{}: bank up decides this setting itself", self.text);
        let mut table = config;
        for section in sections {
            let inner = table.entry(section).or_insert_with(|| toml::Table::new().into());
            table = inner.as_table_mut().ok_or_else(decided)?;
        }
        if table.contains_key(key) {
            return Err(decided());
        }
        table.insert(key.clone(), self.value.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str, config: &str) -> Result<String, String> {
        let mut config: toml::Table = toml::from_str(config).unwrap();
        text.parse::<Override>()?.apply("deposit", &mut config)?;
        Ok(toml::to_string(&config).unwrap())
    }

    #[test]
    fn a_setting_goes_into_a_section_that_is_there_or_not() {
        let beside = applied("deposit.server.drain_ms=7", "[server]\nlisten = \"x\"\n").unwrap();
        assert_eq!(beside, "[server]\ndrain_ms = 7\nlisten = \"x\"\n");

        let fresh = applied("deposit.a.b.c=[1, 2]", "").unwrap();
        assert_eq!(fresh, "[a.b]\nc = [1, 2]\n");
    }

    #[test]
    fn a_setting_of_another_service_changes_nothing() {
        assert_eq!(applied("customer.server.drain_ms=7", "").unwrap(), "");
    }

    #[test]
    fn what_the_bank_decides_stays() {
        let config = "[server]\nlisten = \"x\"\n";
        for taken in ["deposit.server.listen=\"y\"", "deposit.server.listen.port=1"] {
            assert!(applied(taken, config).unwrap_err().contains("decides"), "{taken}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        for (text, why) in [
            ("deposit.server.drain_ms", "SERVICE.SECTION.KEY"),
            ("deposit.drain_ms=7", "SERVICE.SECTION.KEY"),
            ("deposit..drain_ms=7", "SERVICE.SECTION.KEY"),
            ("mortgage.server.drain_ms=7", "no service mortgage"),
            ("deposit.server.name=word", "quotes"),
            ("deposit.server.name=", "quotes"),
            ("deposit.server.name=1\nother = 2", "one line"),
        ] {
            let error = text.parse::<Override>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
