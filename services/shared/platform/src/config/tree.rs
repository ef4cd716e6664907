//! Reads settings from the merged tree and goes on after a mistake, so that all are found.
//!
//! serde stops at the first error. So whatever fails is noted with its path, and the tree is read again with a
//! stand-in at that path, until it can be read. The stand-ins never leave this module's caller: a configuration with
//! problems is refused.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use config::{Value, ValueKind};
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, Visitor};

use super::Problems;
use super::children::{Entries, Item, Items};

/// Texts that stand in for one that is wrong; most types that are read from text accept one of them.
const STAND_INS: [&str; 5] = ["", "127.0.0.1:1", "http://127.0.0.1:1", "2000-01-01", "1"];

/// The settings, as far as they can be read, and what is wrong with them. No settings if a stand-in is accepted nowhere.
pub(super) fn read<T: DeserializeOwned>(root: &Value) -> (Option<T>, Problems) {
    let mut reading = Reading::default();
    loop {
        let node = Node { path: String::new(), value: Some(root), reading: &reading };
        let error = match T::deserialize(node) {
            Ok(settings) => return (Some(settings), reading.problems.into_inner()),
            Err(error) => error,
        };
        let path = error.path.unwrap_or_default();
        match error.kind {
            // What it must be is known when it is asked for.
            Kind::Missing(_) => {
                reading.missing.insert(path.clone());
            }
            Kind::Wrong(what) => reading.problems.borrow_mut().add(&path, &what),
        }
        let tries = reading.tries.entry(path).and_modify(|tries| *tries += 1).or_insert(0);
        if *tries == STAND_INS.len() {
            return (None, reading.problems.into_inner());
        }
    }
}

#[derive(Default)]
struct Reading {
    problems: RefCell<Problems>,
    missing: BTreeSet<String>,
    /// How many stand-ins were refused, for each path that has one.
    tries: BTreeMap<String, usize>,
}

/// A place in the tree. `value` is `None` where a stand-in is needed.
pub(super) struct Node<'a> {
    pub path: String,
    value: Option<&'a Value>,
    reading: &'a Reading,
}

#[derive(Debug)]
pub(super) struct Error {
    path: Option<String>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Missing(&'static str),
    Wrong(String),
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Missing(field) => write!(f, "{field} is missing"),
            Kind::Wrong(what) => f.write_str(what),
        }
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self { path: None, kind: Kind::Wrong(what.to_string()) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { path: None, kind: Kind::Missing(field) }
    }

    // serde's own texts quote the value, which may be a secret.
    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("must be {expected}"))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("must be {expected}"))
    }
}

impl Error {
    /// Gives the error its place, unless it happened deeper and has one.
    pub(super) fn at(mut self, node: &str) -> Self {
        if self.path.is_none() {
            self.path = Some(match self.kind {
                Kind::Missing(field) => join(node, field),
                Kind::Wrong(_) => node.to_owned(),
            });
        }
        self
    }
}

fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

impl<'a> Node<'a> {
    fn child(&self, key: &str, value: Option<&'a Value>) -> Self {
        let path = join(&self.path, key);
        let value = value.filter(|_| !self.reading.tries.contains_key(&path));
        Self { path, value, reading: self.reading }
    }

    fn wrong(&self, what: &str) -> Error {
        Error { path: Some(self.path.clone()), kind: Kind::Wrong(format!("must be {what}")) }
    }

