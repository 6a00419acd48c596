//! What a file declares, as a tree of names.

use rrb_lang::span::{FileId, Span};
use rrb_lang::syntax::ast::{
    EnumDecl, Expr, ExprKind, FieldDecl, Item, ItemKind, Runbook, TextPart, Type, TypeKind, Variant,
};
use rrb_lang::syntax::walk::Node;

use super::Analysis;

/// What a name in an outline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    Constant,
    Settings,
    Setting,
    Record,
    Alias,
    Enum,
    Variant,
    Field,
    Function,
    Action,
    Runbook,
    Step,
    Connector,
    Event,
    Policy,
    Test,
}

/// A declaration, or a named part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    /// What stands behind the name: parameters, a type, an effect.
    pub detail: String,
    pub sort: Sort,
    /// The whole of it.
    pub span: Span,
    /// Its name.
    pub name_span: Span,
    pub inside: Vec<Entry>,
}

/// What a file declares, in order of place.
pub fn outline(analysis: &Analysis, file: FileId) -> Vec<Entry> {
    let text = analysis.text(file);
    analysis.read(file).ast.items.iter().filter_map(|item| entry(item, &text)).collect()
}

fn entry(item: &Item, text: &str) -> Option<Entry> {
    let make = |name: &str, name_span: Span, sort: Sort, detail: String, inside: Vec<Entry>| Entry {
        name: name.to_owned(),
        detail,
        sort,
        span: item.span,
        name_span: within(name_span, item.span),
        inside,
    };
    Some(match &item.kind {
        ItemKind::Use(_) | ItemKind::Bad => return None,
        ItemKind::Const(c) => {
            let ty = c.ty.as_ref().map(|t| source(text, t.span)).unwrap_or_default();
            make(&c.name.name, c.name.span, Sort::Constant, ty, vec![])
        }
        ItemKind::Settings(s) => {
            let word = Span { end: item.span.start + 8, ..item.span };
            make("settings", word, Sort::Settings, String::new(), fields(&s.fields, Sort::Setting, text))
        }
        ItemKind::Type(t) => {
            let (sort, inside) = of_type(&t.ty, text);
            make(&t.name.name, t.name.span, sort, String::new(), inside)
        }
        ItemKind::Enum(e) => make(&e.name.name, e.name.span, Sort::Enum, String::new(), variants(e)),
        ItemKind::Fn(f) => {
            let detail = head(text, f.name.span, f.body.span);
            make(&f.name.name, f.name.span, Sort::Function, detail, vec![])
        }
        ItemKind::Action(a) => {
            let end = a.body.as_ref().map_or(item.span.after(), |b| b.span);
            make(&a.name.name, a.name.span, Sort::Action, head(text, a.name.span, end), vec![])
        }
        ItemKind::Runbook(r) => {
            let detail = r.params.iter().map(|p| source(text, p.span)).collect::<Vec<_>>().join(", ");
            make(&r.name.name, r.name.span, Sort::Runbook, format!("({detail})"), steps(r, item, text))
        }
        ItemKind::Connector(c) => {
            let inside = c.items.iter().filter_map(|i| entry(i, text)).collect();
            make(&c.name.name, c.name.span, Sort::Connector, String::new(), inside)
        }
        ItemKind::Event(e) => make(&e.name.name, e.name.span, Sort::Event, source(text, e.ty.span), vec![]),
        ItemKind::Policy(p) => make(&p.name.name, p.name.span, Sort::Policy, String::new(), vec![]),
        ItemKind::Test(t) => make(&words(&t.name, text), t.name.span, Sort::Test, String::new(), vec![]),
    })
    .filter(|e| !e.name.is_empty())
}

/// A name that could not be read has no place of its own.
fn within(name: Span, whole: Span) -> Span {
    if whole.start <= name.start && name.end <= whole.end { name } else { Span { end: whole.start, ..whole } }
}

