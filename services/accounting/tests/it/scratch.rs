use crate::support::*;
use std::time::Instant;
fn cpu(pids: &[i32]) -> u64 {
    pids.iter().map(|p| { let s = std::fs::read_to_string(format!("/proc/{p}/stat")).unwrap(); let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect(); f[11].parse::<u64>().unwrap() + f[12].parse::<u64>().unwrap() }).sum()
}
#[tokio::test]
async fn measure() {
    let service = Service::start().await;
    let mut admin = service.admin().await;
    let pids = async |admin: &mut sqlx::PgConnection| -> Vec<i32> { sqlx::query_scalar("select pid from pg_stat_activity where datname=current_database() and usename='accounting_app'").fetch_all(admin).await.unwrap() };
    let lsn = async |admin: &mut sqlx::PgConnection| -> i64 { sqlx::query_scalar("select (pg_current_wal_lsn() - '0/0')::bigint").fetch_one(admin).await.unwrap() };
    service.deliver(vec![batch(1, vec![cash(1)])]).await.unwrap();
    let mut n = 10;
    for (calls, per_call, events) in [(40, 5, 1000usize), (1000, 1, 1), (300, 10, 20)] {
        let p = pids(&mut admin).await;
        let mut took = std::time::Duration::ZERO;
        let (c0, l0) = (cpu(&p), lsn(&mut admin).await);
        for _ in 0..calls {
            let batches = (0..per_call).map(|_| { n += 1; batch(n, (0..events).map(|i| if i % 3 == 0 { cash(5) } else { transfer(7) }).collect()) }).collect();
            let mut source = service.source();
            let d = delivery(batches);
            let t = Instant::now();
            source.post_events(d).await.unwrap();
            took += t.elapsed();
        }
        let total = (calls * per_call) as f64 * events as f64;
        let c = (cpu(&p) - c0) as f64 * 10_000.0;
        eprintln!("MEASURE {calls} calls x {per_call} batches x {events} events: wall {:.1} us/event {:.0} us/call, backend cpu {:.2} us/event {:.0} us/call, wal {:.0} B/event", took.as_secs_f64()*1e6/total, took.as_secs_f64()*1e6/calls as f64, c/total, c/calls as f64, (lsn(&mut admin).await - l0) as f64/total);
    }
    for (what, sql) in [("size", "select string_agg(c.relname || ' ' || round(pg_total_relation_size(c.oid)::numeric / 206000,1), ', ') from pg_class c where relname in ('journals_20261123','journal_lines_20261123','inbox_20261123','journals_20261123_pkey','journal_lines_20261123_journal_id_idx')")] {
        let s: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut admin).await.unwrap();
        eprintln!("MEASURE {what} {s}");
    }
    let e = cash(3); service.deliver(vec![batch(999_999, vec![e.clone()])]).await.unwrap();
    for _ in 0..3 { let t = Instant::now();
    service.operator().get_journal(proto::accounting::v1::GetJournalRequest { posting_id: posting_of(&e) }).await.unwrap();
    eprintln!("MEASURE get_journal {:?} before vacuum", t.elapsed()); }
    sqlx::query("VACUUM journal_lines").execute(&mut admin).await.unwrap();
    for _ in 0..3 { let t = Instant::now();
    service.operator().get_journal(proto::accounting::v1::GetJournalRequest { posting_id: posting_of(&e) }).await.unwrap();
    eprintln!("MEASURE get_journal {:?} after vacuum", t.elapsed()); }
    let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain (analyze, buffers) select * from journal_lines where journal_id='{}' and business_date='2026-11-23'", posting_of(&e)))).fetch_all(&mut admin).await.unwrap();
    eprintln!("MEASURE {}", plan.join("\nMEASURE "));
}
