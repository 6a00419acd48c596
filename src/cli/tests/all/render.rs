//! What people read, at a fixed width and without colour.

use rrb_cli::out::Look;
use rrb_cli::timeline::Timeline;
use rrb_cli::watch::Model;
use rrb_cli::{diagnostics, plan_text, run_text};
use rrb_lang::diag::{Diagnostic, codes};
use rrb_lang::span::{Sources, Span};

use crate::samples::{self, START};

fn look() -> Look {
    Look::plain(100)
}

#[test]
fn a_timeline_tells_the_story_of_many_runs() {
    let mut timeline = Timeline::new(look(), true).detailed(true);
    let lines: Vec<String> = samples::story().iter().flat_map(|i| timeline.lines(i)).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_timeline_of_one_run_does_not_repeat_its_name() {
    let mut timeline = Timeline::new(look(), false);
    let lines: Vec<String> =
        samples::story().iter().filter(|i| i.run.is_some()).take(8).flat_map(|i| timeline.lines(i)).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_is_open_is_what_runs_now() {
    let mut timeline = Timeline::new(look(), false);
    for item in samples::story().iter().take(11) {
        timeline.lines(item);
    }
    assert_eq!(
        timeline.current(START + 2050).as_deref(),
        Some("destroys system.delete_file on host-1: /var/cache/old … 2s")
    );
}

#[test]
fn what_ends_in_a_branch_is_what_began_in_it() {
    let mut timeline = Timeline::new(look(), false);
    let lines: Vec<String> = samples::side_by_side().iter().flat_map(|i| timeline.lines(i)).collect();
    let [a, b] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(a.contains("[a] changes file.write: path /a; content x 5ms"), "{a}");
    assert!(b.contains("[b] changes file.write: path /b; content x 8ms"), "{b}");
}

#[test]
fn no_line_of_any_view_steers_the_terminal() {
    let mut timeline = Timeline::new(look(), true);
    let mut all: Vec<String> = samples::story().iter().flat_map(|i| timeline.lines(i)).collect();
    all.extend(plan_text::approval(&look(), &samples::approval(), START));
    all.extend(run_text::show(&look(), &samples::view(), START, true));
    all.extend(rrb_cli::commands::why::show(&look(), &samples::event(), START));
    for line in all {
        assert!(!line.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{line:?}");
    }
}

#[test]
fn an_approval_shows_everything_its_answer_binds_to() {
    insta::assert_snapshot!(plan_text::approval(&look(), &samples::approval(), START + 120_000).join("\n"));
}

#[test]
fn an_approval_of_another_version_is_shown_as_such() {
    let mut row = samples::approval();
    row.ask = serde_json::json!({"question": 3});
    assert_eq!(plan_text::approval(&look(), &row, START), ["(a question of another version of rrb)"]);
}

#[test]
fn a_run_is_shown_whole() {
    insta::assert_snapshot!(run_text::show(&look(), &samples::view(), START + 600_000, true).join("\n"));
}

#[test]
fn an_event_says_what_became_of_it() {
    insta::assert_snapshot!(rrb_cli::commands::why::show(&look(), &samples::event(), START + 5_000).join("\n"));
}

#[test]
fn the_watch_view_fits_its_rows() {
    let mut model = Model { user: Some("ana".into()), title: "disk-pressure".into(), ..Model::default() };
    model.set_approvals(vec![samples::approval()]);
    model.set_runs(vec![samples::run()]);
    insta::assert_snapshot!(model.panel(&look(), START + 60_000, 20).join("\n"));
    for rows in [1, 6, 8, 12] {
        assert!(model.panel(&look(), START, rows).len() <= rows.max(6), "{rows}");
    }
}

#[test]
fn a_diagnostic_says_what_where_and_what_to_do() {
    let mut sources = Sources::default();
    let file = sources.add("fix.rrb", "runbook fix(node: Text) {\n  do k8s.drain(nod)\n}\n");
    let other = sources.add("lib/k8s.rrb", "action drain(node: Text) destroys {\n}\n");
    let d = Diagnostic::error(codes::SYNTAX_UNEXPECTED, "there is no `nod`", Span::new(file, 41, 44), "not known here")
        .label(Span::new(file, 12, 16), "a parameter")
        .label(Span::new(other, 7, 12), "declared here")
        .help("did you mean `node`?")
        .note("fix calls k8s.drain")
        .fix("write `node`", vec![(Span::new(file, 41, 44), "node".into())]);
    let warning = Diagnostic::warning(codes::TRIGGER_NEVER, "an odd thing", Span::new(file, 0, 7), "");
    let all = [d, warning];
    let text = diagnostics::render(&look(), diagnostics::Format::Human, &sources, &all);
    insta::assert_snapshot!(format!("{text}{}", diagnostics::summary(&look(), &all, 2)));
    let lines = [diagnostics::Format::Short, diagnostics::Format::Github]
        .map(|f| diagnostics::render(&look(), f, &sources, &all));
    insta::assert_snapshot!(lines.concat());
}

#[test]
fn a_place_outside_its_file_is_no_crash() {
    let mut sources = Sources::default();
    let file = sources.add("a.rrb", "é");
    for (start, end) in [(0, 1), (1, 1), (5, 9), (2, 2), (u32::MAX, u32::MAX)] {
        let d = Diagnostic::error(codes::SYNTAX_UNEXPECTED, "m", Span::new(file, start, end), "here");
        assert!(diagnostics::human(&look(), &sources, &d).contains('m'));
    }
}

/// The programs of the checker's tests, each with its project file.
fn wrong_programs() -> Vec<(String, String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../lang/tests/check");
    let kit = std::fs::read_to_string(folder.join("kit/rrb.toml")).unwrap();
    let entries = std::fs::read_dir(folder.join("bad")).unwrap().map(|e| e.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == "rrb")).collect();
    paths.sort();
    let read = |p: &std::path::PathBuf| {
        let config = std::fs::read_to_string(p.with_extension("toml")).unwrap_or_else(|_| kit.clone());
        (p.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(p).unwrap(), config)
    };
    paths.iter().map(read).collect()
}

/// The columns of a line that its words could have kept to: a word that is longer than what is left stands whole, and so does the
/// source.
fn needed(line: &str) -> usize {
    let words = line.rsplit_once(['╰', '│']).map_or(line, |(_, label)| label.trim_start_matches(['─', '┤', ' ']));
    let longest = words.split_whitespace().map(|w| w.chars().count()).max().unwrap_or(0);
    let head = line.chars().count() - words.chars().count();
    // What stands in a column of its own behind the source has at least this many columns.
    let label = if line.contains('·') || line.contains('│') { 30 } else { 0 };
    head + longest.max(label)
}

#[test]
fn diagnostics_keep_to_the_width() {
    use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, Surroundings, check_in};
    const WIDTH: usize = 60;
    let mut wide = String::new();
    for (name, text, config) in wrong_programs().into_iter().step_by(3) {
        let (project, mut all) = rrb_lang::project::parse(PROJECT_FILE, &config);
        let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
        let around = Surroundings { project_text: Some(config.into()), now: None, files: None };
        let checked = check_in(CheckInput { modules: vec![main], project }, around);
        all.extend(checked.diagnostics);
        let shown = diagnostics::render(&Look::plain(WIDTH), diagnostics::Format::Human, &checked.sources, &all);
        let source =
            |l: &str| l.trim_start().starts_with(|c: char| c.is_ascii_digit()) || !l.contains(char::is_alphabetic);
        for line in shown.lines().filter(|l| !source(l)) {
            if line.chars().count() > WIDTH.max(needed(line)) {
                wide.push_str(&format!("{name}: {line}\n"));
            }
        }
    }
    assert!(wide.is_empty(), "{wide}");
}

#[test]
fn explanations_keep_to_the_width() {
    const WIDTH: usize = 60;
    for code in codes::ALL {
        for line in rrb_cli::commands::explain::page(&Look::plain(WIDTH), *code) {
            let code_line = line.starts_with("    ");
            assert!(code_line || line.chars().count() <= WIDTH.max(needed(&line)), "{}: {line}", code.name());
        }
    }
}

#[test]
fn a_table_is_cut_on_a_terminal_only() {
    let rows = [vec!["a".repeat(30), "b".repeat(30)]];
    let shown = |look: &Look| rrb_cli::out::table(look, &["one", "two"], &rows).join("\n");
    let terminal = Look::plain(40);
    assert!(shown(&terminal).contains('…') && !shown(&terminal).contains(&"b".repeat(30)));
    let pipe = Look { cuts: false, ..Look::plain(40) };
    assert!(shown(&pipe).contains(&"b".repeat(30)));
}
