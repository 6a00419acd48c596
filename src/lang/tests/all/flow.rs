//! Flowcharts: of every right fixture and example, of wide, long, deep and empty runbooks; what a picture must keep to, and escaping.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rrb_lang::check::{CheckInput, Checked, ModuleSource, PROJECT_FILE, Surroundings, check_in};
use rrb_lang::outline::flow::{self, Flow, Place};
use rrb_lang::outline::{Kind, outline, walk};
use rrb_lang::project;

fn module(path: &Path) -> ModuleSource {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let text: Arc<str> = std::fs::read_to_string(path).unwrap().into();
    ModuleSource { name: name.as_str().into(), file: format!("{name}.rrb"), text }
}

fn rrb_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    all.retain(|p| p.extension().is_some_and(|e| e == "rrb"));
    all.sort();
    all
}

/// Checks a text among the modules of the fixtures.
fn checked(text: &str) -> Checked {
    with_kit(ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() })
}

fn with_kit(main: ModuleSource) -> Checked {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check/kit");
    let toml = std::fs::read_to_string(kit.join("rrb.toml")).unwrap();
    let (config, _) = project::parse(PROJECT_FILE, &toml);
    let mut modules: Vec<ModuleSource> = rrb_files("tests/check/kit").iter().map(|p| module(p)).collect();
    modules.insert(0, main);
    check_in(CheckInput { modules, project: config }, Surroundings::default())
}

/// The flowcharts of all its runbooks, by name.
fn charts(checked: &Checked) -> Vec<(String, Flow)> {
    let Some(program) = &checked.program else { panic!("{:?}", checked.diagnostics) };
    let chart = |r| flow::flow(&outline(program, &checked.sources, r), &["by hand".to_owned()]);
    program.runbooks.iter().map(|r| (r.name.to_string(), chart(r))).collect()
}

fn edges(p: &Place) -> (f64, f64, f64, f64) {
    (p.x - p.width / 2.0, p.y - p.height / 2.0, p.x + p.width / 2.0, p.y + p.height / 2.0)
}

/// The corners of every line of a picture.
fn lines(svg: &str) -> Vec<Vec<(f64, f64)>> {
    let paths = svg.lines().filter_map(|l| l.strip_prefix("<path class=\"line\" d=\"")?.split('"').next());
    paths
        .map(|path| {
            let mut at = (0.0, 0.0);
            let mut corners = Vec::new();
            let mut rest = path;
            while let Some(command) = rest.chars().next() {
                let body = &rest[1..];
                let end = body.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(body.len());
                let numbers: Vec<f64> = body[..end].split_whitespace().map(|n| n.parse().unwrap()).collect();
                match command {
                    'M' => at = (numbers[0], numbers[1]),
                    'H' => at.0 = numbers[0],
                    'V' => at.1 = numbers[0],
                    other => panic!("{other} in {path}"),
                }
                corners.push(at);
                rest = &body[end..];
            }
            corners
        })
        .collect()
}

/// What is wrong with a picture: boxes on each other or outside, lines through boxes or upwards into one.
fn faults(chart: &Flow) -> Vec<String> {
    let mut out = Vec::new();
    for (i, a) in chart.places.iter().enumerate() {
        let (left, top, right, bottom) = edges(a);
        if left < 0.0 || top < 0.0 || right > chart.width || bottom > chart.height {
            out.push(format!("outside: {:?}", a.lines));
        }
        for b in &chart.places[i + 1..] {
            let (l, t, r, m) = edges(b);
            if left < r && l < right && top < m && t < bottom {
                out.push(format!("{:?} lies on {:?}", a.lines, b.lines));
            }
        }
    }
    let drawn = lines(&flow::svg(chart, "t"));
    if drawn.is_empty() {
        out.push("nothing is drawn between the boxes".to_owned());
    }
    for corners in drawn {
        for pair in corners.windows(2) {
            let (x1, x2) = (pair[0].0.min(pair[1].0), pair[0].0.max(pair[1].0));
            let (y1, y2) = (pair[0].1.min(pair[1].1), pair[0].1.max(pair[1].1));
            if x1 < 0.0 || x2 > chart.width || y1 < 0.0 || y2 > chart.height {
                out.push(format!("a line leaves the picture: {corners:?}"));
            }
            for p in &chart.places {
                let (left, top, right, bottom) = edges(p);
                if x1 < right - 1.0 && left + 1.0 < x2 + 0.1 && y1 < bottom - 1.0 && top + 1.0 < y2 + 0.1 {
                    out.push(format!("a line goes through {:?}: {corners:?}", p.lines));
                }
            }
        }
    }
    out
}

