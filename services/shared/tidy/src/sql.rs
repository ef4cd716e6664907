//! SQL text as tokens: comments, literals and function bodies are left out.

/// A word or a mark, and where it stands.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub line: usize,
    pub text: &'a str,
}

impl Token<'_> {
    pub fn is(&self, keyword: &str) -> bool {
        self.text.eq_ignore_ascii_case(keyword)
    }
}

/// The statements of a script, each as its tokens, without the `;`.
pub(crate) fn statements(script: &str) -> Vec<Vec<Token<'_>>> {
    let mut statements = vec![Vec::new()];
    for token in tokens(script) {
        if token.text == ";" {
            statements.push(Vec::new());
        } else if let Some(last) = statements.last_mut() {
            last.push(token);
        }
    }
    statements.retain(|statement| !statement.is_empty());
    statements
}

/// The tokens of a text that is SQL, or of a Rust literal that holds some.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(c) = rest.chars().next() {
        let length = length(rest, c);
        let (token, after) = rest.split_at(length);
        if c.is_alphanumeric() || c == '_' || "(),;*".contains(c) {
            tokens.push(Token { line, text: token });
        }
        line += token.matches('\n').count();
        rest = after;
    }
    tokens
}

fn length(rest: &str, first: char) -> usize {
    let through = |from: usize, end: &str| {
        rest[from..].find(end).map_or(rest.len(), |found| from + found + end.len())
    };
    match first {
        '-' if rest.starts_with("--") => through(0, "\n"),
        '/' if rest.starts_with("/*") => through(2, "*/"),
        '\'' => through(1, "'"),
        '$' if rest.starts_with("$$") => through(2, "$$"),
        c if c.is_alphanumeric() || c == '_' => {
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
        }
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_statement_is_left_out() {
        let script = "-- a; b\nSELECT 'c; d', $$ e; f $$;\n/* g; */ DELETE";
        let words: Vec<Vec<&str>> = statements(script)
            .iter()
            .map(|statement| statement.iter().map(|token| token.text).collect())
            .collect();
        assert_eq!(words, [vec!["SELECT", ","], vec!["DELETE"]]);
    }

    #[test]
    fn a_token_knows_its_line() {
        let lines: Vec<usize> = tokens("a\n-- x\nb").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 3]);
    }
}
