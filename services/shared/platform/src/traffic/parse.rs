//! Requests of the operations service as what they ask for. Everything that is wrong with one is named at once.

use kernel::RequestId;
use proto::operations::v1 as pb;
use uuid::Uuid;

use super::{Limits, contract};
use crate::approvals::Verdict;
use crate::fields::{Fields, Violations};

/// The longest reason, characters.
const REASON_MAX: usize = 500;
/// How many versions are listed where nobody says.
const PAGE: u32 = 20;
const PAGE_MAX: u32 = 100;

/// The limits that somebody proposes, and why.
pub(super) fn proposal(
    mut fields: Fields,
    m: &pb::ProposeLimitsRequest,
) -> Result<(RequestId, Limits, String), Violations> {
    let id = fields.request_id(&m.request_id);
    let limits = contract::read(&mut fields, m.limits.as_ref());
    let reason = reason(&mut fields, &m.reason);
    let parsed = id.zip(limits).zip(reason);
    fields.done(parsed.map(|((id, limits), reason)| (id, limits, reason)))
}

/// Which proposal to show.
pub(super) fn proposal_query(
    mut fields: Fields,
    m: &pb::GetLimitProposalRequest,
) -> Result<Uuid, Violations> {
    let id = approval_id(&mut fields, &m.approval_id);
    fields.done(id)
}

/// What somebody decided about which proposal, and the hash of what they saw.
pub(super) struct Decision {
    pub request_id: RequestId,
    pub approval_id: Uuid,
    pub seen: Vec<u8>,
    pub verdict: Verdict,
}

/// A decision about a proposal.
pub(super) fn decision(
    mut fields: Fields,
    m: &pb::DecideLimitsRequest,
) -> Result<Decision, Violations> {
    let request_id = fields.request_id(&m.request_id);
    let approval_id = approval_id(&mut fields, &m.approval_id);
    let seen = hash(&mut fields, &m.payload_sha256);
    let verdict = match m.verdict() {
        pb::Verdict::Approve => Some(Verdict::Approve),
        pb::Verdict::Reject => Some(Verdict::Reject),
        pb::Verdict::Unspecified => fields.reject("verdict", "must be approve or reject"),
    };
    let parsed = request_id.zip(approval_id).zip(seen).zip(verdict);
    fields.done(parsed.map(|(((request_id, approval_id), seen), verdict)| Decision {
        request_id,
        approval_id,
        seen,
        verdict,
    }))
}

/// The version to go back to, and why.
pub(super) fn roll_back(
    mut fields: Fields,
    m: &pb::RollBackLimitsRequest,
) -> Result<(RequestId, i64, String), Violations> {
    let id = fields.request_id(&m.request_id);
    let to_version = (m.to_version >= 0)
        .then_some(m.to_version)
        .or_else(|| fields.reject("to_version", "must be at least 0"));
    let reason = reason(&mut fields, &m.reason);
    let parsed = id.zip(to_version).zip(reason);
    fields.done(parsed.map(|((id, to_version), reason)| (id, to_version, reason)))
}

/// How many versions to list, and before which.
pub(super) fn page(
    mut fields: Fields,
    m: &pb::ListLimitVersionsRequest,
) -> Result<(i64, i64), Violations> {
    let size = if m.page_size == 0 { PAGE } else { m.page_size };
    let size = (size <= PAGE_MAX)
        .then_some(i64::from(size))
        .or_else(|| fields.reject("page_size", "must be 1 to 100, or 0 for 20"));
    let before = match m.before_version {
        0 => Some(i64::MAX),
        before if before > 0 => Some(before),
        _ => fields.reject("before_version", "must be at least 0"),
    };
    fields.done(size.zip(before))
}

fn reason(fields: &mut Fields, text: &str) -> Option<String> {
    if (1..=REASON_MAX).contains(&text.chars().count()) {
        return Some(text.to_owned());
    }
    fields.reject("reason", "must be 1 to 500 characters")
}

fn approval_id(fields: &mut Fields, text: &str) -> Option<Uuid> {
    Uuid::parse_str(text).ok().or_else(|| fields.reject("approval_id", "must be a UUID"))
}

fn hash(fields: &mut Fields, text: &str) -> Option<Vec<u8>> {
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let plain = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bytes = plain.then(|| (0..64).step_by(2).map(byte).collect::<Option<Vec<u8>>>());
    bytes.flatten().or_else(|| fields.reject("payload_sha256", "must be 64 hexadecimal digits"))
}
