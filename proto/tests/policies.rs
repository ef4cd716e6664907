//! A contract that leaves part of a policy open does not build.

#[path = "../policies.rs"]
mod policies;

use prost_reflect::DescriptorPool;
use protox::Compiler;
use protox::file::{
    ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver,
};

/// One file of a contract, beside the real ones.
struct Contract(String);

impl FileResolver for Contract {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name != "test.proto" {
            return Err(protox::Error::file_not_found(name));
        }
        File::from_source(name, &self.0)
    }
}

/// What is wrong with a method of this policy, whose request has this field.
fn gaps(policy: &str, field: &str) -> Vec<String> {
    let source = format!(
        "syntax = \"proto3\";\npackage bank.test.v1;\n\
         import \"bank/options/v1/options.proto\";\nimport \"bank/common/v1/money.proto\";\n\
         service TestService {{ rpc Try(TryRequest) returns (TryResponse) {{ {policy} }} }}\n\
         message TryRequest {{ {field} }}\nmessage Item {{ bank.common.v1.Money amount = 1; Item item = 2; }}\n\
         message TryResponse {{}}\n"
    );
    let mut resolver = ChainFileResolver::new();
    resolver.add(Contract(source));
    resolver.add(IncludeFileResolver::new(env!("CARGO_MANIFEST_DIR").into()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file("test.proto").unwrap();
    policies::gaps(&compiler.descriptor_pool())
}

fn with(rest: &str) -> String {
    format!(
        "option (bank.options.v1.rpc) = {{ access: ACCESS_READ criticality: CRITICALITY_QUERY {rest} }};"
    )
}

#[track_caller]
fn assert_gap(policy: &str, field: &str, says: &str) {
    let gaps = gaps(policy, field);
    assert!(gaps.iter().any(|gap| gap.contains(says)), "{says:?} in {gaps:?}");
    assert!(gaps.iter().all(|gap| gap.starts_with("bank.test.v1.TestService.Try: ")), "{gaps:?}");
}

#[test]
fn the_contract_as_it_stands_is_complete() {
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();

    assert_eq!(policies::gaps(&pool), Vec::<String>::new());
    assert!(pool.services().count() >= 3);
}

#[test]
fn a_method_without_policy_is_refused() {
    assert_gap("", "", "has no option");
}

#[test]
fn a_method_that_leaves_out_access_criticality_or_roles_is_refused() {
    let option = |inner: &str| format!("option (bank.options.v1.rpc) = {{ {inner} }};");
    let roles = "roles: [ROLE_TELLER]";

    assert_gap(&option(&format!("criticality: CRITICALITY_QUERY {roles}")), "", "its access");
    assert_gap(&option(&format!("access: ACCESS_READ {roles}")), "", "its criticality");
    assert_gap(&with(""), "", "admits nobody");
    assert_gap(&with("roles: [ROLE_UNSPECIFIED]"), "", "admits nobody");
}

#[test]
fn a_method_that_channels_may_call_must_say_whether_for_one_customer() {
    assert_gap(&with("roles: [ROLE_TELLER, ROLE_CHANNEL]"), "", "scope");
    assert_gap(&with("roles: [ROLE_TELLER] scope: CUSTOMER_SCOPE_REQUIRED"), "", "no channel");
    let said = with("roles: [ROLE_CHANNEL] scope: CUSTOMER_SCOPE_NONE");
    assert_eq!(gaps(&said, ""), Vec::<String>::new());
}

#[test]
fn a_method_that_carries_an_amount_must_say_how_much_people_may_move() {
    for field in [
        "bank.common.v1.Money amount = 1;",
        "int64 opening_deposit_minor = 1;",
        "repeated Item items = 1;",
    ] {
        assert_gap(&with("roles: [ROLE_TELLER]"), field, "give ROLE_TELLER an amount band");
        let band = with("roles: [ROLE_TELLER] amount_bands: { role: ROLE_TELLER max_amount: 1 }");
        assert_eq!(gaps(&band, field), Vec::<String>::new(), "{field}");
        assert_eq!(gaps(&with("roles: [ROLE_SERVICE_LOAN]"), field), Vec::<String>::new());
    }
}

#[test]
fn an_amount_band_that_cannot_be_meant_is_refused() {
    let money = "bank.common.v1.Money amount = 1;";
    let teller = |bands: &str| with(&format!("roles: [ROLE_TELLER] {bands}"));
    let band =
        |role: &str, max: i64| format!("amount_bands: {{ role: {role} max_amount: {max} }} ");

    assert_gap(&teller(&band("ROLE_TELLER", 0)), money, "at least 1");
    assert_gap(&teller("amount_bands: { max_amount: 5 }"), money, "needs a role");
    assert_gap(&teller(&(band("ROLE_TELLER", 1) + &band("ROLE_TELLER", 2))), money, "second");
    assert_gap(
        &teller(&(band("ROLE_TELLER", 1) + &band("ROLE_AUDITOR", 2))),
        money,
        "ROLE_AUDITOR",
    );
    assert_gap(&teller(&band("ROLE_TELLER", 1)), "string name = 1;", "carries no amount");
}
