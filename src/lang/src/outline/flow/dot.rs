//! For Graphviz: https://graphviz.org/doc/info/lang.html

use std::fmt::Write as _;

use super::{Flow, Shape};
use crate::syntax::ast::Effect;

/// The flowchart as a Graphviz digraph called `name`.
pub fn dot(flow: &Flow, name: &str) -> String {
    let mut out = format!("digraph \"{}\" {{\n", escaped(name));
    out.push_str("  node [fontname=\"sans-serif\", fontsize=11, style=filled, fillcolor=white];\n  edge [fontname=\"sans-serif\", fontsize=10];\n");
    for (i, place) in flow.places.iter().enumerate() {
        let text = place.lines.iter().map(|l| escaped(l)).collect::<Vec<_>>().join("\\n");
        let _ = writeln!(out, "  n{i} [label=\"{text}\", {}];", look(place.shape));
    }
    for way in &flow.ways {
        let style = if way.dashed { ", style=dashed" } else { "" };
        let _ = writeln!(out, "  n{} -> n{} [label=\"{}\"{style}];", way.from, way.to, escaped(&way.label));
    }
    out.push_str("}\n");
    out
}

fn look(shape: Shape) -> &'static str {
    match shape {
        Shape::Start | Shape::End => "shape=box, style=\"rounded,filled\"",
        Shape::Fails => "shape=box, style=\"rounded,filled\", fillcolor=\"#fde2e1\"",
        Shape::Step => "shape=box, style=\"filled,bold\"",
        Shape::Act(Effect::Destroys) => "shape=box, fillcolor=\"#fde2e1\"",
        Shape::Act(Effect::Changes) => "shape=box, fillcolor=\"#fef0c7\"",
        Shape::Act(_) => "shape=box, fillcolor=\"#e0f2fe\"",
        Shape::Note => "shape=note",
        Shape::Choice => "shape=hexagon",
        Shape::Loop => "shape=hexagon",
        Shape::Ask => "shape=hexagon, fillcolor=\"#ede9fe\"",
        Shape::Waiver => "shape=box, fillcolor=\"#ede9fe\"",
        Shape::Check => "shape=hexagon, fillcolor=\"#e0f2fe\"",
        Shape::Wait => "shape=ellipse",
        Shape::Bar => "shape=box, fillcolor=\"#e5e7eb\"",
    }
}

fn escaped(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control()).collect();
    shown.replace('\\', "\\\\").replace('"', "\\\"")
}
