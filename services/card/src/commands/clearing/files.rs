//! Take a part of a clearing file, and close the file.
//!
//! Round trips: of a part, lock, file, settled, cards, records, file; of a close, file twice. Locks: the file, and one that
//! keeps its date from being settled meanwhile. The card's number is looked up here and kept nowhere.

use std::collections::HashMap;

use kernel::{CardId, RequestId};
use platform::db::{self, WriteTx};
use platform::protection::Secret;
use scheme::clearing::Record;

use super::super::Context;
use super::super::alone::Acted;
use crate::domain::{Books, FileStatus, MessageKey, Rejection};
use crate::store::clearing::{self, NewItem};
use crate::store::settlement;

/// A part of a clearing file.
#[derive(Debug, Clone)]
pub struct SubmitPart {
    /// The file's name.
    pub file_id: String,
    /// Which part, from 1.
    pub part: i32,
    /// Whole lines; there are card numbers in it.
    pub content: Secret<Vec<u8>>,
}

/// A file whose parts are all there.
#[derive(Debug, Clone)]
pub struct CloseFile {
    /// The file's name.
    pub file_id: String,
}

impl SubmitPart {
    pub(in crate::commands) async fn act(
        &self,
        ctx: &Context,
        tx: &mut WriteTx,
        books: &Books,
    ) -> Result<Result<Acted, Rejection>, db::Error> {
        settlement::hold_off(tx.conn()).await?;
        let mut file = clearing::begin_file(tx.conn(), &self.file_id, books.now()).await?;
        let records = match file.take(self.part, self.content.expose()) {
            Ok(records) => records,
            Err(why) => return Ok(Err(why)),
        };
        // What has been settled without these records would never be compared with them.
        let currencies: Vec<&str> = records.iter().map(|(_, one)| one.currency.code()).collect();
        if let Some(date) = file.clearing_date
            && settlement::is_settled(tx.conn(), date, &currencies).await?
        {
            return Ok(Err(Rejection::ClearingDateSettled));
        }
        let digests: Vec<Vec<u8>> =
            records.iter().map(|(_, record)| ctx.keys.pan_digest(&record.pan)).collect();
        let cards = clearing::cards_by_digest(tx.conn(), &digests).await?;
        let cards: HashMap<Vec<u8>, CardId> = cards.into_iter().collect();
        let items = records
            .into_iter()
            .zip(&digests)
            .map(|((line, record), digest)| item(ctx, (line, record), cards.get(digest).copied()));
        let Some(items) = items.collect::<Option<Vec<_>>>() else {
            return Ok(Err(Rejection::RecordMalformed));
        };
        if !clearing::insert_items(tx.conn(), &self.file_id, &items).await? {
            return Ok(Err(Rejection::RecordDuplicate));
        }
        clearing::save_file(tx.conn(), &file).await?;
        Ok(Ok(Acted::default()))
    }
}

/// A record as it is kept; `None` where it says that it was authorized before 1970.
fn item(ctx: &Context, (line, record): (i32, Record), card_id: Option<CardId>) -> Option<NewItem> {
    let key = MessageKey {
        acquirer: record.acquirer.clone(),
        terminal: record.terminal.clone(),
        retrieval_reference: record.retrieval_reference.clone(),
        trace_number: record.trace_number.clone(),
        transmitted_at: record.transmitted_at,
    };
    let number = record.pan.expose();
    let last_four = number.get(number.len().saturating_sub(4)..)?.to_owned();
    Some(NewItem {
        id: RequestId::generate(ctx.clock.as_ref()).as_uuid(),
        line,
        card_id,
        authorization_id: key.authorization_id(&ctx.search)?,
        last_four,
        record,
    })
}

impl CloseFile {
    pub(in crate::commands) async fn act(
        &self,
        tx: &mut WriteTx,
    ) -> Result<Result<Acted, Rejection>, db::Error> {
        let Some(mut file) = clearing::lock_file(tx.conn(), &self.file_id).await? else {
            return Ok(Err(Rejection::FileUnknown));
        };
        if let Err(why) = file.close() {
            return Ok(Err(why));
        }
        clearing::save_file(tx.conn(), &file).await?;
        Ok(Ok(Acted::default()))
    }

    /// A file whose totals differ is refused as a whole, in the tx of the outcome.
    pub(in crate::commands) async fn refused(
        &self,
        tx: &mut WriteTx,
        why: Rejection,
    ) -> Result<(), db::Error> {
        if why != Rejection::FileTotalsDiffer {
            return Ok(());
        }
        let file = clearing::lock_file(tx.conn(), &self.file_id).await?;
        let receiving = file.filter(|file| file.status == FileStatus::Receiving);
        let Some(mut file) = receiving else { return Ok(()) };
        file.refuse(why);
        clearing::save_file(tx.conn(), &file).await
    }
}
