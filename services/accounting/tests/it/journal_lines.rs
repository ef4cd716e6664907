//! Journals as tests of the accounting rules read them.

use proto::accounting::v1 as pb;

use crate::support::*;

/// A line as these tests read it: D or C, account, minor units.
pub type Line = (char, String, i64);

/// The journal of an event that was delivered.
pub async fn journal(service: &Service, event: &pb::BusinessEvent) -> Vec<Line> {
    let request = pb::GetJournalRequest { posting_id: posting_of(event) };
    let answer = service.operator().get_journal(request).await.unwrap().into_inner();
    let lines = answer.journal.unwrap().lines.into_iter();
    let line = |line: pb::JournalLine| {
        let side = if line.side() == pb::Side::Debit { 'D' } else { 'C' };
        (side, line.gl_account, line.amount.unwrap().amount_minor)
    };
    lines.map(line).collect()
}

/// Debit, credit and amount of each pair of lines.
pub fn pairs(of: &[(&str, &str, i64)]) -> Vec<Line> {
    let pair = |(debit, credit, minor): &(&str, &str, i64)| {
        [('D', (*debit).to_owned(), *minor), ('C', (*credit).to_owned(), *minor)]
    };
    of.iter().flat_map(pair).collect()
}
