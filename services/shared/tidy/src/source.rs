//! Rust text without what the compiler does not read, and the words in it.
//!
//! A few dozen lines of scanning instead of a parser: the rules ask which names appear where, not what they mean, and
//! must keep working on code that does not compile.

/// A string literal and where it starts.
pub(crate) struct Literal {
    pub line: usize,
    pub text: String,
}

/// A source taken apart.
pub(crate) struct Source {
    /// The code: comments and the contents of literals are blank, everything else is where it was.
    pub code: String,
    /// The string literals, escapes as written.
    pub literals: Vec<Literal>,
}

/// A name in the code, and what stands around it.
pub(crate) struct Word<'a> {
    pub line: usize,
    pub text: &'a str,
    /// The code before it.
    pub before: &'a str,
    /// The code after it.
    pub after: &'a str,
}

impl Word<'_> {
    /// The first name of a path, such as `sqlx` in `sqlx::query`: where code reaches into another crate.
    pub fn starts_path(&self) -> bool {
        self.after.trim_start().starts_with("::") && !self.before.trim_end().ends_with("::")
    }
}

impl Source {
    pub fn parse(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut source = Self { code: String::with_capacity(text.len()), literals: Vec::new() };
        let (mut at, mut line) = (0, 1);
        while at < chars.len() {
            let (end, kind) = piece(&chars, at);
            let content = &chars[at..end];
            if kind == Kind::Code {
                source.code.extend(content);
            } else {
                source.code.extend(content.iter().map(|&c| if c == '\n' { c } else { ' ' }));
            }
            if kind == Kind::Text {
                source.literals.push(Literal { line, text: content.iter().collect() });
            }
            line += content.iter().filter(|&&c| c == '\n').count();
            at = end;
        }
        source
    }

    /// The same without tests: items marked `#[cfg(test)]` are blank.
    pub fn without_tests(mut self) -> Self {
        const MARK: &str = "#[cfg(test)]";
        let mut from = 0;
        while let Some(found) = self.code[from..].find(MARK) {
            let start = from + found;
            let end = start + MARK.len() + item_length(&self.code[start + MARK.len()..]);
            let (first, last) = (line_of(&self.code, start), line_of(&self.code, end));
            let blank: String =
                self.code[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
            self.code.replace_range(start..end, &blank);
            self.literals.retain(|literal| literal.line < first || literal.line > last);
            from = start + blank.len();
        }
        self
    }

    pub fn words(&self) -> impl Iterator<Item = Word<'_>> {
        words(&self.code)
    }
}

/// Whether the file holds nothing but tests.
pub(crate) fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let test = ["properties.rs", "tests.rs"].contains(&name) || name.ends_with("_tests.rs");
    test || path.contains("/tests/")
}

/// The names in a text, whatever its language.
pub(crate) fn words(code: &str) -> impl Iterator<Item = Word<'_>> {
    let (mut at, mut line) = (0, 1);
    std::iter::from_fn(move || {
        let start = at + code[at..].find(is_word)?;
        let length = code[start..].find(|c| !is_word(c)).unwrap_or(code.len() - start);
        line += newlines(&code[at..start]);
        at = start + length;
        Some(Word { line, text: &code[start..at], before: &code[..start], after: &code[at..] })
    })
}

/// The line, from 1, that holds this byte.
pub(crate) fn line_of(text: &str, byte: usize) -> usize {
    newlines(&text[..byte]) + 1
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[derive(PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

/// Where the piece that starts here ends, and what it is.
fn piece(chars: &[char], at: usize) -> (usize, Kind) {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => (find(chars, at, "\n"), Kind::Comment),
        '/' if next == Some('*') => (end_of_block_comment(chars, at), Kind::Comment),
        '"' => (end_of_string(chars, at + 1), Kind::Text),
        'r' if !follows_word(chars, at) => match end_of_raw_string(chars, at) {
            Some(end) => (end, Kind::Text),
            None => (at + 1, Kind::Code),
        },
        '\'' if next == Some('\\') => {
            // The quote of '\'' is not the end.
            (find(chars, at + 3, "'").saturating_add(1).min(chars.len()), Kind::Comment)
        }
        '\'' if chars.get(at + 2) == Some(&'\'') => (at + 3, Kind::Comment),
        _ => (at + 1, Kind::Code),
    }
}

fn follows_word(chars: &[char], at: usize) -> bool {
    // b, as in br"...", is part of the literal.
    at.checked_sub(1).is_some_and(|before| is_word(chars[before]) && chars[before] != 'b')
}

fn find(chars: &[char], from: usize, what: &str) -> usize {
    let what: Vec<char> = what.chars().collect();
    let found = (from..chars.len()).find(|&at| chars[at..].starts_with(&what));
    found.unwrap_or(chars.len())
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < chars.len() {
        if chars[at..].starts_with(&['/', '*']) {
            (at, depth) = (at + 2, depth + 1);
        } else if chars[at..].starts_with(&['*', '/']) {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn end_of_raw_string(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars[start + 1..].iter().take_while(|&&c| c == '#').count();
    let quote = start + 1 + hashes;
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    Some((find(chars, quote + 1, &end) + end.len()).min(chars.len()))
}

/// How long the item at the start of this code is: to its `;`, or to the brace that closes it.
fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_words(text: &str) -> Vec<String> {
        Source::parse(text).words().map(|word| word.text.to_owned()).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let text = "a // b\n/* c /* d */ e */ \"f \\\" g\" h r#\"i \" j\"# 'k' '\\'' l<'m>";
        assert_eq!(code_words(text), ["a", "h", "l", "m"]);
    }

    #[test]
    fn a_word_knows_its_line() {
        let source = Source::parse("one\n\n/* two\n */ three");
        let lines: Vec<usize> = source.words().map(|word| word.line).collect();
        assert_eq!(lines, [1, 4]);
    }

    #[test]
    fn tests_are_cut_out_and_the_rest_stays() {
        let text =
            "a #[cfg(test)]\nmod tests;\nb #[cfg(test)] mod t { c { d } \"lost\" }\ne \"kept\"";
        let source = Source::parse(text).without_tests();
        let words: Vec<&str> = source.words().map(|word| word.text).collect();
        assert_eq!(words, ["a", "b", "e"]);
        assert_eq!(source.literals.len(), 1);
    }

    #[test]
    fn the_first_name_of_a_path_is_a_crate() {
        let source = Source::parse("sqlx::query, crate::sqlx::x, sqlx");
        let crates = source.words().filter(|word| word.text == "sqlx" && word.starts_path());
        assert_eq!(crates.count(), 1);
    }
}
