//! Rules on SQL.

use crate::Fixture;

pub const FIXTURES: &[Fixture] = &[
    Fixture {
        rule: "sql-comments",
        says: "a table without a reason",
        files: &[(
            "services/loan/migrations/0001_loans.sql",
            "-- Chapter one.\n\nCREATE TABLE loans (loan_id uuid);",
        )],
        found: Some(("services/loan/migrations/0001_loans.sql", 3)),
    },
    Fixture {
        rule: "sql-comments",
        says: "an index without a reason, after a table with one",
        files: &[(
            "services/loan/migrations/0001_loans.sql",
            "-- Loans.\nCREATE TABLE loans (loan_id uuid);\nCREATE UNIQUE INDEX loans_idx ON loans (loan_id);",
        )],
        found: Some(("services/loan/migrations/0001_loans.sql", 3)),
    },
    Fixture {
        rule: "sql-comments",
        says: "tables that a function makes need no comment of their own",
        files: &[(
            "services/loan/migrations/0001_loans.sql",
            "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$\nCREATE TABLE loans ();\n$$;",
        )],
        found: None,
    },
    Fixture {
        rule: "sql-constraint-names",
        says: "a primary key without a name",
        files: &[(
            "services/loan/migrations/0001_loans.sql",
            "CREATE TABLE loans (\n    loan_id uuid PRIMARY KEY\n);",
        )],
        found: Some(("services/loan/migrations/0001_loans.sql", 2)),
    },
    Fixture {
        rule: "sql-constraint-names",
        says: "a check without a name",
        files: &[(
            "services/loan/migrations/0001_loans.sql",
            "CREATE TABLE loans (\n    a int,\n    CHECK (a > 0)\n);",
        )],
        found: Some(("services/loan/migrations/0001_loans.sql", 3)),
    },
    Fixture {
        rule: "sql-constraint-names",
        says: "a reference without a name",
        files: &[(
            "services/loan/migrations/0001_loans.sql",
            "CREATE TABLE loans (\n    a int REFERENCES b\n);",
        )],
        found: Some(("services/loan/migrations/0001_loans.sql", 2)),
    },
    Fixture {
        rule: "sql-constraint-names",
        says: "a constraint added later without a name",
        files: &[("services/loan/migrations/0002_more.sql", "ALTER TABLE loans ADD UNIQUE (a);")],
        found: Some(("services/loan/migrations/0002_more.sql", 1)),
    },
    Fixture {
        rule: "sql-constraint-names",
        says: "every constraint has its name",
        files: &[(
            "services/loan/migrations/0001_loans.sql",
            "-- PRIMARY KEY\nCREATE TABLE loans (\n    a int NOT NULL DEFAULT 1,\n    CONSTRAINT loans_pkey PRIMARY KEY (a),\n\
             \x20   CONSTRAINT loans_a_fkey FOREIGN KEY (a) REFERENCES b,\n    CONSTRAINT loans_a_check CHECK (a IN (1, 2))\n);\n\
             CREATE UNIQUE INDEX loans_a_key ON loans (a);\nALTER TABLE loans ADD CONSTRAINT x UNIQUE (a);",
        )],
        found: None,
    },
    Fixture {
        rule: "sql-queries",
        says: "a query takes whatever columns there are",
        files: &[(
            "services/loan/src/store/read.rs",
            "//! Reads.\nconst Q: &str = \"\n    SELECT * FROM loans\";",
        )],
        found: Some(("services/loan/src/store/read.rs", 3)),
    },
    Fixture {
        rule: "sql-queries",
        says: "a query pages by counting",
        files: &[(
            "services/loan/src/store/sql/list.sql",
            "SELECT a\nFROM loans\nLIMIT 10 OFFSET 20",
        )],
        found: Some(("services/loan/src/store/sql/list.sql", 3)),
    },
    Fixture {
        rule: "sql-queries",
        says: "the columns of unnest are named by the statement itself",
        files: &[
            (
                "services/loan/src/store/sql/save.sql",
                "INSERT INTO loans (a)\nSELECT *\nFROM unnest($1::int[])",
            ),
            (
                "services/loan/src/store/read.rs",
                "//! Reads.\nconst Q: &str = \"SELECT count(*) FROM loans\";",
            ),
        ],
        found: None,
    },
];