    /// The value, or `None` for a stand-in, whose kind is now known.
    fn kind(&self, what: &str) -> Option<&'a ValueKind> {
        if self.value.is_none() && self.reading.missing.contains(&self.path) {
            let mut problems = self.reading.problems.borrow_mut();
            problems.add(&self.path, &format!("is missing; must be {what}"));
        }
        self.value.map(|value| &value.kind)
    }

    fn tries(&self) -> usize {
        self.reading.tries.get(&self.path).copied().unwrap_or(0)
    }

    fn is_from_environment(&self) -> bool {
        self.value.and_then(Value::origin) == Some("the environment")
    }

    fn text(&self, what: &str) -> Result<&'a str, Error> {
        match self.kind(what) {
            Some(ValueKind::String(text)) => Ok(text),
            Some(_) => Err(self.wrong(what)),
            None => Ok(STAND_INS.get(self.tries()).copied().unwrap_or_default()),
        }
    }

    fn whole_number<N: TryFrom<i128>>(&self, min: i128, max: i128) -> Result<N, Error> {
        let what = format!("a whole number, {min} to {max}");
        let number = match self.kind(&what) {
            Some(ValueKind::I64(number)) => Some(i128::from(*number)),
            Some(ValueKind::U64(number)) => Some(i128::from(*number)),
            Some(ValueKind::I128(number)) => Some(*number),
            Some(ValueKind::String(text)) if self.is_from_environment() => text.parse().ok(),
            Some(_) => None,
            None => i128::try_from(self.tries()).ok(),
        };
        number.and_then(|number| N::try_from(number).ok()).ok_or_else(|| self.wrong(&what))
    }

    fn number(&self) -> Result<f64, Error> {
        let what = "a number";
        let number = match self.kind(what) {
            Some(ValueKind::Float(number)) => Some(*number),
            Some(ValueKind::I64(number)) => i32::try_from(*number).ok().map(f64::from),
            Some(ValueKind::String(text)) if self.is_from_environment() => text.parse().ok(),
            Some(_) => None,
            None => Some(0.0),
        };
        number.filter(|number: &f64| number.is_finite()).ok_or_else(|| self.wrong(what))
    }

    fn truth(&self) -> Result<bool, Error> {
        let what = "true or false";
        match self.kind(what) {
            Some(ValueKind::Boolean(truth)) => Ok(*truth),
            Some(ValueKind::String(text)) if self.is_from_environment() => {
                text.parse().map_err(|_| self.wrong(what))
            }
            Some(_) => Err(self.wrong(what)),
            None => Ok(false),
        }
    }

    /// The entries of a table, in order; of those with a stand-in only the names in `fields` are known.
    fn entries(&self, fields: Option<&'static [&'static str]>) -> Result<Entries<'a>, Error> {
        let what = "a table";
        let table = match self.kind(what) {
            Some(ValueKind::Table(table)) => Some(table),
            Some(_) => return Err(self.wrong(what)),
            None => None,
        };
        let mut entries = Vec::new();
        let Some(fields) = fields else {
            let mut keys: Vec<&String> = table.iter().flat_map(|table| table.keys()).collect();
            keys.sort();
            for key in keys {
                let value = table.and_then(|table| table.get(key));
                entries.push((key.as_str(), self.child(key, value)));
            }
            return Ok(Entries { left: entries.into_iter(), value: None });
        };
        for key in table.iter().flat_map(|table| table.keys()) {
            if !fields.contains(&key.as_str()) {
                let what = format!("is not a setting; here are {}", fields.join(", "));
                self.reading.problems.borrow_mut().add(&join(&self.path, key), &what);
            }
        }
        for field in fields {
            let value = table.and_then(|table| table.get(*field));
            let child = self.child(field, value);
            if child.value.is_some() || self.reading.tries.contains_key(&child.path) {
                entries.push((field, child));
            }
        }
        Ok(Entries { left: entries.into_iter(), value: None })
    }

    /// The items of a list; from the environment, of text separated by commas.
    fn items(&self) -> Result<Vec<Item<'a>>, Error> {
        let what = "a list";
        match self.kind(what) {
            Some(ValueKind::Array(items)) => Ok(items
                .iter()
                .enumerate()
                .map(|(index, item)| Item::Node(self.child(&format!("[{index}]"), Some(item))))
                .collect()),
            Some(ValueKind::String(text)) if self.is_from_environment() => {
                Ok(text.split(',').map(|item| Item::Text(item.trim())).collect())
            }
            Some(_) => Err(self.wrong(what)),
            None => Ok(Vec::new()),
        }
    }
}

macro_rules! whole_numbers {
    ($($deserialize:ident $visit:ident $number:ty,)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let number: $number =
                self.whole_number(i128::from(<$number>::MIN), i128::from(<$number>::MAX))?;
            visitor.$visit(number).map_err(|error: Error| error.at(&self.path))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Node<'de> {
    type Error = Error;

    whole_numbers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.truth()?).map_err(|error: Error| error.at(&self.path))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.number()?).map_err(|error: Error| error.at(&self.path))
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text("text")?).map_err(|error: Error| error.at(&self.path))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value.is_none() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items = Items(self.items()?.into_iter());
        visitor.visit_seq(items).map_err(|error: Error| error.at(&self.path))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self.entries(None)?).map_err(|error: Error| error.at(&self.path))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(self.entries(Some(fields))?).map_err(|error: Error| error.at(&self.path))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let what = format!("one of {}", variants.join(", "));
        let text = self.text(&what)?;
        let known = variants.iter().find(|variant| **variant == text);
        let stand_in = variants.first().filter(|_| self.value.is_none());
        let variant = known.or(stand_in).ok_or_else(|| self.wrong(&what))?;
        visitor
            .visit_enum(StrDeserializer::new(variant))
            .map_err(|error: Error| error.at(&self.path))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    // A setting says what it is; only a type that reads anything would ask for any.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value.map(|value| &value.kind) {
            Some(ValueKind::Boolean(_)) => self.deserialize_bool(visitor),
            Some(ValueKind::I64(_) | ValueKind::U64(_)) => self.deserialize_i64(visitor),
            Some(ValueKind::Float(_)) => self.deserialize_f64(visitor),
            Some(ValueKind::Array(_)) => self.deserialize_seq(visitor),
            Some(ValueKind::Table(_)) => self.deserialize_map(visitor),
            _ => self.deserialize_str(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct
    }
}
