//! Rules on protos.

use crate::Fixture;

const OPTIONS: (&str, &str) = (
    "proto/bank/options/v1/options.proto",
    r#"syntax = "proto3";
package bank.options.v1;
import "google/protobuf/descriptor.proto";
extend google.protobuf.MethodOptions {
  RpcPolicy rpc = 50001;
}
// A policy.
message RpcPolicy {
  // Access.
  Access access = 1;
  // Class.
  Criticality criticality = 2;
  // Callers.
  repeated Role roles = 3;
  // For whom.
  CustomerScope scope = 5;
  // How much.
  repeated AmountBand amount_bands = 6;
}
// For whom a channel acts.
enum CustomerScope {
  // None.
  CUSTOMER_SCOPE_UNSPECIFIED = 0;
  // Nobody.
  CUSTOMER_SCOPE_NONE = 1;
  // One customer.
  CUSTOMER_SCOPE_REQUIRED = 2;
}
// A limit.
message AmountBand {
  // Whose.
  Role role = 1;
  // How much.
  int64 max_amount = 2;
}
// Access.
enum Access {
  // None.
  ACCESS_UNSPECIFIED = 0;
  // Reads.
  ACCESS_READ = 1;
  // Writes.
  ACCESS_WRITE = 2;
}
// Class.
enum Criticality {
  // None.
  CRITICALITY_UNSPECIFIED = 0;
  // Payment.
  CRITICALITY_PAYMENT = 1;
}
// Caller.
enum Role {
  // None.
  ROLE_UNSPECIFIED = 0;
  // Channel.
  ROLE_CHANNEL = 1;
  // Teller.
  ROLE_TELLER = 2;
}
"#,
);

const LOAN: &str = "proto/bank/loan/v1/loan_service.proto";

/// A contract that keeps every rule.
const GOOD: &[(&str, &str)] = &[
    OPTIONS,
    (
        LOAN,
        r#"syntax = "proto3";
package bank.loan.v1;
import "bank/options/v1/options.proto";
// Loans.
service LoanService {
  // Repays.
  rpc Repay(RepayRequest) returns (RepayResponse) {
    option (bank.options.v1.rpc) = { access: ACCESS_WRITE criticality: CRITICALITY_PAYMENT roles: [ROLE_TELLER] };
  }
  // Repays many.
  rpc BatchRepay(BatchRepayRequest) returns (BatchRepayResponse) {
    option (bank.options.v1.rpc) = { access: ACCESS_WRITE criticality: CRITICALITY_PAYMENT roles: [ROLE_TELLER] };
  }
}
// A repayment.
message RepayRequest {
  // Its id.
  string request_id = 1;
}
// Done.
message RepayResponse {
  // Answers by id.
  map<string, string> answers = 1;
}
// Repayments.
message BatchRepayRequest {
  // Each.
  repeated RepayRequest items = 1;
}
// Done.
message BatchRepayResponse {}
"#,
    ),
];

const fn good(rule: &'static str) -> Fixture {
    Fixture { rule, says: "a contract that keeps every rule", files: GOOD, found: None }
}

