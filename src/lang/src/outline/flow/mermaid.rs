//! For Mermaid: https://mermaid.js.org/syntax/flowchart.html

use std::fmt::Write as _;

use super::{Flow, Shape};
use crate::syntax::ast::Effect;

/// The flowchart as Mermaid source.
pub fn mermaid(flow: &Flow) -> String {
    let mut out = String::from("flowchart TD\n");
    for (i, place) in flow.places.iter().enumerate() {
        let (open, close) = brackets(place.shape);
        let text = place.lines.iter().map(|l| escaped(l)).collect::<Vec<_>>().join("<br/>");
        let _ = writeln!(out, "  n{i}{open}\"{text}\"{close}");
        if let Some(class) = class(place.shape) {
            let _ = writeln!(out, "  class n{i} {class}");
        }
    }
    for way in &flow.ways {
        let arrow = if way.dashed { "-.->" } else { "-->" };
        let label = if way.label.is_empty() { String::new() } else { format!("|\"{}\"|", escaped(&way.label)) };
        let _ = writeln!(out, "  n{} {arrow}{label} n{}", way.from, way.to);
    }
    out.push_str("  classDef destroys fill:#fde2e1,stroke:#b42318\n  classDef changes fill:#fef0c7,stroke:#b54708\n");
    out.push_str("  classDef reads fill:#e0f2fe,stroke:#026aa2\n  classDef asks fill:#ede9fe,stroke:#6d28d9\n");
    out
}

fn brackets(shape: Shape) -> (&'static str, &'static str) {
    match shape {
        Shape::End | Shape::Fails => ("([", "])"),
        // A diamond around a long text is larger than all the rest.
        Shape::Choice | Shape::Check | Shape::Ask | Shape::Loop => ("{{", "}}"),
        Shape::Step | Shape::Waiver => ("[[", "]]"),
        Shape::Start | Shape::Wait | Shape::Bar => ("(", ")"),
        Shape::Act(_) | Shape::Note => ("[", "]"),
    }
}

fn class(shape: Shape) -> Option<&'static str> {
    match shape {
        Shape::Act(Effect::Destroys) | Shape::Fails => Some("destroys"),
        Shape::Act(Effect::Changes) => Some("changes"),
        Shape::Act(Effect::Reads) | Shape::Check => Some("reads"),
        Shape::Ask | Shape::Waiver => Some("asks"),
        _ => None,
    }
}

/// Mermaid reads a label as text of its own with entities. It takes `%%{` for a directive wherever it stands, and a line that begins like
/// an item for a list.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    let listed = text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['.', ')', '-', '+']);
    for c in text.chars() {
        match c {
            '.' | ')' | '-' | '+' if listed && !out.contains(|c: char| !c.is_ascii_digit()) => {
                out.push_str(&format!("#{};", u32::from(c)));
            }
            '%' | '*' | '\\' => out.push_str(&format!("#{};", u32::from(c))),
            c if c.is_control() => {}
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '`' => out.push_str("#96;"),
            c => out.push(c),
        }
    }
    out
}