#[test]
fn no_box_lies_on_another_and_no_line_goes_through_one() {
    let mut seen = 0;
    for path in rrb_files("tests/check/ok") {
        let checked = with_kit(module(&path));
        // A fixture with a module of the kit's name is none of ours.
        if checked.program.is_none() {
            continue;
        }
        for (name, chart) in charts(&checked) {
            assert_eq!(faults(&chart), Vec::<String>::new(), "{} {name}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

const EVERY_FORM: &str = r#"
use k8s
use alerts
runbook child(node: Text) { log node }
runbook every(nodes: List<Text>, kind: Text) {
  at most 25% of nodes or 1 for nodes
  let sums = parallel { web = k8s.pods("web").len(), jobs { k8s.pods("jobs").len() } }
  var tries = 0
  while tries < 3 max 5 {
    tries += 1
    if k8s.pods("web").is_empty() { continue }
    if tries == 2 { break } else if tries == 3 { log "three" } else { wait 10s }
  }
  match kind {
    "a" | "b" => { do k8s.cordon("n1") undo { do k8s.uncordon("n1") } }
    _ if tries > 2 => { wait until k8s.pods("web").len() > 3 every 10s within 5m }
    _ => {}
  }
  approve "Drain ${nodes.len()}?" from group("sre") {
    for node in nodes in waves [1, 100%] pausing 10m parallel 3 {
      step "Node ${node}" { do k8s.drain(node) }
    } between {
      verify "ready" within 5m every 1m settle 10s { k8s.pods("web").len() >= sums.web }
    }
  }
  waive "old" by "ana" until time"2031-01-01T00:00:00Z" { do k8s.drain("n2") }
  race { told { log "told" }, quiet { wait 1m  log "late" } }
  let results = for node in nodes parallel 2 collect failures { k8s.pods(node).len() }
  evidence "results" = results.len()
  during {
    let calm = wait for alerts.resolved as r where r.name == kind within 10m
    if calm == none { fail "not calm" }
  } on alerts.resolved as r where r.name == "all" {
    finish not_needed "calm"
  } on alerts.firing as a where a.name == "x" {
    tries += 1
    if tries == 3 { restart }
  }
  try { run child("n1") } catch f { rollback  log f.message }
  let id = start child("n2")
  if kind == "z" { finish escalated "z" }
  log id
  on failure as f { log f.message }
  finally { log "over" }
}
"#;

#[test]
fn every_form_stands_in_the_outline() {
    let checked = checked(EVERY_FORM);
    let (_, chart) = charts(&checked).remove(1);
    assert_eq!(faults(&chart), Vec::<String>::new());
    let program = checked.program.as_ref().unwrap();
    let what = outline(program, &checked.sources, &program.runbooks[1]);
    let mut lines = Vec::new();
    for part in [&what.body, &what.on_failure, &what.finally] {
        walk(part, &mut |node| {
            lines.push(match &node.kind {
                Kind::Step { name, .. } => format!("step {name}"),
                Kind::Act { text, effect, calls, children } => {
                    let undo: Vec<&str> = calls.iter().filter_map(|c| c.undo.as_deref()).collect();
                    format!(
                        "{effect:?} {text} {} {undo:?}",
                        children.iter().map(|c| c.awaited.to_string()).collect::<String>()
                    )
                }
                Kind::Compute { text } => format!("compute {text}"),
                Kind::If { condition, .. } => format!("if {condition}"),
                Kind::Match { value, arms } => {
                    format!("match {value} {:?}", arms.iter().map(|a| &a.label).collect::<Vec<_>>())
                }
                Kind::Repeat(r) => format!(
                    "repeat {} parallel {:?} waves {:?} pausing {:?} collect {} between {}",
                    r.head,
                    r.parallel,
                    r.waves,
                    r.pausing,
                    r.collect,
                    r.between.len()
                ),
                Kind::Fork { head, branches, one } => {
                    format!("{head} {one} {:?}", branches.iter().map(|b| &b.label).collect::<Vec<_>>())
                }
                Kind::During { handlers, .. } => {
                    format!("during {:?}", handlers.iter().map(|h| &h.label).collect::<Vec<_>>())
                }
                Kind::Approve(a) => format!("approve {} {} of {:?} within {}", a.question, a.quorum, a.from, a.within),
                Kind::Waive { reason, by, .. } => format!("waive {reason} by {by}"),
                Kind::Try { handler, .. } => format!("try, caught: {}", handler.is_some()),
                other => format!("{other:?}"),
            });
        });
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_wide_a_deep_and_an_empty_runbook_are_drawn() {
    let arms: String = (0..40).map(|i| format!("    \"kind number {i}\" => {{ log \"{i}\" }}\n")).collect();
    let wide = format!("runbook wide(kind: Text) {{\n  match kind {{\n{arms}    _ => {{}}\n  }}\n}}\n");
    let (open, close) = ("if kind == \"x\" { ".repeat(40), " }".repeat(40));
    let deep = format!("runbook deep(kind: Text) {{ {open} log \"in\" {close} }}\n");
    let empty = "runbook empty() {}\n";
    for (name, chart) in charts(&checked(&format!("{wide}{deep}{empty}"))) {
        assert_eq!(faults(&chart), Vec::<String>::new(), "{name}");
        match name.as_str() {
            "wide" => assert!(chart.width > 4_000.0, "{}", chart.width),
            "deep" => assert_eq!(chart.places.len(), 43),
            _ => assert_eq!((chart.places.len(), chart.ways.len()), (2, 1)),
        }
    }
}

#[test]
fn five_hundred_steps_are_drawn() {
    let steps: String = (0..500)
        .map(|i| {
            format!(
                "  step \"number {i}\" {{ if kind == \"{i}\" {{ do k8s.cordon(\"n{i}\") }} else {{ log \"{i}\" }} }}\n"
            )
        })
        .collect();
    let checked = checked(&format!("use k8s\nrunbook long(kind: Text) {{\n{steps}}}\n"));
    let (_, chart) = charts(&checked).remove(0);
    let size = flow::svg(&chart, "long").len() + flow::dot(&chart, "long").len() + flow::mermaid(&chart).len();
    assert_eq!(chart.places.len(), 500 * 4 + 2);
    assert!(size < 4 << 20, "{size}");
}

#[test]
fn texts_of_a_runbook_are_no_markup_in_any_format() {
    let text = r##"runbook harm(x: Text) {
  log "</text><script>alert(1)</script> \" ]] }} --> %%{init: 1}%% `x` #quot; &amp; \\n ‹"
  step "1. one\u{202e}" { if x == "a\"]" { log "\\" } }
}
"##;
    let (_, chart) = charts(&checked(text)).remove(0);
    let svg = flow::svg(&chart, "<script>");
    assert!(!svg.contains("<script") && !svg.contains('\u{202e}'), "{svg}");
    assert_eq!(svg.matches("</text>").count(), svg.matches("<text ").count());
    let dot = flow::dot(&chart, "a\"b\\");
    assert!(dot.starts_with("digraph \"a\\\"b\\\\\" {"), "{dot}");
    for line in dot.lines().filter(|l| l.contains("[label=")) {
        // Every quote is one of ours, or behind a sign.
        let bare = line.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(bare.matches('"').count() % 2, 0, "{line}");
    }
    let mermaid = flow::mermaid(&chart);
    for sign in ["<script", "%%", "`", "#quot;#quot;", "1. one"] {
        assert!(!mermaid.contains(sign), "{sign}: {mermaid}");
    }
    assert!(mermaid.contains("1#46; one") && mermaid.contains("#35;quot;"), "{mermaid}");
}

/// Of a picture: how many lines it has, and how many the chart has ways.
fn drawn(chart: &Flow) -> (usize, usize) {
    (lines(&flow::svg(chart, "t")).len(), chart.ways.len())
}

#[test]
fn every_way_is_drawn_also_out_of_loops() {
    let text = r#"
use alerts
runbook jumps(nodes: List<Text>, kind: Text) {
  for node in nodes {
    if node == "a" { break }
    if node == "b" { continue } else { log "a text that makes this side of the choice quite wide" }
    match kind {
      "in" => {
        if node == "c" { if kind == "d" { break } else { continue } }
        log "a box below the choice that the jump has to go around"
        step "deeper" {
          if node == "e" { log "e" } else if node == "f" { log "f" } else { break }
        }
        log "after"
      }
      "this name is too long for a line" => { continue }
      _ => { log "other" }
    }
    for inner in nodes {
      if inner == "g" { break }
      if inner == "h" { continue }
    }
  }
  for outer in nodes {
    for inner in nodes {
      log "inner"
      if inner == "i" { log "i" break }
    }
  }
  var tries = 0
  during {
    log "work"
  } on alerts.firing as a where a.name == "x" {
    tries += 1
    if tries == 3 { restart }
    if tries == 4 { log "four" } else { if tries == 5 { restart } log "a box below" }
    log "later"
  }
}
"#;
    let (_, chart) = charts(&checked(text)).remove(0);
    assert_eq!(faults(&chart), Vec::<String>::new());
    let (drawn, ways) = drawn(&chart);
    assert_eq!(drawn, ways);
    // Where each goes, by what it is.
    let to = |word: &str| -> Vec<String> {
        let from = |w: &&flow::Way| chart.places[w.from].lines[0].starts_with(word);
        chart.ways.iter().filter(from).map(|w| chart.places[w.to].lines.join(" ")).collect()
    };
    assert_eq!(to("restart").len(), 2);
    insta::assert_snapshot!(format!(
        "break → {:#?}\ncontinue → {:#?}\nrestart → {:#?}",
        to("break"),
        to("continue"),
        to("restart")
    ));
}
