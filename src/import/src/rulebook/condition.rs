//! Conditions of rules, as they are written in a rulebook.

/// The longest condition.
const MAX_LENGTH: usize = 20_000;
/// The most words, numbers and signs of one: what is joined becomes a tree as deep as there are parts.
const MAX_TOKENS: usize = 1_200;
/// How deep parentheses and lists nest.
const MAX_DEPTH: usize = 30;

/// A value or a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Bool(bool),
    Null,
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<Expr>),
    /// `event.a.b`, `events.first.a`, `vars.a`.
    Path(Path),
    /// `==`, `!=`, `>`, `>=`, `<`, `<=`, `+`, `-`, `*`, `/`, `and`, `or`, `in`, `contains`.
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    /// `is defined`
    Defined(Box<Expr>),
    /// `is match(…)`, `is search(…)`, `is regex(…)`
    Matches {
        value: Box<Expr>,
        pattern: Box<Expr>,
        from_start: bool,
        ignore_case: bool,
        multiline: bool,
    },
    /// `is select(op, value)`, and with a key `is selectattr(key, op, value)`
    Select {
        list: Box<Expr>,
        key: Option<String>,
        op: String,
        value: Box<Expr>,
    },
    /// `events.first << …`
    Named(String, Box<Expr>),
}

/// What a path begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// `event` and `fact`: the event at hand.
    Event,
    /// `events.NAME` and `facts.NAME`: one that an earlier condition named.
    Named(String),
    /// `vars`
    Vars,
    /// A word of none of these kinds.
    Other,
}

/// A walk into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub root: Root,
    pub steps: Vec<Step>,
}

/// One step of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Name(String),
    Index(i64),
}

/// Reads one.
///
/// # Errors
/// What was not understood, on one line.
pub fn parse(text: &str) -> Result<Expr, String> {
    if text.len() > MAX_LENGTH {
        return Err(format!("it is longer than {MAX_LENGTH} bytes"));
    }
    let tokens = lex(text)?;
    if tokens.len() > MAX_TOKENS {
        return Err(format!("it has more than {MAX_TOKENS} parts"));
    }
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let expr = parser.assigned()?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => Err(format!("`{}` was not expected", token.shown())),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Number(String),
    Text(String),
    Sign(&'static str),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Word(w) | Self::Number(w) | Self::Text(w) => crate::text::shorten(w, 40),
            Self::Sign(s) => (*s).to_owned(),
        }
    }
}

const SIGNS: &[&str] =
    &["<<", "==", "!=", ">=", "<=", ">", "<", "=", "+", "-", "*", "/", "(", ")", "[", "]", ",", ".", "|"];

fn lex(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, len) = if first == '"' || first == '\'' {
            string(rest, first)?
        } else if first.is_ascii_digit() {
            number(rest)
        } else if first.is_alphabetic() || first == '_' || first == '@' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '@'))).unwrap_or(rest.len());
            let (word, _) = rest.split_at(end);
            (Token::Word(word.to_owned()), end)
        } else {
            let sign = SIGNS.iter().find(|s| rest.starts_with(**s));
            let sign = sign.ok_or_else(|| format!("`{first}` is no part of a condition"))?;
            (Token::Sign(sign), sign.len())
        };
        tokens.push(token);
        rest = rest.get(len..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

fn string(rest: &str, quote: char) -> Result<(Token, usize), String> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Ok((Token::Text(value), at + 1));
        }
        // Patterns keep their backslashes; only a quote is freed of it.
        if c == '\\'
            && let Some(next) = rest.get(at + 1..).and_then(|r| r.chars().next())
            && next == quote
        {
            chars.next();
            value.push(quote);
            continue;
        }
        value.push(c);
    }
    Err(format!("the quote {quote} is not closed"))
}

fn number(rest: &str) -> (Token, usize) {
    let digits = |s: &str| s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
    let mut end = digits(rest);
    let behind = rest.get(end..).unwrap_or_default();
    if let Some(fraction) = behind.strip_prefix('.')
        && fraction.starts_with(|c: char| c.is_ascii_digit())
    {
        end += 1 + digits(fraction);
    }
    let behind = rest.get(end..).unwrap_or_default();
    if let Some(exponent) = behind.strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        let count = digits(exponent.get(sign..).unwrap_or_default());
        if count > 0 {
            end += 1 + sign + count;
        }
    }
    let (number, _) = rest.split_at(end);
    (Token::Number(number.to_owned()), end)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

