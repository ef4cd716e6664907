//! A good request for each method of the card service. What it needs is made first, by the customer's own channel.

use prost::Message as _;
use proto::card::v1 as pb;
use proto::card::v1::{CardBucket, CardStatus};

use super::samples::missing;
use super::world::World;
use super::{Case, Scope};
use crate::issuing::{Held, activate_card, issue, purchase, reverse};
use crate::pins::pin_block;
use crate::support::{TELLER, cny, primary, request_id};

/// The encoded request.
pub async fn sample(world: &World, method: &str, case: &Case) -> Vec<u8> {
    match method {
        "IssueCard" => issue_to(world, case).encode_to_vec(),
        "BatchIssueCards" => {
            pb::BatchIssueCardsRequest { items: vec![issue_to(world, case)] }.encode_to_vec()
        }
        "ActivateCard" => activate_card(&issued(world, case).await).encode_to_vec(),
        "SetPin" | "ChangePin" | "VerifyPin" => pin(world, method, case).await,
        "Authorize" => purchase(&held(world, case).await, case.amount_minor).encode_to_vec(),
        "ReverseAuthorization" => reverse(&authorized(world, case).await).encode_to_vec(),
        "CompleteAuthorization" => pb::CompleteAuthorizationRequest {
            request_id: request_id(),
            authorization_id: authorized(world, case).await,
            amount: Some(cny(case.amount_minor)),
        }
        .encode_to_vec(),
        "SubmitClearingPart"
        | "CloseClearingFile"
        | "ResolveClearingException"
        | "SubmitSettlementReport"
        | "ResolveSettlementBreak" => clearing(method),
        _ if method.starts_with("Get") || method.starts_with("List") => {
            query(world, method, case).await
        }
        _ => of_one_card(world, method, case).await,
    }
}

/// What is asked of a card in its holder's hands.
async fn of_one_card(world: &World, method: &str, case: &Case) -> Vec<u8> {
    let (request_id, reason) = (request_id(), "asked by its holder".to_owned());
    let card_id = active(world, case).await;
    match method {
        "BlockCard" => pb::BlockCardRequest { request_id, card_id, reason }.encode_to_vec(),
        "UnblockCard" => {
            let block = pb::BlockCardRequest {
                request_id: crate::support::request_id(),
                card_id: card_id.clone(),
                reason: reason.clone(),
            };
            world.bank.card(TELLER).block_card(block).await.unwrap();
            pb::UnblockCardRequest { request_id, card_id, reason }.encode_to_vec()
        }
        "ReportCardMissing" => {
            let missing_as = CardStatus::Lost.into();
            pb::ReportCardMissingRequest { request_id, card_id, missing_as }.encode_to_vec()
        }
        "ReplaceCard" => pb::ReplaceCardRequest { request_id, card_id }.encode_to_vec(),
        // It is new: whoever may ask is told so.
        "RenewCard" => pb::RenewCardRequest { request_id, card_id }.encode_to_vec(),
        "CancelCard" => pb::CancelCardRequest { request_id, card_id, reason }.encode_to_vec(),
        "SetCardSwitches" => {
            let switches = pb::CardSwitches { pos: true, ..Default::default() };
            pb::SetCardSwitchesRequest { request_id, card_id, switches: Some(switches) }
                .encode_to_vec()
        }
        // What a role may set is above what the product allows: within its limit, the bank says so.
        "SetCardLimits" => {
            let limit = pb::CardLimit {
                bucket: CardBucket::All.into(),
                day_minor: Some(case.amount_minor),
                ..Default::default()
            };
            pb::SetCardLimitsRequest { request_id, card_id, limits: vec![limit] }.encode_to_vec()
        }
        "RevealCard" => pb::RevealCardRequest { request_id, card_id }.encode_to_vec(),
        _ => missing("CardService", method),
    }
}

/// Of a card without a PIN: whoever may ask to change or verify one hears that there is none.
async fn pin(world: &World, method: &str, case: &Case) -> Vec<u8> {
    let request_id = request_id();
    let (card_id, number) = if case.scope == Scope::Absent {
        (crate::support::request_id(), "6225880000000000".to_owned())
    } else {
        let held = held(world, case).await;
        (held.card_id, held.number)
    };
    let block = |pin| Some(pin_block(&world.bank, pin, &number));
    match method {
        "SetPin" => {
            pb::SetPinRequest { request_id, card_id, new_pin: block("8264") }.encode_to_vec()
        }
        "ChangePin" => pb::ChangePinRequest {
            request_id,
            card_id,
            current_pin: block("8264"),
            new_pin: block("5193"),
        }
        .encode_to_vec(),
        _ => pb::VerifyPinRequest { request_id, card_id, pin: block("8264") }.encode_to_vec(),
    }
}

