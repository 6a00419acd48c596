//! What the tests share.

use rrb_import::{ConvertOptions, Converted, ImportError, Imported, Loss, Options, openapi};
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

/// What makes runbooks of a file.
pub type Convert = fn(&[u8], &ConvertOptions) -> Result<Converted, ImportError>;

/// The runbooks of a playbook, which check without an error, are formatted, and are the same twice.
pub fn converted(convert: Convert, source: &str, text: &str) -> Converted {
    converted_with(convert, &ConvertOptions { source: source.to_owned(), ..ConvertOptions::default() }, text)
}

/// As `converted`, with options.
pub fn converted_with(convert: Convert, options: &ConvertOptions, text: &str) -> Converted {
    let source = options.source.as_str();
    let made = convert(text.as_bytes(), options).unwrap_or_else(|e| panic!("{source}: {e}\n{}", e.help));
    assert_eq!(errors(&made.text), Vec::<String>::new(), "{source}\n{}", made.text);
    let mut sources = rrb_lang::span::Sources::default();
    let file = sources.add("api.rrb", "");
    assert_eq!(rrb_lang::syntax::format(file, &made.text).as_deref(), Ok(made.text.as_str()), "{source}");
    assert_eq!(convert(text.as_bytes(), options).unwrap().text, made.text, "{source} is not the same twice");
    made
}

/// Why there are no runbooks.
pub fn refused(convert: Convert, text: &str) -> String {
    let error = convert(text.as_bytes(), &ConvertOptions::default()).map(|c| c.text).unwrap_err();
    assert!(!error.help.is_empty() && !error.message.contains('\n'), "{error:?}");
    error.message
}

/// Converts the files of a folder beside this one, and of the same folder below the one that `RRB_PLAYBOOK_SAMPLES` names.
/// Each of the names must stand in the result or in the report.
pub fn samples(folder: &str, convert: Convert, names: fn(&serde_json::Value) -> Vec<String>) {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut folders = vec![own];
    folders.extend(std::env::var_os("RRB_PLAYBOOK_SAMPLES").map(|f| std::path::Path::new(&f).join(folder)));
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
            if path.is_dir() && !path.ends_with("expected_ast") {
                folders.push(path);
            } else if ["yml", "yaml"].contains(&kind) || (kind == "json" && !path.ends_with("expected_firings.json")) {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let source = file.file_name().unwrap().to_str().unwrap();
        let made = converted(convert, source, &text);
        let flat = |t: &str| t.replace("///", " ").replace("//", " ").split_whitespace().collect::<Vec<_>>().join(" ");
        let all = format!("{} {}", flat(&made.text), flat(&serde_json::to_string(&made.report).unwrap()));
        let value: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        for name in names(&value) {
            let escaped = serde_json::to_string(&name).unwrap();
            let found = [name.as_str(), escaped.trim_matches('"')].iter().any(|n| all.contains(&flat(n)));
            assert!(found, "{source}: `{name}` is nowhere\n{}\n{}", made.text, made.report.to_text());
        }
    }
}