pub const FIXTURES: &[Fixture] = &[
    good("proto-packages"),
    good("proto-comments"),
    good("proto-enums"),
    good("proto-request-names"),
    good("proto-request-ids"),
    good("proto-policies"),
    Fixture {
        rule: "proto-packages",
        says: "a package in another's directory",
        files: &[("proto/bank/loan/v1/loan.proto", "syntax = \"proto3\";\npackage bank.card.v1;")],
        found: Some(("proto/bank/loan/v1/loan.proto", 2)),
    },
    Fixture {
        rule: "proto-packages",
        says: "a package without a version",
        files: &[("proto/bank/loan/loan.proto", "syntax = \"proto3\";\npackage bank.loan;")],
        found: Some(("proto/bank/loan/loan.proto", 2)),
    },
    Fixture {
        rule: "proto-packages",
        says: "a file that does not compile",
        files: &[(
            "proto/bank/loan/v1/loan.proto",
            "syntax = \"proto3\";\npackage bank.loan.v1;\nmessage {",
        )],
        found: Some(("proto/bank/loan/v1/loan.proto", 1)),
    },
    Fixture {
        rule: "proto-comments",
        says: "a field that explains nothing",
        files: &[(
            "proto/bank/loan/v1/loan.proto",
            "syntax = \"proto3\";\npackage bank.loan.v1;\n// Loan.\nmessage Loan {\n  string id = 1;\n}",
        )],
        found: Some(("proto/bank/loan/v1/loan.proto", 5)),
    },
    Fixture {
        rule: "proto-comments",
        says: "a value, nested, that explains nothing",
        files: &[(
            "proto/bank/loan/v1/loan.proto",
            "syntax = \"proto3\";\npackage bank.loan.v1;\n// Loan.\nmessage Loan {\n  // Kind.\n  enum Kind {\n    KIND_UNSPECIFIED = 0;\n  }\n}",
        )],
        found: Some(("proto/bank/loan/v1/loan.proto", 7)),
    },
    Fixture {
        rule: "proto-comments",
        says: "an RPC that explains nothing",
        files: &[(
            LOAN,
            "syntax = \"proto3\";\npackage bank.loan.v1;\n// Loans.\nservice LoanService {\n  rpc Get(M) returns (M);\n}\n// M.\nmessage M {}",
        )],
        found: Some((LOAN, 5)),
    },
    Fixture {
        rule: "proto-enums",
        says: "an enum whose zero means something",
        files: &[(
            "proto/bank/loan/v1/loan.proto",
            "syntax = \"proto3\";\npackage bank.loan.v1;\nenum LoanKind {\n  LOAN_KIND_HOME = 0;\n}",
        )],
        found: Some(("proto/bank/loan/v1/loan.proto", 4)),
    },
    Fixture {
        rule: "proto-request-names",
        says: "a response that is not named for its RPC",
        files: &[(
            LOAN,
            "syntax = \"proto3\";\npackage bank.loan.v1;\nservice LoanService {\n  rpc Get(GetRequest) returns (Loan);\n}\nmessage GetRequest {}\nmessage Loan {}",
        )],
        found: Some((LOAN, 4)),
    },
    Fixture {
        rule: "proto-request-names",
        says: "a message that is both asked and answered",
        files: &[(
            LOAN,
            "syntax = \"proto3\";\npackage bank.loan.v1;\nservice A {\n  rpc Get(GetRequest) returns (GetRequest);\n}\nmessage GetRequest {}",
        )],
        found: Some((LOAN, 4)),
    },
    Fixture {
        rule: "proto-request-ids",
        says: "a write that cannot be repeated",
        files: &[
            OPTIONS,
            (
                LOAN,
                "syntax = \"proto3\";\npackage bank.loan.v1;\nimport \"bank/options/v1/options.proto\";\nservice A {\n  rpc Repay(RepayRequest) returns (RepayResponse) {\n    option (bank.options.v1.rpc) = { access: ACCESS_WRITE };\n  }\n}\nmessage RepayRequest {\n  string loan_id = 1;\n  string request_id = 2;\n}\nmessage RepayResponse {}",
            ),
        ],
        found: Some((LOAN, 9)),
    },
    Fixture {
        rule: "proto-request-ids",
        says: "a read needs no request id",
        files: &[
            OPTIONS,
            (
                LOAN,
                "syntax = \"proto3\";\npackage bank.loan.v1;\nimport \"bank/options/v1/options.proto\";\nservice A {\n  rpc Get(GetRequest) returns (GetResponse) {\n    option (bank.options.v1.rpc) = { access: ACCESS_READ };\n  }\n}\nmessage GetRequest {}\nmessage GetResponse {}",
            ),
        ],
        found: None,
    },
    Fixture {
        rule: "proto-policies",
        says: "an RPC without a policy",
        files: &[
            OPTIONS,
            (
                LOAN,
                "syntax = \"proto3\";\npackage bank.loan.v1;\nservice A {\n  rpc Get(GetRequest) returns (GetResponse);\n}\nmessage GetRequest {}\nmessage GetResponse {}",
            ),
        ],
        found: Some((LOAN, 4)),
    },
    Fixture {
        rule: "proto-policies",
        says: "an RPC that admits nobody",
        files: &[
            OPTIONS,
            (
                LOAN,
                "syntax = \"proto3\";\npackage bank.loan.v1;\nimport \"bank/options/v1/options.proto\";\nservice A {\n  rpc Get(GetRequest) returns (GetResponse) {\n    option (bank.options.v1.rpc) = { access: ACCESS_READ criticality: CRITICALITY_PAYMENT roles: [ROLE_UNSPECIFIED] };\n  }\n}\nmessage GetRequest {}\nmessage GetResponse {}",
            ),
        ],
        found: Some((LOAN, 5)),
    },
    Fixture {
        rule: "proto-policies",
        says: "a channel that acts for nobody knows whom",
        files: &[OPTIONS, (LOAN, CHANNEL_WITHOUT_SCOPE)],
        found: Some((LOAN, 5)),
    },
    Fixture {
        rule: "authorization-reference",
        says: "a page that knows every RPC",
        files: &[
            OPTIONS,
            (LOAN, REPAY),
            (
                PAGE,
                "| RPC | call | callers |\n|---|---|---|\n| `A.Other` | x | x |\n| `LoanService.Repay` | write, payment | channel for its customer, up to 1,500,000; teller |\n",
            ),
        ],
        found: None,
    },
    Fixture {
        rule: "authorization-reference",
        says: "an RPC that the page does not know",
        files: &[OPTIONS, (LOAN, REPAY), (PAGE, "# Authorization\n")],
        found: Some((LOAN, 5)),
    },
    Fixture {
        rule: "authorization-reference",
        says: "a row about an RPC that is gone",
        files: &[(PAGE, "| `LoanService.Repay` | write, payment | teller |\n")],
        found: Some((PAGE, 1)),
    },
];

const PAGE: &str = "docs/reference/authorization.md";

const CHANNEL_WITHOUT_SCOPE: &str = "syntax = \"proto3\";\npackage bank.loan.v1;\nimport \"bank/options/v1/options.proto\";\nservice A {\n  rpc Get(GetRequest) returns (GetResponse) {\n    option (bank.options.v1.rpc) = { access: ACCESS_READ criticality: CRITICALITY_PAYMENT roles: [ROLE_TELLER, ROLE_CHANNEL] };\n  }\n}\nmessage GetRequest {}\nmessage GetResponse {}";

const REPAY: &str = "syntax = \"proto3\";\npackage bank.loan.v1;\nimport \"bank/options/v1/options.proto\";\nservice LoanService {\n  rpc Repay(RepayRequest) returns (RepayResponse) {\n    option (bank.options.v1.rpc) = { access: ACCESS_WRITE criticality: CRITICALITY_PAYMENT roles: [ROLE_CHANNEL, ROLE_TELLER] scope: CUSTOMER_SCOPE_REQUIRED amount_bands: { role: ROLE_CHANNEL, max_amount: 1500000 } };\n  }\n}\nmessage RepayRequest {}\nmessage RepayResponse {}";
