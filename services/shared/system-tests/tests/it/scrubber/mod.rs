//! Secrets are nowhere but where they belong. Numbers of cards, CVV2s, PINs and documents that occur nowhere else go through
//! every RPC and every kind of ISO 8583 message: as they should, malformed, in wrong fields, too long. Then every file of
//! the bank, with the data and the log of changes of each Postgres node and everybody's logs, every row, every exported
//! span, every metric and everything that callers were told is searched for each of them, in every way of writing.
//!
//! That the search finds something is seen in the same run: one secret is planted in each kind of place.

mod places;
mod spoiled;
mod wire;

use std::io::Write;

use proto::card::v1 as pb;
use proto::customer::v1 as customer;
use rand::RngExt;
use scheme::{Mti, luhn_digit};
use sqlx::Executor;
use tonic::{Response, Status};

use crate::canaries::{Canaries, base64, hex, packed};
use crate::clearing::{file, record};
use crate::collector::Collector;
use crate::issuing::{Held, SCHEME, online, purchase, reverse};
use crate::line::code;
use crate::pins::{pin_block, pin_block_0};
use crate::support::*;
use places::Searched;

/// What must not be found.
struct Secrets {
    /// A number that is none of ours.
    foreign: String,
    /// The first PIN, the one after it, one that was never right.
    pins: [String; 3],
    /// Where three digits belong.
    cvv2: String,
    documents: [String; 2],
}

impl Secrets {
    fn new() -> Self {
        let foreign = format!("4{}", digits(14));
        Self {
            foreign: format!("{foreign}{}", luhn_digit(&foreign).unwrap()),
            pins: [digits(12), digits(12), digits(12)],
            cvv2: digits(12),
            documents: [0, 1].map(|_| format!("QX{}V", digits(12))),
        }
    }

    fn all(&self, cards: &[Held]) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("the number of a foreign card", self.foreign.clone()),
            ("what stood for a CVV2", self.cvv2.clone()),
        ];
        all.extend(self.pins.iter().map(|pin| ("a PIN", pin.clone())));
        all.extend(self.documents.iter().map(|document| ("a document", document.clone())));
        all.extend(cards.iter().map(|card| ("the number of a card", card.number.clone())));
        // As data element 48 has it; by itself it is too short to be told from chance.
        all.extend(cards.iter().map(|card| ("a CVV2", format!("92003{}", card.cvv2))));
        all
    }
}

/// Digits as they occur nowhere else, without a pair of zeros, which would look like nothing in packed digits.
fn digits(count: usize) -> String {
    let mut rng = rand::rng();
    (0..count).map(|_| char::from(b'1' + rng.random_range(0..9_u8))).collect()
}

/// Everything that callers were told.
#[derive(Default)]
struct Told(Vec<u8>);

impl Told {
    /// An answer whose content is not for anybody else.
    fn hear<T>(&mut self, answer: Result<Response<T>, Status>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.0.extend(format!("{:?}", answer.metadata()).into_bytes());
                Some(answer.into_inner())
            }
            Err(status) => {
                self.0.extend(format!("{status:?}").into_bytes());
                self.0.extend(status.message().as_bytes());
                self.0.extend(status.details());
                None
            }
        }
    }

    /// An answer whose content is searched as well.
    fn read<T: prost::Message>(&mut self, answer: Result<Response<T>, Status>) {
        let answer = self.hear(answer);
        self.0.extend(answer.map(|answer| answer.encode_to_vec()).unwrap_or_default());
    }
}

/// People and their documents: registered, refused the second time, looked for, changed.
async fn people(bank: &Bank, secrets: &Secrets, told: &mut Told) {
    for document in &secrets.documents {
        let somebody =
            customer::RegisterCustomerRequest { document_number: document.clone(), ..person() };
        told.read(bank.customer(CHANNEL).register_customer(somebody.clone()).await);
        let again = customer::RegisterCustomerRequest { request_id: request_id(), ..somebody };
        told.read(bank.customer(CHANNEL).register_customer(again).await);
        let find = customer::FindCustomerByDocumentRequest {
            document_kind: customer::DocumentKind::Passport.into(),
            document_number: document.clone(),
            consistency: Some(primary()),
        };
        told.read(bank.customer(TELLER).find_customer_by_document(find).await);
    }
}

