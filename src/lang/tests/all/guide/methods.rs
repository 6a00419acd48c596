//! `docs/language/methods.md`, made of the table of methods. `UPDATE_DOCS=1` writes it.

use rrb_lang::methods::{METHODS, Method};

use super::blocks::root;

/// The sections of the chapter: a heading, a word about it, and the receivers whose methods it lists.
const SECTIONS: &[(&str, &str, &[&str])] = &[
    (
        "Any value",
        "Every value that fits where Json is expected has `to_json`, every value that a hole prints has `to_text`, every variant has `name`.",
        &["Any"],
    ),
    ("Bool", "", &["Bool"]),
    ("Int", "", &["Int"]),
    ("Float", "", &["Float"]),
    ("Duration", "", &["Duration"]),
    ("Size", "", &["Size"]),
    (
        "Time",
        "A zone is a name of the IANA database, such as `Europe/Berlin`; another name is a failure of kind `invalid`.",
        &["Time"],
    ),
    ("Cron", "", &["Cron"]),
    ("Text", "Places and lengths count characters. A text has at most 8 MiB.", &["Text"]),
    ("Regex", "", &["Regex"]),
    ("Bytes", "", &["Bytes"]),
    (
        "List",
        "A list, set or map has at most 1,000,000 items. Nothing changes a list in place: each method gives a new one.",
        &["List"],
    ),
    ("Set", "A set keeps the order in which its items were added.", &["Set"]),
    ("Map", "A map keeps the order in which its keys were added.", &["Map"]),
    ("Optional", "", &["Optional"]),
    ("Range", "", &["Range"]),
    ("Url", "", &["Url"]),
    ("Ip", "", &["Ip"]),
    ("Cidr", "", &["Cidr"]),
    ("Json", "In the examples `doc` is `{\"a\":1,\"b\":[2,3],\"c\":null}`.", &["Json"]),
    ("Secret", "Methods of a Secret give Secrets: nothing makes a text of one.", &["Secret"]),
    ("Failure", "", &["Failure"]),
];

fn rows(head: &str) -> String {
    let mut all: Vec<&Method> = METHODS.iter().filter(|m| m.head() == head).collect();
    all.sort_by_key(|m| m.name);
    let cell = |t: &str| t.replace('|', "\\|");
    let code = |t: &str| if t.contains('`') { format!("`` {t} ``") } else { format!("`{t}`") };
    let general = ["List<T>", "Set<T>", "Map<K, V>", "Range<T>", "T?", "J", "P", "E"];
    let mut out = String::from("| method | | example |\n|---|---|---|\n");
    for m in all {
        let on = match m.receiver.contains('<') && !general.contains(&m.receiver) {
            true => format!("On `{}`. ", m.receiver),
            false => String::new(),
        };
        let reads = if m.effect_polymorphic { " `f` may read." } else { "" };
        out.push_str(&format!(
            "| {} | {on}{}{reads} | {} is {} |\n",
            code(&cell(&format!("{}{}", m.name, m.signature))),
            cell(m.docs),
            code(&cell(m.example)),
            if m.value == "a Secret" { m.value.to_owned() } else { code(&cell(m.value)) },
        ));
    }
    out
}

fn chapter() -> String {
    let mut out = String::from(
        "# Methods\n\nThe methods of the built-in types. This page is made of the table that the checker and the machine use \
(`src/lang/src/methods`); `UPDATE_DOCS=1 cargo nextest run -p rrb-lang methods_chapter` writes it, and every example is run by the tests.\n\n\
In the signatures `T U K V` stand for any type, `O` for one that has an order (Int, Float, Text, Duration, Size, Time, Bool, enums without \
payload), `N` for one that can be summed (Int, Float, Duration, Size), `P` for one that a hole of a text prints. `= x` marks an argument \
that may be left out.\n\n\
A method without its parentheses is an error that says so. Methods are pure; where the table says that `f` may read, a function that \
reads may be handed in, and the call then reads. Functions are called in the order of the items. Names mean the same on every type that has \
them: `len`, `contains`, `get`, `slice`, `take`, `filter` and the others differ in nothing but the type.\n\n\
What cannot be done is a failure of kind `invalid` (a result too large, an argument out of range, a division by zero); what may not be \
there is an optional (`to_int()`, `first()`, `get(i)`).\n",
    );
    for (title, about, heads) in SECTIONS {
        out.push_str(&format!("\n## {title}\n\n"));
        if !about.is_empty() {
            out.push_str(&format!("{about}\n\n"));
        }
        for head in *heads {
            out.push_str(&rows(head));
        }
    }
    out
}

#[test]
fn the_methods_chapter_is_up_to_date() {
    let path = root().join("docs/language/methods.md");
    let made = chapter();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == made,
        "docs/language/methods.md is old: write it with `UPDATE_DOCS=1 cargo nextest run -p rrb-lang methods_chapter`"
    );
}

#[test]
fn the_methods_chapter_has_every_method() {
    let listed: Vec<&str> = SECTIONS.iter().flat_map(|(_, _, heads)| *heads).copied().collect();
    let lost: Vec<_> = METHODS.iter().filter(|m| !listed.contains(&m.head())).map(|m| m.receiver).collect();
    assert!(lost.is_empty(), "{lost:?}");
}
