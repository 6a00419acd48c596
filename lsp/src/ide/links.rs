//! Places in a file that lead to others: modules, files of the project, pages of the web; and the names that change together.

use rrb_lang::check::world::{Kind, Target};
use rrb_lang::span::{FileId, PROJECT_FILE, Span};
use rrb_lang::syntax::ast::{Expr, ExprKind, ItemKind, PolicyRuleKind, TestStmtKind, TextPart};
use rrb_lang::syntax::walk::{Node, walk};

use super::Analysis;

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// A source, of the project or of the library.
    Source(FileId),
    /// A file beside the sources, by its path inside the project.
    File(String),
    /// A page.
    Page(String),
}

/// A place that leads to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub span: Span,
    pub goal: Goal,
}

/// The links of a file, in order of place.
pub fn links(analysis: &Analysis, file: FileId) -> Vec<Link> {
    let text = analysis.text(file);
    let mut found = pages(file, &text);
    if file != PROJECT_FILE {
        let read = analysis.read(file);
        for item in &read.ast.items {
            let ItemKind::Use(u) = &item.kind else { continue };
            let name = u.path.parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(".");
            if let Some(module) = analysis.module(&name) {
                found.push(Link { span: u.path.span, goal: Goal::Source(module) });
            }
        }
        walk(&read.ast, &mut |node| {
            let path = match node {
                Node::Rule(rule) => match &rule.kind {
                    PolicyRuleKind::Delegate { file, .. } => Some(file),
                    _ => None,
                },
                Node::TestStmt(stmt) => match &stmt.kind {
                    TestStmtKind::Deliver { file, .. } => file.as_ref(),
                    _ => None,
                },
                _ => None,
            };
            found.extend(path.and_then(named_file));
            true
        });
    }
    found.sort_by_key(|l| (l.span.start, l.span.end));
    found
}

/// A text literal that names a file below the project's folder.
fn named_file(expr: &Expr) -> Option<Link> {
    let ExprKind::Text(parts) = &expr.kind else { return None };
    let [TextPart::Chars(path)] = parts.as_slice() else { return None };
    let inside = !path.is_empty() && !path.starts_with('/') && path.split('/').all(|p| p != "..");
    inside.then(|| Link { span: expr.span, goal: Goal::File(path.to_string()) })
}

/// Addresses in comments.
fn pages(file: FileId, text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start();
        if bare.starts_with("//") || (file == PROJECT_FILE && bare.starts_with('#')) {
            for (at, _) in line.match_indices("https://") {
                let rest = line.get(at..).unwrap_or_default();
                let end = rest.find(|c: char| c.is_whitespace() || "<>\"`|{}\\^".contains(c)).unwrap_or(rest.len());
                let address = rest.get(..end).unwrap_or_default();
                let address = closed(address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']));
                if address.len() > "https://".len() {
                    let to = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                    let span = Span::new(file, to(start + at), to(start + at + address.len()));
                    found.push(Link { span, goal: Goal::Page(address.to_owned()) });
                }
            }
        }
        start += line.len();
    }
    found
}

/// An address in brackets does not end with the closing one.
fn closed(address: &str) -> &str {
    let mut address = address;
    for (open, close) in [('(', ')'), ('[', ']')] {
        while address.ends_with(close) && address.matches(close).count() > address.matches(open).count() {
            address = address.strip_suffix(close).unwrap_or(address).trim_end_matches(['.', ',']);
        }
    }
    address
}

/// The places of the variable under the cursor, when all of them are in this file and say the same word: they change together.
pub fn linked(analysis: &Analysis, file: FileId, offset: u32) -> Vec<Span> {
    if file == PROJECT_FILE {
        return vec![];
    }
    let world = analysis.world(file);
    let names = &world.index.names;
    let here = names.iter().find(|n| n.span.start <= offset && offset <= n.span.end);
    let Some(target @ Target::Local(declared)) = here.map(|n| &n.target) else { return vec![] };
    // What a parameter is called others may write, too.
    let is_param = world.declared(target).is_none_or(|d| d.kind == Kind::Parameter);
    let text = analysis.text(file);
    let word = |s: Span| text.get(s.start as usize..s.end as usize);
    let places: Vec<Span> = names.iter().filter(|n| n.target == *target).map(|n| n.span).collect();
    let name = word(*declared);
    let same = places.contains(declared) && places.iter().all(|s| word(*s) == name);
    if same && !is_param && places.len() > 1 { places } else { vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ide::Project;

    fn project(text: &str) -> (Analysis, FileId) {
        let mut project = Project::new(false);
        project.set("rrb.toml", Some("# https://example.org/toml\n".into()));
        project.set("lib/b.rrb", Some("fn two() -> Int { 2 }\n".into()));
        project.set("a.rrb", Some(text.into()));
        let analysis = project.analysis();
        let file = analysis.file("a.rrb").unwrap();
        (analysis, file)
    }

    fn found(text: &str) -> Vec<(String, String)> {
        let (analysis, file) = project(text);
        let shown = |l: Link| {
            let goal = match l.goal {
                Goal::Source(id) => analysis.name(id).to_owned(),
                Goal::File(path) => format!("file {path}"),
                Goal::Page(address) => address,
            };
            (text[l.span.start as usize..l.span.end as usize].to_owned(), goal)
        };
        links(&analysis, file).into_iter().map(shown).collect()
    }

    fn pair(a: &str, b: &str) -> (String, String) {
        (a.to_owned(), b.to_owned())
    }

    #[test]
    fn modules_and_files_are_led_to() {
        let text = "use lib.b\nuse std.slack\nuse nowhere\npolicy p { delegate rego \"policies/guard.rego\" query \"data.x\" }\n";
        let wanted = [
            pair("lib.b", "lib/b.rrb"),
            pair("std.slack", "stdlib/slack.rrb"),
            pair("\"policies/guard.rego\"", "file policies/guard.rego"),
        ];
        assert_eq!(found(text), wanted);
    }

    #[test]
    fn a_file_outside_the_project_is_not_led_to() {
        for path in ["/etc/passwd", "../x.rego", "a/../../x.rego", ""] {
            assert_eq!(found(&format!("policy p {{ delegate rego \"{path}\" query \"data.x\" }}\n")), []);
        }
    }

    #[test]
    fn pages_in_comments_are_led_to() {
        let text = "/// See https://example.org/a_(b). Or (https://example.org/c), <https://example.org/d>\nlet a = \"https://example.org/e\"\n// https://\n";
        let wanted: Vec<String> = found(text).into_iter().map(|(_, goal)| goal).collect();
        assert_eq!(wanted, ["https://example.org/a_(b)", "https://example.org/c", "https://example.org/d"]);
        let (analysis, _) = project("");
        assert_eq!(links(&analysis, PROJECT_FILE).len(), 1);
    }

    #[test]
    fn a_variable_changes_everywhere() {
        let text = "fn f(p: Int) -> Int {\n  let count = p\n  count + count\n}\n";
        let (analysis, file) = project(text);
        let at = |word: &str| u32::try_from(text.find(word).unwrap()).unwrap();
        assert_eq!(linked(&analysis, file, at("count")).len(), 3);
        assert_eq!(linked(&analysis, file, at("p:")), []);
        assert_eq!(linked(&analysis, file, at("fn")), []);
        assert_eq!(linked(&analysis, file, u32::MAX), []);
    }
}