/// PINs: set, wrong, changed, verified in both formats, wrong until it is blocked.
async fn pins(bank: &Bank, card: &Held, secrets: &Secrets, told: &mut Told) {
    let [first, second, wrong] = &secrets.pins;
    let block = |pin: &str| Some(pin_block(bank, pin, &card.number));
    let card_id = || card.card_id.clone();
    let mut channel = bank.cards_for(&card.customer_id);
    let set = || pb::SetPinRequest {
        request_id: request_id(),
        card_id: card_id(),
        new_pin: block(first),
    };
    told.read(channel.set_pin(set()).await);
    told.read(channel.set_pin(set()).await);
    for (current, new) in [(wrong, second), (first, second)] {
        let change = pb::ChangePinRequest {
            request_id: request_id(),
            card_id: card_id(),
            current_pin: block(current),
            new_pin: block(new),
        };
        told.read(channel.change_pin(change).await);
    }
    let garbled = pb::PinBlock { block: wrong.as_bytes().to_vec(), ..block(wrong).unwrap() };
    let unknown = pb::PinBlock { key_name: wrong.clone(), ..block(wrong).unwrap() };
    let right = [block(second).unwrap(), pin_block_0(bank, second, &card.number)];
    let wrong = [(); 4].map(|()| block(wrong).unwrap());
    for pin in right.into_iter().chain([garbled, unknown]).chain(wrong) {
        let verify =
            pb::VerifyPinRequest { request_id: request_id(), card_id: card_id(), pin: Some(pin) };
        told.read(channel.verify_pin(verify).await);
    }
}

/// Payments over gRPC: good ones, a CVV2 that is wrong or none, a number that is none of ours or none at all.
async fn payments(bank: &Bank, cards: &[Held], secrets: &Secrets, told: &mut Told) {
    let mut scheme = bank.card(SCHEME);
    let [one, other] = [&cards[0], &cards[1]];
    let foreign = Held { number: secrets.foreign.clone(), ..one.clone() };
    let damaged = Held { number: format!("{}7", one.number), ..one.clone() };
    let mut wrong = online(one, 100);
    wrong.cvv2.clone_from(&secrets.cvv2);
    let with_pin = pb::AuthorizeRequest {
        pin: Some(pin_block(bank, &secrets.pins[2], &one.number)),
        ..purchase(one, 100)
    };
    let mut misplaced = purchase(one, 100);
    misplaced.terminal.clone_from(&one.number);
    let asked = [
        purchase(one, 100),
        online(other, 100),
        online(one, 100),
        wrong,
        with_pin,
        misplaced,
        purchase(&foreign, 100),
        purchase(&damaged, 100),
        purchase(one, 1 << 50),
    ];
    for request in asked {
        let id = request.request_id.clone();
        told.read(scheme.authorize(request.clone()).await);
        told.read(scheme.authorize(request).await);
        told.read(scheme.reverse_authorization(reverse(&id)).await);
    }
}

