//! As a picture: https://www.w3.org/TR/SVG2/. Without scripts, styles from outside or fonts, so that it can stand in any page.

use std::fmt::Write as _;

use super::face::LINE;
use super::{Flow, Place, Route, Shape, Turn, Way};
use crate::syntax::ast::Effect;

/// The bend of a way before its end or after its start.
const BEND: f64 = 14.0;
/// How much a slanted side takes.
const CUT: f64 = 12.0;
/// All characters of one width, so that a text is as wide as its box thinks.
const FONT: &str = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";

/// Dark where the reader wants it dark; the attributes of the boxes say how it looks otherwise.
const STYLE: &str = "@media (prefers-color-scheme: dark) {
.rrb-flow .paper { fill: #101828 } .rrb-flow text { fill: #f2f4f7 } .rrb-flow .line { stroke: #98a2b3 } .rrb-flow .tip, .rrb-flow .name { fill: #98a2b3 }
.rrb-flow .plain { fill: #1d2939; stroke: #98a2b3 } .rrb-flow .bad { fill: #55160c; stroke: #f97066 } .rrb-flow .change { fill: #4e1d09; stroke: #fdb022 }
.rrb-flow .read { fill: #0b4a6f; stroke: #36bffa } .rrb-flow .ask { fill: #3e1c96; stroke: #a48afb } .rrb-flow .end { fill: #054f31; stroke: #32d583 } .rrb-flow .bar { fill: #344054; stroke: #d0d5dd }
}";

/// The flowchart as an SVG document with `title` for those who cannot see it.
pub fn svg(flow: &Flow, title: &str) -> String {
    let (w, h) = (flow.width, flow.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"rrb-flow\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" height=\"{h:.0}\" role=\"img\" \
         font-family=\"{FONT}\" font-size=\"12\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"rrb-tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\">\
         <path class=\"tip\" d=\"M0 0 8 4 0 8z\" fill=\"#475467\"/></marker></defs>\n<rect class=\"paper\" width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        escaped(title)
    );
    for way in &flow.ways {
        if let (Some(from), Some(to)) = (flow.places.get(way.from), flow.places.get(way.to)) {
            line(&mut out, way, from, to);
        }
    }
    for place in &flow.places {
        shape(&mut out, place);
        text(&mut out, place);
    }
    out.push_str("</svg>\n");
    out
}

fn line(out: &mut String, way: &Way, from: &Place, to: &Place) {
    let (x1, y1) = (from.x, from.y + from.height / 2.0);
    let (x2, y2) = (to.x, to.y - to.height / 2.0);
    let side = |p: &Place, via: f64| if via < p.x { p.x - p.width / 2.0 } else { p.x + p.width / 2.0 };
    let within = |p: &Place, x: f64| (x - p.x).abs() < p.width / 2.0;
    // A bar is left and reached anywhere; other boxes in their middle.
    let leave = |x: f64| match from.shape {
        Shape::Bar if within(from, x) => format!("M{x:.1} {y1:.1}"),
        _ => format!("M{x1:.1} {y1:.1}V{:.1}H{x:.1}", y1 + BEND),
    };
    let arrive = |x: f64| match to.shape {
        Shape::Bar if within(to, x) => format!("V{y2:.1}"),
        _ if (x - x2).abs() < 0.5 => format!("V{y2:.1}"),
        _ => format!("V{:.1}H{x2:.1}V{y2:.1}", y2 - BEND),
    };
    // Where the name stands: to the right of the line, above its first box.
    let below = y1 + BEND + 13.0;
    let back = |via: f64| format!("H{via:.1}V{:.1}H{:.1}", to.y, side(to, via));
    let out_of = |via: f64| format!("M{:.1} {:.1}H{via:.1}", side(from, via), from.y);
    let turned = |turns: &[Turn]| {
        let bend = |path: String, t: &Turn| format!("{path}V{:.1}H{:.1}", t.y, t.x);
        turns.iter().fold(format!("M{x1:.1} {y1:.1}"), bend)
    };
    let (path, at) = match &way.route {
        Route::Down => (format!("M{x1:.1} {y1:.1}{}", arrive(x1)), (x1, below)),
        Route::Parting => (format!("{}V{y2:.1}", leave(x2)), (x2, below)),
        Route::Past { via } => (format!("{}{}", leave(*via), arrive(*via)), (*via, below)),
        Route::Out { via } => (format!("{}{}", out_of(*via), arrive(*via)), (*via, from.y + 13.0)),
        Route::OutAndBack { out, via, low } => {
            (format!("{}V{low:.1}{}", out_of(*out), back(*via)), (*out, from.y + 13.0))
        }
        Route::Back { via, low } => (format!("M{x1:.1} {y1:.1}V{low:.1}{}", back(*via)), (x1, below)),
        Route::PastAndBack { down, via, low } => (format!("{}V{low:.1}{}", leave(*down), back(*via)), (*down, below)),
        Route::Jump { turns } => {
            let last = turns.last().map_or(x1, |t| t.x);
            (format!("{}{}", turned(turns), arrive(last)), (x1, below))
        }
        Route::JumpBack { turns, via, low } => (format!("{}V{low:.1}{}", turned(turns), back(*via)), (x1, below)),
        Route::JumpUp { turns, via, low } => {
            (format!("{}V{low:.1}H{via:.1}V{:.1}", turned(turns), to.y + to.height / 2.0), (x1, below))
        }
    };
    let dash = if way.dashed { " stroke-dasharray=\"5 4\"" } else { "" };
    let _ = writeln!(
        out,
        "<path class=\"line\" d=\"{path}\" fill=\"none\" stroke=\"#475467\"{dash} marker-end=\"url(#rrb-tip)\"/>"
    );
    if !way.label.is_empty() {
        let _ = writeln!(
            out,
            "<text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" fill=\"#475467\" font-size=\"11\">{}</text>",
            at.0 + 5.0,
            at.1,
            escaped(&way.label)
        );
    }
}

fn shape(out: &mut String, p: &Place) {
    let (left, top, right, bottom) =
        (p.x - p.width / 2.0, p.y - p.height / 2.0, p.x + p.width / 2.0, p.y + p.height / 2.0);
    let (class, fill, stroke) = colours(p.shape);
    let paint = format!("class=\"{class}\" fill=\"{fill}\" stroke=\"{stroke}\"");
    let _ = match p.shape {
        Shape::Choice | Shape::Ask | Shape::Loop | Shape::Check => writeln!(
            out,
            "<path d=\"M{:.1} {top:.1}H{:.1}L{right:.1} {y:.1} {:.1} {bottom:.1}H{:.1}L{left:.1} {y:.1}z\" {paint}/>",
            left + CUT,
            right - CUT,
            right - CUT,
            left + CUT,
            y = p.y,
        ),
        other => {
            let round = matches!(other, Shape::Start | Shape::End | Shape::Fails | Shape::Wait);
            let radius = if round { p.height.min(28.0) / 2.0 } else { 3.0 };
            let (width, height) = (p.width, p.height);
            writeln!(
                out,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{radius:.1}\" {paint}/>"
            )
        }
    };
}

/// Class, inside and edge.
fn colours(shape: Shape) -> (&'static str, &'static str, &'static str) {
    match shape {
        Shape::Act(Effect::Destroys) | Shape::Fails => ("bad", "#fde2e1", "#b42318"),
        Shape::Act(Effect::Changes) => ("change", "#fef0c7", "#b54708"),
        Shape::Act(Effect::Pure | Effect::Reads) | Shape::Check => ("read", "#e0f2fe", "#026aa2"),
        Shape::Ask | Shape::Waiver => ("ask", "#ede9fe", "#6d28d9"),
        Shape::Start | Shape::End => ("end", "#d1fadf", "#027a48"),
        Shape::Step | Shape::Bar => ("bar", "#e5e7eb", "#344054"),
        Shape::Note | Shape::Choice | Shape::Loop | Shape::Wait => ("plain", "#ffffff", "#475467"),
    }
}

fn text(out: &mut String, p: &Place) {
    let weight = if p.shape == Shape::Step { " font-weight=\"600\"" } else { "" };
    let first = p.y - (p.lines.len() as f64 - 1.0) * LINE / 2.0 + 4.0;
    for (i, text) in p.lines.iter().enumerate() {
        let y = first + i as f64 * LINE;
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" fill=\"#101828\"{weight}>{}</text>",
            p.x,
            escaped(text)
        );
    }
}

/// XML text; characters that XML has no place for, or that turn the direction of a text, are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control()
                || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
                {}
            c => out.push(c),
        }
    }
    out
}
