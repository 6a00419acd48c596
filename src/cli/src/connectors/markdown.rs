//! Reference pages as Markdown: one for each connector and each module of primitives, and an index.

use rrb_lang::reference::{Action, Connector, Declared, Field, Heard, Offers};

use super::library::{Library, Origin};
use super::page::counts;
use super::{address, effect, settings_toml, signature, summary};
use crate::doc::markdown::{cell, code, docs};

/// The pages by file name, the index first.
pub fn pages(library: &Library) -> Vec<(String, String)> {
    let mut pages = vec![("README.md".to_owned(), index(library))];
    for known in &library.modules {
        let name = &known.module.name;
        if known.origin == Origin::Native {
            pages.push((format!("native-{name}.md"), native(name, &known.module.docs, &known.module.own)));
        }
        for connector in &known.module.connectors {
            pages.push((format!("{}.md", connector.name), page(name, connector)));
        }
    }
    pages
}

fn index(library: &Library) -> String {
    let mut out = String::from(
        "# Connectors\n\nWhat runbooks can hear and do. Each is a file of the language that one can read (`rrb connectors show NAME --source`), \
         copy into a project (`rrb connectors copy NAME`) and change there. To find an action by what it does: `rrb connectors search \
         WORDS`. These pages are made by `rrb connectors docs`.\n\n| connector | what | events | actions |\n|---|---|---|---|\n",
    );
    for (_, c) in library.connectors() {
        let events = c.events.iter().map(|e| cell(&e.name)).collect::<Vec<_>>().join(", ");
        let what = in_cell(&summary(&c.docs));
        out.push_str(&format!("| [{0}]({0}.md) | {what} | {events} | {1} |\n", c.name, counts(&c.offers)));
    }
    out.push_str("\n## Primitives\n\nWhat connectors are written with. They are in scope in every connector without `use`.\n\n| module | what | actions |\n|---|---|---|\n");
    for known in library.modules.iter().filter(|k| k.origin == Origin::Native) {
        let m = &known.module;
        out.push_str(&format!(
            "| [{0}](native-{0}.md) | {1} | {2} |\n",
            m.name,
            in_cell(&summary(&m.docs)),
            counts(&m.own)
        ));
    }
    out
}

fn page(module: &str, connector: &Connector) -> String {
    let name = &connector.name;
    let mut out = format!("# {name}\n\n```text\nuse {module}\n```\n\n{}\n", docs(&connector.docs));
    if !connector.settings.is_empty() {
        out.push_str(&format!("\n## Settings\n\n```toml\n{}```\n\n", settings_toml(name, &connector.settings)));
        out.push_str("| setting | type | default | |\n|---|---|---|---|\n");
        connector.settings.iter().for_each(|f| out.push_str(&row(f)));
    }
    if !connector.events.is_empty() {
        out.push_str("\n## Events\n");
        connector.events.iter().for_each(|e| out.push_str(&event(name, e)));
    }
    out.push_str(&offers(name, &connector.offers));
    out
}

fn native(name: &str, about: &str, own: &Offers) -> String {
    format!(
        "# {name}\n\nA module of primitives: in scope in every connector.\n\n{}\n{}",
        docs(about),
        offers(name, own)
    )
}

fn offers(head: &str, offers: &Offers) -> String {
    let mut out = String::new();
    if !offers.actions.is_empty() {
        out.push_str("\n## Actions\n");
        offers.actions.iter().for_each(|a| out.push_str(&action(head, a)));
    }
    if !offers.functions.is_empty() {
        out.push_str("\n## Functions\n");
        for f in &offers.functions {
            out.push_str(&format!("\n### {}\n\n```text\n{}\n```\n\n{}\n", code(&f.name), f.text, docs(&f.docs)));
        }
    }
    if !offers.types.is_empty() {
        out.push_str("\n## Types\n");
        offers.types.iter().for_each(|t| out.push_str(&declared_type(t)));
    }
    out
}

fn action(head: &str, action: &Action) -> String {
    let mut out = format!(
        "\n### {}\n\n```text\n{}\n```\n\n**{}**",
        code(&format!("{head}.{}", action.name)),
        broken(head, action),
        effect(action)
    );
    for (word, text) in [("target", &action.target), ("undo", &action.undo)] {
        if let Some(text) = text {
            out.push_str(&format!(" · {word} {}", code(text)));
        }
    }
    out.push_str(&format!("\n\n{}\n", docs(&action.docs)));
    let documented: Vec<&Field> = action.params.iter().filter(|p| !p.docs.is_empty()).collect();
    if !documented.is_empty() {
        out.push('\n');
        documented
            .iter()
            .for_each(|p| out.push_str(&format!("- {}: {}\n", code(&p.name), docs(&p.docs).replace('\n', " "))));
    }
    out
}

/// A signature; one that is long has a line for each parameter.
fn broken(head: &str, action: &Action) -> String {
    let line = format!("{head}.{}", signature(action));
    if line.len() <= 100 {
        return line;
    }
    let params: Vec<String> = action.params.iter().map(|p| format!("  {},\n", super::declared(p))).collect();
    let returns = action.returns.as_ref().map(|r| format!(" -> {r}")).unwrap_or_default();
    format!("{head}.{}(\n{}){returns}", action.name, params.concat())
}

fn event(head: &str, event: &Heard) -> String {
    let mut out = format!("\n### {}\n\n", code(&format!("{head}.{}", event.name)));
    out.push_str(&format!("Gives {}, from {}", code(&event.ty), code(&event.source)));
    if let Some(address) = address(event) {
        out.push_str(&format!(" (`POST {address}`)"));
    }
    if let Some(verify) = &event.verify {
        out.push_str(&format!("; verified by {}", code(verify)));
    }
    if let Some(acknowledge) = &event.acknowledge {
        out.push_str(&format!("; acknowledged by {}", code(acknowledge)));
    }
    out.push_str(&format!(".\n\n{}\n", docs(&event.docs)));
    out
}

fn declared_type(ty: &Declared) -> String {
    let about = if ty.docs.is_empty() { String::new() } else { format!("{}\n\n", docs(&ty.docs)) };
    format!("\n### {}\n\n{about}```text\n{}\n```\n", code(&ty.name), ty.text)
}

fn row(field: &Field) -> String {
    let default = field.default.as_ref().map_or_else(|| "*needed*".to_owned(), |d| cell(d));
    let about = in_cell(&field.docs);
    format!("| {} | {} | {default} | {about} |\n", cell(&field.name), cell(&field.ty))
}

/// The words of a doc comment in a cell of a table.
fn in_cell(text: &str) -> String {
    docs(text).replace('\n', " ").replace('|', "\\|")
}
