//! The contract between the services: generated from `proto/bank/**`, nothing by hand but this map.
//!
//! `DESCRIPTORS` is the whole contract as a `FileDescriptorSet`, options and comments included. The platform
//! reads each RPC's policy from it, reflection serves it, and `tidy` checks it.

/// The encoded `FileDescriptorSet` of every file under `proto/bank`, with its imports.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Accounting: business events, journals, the general ledger, the business date.
pub mod accounting {
    pub mod v1 {
        tonic::include_proto!("bank.accounting.v1");
    }
}

/// Cards.
pub mod card {
    pub mod v1 {
        tonic::include_proto!("bank.card.v1");
    }
}

/// What the services share: money, read positions.
pub mod common {
    pub mod v1 {
        tonic::include_proto!("bank.common.v1");
    }
}

/// Customers.
pub mod customer {
    pub mod v1 {
        tonic::include_proto!("bank.customer.v1");
    }
}

/// Deposit accounts.
pub mod deposit {
    pub mod v1 {
        tonic::include_proto!("bank.deposit.v1");
    }
}

/// Loans.
pub mod loan {
    pub mod v1 {
        tonic::include_proto!("bank.loan.v1");
    }
}

/// What operators change while a service runs.
pub mod operations {
    pub mod v1 {
        tonic::include_proto!("bank.operations.v1");
    }
}

/// The policy options that every RPC carries.
pub mod options {
    pub mod v1 {
        tonic::include_proto!("bank.options.v1");
    }
}
