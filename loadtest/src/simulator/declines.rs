//! Declines: for each response code a situation that brings it about, as a row of a table. A decline reserves nothing,
//! counts nothing, and carries no approval code.

use anyhow::ensure;
use proto::card::v1::{CardBucket, CardLimit, CardStatus};
use scheme::{Channel, Kind, Pan, ResponseCode};

use super::bench::Bench;
use super::holder::{FUNDS, Holder};
use super::{Script, script};
use crate::iso8583::{Card, Purchase};

/// What is wrong with the card.
#[derive(Debug, Clone, Copy)]
enum With {
    Nothing,
    Limit { bucket: CardBucket, transaction_minor: Option<i64>, day_count: Option<i32> },
    OnlyCash,
    Blocked,
    Missing(CardStatus),
}

/// What is wrong with what is asked.
#[derive(Debug, Clone, Copy)]
enum Asking {
    Nothing,
    MoreThanThereIs,
    WrongCvv2,
    NoCvv2,
    UnknownNumber,
    WrongCheckDigit,
    LongExpired,
    CashWithoutPin,
    Abroad,
}

struct Decline {
    code: ResponseCode,
    with: With,
    asking: Asking,
}

macro_rules! decline {
    ($name:ident, $code:ident, $with:expr, $asking:ident) => {
        async fn $name(bench: &Bench) -> anyhow::Result<()> {
            let (code, with) = (ResponseCode::$code, $with);
            decline(bench, &Decline { code, with, asking: Asking::$asking }).await
        }
    };
}

/// A country that is not the bank's, ISO 3166 numeric.
const ELSEWHERE: &str = "840";
const NONE_LARGER_THAN_5: With =
    With::Limit { bucket: CardBucket::All, transaction_minor: Some(500), day_count: None };
const NOT_EVEN_ONCE: With =
    With::Limit { bucket: CardBucket::Pos, transaction_minor: None, day_count: Some(0) };

decline!(wrong_cvv2, DO_NOT_HONOUR, With::Nothing, WrongCvv2);
decline!(no_cvv2, DO_NOT_HONOUR, With::Nothing, NoCvv2);
decline!(unknown_number, INVALID_CARD_NUMBER, With::Nothing, UnknownNumber);
decline!(wrong_check_digit, INVALID_CARD_NUMBER, With::Nothing, WrongCheckDigit);
decline!(lost, LOST_CARD, With::Missing(CardStatus::Lost), Nothing);
decline!(stolen, STOLEN_CARD, With::Missing(CardStatus::Stolen), Nothing);
decline!(too_much, INSUFFICIENT_FUNDS, With::Nothing, MoreThanThereIs);
decline!(expired, EXPIRED_CARD, With::Nothing, LongExpired);
decline!(cash_without_pin, WRONG_PIN, With::Nothing, CashWithoutPin);
decline!(switched_off, NOT_PERMITTED_TO_CARDHOLDER, With::OnlyCash, Nothing);
decline!(abroad, NOT_PERMITTED_TO_CARDHOLDER, With::Nothing, Abroad);
decline!(above_limit, AMOUNT_LIMIT, NONE_LARGER_THAN_5, Nothing);
decline!(blocked, RESTRICTED_CARD, With::Blocked, Nothing);
decline!(too_often, COUNT_LIMIT, NOT_EVEN_ONCE, Nothing);

pub(super) const SCRIPTS: &[Script] = &[
    script!("decline-05-cvv2", "without the card and with a wrong CVV2", wrong_cvv2),
    script!("decline-05-no-cvv2", "without the card and without a CVV2", no_cvv2),
    script!("decline-14-number", "a number that is nobody's", unknown_number),
    script!("decline-14-check-digit", "a number whose check digit is wrong", wrong_check_digit),
    script!("decline-41", "a card that was lost", lost),
    script!("decline-43", "a card that was stolen", stolen),
    script!("decline-51", "more than there is", too_much),
    script!("decline-54", "an expiry of long ago", expired),
    script!("decline-55-no-pin", "cash without a PIN", cash_without_pin),
    script!("decline-57-channel", "a channel that its holder switched off", switched_off),
    script!("decline-57-abroad", "another country, which a new card is not for", abroad),
    script!("decline-61", "more at once than the holder's own limit", above_limit),
    script!("decline-62", "a card that is blocked", blocked),
    script!("decline-65", "more often than the holder's own limit", too_often),
];

async fn decline(bench: &Bench, decline: &Decline) -> anyhow::Result<()> {
    let is_poor = matches!(decline.asking, Asking::MoreThanThereIs);
    let funds = if is_poor { 5_000 } else { FUNDS };
    let holder = Holder::with_funds(bench, funds).await?;
    let (purchase, card) = asked(&holder, decline.asking)?;
    match decline.with {
        With::Nothing => {}
        With::Limit { bucket, transaction_minor, day_count } => {
            let limit = CardLimit {
                bucket: bucket.into(),
                transaction_minor,
                day_count,
                ..Default::default()
            };
            holder.limit(bench, limit).await?;
        }
        With::OnlyCash => holder.only_cash(bench).await?,
        With::Blocked => holder.block(bench).await?,
        With::Missing(missing_as) => holder.report_missing(bench, missing_as).await?,
    }
    let message = bench.asked(&purchase, &card)?;
    let answer = bench.expect(&message, decline.code.as_str()).await?;
    let approval = answer.trimmed(38).unwrap_or_default();
    ensure!(approval.is_empty(), "a decline with the approval code {approval}");
    nothing_happened(bench, &holder).await
}

/// Nothing is reserved in the end, and nothing counts.
pub(super) async fn nothing_happened(bench: &Bench, holder: &Holder) -> anyhow::Result<()> {
    bench.until_balance(holder.account, (holder.funds, holder.funds)).await?;
    let used = holder.used(bench).await?;
    ensure!(used == (0, 0), "a decline counts nothing, and used is {used:?}");
    Ok(())
}

fn asked(holder: &Holder, asking: Asking) -> anyhow::Result<(Purchase, Card)> {
    let (mut purchase, mut card) = (Holder::at_terminal(10_000), holder.card.clone());
    match asking {
        Asking::Nothing | Asking::MoreThanThereIs => {}
        Asking::WrongCvv2 => {
            let wrong = if holder.card.cvv2 == "000" { "001" } else { "000" };
            purchase = Purchase { cvv2: Some(wrong.to_owned()), ..holder.online(100) };
        }
        Asking::NoCvv2 => purchase = Purchase { cvv2: None, ..holder.online(100) },
        Asking::UnknownNumber => card.pan = Pan::with_check_digit("999999999999999")?,
        Asking::WrongCheckDigit => {
            let (digits, last) = card.pan.expose().split_at(card.pan.expose().len() - 1);
            let other = if last == "0" { "1" } else { "0" };
            card.pan = Pan::parse(&format!("{digits}{other}"))?;
        }
        Asking::LongExpired => "0101".clone_into(&mut card.expiry),
        Asking::Abroad => ELSEWHERE.clone_into(&mut purchase.country),
        Asking::CashWithoutPin => purchase = Purchase::new(Kind::Cash, Channel::Atm, 10_000),
    }
    Ok((purchase, card))
}