/// Messages as they should be, with all that a card has; and a file that clears some of them, and a foreign card, in good
/// lines and bad ones.
async fn messages(bank: &Bank, cards: &[Held], secrets: &Secrets, told: &mut Told) {
    let mut line = bank.signed_on().await;
    let (mut records, mut codes) = (Vec::new(), Vec::new());
    for card in cards {
        let bought = line.purchase(Mti::AUTHORIZATION, card, 500);
        let mut over_the_internet = line.purchase(Mti::AUTHORIZATION, card, 600);
        over_the_internet.set(22, "812").set(48, format!("92003{}", card.cvv2));
        let mut guessed = line.purchase(Mti::AUTHORIZATION, card, 600);
        guessed.set(22, "812").set(48, format!("92012{}", secrets.cvv2));
        let mut by_track = line.purchase(Mti::AUTHORIZATION, card, 700);
        by_track.set(35, format!("{}={}2010000000", card.number, card.expiry));
        let mut with_pin = line.purchase(Mti::FINANCIAL, card, 800);
        let block = pin_block(bank, &secrets.pins[1], &card.number);
        with_pin.set(125, block.block).set(53, "0400000000000000");
        for message in [&bought, &over_the_internet, &guessed, &by_track, &with_pin] {
            let mut answer = line.ask(message).await;
            codes.push(code(&answer).to_owned());
            answer.remove(2);
            told.0.extend(answer.encode().unwrap());
        }
        records.push(record(card, &bought, 500));
        let undo = line.reversal(&over_the_internet);
        told.0.extend(line.ask(&undo).await.encode().unwrap());
    }
    assert!(codes.iter().any(|code| code == "00"), "{codes:?}");
    let foreign = Held { number: secrets.foreign.clone(), ..cards[0].clone() };
    let unknown = line.purchase(Mti::AUTHORIZATION, &foreign, 500);
    records.push(record(&foreign, &unknown, 500));
    told.0.extend(
        format!("{:?}", bank.clear("CANARIES1", file("CANARIES1", &records)).await).into_bytes(),
    );
    told.0.extend(format!("{:?}", bank.cleared("CANARIES1").await).into_bytes());
    told.0.extend(format!("{:?}", bank.exceptions().await).into_bytes());
    let bad = file("CANARIES2", &records).replace('W', "X");
    let part = pb::SubmitClearingPartRequest {
        request_id: request_id(),
        file_id: "CANARIES2".into(),
        part: 1,
        content: bad.into_bytes(),
    };
    told.read(bank.card(OPERATOR).submit_clearing_part(part).await);
}

/// Three digits are found by what stands before them.
fn named_cvv2(text: &str, cards: &[Held]) -> Vec<String> {
    let lower = text.to_lowercase();
    let named = |(at, _): (usize, &str)| {
        let after: String = lower[at..].chars().skip(3).take(24).collect();
        let numbers: Vec<&str> = after.split(|c: char| !c.is_ascii_digit()).collect();
        cards.iter().any(|card| numbers.contains(&card.cvv2.as_str())).then_some(after)
    };
    lower.match_indices("cvv").filter_map(named).collect()
}

/// Searches everywhere.
async fn search(
    bank: &Bank,
    (collector, told): (&Collector, &Told),
    canaries: &Canaries,
) -> Vec<(&'static str, Searched)> {
    places::flush(bank).await;
    vec![
        ("files", places::files(bank, canaries)),
        ("rows", places::rows(bank, canaries).await),
        ("spans", places::spans(collector, canaries)),
        ("metrics", places::text(canaries, "metrics", places::metrics(bank).await.as_bytes())),
        ("errors", places::text(canaries, "what callers were told", &told.0)),
    ]
}

/// In a row, and so in data files and the log of changes; in a log; in a span; in an error.
async fn plant(bank: &Bank, collector: &Collector, told: &mut Told, secret: &str) {
    let ways = [secret.to_owned(), hex(secret.as_bytes()), base64(secret.as_bytes())].join(" ");
    let mut card = bank.tamper_with("card").await;
    card.execute("CREATE TABLE planted (words text, digits bytea)").await.unwrap();
    sqlx::query("INSERT INTO planted VALUES ($1, $2)")
        .bind(&ways)
        .bind(packed(secret))
        .execute(&mut card)
        .await
        .unwrap();
    let log = places::logs(bank).remove(0);
    let mut log = std::fs::OpenOptions::new().append(true).open(log).unwrap();
    log.write_all(ways.as_bytes()).unwrap();
    collector.plant(&ways);
    told.read::<pb::Card>(Err(Status::with_details(
        tonic::Code::Internal,
        "no",
        ways.into_bytes().into(),
    )));
}

