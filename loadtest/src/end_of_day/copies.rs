//! Many loans from a few: rows are copied in the database, each under a new id, for another customer and account.
//!
//! A copy is to the last column what its original is: so whatever the loan service writes for a loan that was just paid
//! out is what the copies have, and nothing here knows what that is. Only that no money has moved for them: the general
//! ledger is told of them as of loans that were taken over, by two events for all of them. Their principal comes against
//! the allowance, as if loans that were written off had come back; and of the allowance all is released that need not be
//! set aside.

use anyhow::Context as _;
use kernel::{Clock as _, RequestId, SystemClock};
use prost::Message as _;
use proto::accounting::v1 as accounting;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::client::CURRENCY;
use crate::progress::Progress;
use crate::stop::{Interrupted, Stop};
use crate::target::Target;

/// Loans in one database transaction.
const AT_ONCE: i64 = 20_000;

/// Ids in the order in which they are made, as UUIDv7 are.
const COPY_ID: &str = "(lpad(to_hex($3), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid";

const COLUMNS: &str = "SELECT attname::text FROM pg_attribute
    WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

const PLACES: &str = "CREATE TEMP TABLE owners
        (place bigint PRIMARY KEY, account_number bigint NOT NULL, customer_id uuid NOT NULL);
    CREATE TEMP TABLE models (place bigint PRIMARY KEY, loan_id uuid NOT NULL)";

const OWNERS: &str = "INSERT INTO owners (place, account_number, customer_id)
    SELECT place - 1, account_number, customer_id
    FROM unnest($1::bigint[], $2::uuid[]) WITH ORDINALITY AS one (account_number, customer_id, place)";

const MODELS: &str = "INSERT INTO models (place, loan_id)
    SELECT place - 1, loan_id FROM unnest($1::uuid[]) WITH ORDINALITY AS one (loan_id, place)";

/// What the copies owe and what is set aside for them, by their originals.
const TOTALS: &str =
    "SELECT (sum(model.principal_minor))::bigint, (sum(model.provision_minor))::bigint,
        min(model.product), min(model.disbursed_on)::text
    FROM generate_series(1, $1::bigint) AS n
    JOIN models ON models.place = n % (SELECT count(*) FROM models)
    JOIN loans AS model ON model.loan_id = models.loan_id";

const TELL_ACCRUALS: &str = "INSERT INTO accruals (accrual_id, loan_id, principal_minor, interest_minor, penalty_minor,
        compound_minor, fee_minor, provision_minor, business_date, value_date, reversal, currency, product, kind)
    VALUES ($1, NULL, $2, 0, 0, 0, 0, $3, $4::date, $4::date, true, $5, $6, $7)";

const TELL_OUTBOX: &str = "INSERT INTO outbox (business_date, payload) VALUES ($1::date, $2)";

/// The loans to be copied, and for whom.
#[derive(Debug)]
pub(super) struct Copies<'a> {
    /// Loans that were just paid out.
    pub models: &'a [Uuid],
    /// Accounts that the copies are collected from, in turn.
    pub accounts: &'a Accounts,
    /// How many.
    pub count: u32,
}

