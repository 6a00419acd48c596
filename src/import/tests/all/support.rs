//! What the tests share.

use rrb_import::{Imported, Loss, Options, openapi};
use rrb_lang::check::{CheckInput, ModuleSource, check};

/// The connector of a description in YAML or JSON.
pub fn import(text: &str) -> Imported {
    let options = Options { source: "api.yaml".to_owned(), ..Options::default() };
    openapi::import(text.as_bytes(), &options).unwrap_or_else(|e| panic!("{e}\n{}", e.help))
}

/// What `rrb check` says of a connector, warnings too.
pub fn problems(text: &str) -> Vec<String> {
    said(text, |_| true)
}

/// The errors alone.
pub fn errors(text: &str) -> Vec<String> {
    said(text, rrb_lang::diag::Diagnostic::is_error)
}

fn said(text: &str, which: impl Fn(&rrb_lang::diag::Diagnostic) -> bool) -> Vec<String> {
    let module = ModuleSource { name: "api".into(), file: "api.rrb".into(), text: text.into() };
    let checked = check(CheckInput { modules: vec![module], ..CheckInput::default() });
    let place = |d: &rrb_lang::diag::Diagnostic| {
        let at = d.labels.first().map_or(0, |l| l.span.start as usize);
        let before = text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count();
        format!("{}: {} in `{}`", line + 1, d.message, text.lines().nth(line).unwrap_or_default().trim())
    };
    checked.diagnostics.iter().filter(|d| which(d)).map(place).collect()
}

/// The connector, which checks without a word and is formatted.
pub fn checked(text: &str) -> Imported {
    let imported = import(text);
    assert_eq!(problems(&imported.text), Vec::<String>::new(), "{}", imported.text);
    let mut sources = rrb_lang::span::Sources::default();
    let file = sources.add("api.rrb", "");
    assert_eq!(rrb_lang::syntax::format(file, &imported.text).as_deref(), Ok(imported.text.as_str()));
    imported
}

/// A description with these paths, each line indented by two.
pub fn api(paths: &str) -> String {
    format!(
        "openapi: 3.1.0\ninfo: {{ title: Test, version: \"1\" }}\nservers: [ {{ url: 'https://api.example' }} ]\npaths:\n{}",
        paths.trim_start_matches('\n')
    )
}

/// A description with these components; its one operation takes and gives the schema `T`.
pub fn components(kind: &str, all: &str) -> String {
    let both = "{ content: { application/json: { schema: { $ref: '#/components/schemas/T' } } } }";
    let paths = format!(
        "  /t: {{ put: {{ operationId: put_t, requestBody: {{ required: true, content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/T' }} }} }} }}, responses: {{ 200: {both} }} }} }}\n"
    );
    format!("{}components:\n  {kind}:\n{}", api(&paths), all.trim_start_matches('\n'))
}

/// The notes of one kind, each with its place.
pub fn notes(imported: &Imported, loss: Loss) -> Vec<String> {
    imported.report.notes.iter().filter(|n| n.loss == loss).map(|n| format!("{}: {}", n.at, n.what)).collect()
}
