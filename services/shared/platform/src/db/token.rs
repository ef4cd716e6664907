//! The read token: a position in the write-ahead log that a later read must have reached.

use std::fmt;
use std::str::FromStr;

/// What a write returns and a read may ask for: "at least as fresh as this".
///
/// Text form `service:timeline:LSN`, for example `deposit:1:0/3000060`. The service is part of it because each
/// service has its own database; the timeline because a failover starts a new one, on which old positions mean
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadToken {
    /// The service whose database it is a position of.
    pub service: String,
    /// The timeline, from 1; grows at each promotion.
    pub timeline: u32,
    /// The log sequence number in bytes.
    pub lsn: u64,
}

/// Text that is not a read token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a read token looks like deposit:1:0/3000060")]
pub struct InvalidToken;

impl ReadToken {
    /// Reads the text form.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        let mut parts = text.split(':');
        let (Some(service), Some(timeline), Some(lsn), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidToken);
        };
        let plain = |c: char| c.is_ascii_lowercase();
        if service.is_empty() || service.len() > 32 || !service.chars().all(plain) {
            return Err(InvalidToken);
        }
        let timeline: u32 = timeline.parse().map_err(|_| InvalidToken)?;
        let lsn = parse_lsn(lsn).ok_or(InvalidToken)?;
        if timeline == 0 {
            return Err(InvalidToken);
        }
        Ok(Self { service: service.to_owned(), timeline, lsn })
    }
}

impl FromStr for ReadToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        Self::parse(text)
    }
}

impl fmt::Display for ReadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{:X}/{:X}",
            self.service,
            self.timeline,
            self.lsn >> 32,
            self.lsn & 0xFFFF_FFFF
        )
    }
}

/// Postgres writes a position as two hexadecimal halves, `high/low`.
pub(super) fn parse_lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    if high.len() > 8 || low.len() > 8 || high.starts_with('+') || low.starts_with('+') {
        return None;
    }
    let high = u64::from_str_radix(high, 16).ok()?;
    let low = u64::from_str_radix(low, 16).ok()?;
    Some(high << 32 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_form() {
        let token = ReadToken { service: "deposit".into(), timeline: 3, lsn: 0x1_0300_0060 };

        assert_eq!(token.to_string(), "deposit:3:1/3000060");
        assert_eq!(ReadToken::parse("deposit:3:1/3000060"), Ok(token));
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "deposit",
            "deposit:1",
            "deposit:1:0/30:x",
            "deposit:0:0/30",
            "Deposit:1:0/30",
            "deposit:1:030",
            "deposit:1:0/+30",
            "deposit:-1:0/30",
            "deposit:1:000000000/30",
        ] {
            assert_eq!(ReadToken::parse(text), Err(InvalidToken), "{text}");
        }
    }
}
