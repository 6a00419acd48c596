//! Small functions that converted runbooks share. Only those that are called are written.

/// A helper by the name it is called by.
const HELPERS: &[(&str, &str)] = &[
    (
        "_by_hand",
        "/// Asks people to do what no connector does here, and waits until it is done. Gives what they write with their answer.
action _by_hand(what: Text, details: Json = none) -> Text changes {
  approve what from group(operators) allow requester within 24h showing { details } {
    approval.comments.join(\"\\n\")
  }
}
",
    ),
    (
        "_decided",
        "/// Asks people whether something is so: a yes is true, a no is false.
action _decided(what: Text, details: Json = none) -> Bool changes {
  approve what from group(operators) allow requester within 24h showing { details } { true } otherwise denial {
    if denial.expired { fail \"nobody answered: ${what}\" }
    false
  }
}
",
    ),
    (
        "_greater",
        "/// Whether both are numbers, or both texts, and the first is greater.
fn _greater(a: Json, b: Json) -> Bool {
  if a.kind() == \"number\" and b.kind() == \"number\" { return (a as Float) > (b as Float) }
  a.kind() == \"text\" and b.kind() == \"text\" and (a as Text) > (b as Text)
}
",
    ),
    (
        "_at_least",
        "/// Whether both are numbers, or both texts, and the first is greater or equal.
fn _at_least(a: Json, b: Json) -> Bool {
  if a.kind() == \"number\" and b.kind() == \"number\" { return (a as Float) >= (b as Float) }
  a.kind() == \"text\" and b.kind() == \"text\" and (a as Text) >= (b as Text)
}
",
    ),
    (
        "_plus",
        "/// The sum of two numbers, or two texts joined; null of anything else.
fn _plus(a: Json, b: Json) -> Json {
  if a.kind() == \"number\" and b.kind() == \"number\" { return (a as Float) + (b as Float) }
  if a.kind() == \"text\" and b.kind() == \"text\" { \"${a as Text}${b as Text}\" } else { none }
}
",
    ),
    (
        "_minus",
        "/// The difference of two numbers; null of anything else.
fn _minus(a: Json, b: Json) -> Json {
  if a.kind() == \"number\" and b.kind() == \"number\" { (a as Float) - (b as Float) } else { none }
}
",
    ),
    (
        "_times",
        "/// The product of two numbers; null of anything else.
fn _times(a: Json, b: Json) -> Json {
  if a.kind() == \"number\" and b.kind() == \"number\" { (a as Float) * (b as Float) } else { none }
}
",
    ),
    (
        "_over",
        "/// The quotient of two numbers; null of anything else, and of nothing divided.
fn _over(a: Json, b: Json) -> Json {
  if a.kind() == \"number\" and b.kind() == \"number\" and b != 0 { (a as Float) / (b as Float) } else { none }
}
",
    ),
    (
        "_shown",
        "/// A text as it is, nothing for null, and anything else as JSON.
fn _shown(value: Json) -> Text {
  match value.kind() {
    \"text\" => value as Text,
    \"null\" => \"\",
    _ => value.to_json(),
  }
}
",
    ),
    (
        "_journal",
        "/// An entry of the journal with the names of its fields in small letters.
fn _journal(entry: Json) -> Json { entry.entries().fold({}, (all, it) => all.set(it.key.lower(), it.value)) }
",
    ),
    (
        "_json",
        "fn _json(value: Json) -> Text { value.to_json() }
",
    ),
    (
        "_or",
        "/// The value, or another one where there is none.
fn _or(value: Json, default: Json) -> Json { if value == none { default } else { value } }
",
    ),
    (
        "_plain",
        "/// A text that means nothing to a shell; fails for any other.
fn _plain(value: Text) -> Text {
  if value matches re\"^[A-Za-z0-9_@%+=:,./-]*$\" { value } else {
    fail \"`${value}` has characters that a shell may take for something else\"
  }
}
",
    ),
    (
        "_number",
        "/// The number that a text spells, if it spells one.
fn _number(value: Text) -> Float { value.to_float() ?? fail \"`${value}` is no number\" }
",
    ),
];

/// The text of those that are called, and of those that these call.
pub fn used_by(code: &str) -> String {
    let mut chosen = vec![false; HELPERS.len()];
    loop {
        let mut grew = false;
        for (i, (name, _)) in HELPERS.iter().enumerate() {
            let by_helper =
                HELPERS.iter().zip(&chosen).any(|((other, text), on)| *on && other != name && calls(text, name));
            if let Some(on) = chosen.get_mut(i)
                && !*on
                && (calls(code, name) || by_helper)
            {
                *on = true;
                grew = true;
            }
        }
        if !grew {
            break;
        }
    }
    let texts = HELPERS.iter().zip(chosen).filter(|(_, on)| *on).map(|((_, text), _)| *text);
    texts.collect::<Vec<_>>().join("\n")
}

/// Whether the name is called in the code, as a whole word.
fn calls(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code.get(..at).and_then(|c| c.chars().next_back());
        let behind = code.get(at + name.len()..).unwrap_or_default();
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') && behind.starts_with('(')
    })
}
