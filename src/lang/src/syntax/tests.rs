use super::*;

#[test]
fn probe() {
    for path in std::env::var("RRB_PROBE").unwrap_or_default().split(',').filter(|p| !p.is_empty()) {
        let text = std::fs::read_to_string(path).unwrap();
        let parsed = parse(FileId(0), &text);
        for d in &parsed.diagnostics {
            let at = d.span().start as usize;
            let line = text[..at].matches('\n').count() + 1;
            eprintln!("{path}:{line}: {} | {}", d.message, text[at..].lines().next().unwrap_or(""));
        }
        if std::env::var("RRB_TREE").is_ok() {
            eprintln!("{:#?}", parsed.module);
        }
    }
}
