//! What can be done with a declaration, written above it.

use rrb_lang::span::{FileId, PROJECT_FILE, Span};
use rrb_lang::syntax::ast::{ExprKind, ItemKind, TextPart};

use super::Analysis;

/// What can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Play this test.
    Test(String),
    /// Play every test of the file.
    Tests,
    /// Show what the runbook would do now.
    Plan(String),
    /// Show the last runs of the runbook and how they ended.
    Runs(String),
}

/// Something that can be done, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lens {
    pub span: Span,
    pub deed: Deed,
}

/// What can be done with the declarations of a file, in order of place.
pub fn lenses(analysis: &Analysis, file: FileId) -> Vec<Lens> {
    if file == PROJECT_FILE || analysis.is_library(file) {
        return vec![];
    }
    let mut found = Vec::new();
    for item in &analysis.read(file).ast.items {
        match &item.kind {
            ItemKind::Test(t) => {
                let ExprKind::Text(parts) = &t.name.kind else { continue };
                let [TextPart::Chars(name)] = parts.as_slice() else { continue };
                if !found.iter().any(|l: &Lens| l.deed == Deed::Tests) {
                    found.push(Lens { span: t.name.span, deed: Deed::Tests });
                }
                found.push(Lens { span: t.name.span, deed: Deed::Test(name.to_string()) });
            }
            ItemKind::Runbook(r) if !r.name.name.is_empty() => {
                found.push(Lens { span: r.name.span, deed: Deed::Plan(r.name.name.to_string()) });
                found.push(Lens { span: r.name.span, deed: Deed::Runs(r.name.name.to_string()) });
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ide::Project;

    fn deeds(text: &str) -> Vec<Deed> {
        let mut project = Project::new(false);
        project.set("a.rrb", Some(text.into()));
        let analysis = project.analysis();
        lenses(&analysis, analysis.file("a.rrb").unwrap()).into_iter().map(|l| l.deed).collect()
    }

    #[test]
    fn runbooks_are_planned_and_tests_played() {
        let text = "runbook r() { finish resolved \"x\" }\ntest \"one\" { run r() }\ntest \"two\" { run r() }\n";
        let wanted = [
            Deed::Plan("r".into()),
            Deed::Runs("r".into()),
            Deed::Tests,
            Deed::Test("one".into()),
            Deed::Test("two".into()),
        ];
        assert_eq!(deeds(text), wanted);
    }

    #[test]
    fn what_has_no_name_has_nothing_above_it() {
        for text in ["", "runbook", "test", "test \"${x}\" {}", "fn f() -> Int { 1 }"] {
            assert_eq!(deeds(text), [], "{text}");
        }
    }

    #[test]
    fn the_library_is_only_read() {
        let analysis = Project::new(false).analysis();
        let slack = analysis.file("stdlib/slack.rrb").unwrap();
        assert_eq!(lenses(&analysis, slack), []);
    }
}
