//! What keeps a server from starting.

use std::net::SocketAddr;

use platform::Server;
use platform::config::ServerConfig;
use prost::Message;

use crate::support::{Stub, config, credentials};

#[tokio::test]
async fn it_refuses_to_run_unprotected_beyond_loopback() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let config = ServerConfig { listen: everywhere, unprotected: true, ..config() };

    let error = Server::new("deposit", &config, proto::DESCRIPTORS).err().unwrap();

    assert!(error.to_string().contains("only on a loopback address"), "{error}");
}

#[tokio::test]
async fn it_refuses_to_start_without_a_certificate() {
    let server = Server::new("deposit", &config(), proto::DESCRIPTORS).unwrap();

    let error = server.serve(Stub::quick()).err().unwrap();

    assert!(error.to_string().contains("has no certificate"), "{error}");
}

#[tokio::test]
async fn an_address_in_use_is_said_in_one_line() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let config = ServerConfig { listen: address, ..config() };
    let serving = Server::new("deposit", &config, proto::DESCRIPTORS)
        .unwrap()
        .credentials(Some(credentials("service/deposit")))
        .serve(Stub::quick())
        .unwrap();

    let error = format!("{:#}", serving.bind().await.err().unwrap());

    assert!(error.starts_with(&format!("deposit: cannot listen on {address}: Address")), "{error}");
}

#[tokio::test]
async fn a_contract_without_policies_is_refused() {
    // Read and written by code that does not know the options, the contract has lost them.
    let contract = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    let bare: &'static [u8] = Box::leak(contract.encode_to_vec().into_boxed_slice());

    let error = Server::new("deposit", &config(), bare)
        .unwrap()
        .credentials(Some(credentials("service/deposit")))
        .serve(Stub::quick())
        .err()
        .unwrap();

    let first = "bank.deposit.v1.DepositService.OpenAccount has no access";
    assert!(error.to_string().starts_with(first), "{error}");
}
