//! The children of a place in the tree, as serde walks them.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess};

use super::tree::{Error, Node};

/// The entries of a table.
pub(super) struct Entries<'a> {
    pub left: std::vec::IntoIter<(&'a str, Node<'a>)>,
    pub value: Option<Node<'a>>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.left.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let node = self.value.take().ok_or_else(|| de::Error::custom("a value without its key"))?;
        // A type that is read from text and then refuses it does not know where it is.
        let path = node.path.clone();
        seed.deserialize(node).map_err(|error| error.at(&path))
    }
}

/// An item of a list: a place of its own, or a part of a text.
pub(super) enum Item<'a> {
    Node(Node<'a>),
    Text(&'a str),
}

/// The items of a list.
pub(super) struct Items<'a>(pub std::vec::IntoIter<Item<'a>>);

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        match self.0.next() {
            Some(Item::Node(node)) => seed.deserialize(node).map(Some),
            Some(Item::Text(text)) => {
                seed.deserialize(IntoDeserializer::<Error>::into_deserializer(text)).map(Some)
            }
            None => Ok(None),
        }
    }
}