/// About files and records that there are not: what is cleared is told in `cards.rs`.
fn clearing(method: &str) -> Vec<u8> {
    let (request_id, reason) = (request_id(), "seen by two".to_owned());
    let absent = || "absent".to_owned();
    match method {
        "SubmitClearingPart" => pb::SubmitClearingPartRequest {
            request_id,
            file_id: absent(),
            part: 2,
            content: b"R\n".to_vec(),
        }
        .encode_to_vec(),
        "CloseClearingFile" => {
            pb::CloseClearingFileRequest { request_id, file_id: absent() }.encode_to_vec()
        }
        "ResolveClearingException" => pb::ResolveClearingExceptionRequest {
            item_id: crate::support::request_id(),
            resolution: pb::ClearingResolution::Return.into(),
            card_id: String::new(),
            reason,
            request_id,
        }
        .encode_to_vec(),
        "SubmitSettlementReport" => {
            pb::SubmitSettlementReportRequest { request_id, content: b"H\n".to_vec() }
                .encode_to_vec()
        }
        _ => pb::ResolveSettlementBreakRequest {
            break_id: crate::support::request_id(),
            resolution: pb::SettlementResolution::Explained.into(),
            reason,
            request_id,
        }
        .encode_to_vec(),
    }
}

async fn query(world: &World, method: &str, case: &Case) -> Vec<u8> {
    let consistency = Some(primary());
    match method {
        "GetCard" => {
            pb::GetCardRequest { card_id: active(world, case).await, consistency }.encode_to_vec()
        }
        "ListCards" => pb::ListCardsRequest {
            customer_id: world.customer(case.scope),
            consistency,
            ..Default::default()
        }
        .encode_to_vec(),
        "GetAuthorization" => pb::GetAuthorizationRequest {
            authorization_id: authorized(world, case).await,
            consistency,
        }
        .encode_to_vec(),
        "ListAuthorizations" => pb::ListAuthorizationsRequest {
            card_id: active(world, case).await,
            consistency,
            ..Default::default()
        }
        .encode_to_vec(),
        "GetClearingFile" => {
            pb::GetClearingFileRequest { file_id: "absent".into() }.encode_to_vec()
        }
        "ListClearingExceptions" => {
            pb::ListClearingExceptionsRequest { consistency, ..Default::default() }.encode_to_vec()
        }
        "ListSettlementBreaks" => {
            pb::ListSettlementBreaksRequest { consistency, ..Default::default() }.encode_to_vec()
        }
        "GetDayTotals" => {
            pb::GetDayTotalsRequest { business_date: "2020-01-01".into() }.encode_to_vec()
        }
        _ => missing("CardService", method),
    }
}

fn issue_to(world: &World, case: &Case) -> pb::IssueCardRequest {
    issue(&world.customer(case.scope), &world.account(case.scope))
}

/// A card on an account of the case's customer; nothing of one where the case is about nobody's.
async fn held(world: &World, case: &Case) -> Held {
    let customer = world.customer(case.scope);
    world.bank.card_on(&customer, &world.account(case.scope)).await
}

/// A card that was issued and nothing else.
async fn issued(world: &World, case: &Case) -> String {
    if case.scope == Scope::Absent {
        return request_id();
    }
    let request = issue_to(world, case);
    let answer = world.bank.card(TELLER).issue_card(request).await.unwrap();
    answer.into_inner().card.unwrap().card_id
}

async fn active(world: &World, case: &Case) -> String {
    if case.scope == Scope::Absent {
        return request_id();
    }
    held(world, case).await.card_id
}

/// An authorization of such a card that is approved.
async fn authorized(world: &World, case: &Case) -> String {
    if case.scope == Scope::Absent {
        return request_id();
    }
    let card = held(world, case).await;
    world.bank.authorize(purchase(&card, case.amount_minor)).await.authorization_id
}