fn source(text: &str, span: Span) -> String {
    let written = text.get(span.start as usize..span.end as usize).unwrap_or_default();
    written.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands between a name and a body, on one line.
fn head(text: &str, name: Span, body: Span) -> String {
    const LONGEST: usize = 120;
    let mut head = source(text, Span { start: name.end, end: body.start, ..name });
    if head.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|i| head.is_char_boundary(*i)).unwrap_or(0);
        head.truncate(end);
        head.push('…');
    }
    head
}

/// A text literal without its quotes.
fn words(expr: &Expr, text: &str) -> String {
    let ExprKind::Text(parts) = &expr.kind else { return source(text, expr.span) };
    let part = |p: &TextPart| match p {
        TextPart::Chars(c) => c.to_string(),
        TextPart::Hole(e) => format!("${{{}}}", source(text, e.span)),
    };
    parts.iter().map(part).collect()
}

fn of_type(ty: &Type, text: &str) -> (Sort, Vec<Entry>) {
    match &ty.kind {
        TypeKind::Record(all) => (Sort::Record, fields(all, Sort::Field, text)),
        _ => (Sort::Alias, vec![]),
    }
}

fn fields(all: &[FieldDecl], sort: Sort, text: &str) -> Vec<Entry> {
    let one = |f: &FieldDecl| Entry {
        name: f.name.name.to_string(),
        detail: source(text, f.ty.span),
        sort,
        span: f.span,
        name_span: within(f.name.span, f.span),
        inside: vec![],
    };
    all.iter().map(one).filter(|e| !e.name.is_empty()).collect()
}

fn variants(e: &EnumDecl) -> Vec<Entry> {
    let one = |v: &Variant| Entry {
        name: v.name.name.to_string(),
        detail: String::new(),
        sort: Sort::Variant,
        span: v.span,
        name_span: within(v.name.span, v.span),
        inside: vec![],
    };
    e.variants.iter().map(one).filter(|e| !e.name.is_empty()).collect()
}

/// What happens in a runbook that has a name: its steps, with those inside them.
fn steps(runbook: &Runbook, item: &Item, text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    if !runbook.body.is_empty() || runbook.on_failure.is_some() || runbook.finally.is_some() {
        Node::Item(item).children(&mut |child| named(child, text, &mut found));
    }
    found
}

fn named(node: Node<'_>, text: &str, found: &mut Vec<Entry>) {
    let mut inside = Vec::new();
    node.children(&mut |child| named(child, text, &mut inside));
    let Node::Expr(e) = node else {
        found.append(&mut inside);
        return;
    };
    let (name, word) = match &e.kind {
        ExprKind::Step { name, .. } => (&**name, ""),
        ExprKind::Approve(a) => (&a.question, "approve "),
        ExprKind::Waive { reason, .. } => (&**reason, "waive "),
        ExprKind::Verify { name, .. } => (&**name, "verify "),
        _ => {
            found.append(&mut inside);
            return;
        }
    };
    let said = words(name, text);
    if said.is_empty() {
        found.append(&mut inside);
        return;
    }
    found.push(Entry {
        name: format!("{word}{said}"),
        detail: String::new(),
        sort: Sort::Step,
        span: e.span,
        name_span: within(name.span, e.span),
        inside,
    });
}

/// Declarations of the whole project whose names hold the letters of `query` in their order, the nearest first, at most `most`.
pub fn search(analysis: &Analysis, query: &str, most: usize) -> Vec<(Option<String>, Entry)> {
    let mut found: Vec<(u32, Option<String>, Entry)> = Vec::new();
    for file in analysis.files() {
        for entry in outline(analysis, file) {
            collect(entry, None, query, &mut found);
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.2.name.cmp(&b.2.name)).then_with(|| a.2.span.cmp(&b.2.span)));
    found.truncate(most);
    found.into_iter().map(|(_, holder, entry)| (holder, entry)).collect()
}

fn collect(mut entry: Entry, holder: Option<&str>, query: &str, found: &mut Vec<(u32, Option<String>, Entry)>) {
    let inside = std::mem::take(&mut entry.inside);
    for inner in inside {
        collect(inner, Some(&entry.name), query, found);
    }
    if let Some(distance) = distance(&entry.name, query) {
        found.push((distance, holder.map(str::to_owned), entry));
    }
}

