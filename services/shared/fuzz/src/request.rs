//! Requests: which there are, by the contract, and what must hold when one is read.

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use platform::fuzzing::Reading;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ServiceDescriptor};

use crate::{now, repeats, valid};

/// A large message. Accounting takes four times as much; what takes time by the square shows at this size too.
const MESSAGE_MAX: usize = 1 << 20;

type Read = fn(&str, &[u8], DateTime<Utc>) -> Option<Reading>;

/// A service of the contract, and where its requests are read.
pub struct Service {
    descriptor: ServiceDescriptor,
    read: Read,
}

/// The services of the contract.
///
/// # Errors
/// One of them is read nowhere.
pub fn services() -> anyhow::Result<Vec<Service>> {
    let pool = DescriptorPool::decode(proto::DESCRIPTORS)?;
    let services = pool.services().map(|descriptor| {
        let read: Read = match descriptor.full_name() {
            "bank.accounting.v1.AccountingService" => accounting::api::fuzzing::read,
            "bank.card.v1.CardService" => card::api::fuzzing::read,
            "bank.customer.v1.CustomerService" => customer::api::fuzzing::read,
            "bank.deposit.v1.DepositService" => deposit::api::fuzzing::read,
            "bank.loan.v1.LoanService" => loan::api::fuzzing::read,
            "bank.operations.v1.OperationsService" => platform::traffic::fuzzing::read,
            name => {
                anyhow::bail!("{name} is fed by nobody: name its api::fuzzing in request.rs")
            }
        };
        Ok(Service { descriptor, read })
    });
    services.collect()
}

impl Service {
    /// Such as `deposit`.
    pub fn short_name(&self) -> String {
        let package = self.descriptor.package_name().split('.');
        package.rev().nth(1).unwrap_or_default().to_owned()
    }

    /// Its methods.
    ///
    /// # Errors
    /// The service does not read one of them.
    pub(crate) fn methods(&self) -> anyhow::Result<Vec<Method>> {
        let methods = self.descriptor.methods().map(|method| {
            let known = (self.read)(method.name(), &[], now()).is_some();
            ensure!(
                known,
                "{} is not read: add it to its service's api/fuzzing.rs",
                method.full_name()
            );
            Ok(Method {
                name: method.name().to_owned(),
                input: method.input(),
                read: self.read,
                valid: valid::message(&method.input()).with_context(|| method.name().to_owned())?,
            })
        });
        methods.collect()
    }
}

/// One RPC.
pub(crate) struct Method {
    name: String,
    input: MessageDescriptor,
    read: Read,
    valid: DynamicMessage,
}

impl Method {
    pub fn name(&self) -> &str {
        &self.name
    }

    fn read(&self, bytes: &[u8]) -> Reading {
        (self.read)(&self.name, bytes, now()).unwrap_or(Ok(Ok(())))
    }

    pub fn accepts(&self, bytes: &[u8]) -> bool {
        matches!(self.read(bytes), Ok(Ok(())))
    }

    pub fn run(&self, bytes: &[u8]) {
        let Ok(Err(violations)) = self.read(bytes) else { return };
        assert!(!violations.is_empty(), "refused without saying why");
        if let Ok(message) = DynamicMessage::decode(self.input.clone(), bytes) {
            let refused = |bytes: &[u8]| self.read(bytes).ok().and_then(Result::err);
            if let Some(field) = repeats::find(&message, &violations, refused) {
                // The message itself is not shown: it is in the saved file.
                assert!(field.is_empty(), "a violation repeats what was given in {field}");
            }
        }
    }

    pub fn seeds(&self) -> Vec<Vec<u8>> {
        vec![Vec::new(), self.valid.encode_to_vec()]
    }

    pub fn valid(&self) -> &DynamicMessage {
        &self.valid
    }

    pub fn largest(&self) -> Vec<Vec<u8>> {
        let mut found = vec![valid::stretched_text(&self.valid, MESSAGE_MAX)];
        found.extend(valid::stretched_lists(&self.valid, MESSAGE_MAX));
        found
    }
}