fn assert_everything_was_searched(searched: &[(&str, Searched)]) {
    let of = |name: &str| searched.iter().find(|(place, _)| *place == name).map(|(_, one)| one);
    let files = of("files").unwrap();
    assert!(files.bytes > 100_000_000 && files.files > 2_000, "{} {}", files.bytes, files.files);
    for (place, least) in
        [("rows", 30_000), ("spans", 100_000), ("metrics", 50_000), ("errors", 100_000)]
    {
        assert!(of(place).unwrap().bytes > least, "{place}: {}", of(place).unwrap().bytes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_card_number_cvv2_pin_or_document_is_anywhere_but_where_it_belongs() {
    let (collector, url) = Collector::start();
    let bank = Bank::start_with(|options| {
        options.otlp = Some(url);
        options.trace_ratio = Some(1.0);
        // What is only written when somebody looks for a fault must not say it either.
        options.overrides =
            vec![r#"card.telemetry.log="info,card=debug,platform=debug""#.parse().unwrap()];
    })
    .await;
    // Pages in the log of changes are compressed otherwise, and what is in them not to be seen.
    for node in &bank.file().nodes {
        let mut superuser =
            <sqlx::PgConnection as sqlx::Connection>::connect(&node.admin_url).await.unwrap();
        superuser.execute("ALTER SYSTEM SET wal_compression = off").await.unwrap();
        superuser.execute("SELECT pg_reload_conf()").await.unwrap();
    }
    let secrets = Secrets::new();
    let mut told = Told::default();
    let cards = [bank.card_holder(10_000_000).await, bank.card_holder(10_000_000).await];
    people(&bank, &secrets, &mut told).await;
    payments(&bank, &cards, &secrets, &mut told).await;
    messages(&bank, &cards, &secrets, &mut told).await;
    pins(&bank, &cards[1], &secrets, &mut told).await;
    let named = secrets.all(&cards);
    let texts: Vec<String> = named[..8].iter().map(|(_, secret)| secret.clone()).collect();
    let (answers, calls) = spoiled::send(&bank, &texts).await;
    told.0.extend(answers);
    let (answers, sent) = wire::send(&bank, &cards[0], &texts).await;
    told.0.extend(answers);
    assert!(calls > 2_000 && sent > 1_000, "{calls} {sent}");
    bank.carried_out().await;
    bank.delivered().await;

    let canaries = Canaries::of(&named);
    let searched = search(&bank, (&collector, &told), &canaries).await;

    for (place, searched) in &searched {
        assert!(searched.found.is_empty(), "{place}: {:#?}", searched.found);
    }
    assert_everything_was_searched(&searched);
    assert!(canaries.len() > 50);
    let mut words = String::from_utf8_lossy(&told.0).into_owned() + &collector.everything();
    words.push_str(&places::metrics(&bank).await);
    for log in places::logs(&bank) {
        words.push_str(&std::fs::read_to_string(log).unwrap());
    }
    assert_eq!(named_cvv2(&words, &cards), Vec::<String>::new());
    bank.audit().await;

    for (name, secret) in [&named[0], &named[2]] {
        plant(&bank, &collector, &mut told, secret).await;
        let found = search(&bank, (&collector, &told), &canaries).await;
        let mut superuser = bank.tamper_with("card").await;
        superuser.execute("DROP TABLE planted").await.unwrap();
        assert_found(&found, name);
    }
    assert_eq!(named_cvv2(&format!(r#""cvv2":"{}""#, cards[0].cvv2), &cards).len(), 1);
}

/// What was planted was found in each kind of place, and in every way in which it was written there.
fn assert_found(found: &[(&str, Searched)], name: &str) {
    let ways = ["as it is", "in hexadecimal", "in base 64"];
    let places = [
        ("/base/", true),
        ("/pg_wal/", true),
        (".log", false),
        ("card.planted", true),
        ("the spans", false),
        ("what callers were told", false),
    ];
    let lines: Vec<&String> = found.iter().flat_map(|(_, searched)| &searched.found).collect();
    for (place, packed) in places {
        for way in ways.into_iter().chain(packed.then_some("in packed digits")) {
            // As text, bytes are hexadecimal: packed digits are digits.
            if (place, way) == ("card.planted", "in packed digits") {
                continue;
            }
            let is = |line: &&&String| {
                line.starts_with(&format!("{name} {way}")) && line.contains(place)
            };
            assert!(lines.iter().any(|line| is(&line)), "{name} {way} in {place}: {lines:#?}");
        }
    }
    let metrics = places::text(
        &Canaries::of(&[("a PIN", "918273645546".into())]),
        "metrics",
        b"x{a=\"918273645546\"} 1",
    );
    assert_eq!(metrics.found.len(), 1);
}