/// How far a name is from what somebody typed; none when it does not hold the letters in their order.
fn distance(name: &str, query: &str) -> Option<u32> {
    let (name, query) = (name.to_lowercase(), query.to_lowercase());
    if name == query {
        return Some(0);
    }
    if name.starts_with(&query) {
        return Some(1);
    }
    if name.contains(&query) {
        return Some(2);
    }
    let mut letters = name.chars();
    query.chars().all(|wanted| letters.any(|c| c == wanted)).then_some(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ide::Project;

    fn project(text: &str) -> Analysis {
        let mut project = Project::new(false);
        project.set("a.rrb", Some(text.into()));
        project.analysis()
    }

    fn draw(entries: &[Entry], depth: usize, out: &mut String) {
        for e in entries {
            out.push_str(&format!("{}{:?} {} {}\n", "  ".repeat(depth), e.sort, e.name, e.detail));
            draw(&e.inside, depth + 1, out);
        }
    }

    fn drawn(text: &str) -> String {
        let analysis = project(text);
        let mut out = String::new();
        draw(&outline(&analysis, analysis.file("a.rrb").unwrap()), 0, &mut out);
        out
    }

    #[test]
    fn everything_that_has_a_name_is_there() {
        let drawn = drawn(
            r#"
use std.slack
let most = 3
settings { age: Duration = 3d }
type Disk = { mount: Text, used: Float }
type Disks = List<Disk>
enum Level { low, high(why: Text) }
fn twice(x: Int) -> Int { x * 2 }
connector pager {
  settings { token: Secret }
  action page(team: Text) -> Int changes { 1 }
}
runbook relieve(mount: Text) {
  step "Look" { step "Inside" { log "x" } }
  if true { verify "it is fine" within 1m every 1s { true } }
  finish resolved "ok"
}
policy guard { forbid waive because "no" }
test "it works" { run relieve("/") }
"#,
        );
        let wanted = "\
Constant most 
Settings settings 
  Setting age Duration
Record Disk 
  Field mount Text
  Field used Float
Alias Disks 
Enum Level 
  Variant low 
  Variant high 
Function twice (x: Int) -> Int
Connector pager 
  Settings settings 
    Setting token Secret
  Action page (team: Text) -> Int changes
Runbook relieve (mount: Text)
  Step Look 
    Step Inside 
  Step verify it is fine 
Policy guard 
Test it works 
";
        assert_eq!(drawn, wanted);
    }

    #[test]
    fn broken_text_leaves_what_can_be_read() {
        for text in ["", "fn", "runbook {", "connector c {", "enum", "type T =", "test \"", "settings", "fn f("] {
            let _ = drawn(text);
        }
        assert!(drawn("fn a() -> Int {\nfn b() -> Int { 2 }\n").contains("Function b"));
    }

    #[test]
    fn a_name_stands_inside_of_what_it_names() {
        fn holds(e: &Entry) {
            assert!(e.span.start <= e.name_span.start && e.name_span.end <= e.span.end, "{e:?}");
            e.inside.iter().for_each(holds);
        }
        for text in ["settings", "settings {", "fn a", "test \"x", "runbook r { step \"a\" {", "connector c { event"] {
            let analysis = project(text);
            outline(&analysis, analysis.file("a.rrb").unwrap()).iter().for_each(holds);
        }
    }

    #[test]
    fn names_are_found_by_their_letters() {
        let analysis = project("fn disk_used() -> Int { 1 }\nfn used() -> Int { 1 }\nfn unused_disk() -> Int { 1 }\n");
        let names = |query| -> Vec<String> { search(&analysis, query, 10).into_iter().map(|(_, e)| e.name).collect() };
        assert_eq!(names("used"), ["used", "disk_used", "unused_disk"]);
        assert_eq!(names("DU"), ["disk_used"]);
        assert_eq!(names("").len(), 3);
        assert_eq!(names("zz"), Vec::<String>::new());
        assert_eq!(search(&analysis, "", 2).len(), 2);
    }
}
