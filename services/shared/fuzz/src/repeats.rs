//! Whether a refusal repeats what it was given.
//!
//! A text of the request that also stands in a violation may be there by chance: somebody can be called `request_id`. So
//! the request is sent again with that text replaced by one like it; only a violation that changes with it repeats it.

use platform::fields::Violations;
use prost::Message as _;
use prost_reflect::{DynamicMessage, Value};

/// The name of a field whose text is repeated by a violation.
pub(crate) fn find(
    message: &DynamicMessage,
    violations: &Violations,
    refused: impl Fn(&[u8]) -> Option<Violations>,
) -> Option<String> {
    let said = joined(violations);
    let mut texts = Vec::new();
    collect(message, &mut texts);
    texts.into_iter().filter(|(_, text)| told_apart(text) && said.contains(text.as_str())).find_map(
        |(field, text)| {
            let other = alike(&text);
            let mut changed = message.clone();
            replace(&mut changed, &text, &other);
            let said = refused(&changed.encode_to_vec()).map(|violations| joined(&violations));
            said.filter(|said| said.contains(&other)).map(|_| field)
        },
    )
}

/// Long enough that it, and one like it, do not stand everywhere.
pub(crate) fn told_apart(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphanumeric()).count() >= 4
}

fn joined(violations: &Violations) -> String {
    let parts = violations.iter().flat_map(|one| [&*one.field, " ", &*one.description, "\n"]);
    parts.collect()
}

/// Of the same form, with other letters and digits.
pub(crate) fn alike(text: &str) -> String {
    let turn = |c: char| match c {
        'a'..='y' | 'A'..='Y' | '0'..='8' => char::from_u32(u32::from(c).saturating_add(1)),
        'z' => Some('a'),
        'Z' => Some('A'),
        '9' => Some('0'),
        other => Some(other),
    };
    text.chars().filter_map(turn).collect()
}

fn collect(message: &DynamicMessage, into: &mut Vec<(String, String)>) {
    for (field, value) in message.fields() {
        of_value(field.name(), value, into);
    }
}

fn of_value(field: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => into.push((field.to_owned(), text.clone())),
        Value::Message(inner) => collect(inner, into),
        Value::List(values) => values.iter().for_each(|value| of_value(field, value, into)),
        Value::Map(values) => values.values().for_each(|value| of_value(field, value, into)),
        _ => (),
    }
}

fn replace(message: &mut DynamicMessage, text: &str, other: &str) {
    for (_, value) in message.fields_mut() {
        replace_in(value, text, other);
    }
}

fn replace_in(value: &mut Value, text: &str, other: &str) {
    match value {
        Value::String(known) if known == text => other.clone_into(known),
        Value::Message(inner) => replace(inner, text, other),
        Value::List(values) => values.iter_mut().for_each(|value| replace_in(value, text, other)),
        Value::Map(values) => values.values_mut().for_each(|v| replace_in(v, text, other)),
        _ => (),
    }
}

#[cfg(test)]
mod tests {
    use platform::status::FieldViolation;
    use prost_reflect::{DescriptorPool, ReflectMessage as _};

    use super::*;

    fn named(name: &str) -> DynamicMessage {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        let descriptor = pool.get_message_by_name("bank.customer.v1.RegisterCustomerRequest");
        let mut message = DynamicMessage::new(descriptor.unwrap());
        message.set_field_by_name("name", Value::String(name.to_owned()));
        message
    }

    fn name_in(bytes: &[u8]) -> String {
        let message = DynamicMessage::decode(named("").descriptor(), bytes).unwrap();
        message.get_field_by_name("name").unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn a_violation_that_repeats_a_name_is_found() {
        let refuse = |name: &str| vec![FieldViolation::new("name", format!("{name} is odd"))];

        let found = find(&named("Lovelace"), &refuse("Lovelace"), |b| Some(refuse(&name_in(b))));

        assert_eq!(found.as_deref(), Some("name"));
    }

    #[test]
    fn a_name_that_is_also_a_word_of_the_violation_is_not_taken_for_repeated() {
        let refuse = || vec![FieldViolation::new("name", "must have 1 to 200 characters")];

        let found = find(&named("characters"), &refuse(), |_| Some(refuse()));

        assert_eq!(found, None);
    }
}