type Parsed = Result<Expr, String>;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn ahead(&self, n: usize) -> Option<&Token> {
        self.tokens.get(self.at + n)
    }

    fn is_word(&self, n: usize, word: &str) -> bool {
        matches!(self.ahead(n), Some(Token::Word(w)) if w == word)
    }

    fn is_sign(&self, n: usize, sign: &str) -> bool {
        matches!(self.ahead(n), Some(Token::Sign(s)) if *s == sign)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is = self.is_word(0, word);
        self.at += usize::from(is);
        is
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is = self.is_sign(0, sign);
        self.at += usize::from(is);
        is
    }

    fn wants(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) {
            return Ok(());
        }
        let found = self.peek().map_or_else(|| "the end".to_owned(), |t| format!("`{}`", t.shown()));
        Err(format!("`{sign}` was expected, and {found} found"))
    }

    /// `events.first << condition`
    fn assigned(&mut self) -> Parsed {
        let begins = ["events", "facts", "event", "fact"].iter().any(|w| self.is_word(0, w));
        if begins && self.is_sign(1, ".") && self.is_sign(3, "<<") {
            let Some(Token::Word(name)) = self.ahead(2).cloned() else { return Err("a name was expected".to_owned()) };
            self.at += 4;
            return Ok(Expr::Named(name, Box::new(self.any()?)));
        }
        self.any()
    }

    fn any(&mut self) -> Parsed {
        let mut left = self.all()?;
        while self.takes_word("or") {
            left = Expr::Binary("or", Box::new(left), Box::new(self.all()?));
        }
        Ok(left)
    }

    fn all(&mut self) -> Parsed {
        let mut left = self.not()?;
        while self.takes_word("and") {
            left = Expr::Binary("and", Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed {
        let mut times = 0_usize;
        while self.takes_word("not") {
            times += 1;
        }
        let inner = self.compared()?;
        Ok(if times.is_multiple_of(2) { inner } else { Expr::Not(Box::new(inner)) })
    }

    fn compared(&mut self) -> Parsed {
        let mut left = self.sum()?;
        loop {
            let sign = ["==", "!=", ">=", "<=", ">", "<"].into_iter().find(|s| self.is_sign(0, s));
            if let Some(sign) = sign {
                self.at += 1;
                left = Expr::Binary(sign, Box::new(left), Box::new(self.sum()?));
                continue;
            }
            let negated = usize::from(self.is_word(0, "not"));
            let word = ["in", "contains"].into_iter().find(|w| self.is_word(negated, w));
            if let Some(word) = word {
                self.at += 1 + negated;
                let found = Expr::Binary(word, Box::new(left), Box::new(self.sum()?));
                left = if negated == 1 { Expr::Not(Box::new(found)) } else { found };
                continue;
            }
            if self.takes_word("is") {
                left = self.test(left)?;
                continue;
            }
            return Ok(left);
        }
    }

    /// What stands behind `is`.
    fn test(&mut self, value: Expr) -> Parsed {
        let negated = self.takes_word("not");
        let Some(Token::Word(word)) = self.peek().cloned() else {
            return Err(
                "`defined`, `match`, `search`, `regex`, `select` or `selectattr` was expected behind `is`".to_owned()
            );
        };
        self.at += 1;
        let test = match word.as_str() {
            "defined" => Expr::Defined(Box::new(value)),
            "match" | "search" | "regex" => self.matches(value, &word)?,
            "select" | "selectattr" => self.select(value, &word)?,
            other => return Err(format!("`is {}` is not known", crate::text::shorten(other, 40))),
        };
        Ok(if negated { Expr::Not(Box::new(test)) } else { test })
    }

    fn matches(&mut self, value: Expr, word: &str) -> Parsed {
        self.wants("(")?;
        let pattern = Box::new(self.sum()?);
        let (mut ignore_case, mut multiline) = (false, false);
        while self.takes(",") {
            let Some(Token::Word(option)) = self.peek().cloned() else {
                return Err("an option was expected".to_owned());
            };
            self.at += 1;
            self.wants("=")?;
            let on = match self.peek() {
                Some(Token::Word(w)) if matches!(w.as_str(), "true" | "True") => true,
                Some(Token::Word(w)) if matches!(w.as_str(), "false" | "False") => false,
                _ => return Err(format!("true or false was expected for `{option}`")),
            };
            self.at += 1;
            match option.as_str() {
                "ignorecase" => ignore_case = on,
                "multiline" => multiline = on,
                _ => return Err(format!("the option `{}` is not known", crate::text::shorten(&option, 40))),
            }
        }
        self.wants(")")?;
        Ok(Expr::Matches { value: Box::new(value), pattern, from_start: word == "match", ignore_case, multiline })
    }

    fn select(&mut self, list: Expr, word: &str) -> Parsed {
        self.wants("(")?;
        let text = |parser: &mut Self| match parser.peek().cloned() {
            Some(Token::Text(text)) => {
                parser.at += 1;
                parser.wants(",").map(|()| text)
            }
            _ => Err(format!("a text in quotes was expected in `{word}(…)`")),
        };
        let key = if word == "selectattr" { Some(text(self)?) } else { None };
        let op = text(self)?;
        let value = Box::new(self.sum()?);
        self.wants(")")?;
        Ok(Expr::Select { list: Box::new(list), key, op, value })
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        while let Some(sign) = ["+", "-"].into_iter().find(|s| self.is_sign(0, s)) {
            self.at += 1;
            left = Expr::Binary(sign, Box::new(left), Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.value()?;
        while let Some(sign) = ["*", "/"].into_iter().find(|s| self.is_sign(0, s)) {
            self.at += 1;
            left = Expr::Binary(sign, Box::new(left), Box::new(self.value()?));
        }
        Ok(left)
    }

    fn value(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it nests deeper than {MAX_DEPTH} levels"));
        }
        let value = self.operand();
        self.depth -= 1;
        value
    }

    fn operand(&mut self) -> Parsed {
        let Some(token) = self.peek().cloned() else { return Err("it ends where a value was expected".to_owned()) };
        self.at += 1;
        match token {
            Token::Number(n) => Ok(Expr::Number(n)),
            Token::Text(t) => Ok(Expr::Text(t)),
            Token::Sign("-") => match self.peek().cloned() {
                Some(Token::Number(n)) => {
                    self.at += 1;
                    Ok(Expr::Number(format!("-{n}")))
                }
                _ => Err("a number was expected behind `-`".to_owned()),
            },
            Token::Sign("(") => {
                let inner = self.any()?;
                self.wants(")")?;
                Ok(inner)
            }
            Token::Sign("[") => self.list(),
            Token::Word(word) => match word.as_str() {
                "true" | "True" => Ok(Expr::Bool(true)),
                "false" | "False" => Ok(Expr::Bool(false)),
                "None" | "none" | "null" => Ok(Expr::Null),
                _ => self.path(word),
            },
            Token::Sign(sign) => Err(format!("`{sign}` stands where a value was expected")),
        }
    }

    fn list(&mut self) -> Parsed {
        let mut items = Vec::new();
        while !self.takes("]") {
            items.push(self.sum()?);
            if !self.is_sign(0, "]") {
                self.wants(",")?;
            }
        }
        Ok(Expr::List(items))
    }

    fn path(&mut self, word: String) -> Parsed {
        let mut steps = Vec::new();
        loop {
            if self.is_sign(0, ".") {
                self.at += 1;
                match self.peek().cloned() {
                    Some(Token::Word(name) | Token::Number(name)) => steps.push(Step::Name(name)),
                    _ => return Err("a name was expected behind `.`".to_owned()),
                }
                self.at += 1;
            } else if self.is_sign(0, "[") {
                self.at += 1;
                let step = match self.value()? {
                    Expr::Text(name) => Step::Name(name),
                    Expr::Number(n) => Step::Index(n.parse().map_err(|_| format!("`{n}` is no place in a list"))?),
                    _ => return Err("a number or a text in quotes was expected in `[…]`".to_owned()),
                };
                self.wants("]")?;
                steps.push(step);
            } else {
                break;
            }
        }
        let root = match word.as_str() {
            "event" | "fact" => Root::Event,
            "vars" => Root::Vars,
            "events" | "facts" if matches!(steps.first(), Some(Step::Name(_))) => {
                let Step::Name(name) = steps.remove(0) else { return Err("a name was expected".to_owned()) };
                Root::Named(name)
            }
            _ => {
                steps.insert(0, Step::Name(word));
                Root::Other
            }
        };
        Ok(Expr::Path(Path { root, steps }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_conditions_are_said_and_not_guessed() {
        for (text, said) in [
            ("", "it ends where"),
            ("event.a ==", "it ends where"),
            ("event.a == 'x", "is not closed"),
            ("event.a ? 1", "`?` is no part"),
            ("event. == 1", "a name was expected"),
            ("event.a is nice", "`is nice` is not known"),
            ("event.a is match(1, loud=true)", "`loud` is not known"),
            ("event.a is select(>, 1)", "in quotes was expected"),
            ("(event.a == 1", "`)` was expected, and the end found"),
            ("event.a == 1 event.b", "`event` was not expected"),
            ("event.a[event.b]", "in `[…]`"),
            ("event.a == - event.b", "behind `-`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert!(parse(&"(".repeat(100_000)).unwrap_err().contains("longer"));
        assert!(parse(&"(".repeat(1_000)).unwrap_err().contains("deeper"));
        assert!(parse(&"[".repeat(1_000)).unwrap_err().contains("deeper"));
        assert!(parse(&"a+".repeat(1_000)).unwrap_err().contains("more than"));
    }

    #[test]
    fn words_bind_as_the_reference_says() {
        assert_eq!(
            parse("event.a == 1 or event.b == 2 and not event.c").unwrap(),
            parse("(event.a == 1) or ((event.b == 2) and (not (event.c)))").unwrap()
        );
        assert_eq!(parse("event.a not in [1]").unwrap(), parse("not (event.a in [1])").unwrap());
        assert_eq!(
            parse("event['a b'][0].c").unwrap(),
            Expr::Path(Path {
                root: Root::Event,
                steps: vec![Step::Name("a b".into()), Step::Index(0), Step::Name("c".into())],
            })
        );
    }
}
