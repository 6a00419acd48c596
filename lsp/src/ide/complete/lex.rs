//! The words before the cursor. A text that is being written has no tree to rely on; its words it has.

/// A word, a sign or a text before the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'t> {
    Word(&'t str),
    Sign(char),
    /// A whole text literal.
    Text,
    /// The end of a line.
    Line,
}

/// Where the cursor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Code,
    Comment,
    /// In a text, whose first character behind the quote is at this place.
    Text(usize),
}

/// What stands before the cursor in its declaration.
#[derive(Debug)]
pub struct Before<'t> {
    pub tokens: Vec<Token<'t>>,
    pub state: State,
}

/// How far back a declaration may begin.
const FAR: usize = 256 * 1024;

/// The beginning of the declaration around a place: a line that begins with a word.
fn start_of_item(text: &str, at: usize) -> usize {
    let mut end = at;
    while let Some(newline) = text.get(..end).and_then(|t| t.rfind('\n')) {
        let begins = text.get(newline + 1..at).is_some_and(|line| {
            let word: &str = line.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
            super::words::TOP.iter().any(|t| t.split(' ').next() == Some(word))
        });
        if begins || at - newline > FAR {
            return newline + 1;
        }
        end = newline;
    }
    0
}

/// Reads the words of the declaration that `at` is in, up to `at`.
pub fn before(text: &str, at: usize) -> Before<'_> {
    let from = start_of_item(text, at);
    let code = text.get(from..at).unwrap_or_default();
    let mut lexer = Lexer { code, from, at: 0, tokens: Vec::new(), holes: Vec::new() };
    let state = lexer.run();
    Before { tokens: lexer.tokens, state }
}

struct Lexer<'t> {
    code: &'t str,
    from: usize,
    at: usize,
    tokens: Vec<Token<'t>>,
    /// Braces open in each hole of a text around, with the quote that ends the text.
    holes: Vec<(usize, &'static str)>,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.code.get(self.at..).unwrap_or_default()
    }

    fn run(&mut self) -> State {
        while let Some(c) = self.rest().chars().next() {
            let rest = self.rest();
            if rest.starts_with("//") {
                match rest.find('\n') {
                    Some(end) => self.at += end,
                    None => return State::Comment,
                }
            } else if c == '"' {
                let quote = if rest.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
                self.at += quote.len();
                if let Some(state) = self.text(quote) {
                    return state;
                }
            } else if c.is_ascii_alphabetic() || c == '_' {
                let end = rest.find(|c: char| !super::super::text::is_name_char(c)).unwrap_or(rest.len());
                let word = rest.get(..end).unwrap_or_default();
                self.at += end;
                if word == "r" && self.rest().starts_with(['"', '#']) {
                    if let Some(state) = self.raw() {
                        return state;
                    }
                } else {
                    self.tokens.push(Token::Word(word));
                }
            } else {
                self.at += c.len_utf8();
                if let Some(state) = self.sign(c) {
                    return state;
                }
            }
        }
        State::Code
    }

    fn sign(&mut self, c: char) -> Option<State> {
        match c {
            '{' => {
                if let Some((open, _)) = self.holes.last_mut() {
                    *open += 1;
                }
            }
            '}' => match self.holes.last_mut() {
                Some((0, quote)) => {
                    let quote = *quote;
                    self.holes.pop();
                    while self.tokens.pop().is_some_and(|t| t != Token::Text) {}
                    return self.text(quote);
                }
                Some((open, _)) => *open -= 1,
                None => {}
            },
            _ => {}
        }
        match c {
            '\n' => self.tokens.push(Token::Line),
            c if c.is_whitespace() => {}
            c => self.tokens.push(Token::Sign(c)),
        }
        None
    }

    /// Reads a text from behind its quote to its end; says so when the cursor is in it.
    fn text(&mut self, quote: &'static str) -> Option<State> {
        let begin = self.at;
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                return Some(State::Text(self.from + begin));
            }
            if rest.starts_with(quote) {
                self.at += quote.len();
                self.tokens.push(Token::Text);
                return None;
            }
            if rest.starts_with("${") {
                self.at += 2;
                self.tokens.push(Token::Text);
                self.holes.push((0, quote));
                return None;
            }
            if rest.starts_with('\n') && quote.len() == 1 {
                // Not closed on its line: the rest is read as code.
                self.tokens.push(Token::Text);
                return None;
            }
            let step = if rest.starts_with('\\') { 2 } else { 1 };
            self.at += rest.chars().take(step).map(char::len_utf8).sum::<usize>();
        }
    }

    fn raw(&mut self) -> Option<State> {
        let hashes = self.rest().len() - self.rest().trim_start_matches('#').len();
        self.at += hashes + 1;
        let begin = self.at;
        let end = format!("\"{}", "#".repeat(hashes));
        match self.rest().find(&end) {
            Some(found) => {
                self.at += found + end.len();
                self.tokens.push(Token::Text);
                None
            }
            None => Some(State::Text(self.from + begin)),
        }
    }
}