impl Copies<'_> {
    /// Writes them, and tells the general ledger.
    pub(super) async fn make(&self, target: &Target, stop: &Stop) -> anyhow::Result<()> {
        let mut loan = connect(target).await?;
        self.fill_places(&mut loan).await?;
        let statements = self.statements(&mut loan).await?;
        let millis = SystemClock.now().timestamp_millis();
        let count = i64::from(self.count);
        let mut progress = Progress::new("copying loans", u64::from(self.count));
        let mut first = 1;
        while first <= count {
            if stop.is_requested() {
                return Err(Interrupted.into());
            }
            let last = count.min(first + AT_ONCE - 1);
            let mut tx = loan.begin().await?;
            for statement in &statements {
                let copied = sqlx::query(AssertSqlSafe(statement.clone()));
                copied.bind(first).bind(last).bind(millis).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            progress.at(last.unsigned_abs(), "");
            first = last + 1;
        }
        progress.finish(&format!("{count}"));
        self.tell(&mut loan).await?;
        for tidy in ["ANALYZE loans", "ANALYZE instalments", "ANALYZE loan_entries", "CHECKPOINT"] {
            sqlx::query(tidy).execute(&mut loan).await?;
        }
        loan.close().await.ok();
        Ok(())
    }

    async fn fill_places(&self, loan: &mut PgConnection) -> anyhow::Result<()> {
        sqlx::raw_sql(PLACES).execute(&mut *loan).await?;
        let indexes = 0..self.accounts.count();
        let numbers: Vec<i64> = indexes.clone().map(|index| self.accounts.number(index)).collect();
        let owners: Vec<Uuid> = indexes.map(|index| self.accounts.owner(index)).collect();
        sqlx::query(OWNERS).bind(numbers).bind(owners).execute(&mut *loan).await?;
        sqlx::query(MODELS).bind(self.models).execute(&mut *loan).await?;
        sqlx::raw_sql("ANALYZE owners; ANALYZE models").execute(&mut *loan).await?;
        Ok(())
    }

    /// One for each table that a loan has rows in.
    async fn statements(&self, loan: &mut PgConnection) -> anyhow::Result<Vec<String>> {
        let mut statements = Vec::new();
        for table in ["loans", "instalments", "loan_entries"] {
            let columns: Vec<String> =
                sqlx::query_scalar(COLUMNS).bind(table).fetch_all(&mut *loan).await?;
            anyhow::ensure!(!columns.is_empty(), "the loan service has no table {table}");
            let values = columns.iter().map(|column| value(column));
            statements.push(format!(
                "INSERT INTO {table} ({}) SELECT {} FROM generate_series($1::bigint, $2::bigint) AS n \
                 JOIN models ON models.place = n % {} JOIN owners ON owners.place = n % {} \
                 JOIN {table} AS model ON model.loan_id = models.loan_id ORDER BY n",
                columns.join(", "),
                values.collect::<Vec<_>>().join(", "),
                self.models.len(),
                self.accounts.count(),
            ));
        }
        Ok(statements)
    }

    /// What accounting is told: both are undone, so that debit and credit change places.
    async fn tell(&self, loan: &mut PgConnection) -> anyhow::Result<()> {
        use accounting::{AmountKind, EventKind};

        let totals: (i64, i64, String, String) =
            sqlx::query_as(TOTALS).bind(i64::from(self.count)).fetch_one(&mut *loan).await?;
        let (principal_minor, provision_minor, product, date) = totals;
        let released_minor = principal_minor.saturating_sub(provision_minor);
        let told = [
            (EventKind::LoanWrittenOff, AmountKind::Principal, [principal_minor, 0]),
            (EventKind::LoanProvisioned, AmountKind::Provision, [0, released_minor]),
        ];
        let mut events = Vec::new();
        let mut tx = loan.begin().await?;
        for (kind, part, [principal_minor, provision_minor]) in told {
            let id = RequestId::generate(&SystemClock).as_uuid();
            sqlx::query(TELL_ACCRUALS)
                .bind(id)
                .bind(principal_minor)
                .bind(provision_minor)
                .bind(&date)
                .bind(CURRENCY)
                .bind(&product)
                .bind(kind.as_str_name().trim_start_matches("EVENT_KIND_"))
                .execute(&mut *tx)
                .await?;
            let amount_minor = principal_minor.saturating_add(provision_minor);
            events.push(accounting::BusinessEvent {
                posting_id: id.as_bytes().to_vec().into(),
                kind: kind.into(),
                product_code: product.clone(),
                currency_code: CURRENCY.to_owned(),
                amounts: vec![accounting::EventAmount { kind: part.into(), amount_minor }],
                reversal: true,
                ..Default::default()
            });
        }
        let batch = accounting::EventBatch {
            batch_number: 0,
            business_date: date.clone(),
            booked_at_us: SystemClock.now().timestamp_micros(),
            traceparent: String::new(),
            events,
        };
        let outbox = sqlx::query(TELL_OUTBOX).bind(&date).bind(batch.encode_to_vec());
        outbox.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// What a column of a copy holds.
fn value(column: &str) -> String {
    match column {
        "loan_id" => COPY_ID.replace("$3", "$3::bigint"),
        "customer_id" | "account_number" => format!("owners.{column}"),
        // No request was made for it and no money moved.
        "request_id" | "deposit_posting_id" => "NULL::uuid".to_owned(),
        _ => format!("model.{column}"),
    }
}

/// As a superuser: no role of the bank's own may do such a thing.
async fn connect(target: &Target) -> anyhow::Result<PgConnection> {
    let (server, _) = target.admin_url.rsplit_once('/').context("a database URL without a name")?;
    let connected = PgConnection::connect(&format!("{server}/loan")).await;
    connected.context("cannot connect to the loan database")
}
