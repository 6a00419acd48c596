//! As a picture: https://www.w3.org/TR/SVG2/. Without scripts, styles from outside or fonts, so that it can stand in any page.

use std::fmt::Write as _;

use super::{Flow, Place, Shape, Way};
use crate::syntax::ast::Effect;

/// The bend of a way before its end or after its start.
const BEND: f64 = 14.0;

/// The flowchart as an SVG document with `title` for those who cannot see it.
pub fn svg(flow: &Flow, title: &str) -> String {
    let (w, h) = (flow.width, flow.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" height=\"{h:.0}\" role=\"img\" \
         font-family=\"ui-sans-serif, system-ui, sans-serif\" font-size=\"12\">\n<title>{}</title>\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\">\
         <path d=\"M0 0 8 4 0 8z\" fill=\"#475467\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
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
    let path = match way.via {
        Some(via) if way.back => {
            let low = y1 + BEND;
            format!("M{x1:.1} {y1:.1}V{low:.1}H{via:.1}V{:.1}H{:.1}", to.y, side(to, via))
        }
        Some(via) => {
            format!("M{:.1} {:.1}H{via:.1}V{:.1}H{x2:.1}V{y2:.1}", side(from, via), from.y, y2 - BEND)
        }
        None if (x1 - x2).abs() < 0.5 => format!("M{x1:.1} {y1:.1}V{y2:.1}"),
        None => {
            let bend = if way.parts { y1 + BEND } else { y2 - BEND };
            format!("M{x1:.1} {y1:.1}V{bend:.1}H{x2:.1}V{y2:.1}")
        }
    };
    let dash = if way.dashed { " stroke-dasharray=\"5 4\"" } else { "" };
    let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"#475467\"{dash} marker-end=\"url(#arrow)\"/>");
    if !way.label.is_empty() {
        let (x, y) = match way.via {
            Some(via) => (via + 4.0, from.y - 4.0),
            None => (x2 + 5.0, y2 - 4.0),
        };
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"#475467\" font-size=\"11\">{}</text>",
            escaped(&way.label)
        );
    }
}

fn shape(out: &mut String, p: &Place) {
    let (left, top, right, bottom) =
        (p.x - p.width / 2.0, p.y - p.height / 2.0, p.x + p.width / 2.0, p.y + p.height / 2.0);
    let (fill, stroke) = colours(p.shape);
    let paint = format!("fill=\"{fill}\" stroke=\"{stroke}\"");
    let _ = match p.shape {
        Shape::Choice | Shape::Ask | Shape::Loop | Shape::Check => {
            let cut = 12.0;
            writeln!(
                out,
                "<path d=\"M{:.1} {top:.1}H{:.1}L{right:.1} {:.1} {:.1} {bottom:.1}H{:.1}L{left:.1} {:.1}z\" {paint}/>",
                left + cut,
                right - cut,
                p.y,
                right - cut,
                left + cut,
                p.y
            )
        }
        other => {
            let radius = if matches!(other, Shape::Start | Shape::End | Shape::Fails | Shape::Wait) {
                p.height.min(28.0) / 2.0
            } else {
                3.0
            };
            writeln!(
                out,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{radius:.1}\" {paint}/>",
                p.width, p.height
            )
        }
    };
}

fn colours(shape: Shape) -> (&'static str, &'static str) {
    match shape {
        Shape::Act(Effect::Destroys) | Shape::Fails => ("#fde2e1", "#b42318"),
        Shape::Act(Effect::Changes) => ("#fef0c7", "#b54708"),
        Shape::Act(_) | Shape::Check => ("#e0f2fe", "#026aa2"),
        Shape::Ask | Shape::Waiver => ("#ede9fe", "#6d28d9"),
        Shape::Start | Shape::End => ("#d1fadf", "#027a48"),
        Shape::Step | Shape::Bar => ("#e5e7eb", "#344054"),
        Shape::Note | Shape::Choice | Shape::Loop | Shape::Wait => ("#ffffff", "#475467"),
    }
}

fn text(out: &mut String, p: &Place) {
    let weight = if p.shape == Shape::Step { " font-weight=\"600\"" } else { "" };
    let first = p.y - (p.lines.len() as f64 - 1.0) * 8.0 + 4.0;
    for (i, text) in p.lines.iter().enumerate() {
        let y = first + i as f64 * 16.0;
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" fill=\"#101828\"{weight}>{}</text>",
            p.x,
            escaped(text)
        );
    }
}

/// XML text; characters that XML has no place for are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
