//! Calls a method by its name with a request that is already encoded, so that one place can call all of them.

use std::error::Error as _;

use bytes::{Buf, BufMut, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

/// What a caller is answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// As gRPC spells it; `NO_CONNECTION` where the server lets nobody in like that.
    pub code: String,
    /// Of the `ErrorInfo`; empty where it is no error.
    pub reason: String,
    pub message: String,
    details: Vec<u8>,
    /// The message that is the answer, where it is no error.
    body: Bytes,
}

impl Answer {
    fn of(answer: Result<Bytes, Status>) -> Self {
        let status = match answer {
            Ok(body) => {
                return Self {
                    code: "OK".into(),
                    reason: String::new(),
                    message: String::new(),
                    details: vec![],
                    body,
                };
            }
            Err(status) => status,
        };
        let transport =
            status.source().is_some_and(<dyn std::error::Error>::is::<tonic::transport::Error>);
        let code = if transport { "NO_CONNECTION" } else { spelled(status.code()) };
        let reason = status.get_details_error_info().map(|info| info.reason);
        Self {
            code: code.to_owned(),
            reason: reason.unwrap_or_default(),
            message: status.message().to_owned(),
            details: status.details().to_vec(),
            body: Bytes::new(),
        }
    }

    /// Every byte that the caller gets.
    pub fn everything(&self) -> Vec<u8> {
        [self.message.as_bytes(), &self.details, &self.body].concat()
    }

    /// Everything that a caller can see of it.
    pub fn seen(&self) -> (&str, &str, &[u8]) {
        (&self.code, &self.message, &self.details)
    }
}

fn spelled(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Calls `/service/method` with this encoded message, as whoever the connection belongs to.
pub async fn call(
    connection: Channel,
    path: &str,
    message: Vec<u8>,
    customer: Option<&str>,
) -> Answer {
    let mut request = Request::new(Bytes::from(message));
    if let Some(customer) = customer {
        request.metadata_mut().insert("thincore-customer", customer.parse().unwrap());
    }
    let mut client = Grpc::new(connection);
    let answer = async {
        let connected = client.ready().await;
        connected.map_err(|error| Status::from_error(Box::new(error)))?;
        client.unary(request, path.parse().unwrap(), Encoded).await.map(tonic::Response::into_inner)
    };
    Answer::of(answer.await)
}

/// A codec of messages that are encoded already.
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
