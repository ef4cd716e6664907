//! HTTP/2 in order, and calls in it that are none.

use axum::body::Body as Bytes;
use http::{Request, Response};
use tonic::Code;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;
use tower::{Service as _, ServiceExt as _};

use super::attacked::Attacked;
use super::wire::message;
use crate::support::{TRANSFER, within};

const MESSAGE_MAX: u32 = 4 << 20;

/// A call with these headers and bytes; what it is answered.
async fn answer(channel: &Channel, headers: &[(&str, &str)], body: Vec<u8>) -> Response<Body> {
    let mut request = Request::post(TRANSFER).header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/grpc");
    }
    let request = request.body(Body::new(Bytes::from(body))).unwrap();
    let mut channel = channel.clone();
    within(async { channel.ready().await.unwrap().call(request).await }).await.unwrap()
}

/// How the call was refused: an answer that goes well has its status only at the end.
fn refusal(response: &Response<Body>) -> Option<(Code, String)> {
    let status = tonic::Status::from_header_map(response.headers())?;
    let reason = status.get_details_error_info().map(|info| info.reason);
    Some((status.code(), reason.unwrap_or_default()))
}

fn good() -> Vec<u8> {
    message(0, 0, &[])
}

#[tokio::test]
async fn a_time_limit_that_is_none_is_refused_and_a_long_one_is_fine() {
    let server = Attacked::start().await;
    let channel = server.connect("channel/mobile");

    for text in ["", "m", "1", "-1m", "+1H", "123456789m", "1x", "1.5S", "1 m", "٣S", "0x1S"] {
        let response = answer(&channel, &[("grpc-timeout", text)], good()).await;
        let invalid = (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned());
        assert_eq!(refusal(&response), Some(invalid), "{text:?}");
    }
    let response = answer(&channel, &[("grpc-timeout", "99999999H")], good()).await;
    assert_eq!(refusal(&response), None);

    server.stood(16).await;
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_the_callers_fault() {
    let server = Attacked::start().await;
    let channel = server.connect("channel/mobile");
    // Ten bytes of header, then a block that says it goes on.
    let bomb = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xec, 0xc0, 1, 1, 0, 0];
    let unread: Vec<(&str, Vec<u8>)> = vec![
        ("no message", Vec::new()),
        ("half a header", vec![0, 0]),
        ("less than was announced", message(0, 100, &[0; 10])),
        ("more than may be announced", message(0, MESSAGE_MAX + 1, &[0; 10])),
        ("as much as can be announced", message(0, u32::MAX, &[0; 10])),
        ("more than may be sent", message(0, MESSAGE_MAX + 1, &vec![0; 4 << 20])),
        ("compressed, it does not say how", message(1, 4, &[0; 4])),
        ("a flag that there is not", message(7, 0, &[])),
        ("no protobuf", message(0, 4, &[0xff; 4])),
        ("a text that is no UTF-8", message(0, 4, &[0x0a, 2, 0xff, 0xfe])),
        ("groups in groups", message(0, 100_000, &vec![0x0b; 100_000])),
        ("a field of another type", message(0, 2, &[0x08, 1])),
    ];

    for (what, body) in unread {
        let response = answer(&channel, &[], body).await;
        let (code, reason) = refusal(&response).expect(what);
        assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"), "{what}");
    }
    // As gRPC has it for a compression that the server does not know.
    let gzip = answer(&channel, &[("grpc-encoding", "gzip")], message(1, 16, &bomb)).await;
    assert_eq!(refusal(&gzip).map(|(code, _)| code), Some(Code::Unimplemented));
    for bytes in [good(), message(0, MESSAGE_MAX, &[]), good().repeat(3)] {
        drop(answer(&channel, &[], bytes).await);
    }

    server.stood(64).await;
}

#[tokio::test]
async fn a_call_of_another_kind_gets_an_answer_and_not_our_failure() {
    let server = Attacked::start().await;
    let channel = server.connect("channel/mobile");

    let odd: [&[(&str, &str)]; 6] = [
        &[("content-type", "text/html")],
        &[("content-type", "application/grpc+json")],
        &[("content-type", "application/json"), ("x-http-method-override", "GET")],
        &[("grpc-encoding", "nothing-known"), ("grpc-accept-encoding", ",,;;,")],
        &[("traceparent", "00-x-x-x"), ("tracestate", "=,=,=")],
        &[("thincore-customer", "../../etc"), ("thincore-caller", "operator/1")],
    ];
    for headers in odd {
        let response = answer(&channel, headers, good()).await;
        let ours = refusal(&response)
            .filter(|(code, _)| matches!(code, Code::Internal | Code::Unknown | Code::DataLoss));
        assert_eq!(ours, None, "{headers:?}");
        assert!(!response.status().is_server_error(), "{headers:?}: {}", response.status());
    }

    server.stood(16).await;
}
