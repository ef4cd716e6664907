use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::load::{environment, load_with};
use super::*;
use crate::protection::Secret;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    server: ServerConfig,
    database: DatabaseConfig,
    #[serde(default)]
    telemetry: TelemetryConfig,
    #[serde(default)]
    lanes: LaneConfig,
    #[serde(default)]
    traffic: TrafficConfig,
    #[serde(default)]
    opened_on: Option<chrono::NaiveDate>,
    callee: Option<ClientConfig>,
}

impl Validate for Settings {
    fn problems(&self, problems: &mut Problems) {
        self.server.problems(problems);
        self.database.problems(problems);
        self.telemetry.problems(problems);
        self.lanes.problems(problems);
        self.traffic.problems(problems);
    }
}

const GOOD: &str = r#"
callee = "http://127.0.0.1:6000"
[server]
listen = "127.0.0.1:5000"
operations_listen = "127.0.0.1:5001"
[database]
nodes = ["postgres://app:sesame@127.0.0.1:5432/books"]
"#;

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let variables: HashMap<String, String> =
        variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    load_with(Some(file.path()), environment().source(Some(variables)))
}

#[test]
fn what_is_not_set_has_its_default() {
    let settings = read(GOOD, &[]).unwrap();

    assert_eq!(settings.server.listen.port(), 5000);
    assert_eq!(settings.server.drain_ms, 5_000);
    assert_eq!(settings.database.heartbeat_ms, 500);
    assert_eq!(settings.lanes.batch_max, 1_000);
    assert_eq!(settings.traffic.in_flight_max, 4_096);
    assert_eq!(settings.callee.map(|callee| callee.url).as_deref(), Some("http://127.0.0.1:6000"));
    assert_eq!(settings.opened_on, None);
}

#[test]
fn every_problem_is_reported_at_once_and_none_shows_a_value() {
    let text = r#"
opened_on = "tomorrow"
callee = "sesame"
[server]
listen = "somewhere"
drain_ms = "long"
default_deadline_ms = 0
colour = "red"
[database]
nodes = ["mysql://app:sesame@127.0.0.1/books", 7]
write_pool_size = 5000000000
[telemetry]
log_format = "prose"
sample_ratio = 2.0
[lanes]
lanes = 0
[traffic]
caller_burst = 0
[surprise]
"#;
    let message = read(text, &[]).unwrap_err().to_string();

    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(
        lines,
        [
            "the settings cannot be used:",
            "  callee: must be https://HOST:PORT",
            "  database.nodes: each must begin with postgres://",
            "  database.nodes.[1]: must be text",
            "  database.write_pool_size: must be a whole number, 0 to 4294967295",
            "  lanes.lanes: must be 1 to 64",
            "  opened_on: input contains invalid characters",
            "  server.colour: is not a setting; here are listen, operations_listen, unprotected, \
               connections_max, connection_age_max_s, drain_ms, default_deadline_ms",
            "  server.default_deadline_ms: must be 1 to 600000",
            "  server.drain_ms: must be a whole number, 0 to 18446744073709551615",
            "  server.listen: invalid socket address syntax",
            "  server.operations_listen: is missing; must be text",
            "  surprise: is not a setting; here are server, database, telemetry, lanes, traffic, \
               opened_on, callee",
            "  telemetry.log_format: must be json or text",
            "  telemetry.sample_ratio: must be 0 to 1",
            "  traffic.caller_burst: must be 1 to 10000000",
        ]
    );
    assert!(!message.contains("sesame"), "{message}");
}

#[test]
fn a_missing_section_is_reported_with_what_it_must_hold() {
    let message = read("[server]\nlisten = \"127.0.0.1:1\"\n", &[]).unwrap_err().to_string();

    assert!(message.contains("\n  database: is missing; must be a table"), "{message}");
    assert!(message.contains("\n  database.nodes: is missing; must be a list"), "{message}");
    assert!(message.contains("\n  server.operations_listen: is missing"), "{message}");
}

#[test]
fn a_listener_beyond_this_machine_is_refused_where_it_is_unprotected() {
    let variables = [
        ("THINCORE__SERVER__LISTEN", "0.0.0.0:1"),
        ("THINCORE__SERVER__OPERATIONS_LISTEN", "192.0.2.1:2"),
        ("THINCORE__SERVER__UNPROTECTED", "true"),
    ];
    let message = read(GOOD, &variables).unwrap_err().to_string();

    assert!(message.contains("\n  server.listen: must be a loopback address"), "{message}");
    assert!(message.contains("\n  server.operations_listen: must be a loopback"), "{message}");
}

#[test]
fn the_environment_overrides_the_file() {
    let variables = [
        ("THINCORE__SERVER__DRAIN_MS", "7"),
        ("THINCORE__DATABASE__NODES", "postgres://a/b, postgres://c/d"),
        ("THINCORE__TELEMETRY__SAMPLE_RATIO", "0.5"),
        ("THINCORE__TELEMETRY__LOG", "warn"),
        ("UNRELATED__SERVER__DRAIN_MS", "8"),
    ];
    let settings = read(GOOD, &variables).unwrap();

    assert_eq!(settings.server.drain_ms, 7);
    let nodes: Vec<&str> = settings.database.nodes.iter().map(|n| n.expose().as_str()).collect();
    assert_eq!(nodes, ["postgres://a/b", "postgres://c/d"]);
    assert_eq!(settings.telemetry.sample_ratio.to_string(), "0.5");
    assert_eq!(settings.telemetry.log, "warn");
}

#[test]
fn a_mistake_in_the_environment_is_reported_like_one_in_the_file() {
    let variables = [("THINCORE__LANES__LANES", "two"), ("THINCORE__LANES__LANE", "2")];
    let message = read(GOOD, &variables).unwrap_err().to_string();

    assert!(message.contains("\n  lanes.lanes: must be a whole number"), "{message}");
    assert!(message.contains("\n  lanes.lane: is not a setting"), "{message}");
}

#[test]
fn text_of_digits_stays_text_and_a_secret_does_not_print() {
    #[derive(Debug, Deserialize)]
    struct Key {
        key: Secret<String>,
    }
    impl Validate for Key {
        fn problems(&self, _: &mut Problems) {}
    }
    let digits = "0123".repeat(16);
    let variables = HashMap::from([("THINCORE__KEY".to_owned(), digits.clone())]);
    let settings: Key = load_with(None, environment().source(Some(variables))).unwrap();

    assert_eq!(settings.key.expose(), &digits);
    assert_eq!(format!("{settings:?}"), "Key { key: [secret] }");
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_named_without_its_content() {
    let absent = load::<Settings>(Some(Path::new("/nowhere/at/all.toml"))).unwrap_err();
    let garbled = read("[database]\nnodes = [\"postgres://app:sesame@\n", &[]).unwrap_err();

    assert!(absent.to_string().contains("\n  /nowhere/at/all.toml: "), "{absent}");
    assert!(garbled.to_string().contains("line 2"), "{garbled}");
    assert!(!garbled.to_string().contains("sesame"), "{garbled}");
}
