//! The built-in methods: one table that the checker types calls by, the machine implements, the guide prints and the tests run.
//!
//! Receivers and signatures are in rrb syntax. Capital letters stand for types: `T U K V` for any; `O` for what has an order
//! (Int, Float, Text, Duration, Size, Time, Bool and enums without payload); `N` for what can be summed (Int, Float, Duration, Size);
//! `J` for every value that fits where Json is expected; `P` for every value that a hole of a text prints; `E` for enums.
//! An argument with a default may be left out, in the source and in the typed tree alike.

use std::sync::LazyLock;

/// A method of a built-in type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// The type it belongs to: `List<T>`, `Text`, `T?`; several entries with one name differ in the element.
    pub receiver: &'static str,
    /// `map`
    pub name: &'static str,
    /// Parameters with names and result: `(f: (T) => U) -> List<U>`.
    pub signature: &'static str,
    /// The function handed in may read; the call then reads. Called in the order of the items.
    pub effect_polymorphic: bool,
    /// One sentence.
    pub docs: &'static str,
    /// An expression that shows it.
    pub example: &'static str,
    /// The value of the example, as the language writes it.
    pub value: &'static str,
}

impl Method {
    /// The first part of its name in the typed tree: `List` for `List<T>`, `Optional` for `T?`, `Any` for `J`, `P` and `E`.
    pub fn head(&self) -> &'static str {
        match self.receiver {
            "T?" => "Optional",
            "J" | "P" | "E" => "Any",
            r => r.split('<').next().unwrap_or(r),
        }
    }
}

/// The methods called `name` of receivers whose head is `head`.
pub fn find<'a>(head: &'a str, name: &'a str) -> impl Iterator<Item = &'static Method> + 'a {
    METHODS.iter().filter(move |m| m.name == name && m.head() == head)
}

/// One part of the table: `"receiver" { "name" "signature" "docs" "example" => "value"; }`, with `@reads` where the function may read.
macro_rules! methods {
    ($($receiver:literal { $($name:literal $signature:literal $(@$reads:ident)? $docs:literal $example:literal => $value:literal;)* })*) => {
        pub(super) const METHODS: &[Method] = &[$($(Method {
            receiver: $receiver,
            name: $name,
            signature: $signature,
            effect_polymorphic: methods!(@flag $($reads)?),
            docs: $docs,
            example: $example,
            value: $value,
        },)*)*];
    };
    (@flag reads) => { true };
    (@flag) => { false };
}

mod collections;
mod lists;
mod numbers;
mod outside;
mod text;

/// Every method, by receiver.
pub static METHODS: LazyLock<Vec<Method>> = LazyLock::new(|| {
    [lists::METHODS, collections::METHODS, text::METHODS, numbers::METHODS, outside::METHODS].concat()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_method_stands_twice_for_one_receiver() {
        let mut seen = std::collections::BTreeSet::new();
        for m in METHODS.iter() {
            assert!(seen.insert((m.receiver, m.name)), "{} {}", m.receiver, m.name);
        }
    }

    #[test]
    fn heads_are_what_the_typed_tree_writes() {
        let heads: std::collections::BTreeSet<_> = METHODS.iter().map(Method::head).collect();
        assert!(heads.contains("Optional") && heads.contains("Any") && heads.contains("List"));
        assert!(heads.iter().all(|h| h.chars().all(char::is_alphanumeric)));
        assert_eq!(find("List", "average").count(), 4);
    }
}