impl<'t> Before<'t> {
    /// The tokens of the innermost brackets that are open, without what stands in brackets of its own; with the sign that opens them.
    pub fn innermost(&self) -> (Vec<Token<'t>>, Option<char>) {
        let mut depth = 0_usize;
        let mut out = Vec::new();
        for token in self.tokens.iter().rev() {
            match token {
                Token::Sign('}' | ')' | ']') => {
                    depth += 1;
                    if depth == 1 {
                        out.push(*token);
                    }
                }
                Token::Sign(open @ ('{' | '(' | '[')) => {
                    if depth == 0 {
                        out.reverse();
                        return (out, Some(*open));
                    }
                    depth -= 1;
                    if depth == 0 {
                        out.push(*token);
                    }
                }
                other if depth == 0 => out.push(*other),
                _ => {}
            }
        }
        out.reverse();
        (out, None)
    }

    /// Whether the innermost brackets that are open are those of a `match`, and an arm begins at the cursor.
    pub fn begins_arm(&self) -> bool {
        let (inside, open) = self.innermost();
        let mut depth = 0_usize;
        let mut opener = None;
        for (i, token) in self.tokens.iter().enumerate().rev() {
            match token {
                Token::Sign('}' | ')' | ']') => depth += 1,
                Token::Sign('{' | '(' | '[') if depth > 0 => depth -= 1,
                Token::Sign('{' | '(' | '[') => {
                    opener = Some(i);
                    break;
                }
                _ => {}
            }
        }
        let head = opener.and_then(|i| self.tokens.get(..i)).unwrap_or_default();
        let line = head.iter().rev().take_while(|t| !matches!(t, Token::Line | Token::Sign('{' | '}')));
        let begins =
            inside.iter().rev().find(|t| **t != Token::Line).is_none_or(|t| matches!(t, Token::Sign(',' | '}')));
        open == Some('{') && line.into_iter().any(|t| *t == Token::Word("match")) && begins
    }

    /// The last words before the cursor, the nearest first, over the ends of lines.
    pub fn words(&self, count: usize) -> Vec<Token<'t>> {
        self.tokens.iter().rev().filter(|t| **t != Token::Line).take(count).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Before<'_> {
        before(text, text.len())
    }

    #[test]
    fn words_and_texts_are_told_apart() {
        assert_eq!(at("let x = \"a b\" y").words(2), [Token::Word("y"), Token::Text]);
        assert_eq!(at("let x = \"a ${b} c\" y").words(2), [Token::Word("y"), Token::Text]);
        assert_eq!(at("let x = r#\"a\" b\"# y").words(2), [Token::Word("y"), Token::Text]);
        assert_eq!(at("let x = \"a").state, State::Text(9));
        assert_eq!(at("let x = 1 // a").state, State::Comment);
        assert_eq!(at("let x = \"a ${").state, State::Code);
        assert_eq!(at("let x = \"a ${ {a: b} } c").state, State::Text(22));
    }

    #[test]
    fn a_broken_text_ends_with_its_line() {
        assert_eq!(at("let x = \"a\nlet y").state, State::Code);
        assert_eq!(at("\"\"\"a\nb").state, State::Text(3));
        for text in ["", "\"", "r#", "r", "}", "\\", "\"\\", "\"${", "\"${}", "ä\"ö"] {
            at(text);
        }
    }

    #[test]
    fn the_innermost_brackets_are_found() {
        let text = "let x = f(a(1), { b: 2 }, ";
        let before = at(text);
        let (tokens, open) = before.innermost();
        assert_eq!(open, Some('('));
        assert_eq!(tokens.first(), Some(&Token::Word("a")));
        assert_eq!(at("fn f() { }\n").innermost().1, None);
    }

    #[test]
    fn only_the_declaration_around_is_read() {
        assert_eq!(at("let x = (((\nfn f() {").innermost().1, Some('{'));
        assert_eq!(at("let x = 1\nru").words(1), [Token::Word("ru")]);
    }
}
