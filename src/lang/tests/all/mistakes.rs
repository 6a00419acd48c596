//! Wrong programs: each file of `tests/check/bad` makes one mistake, what is said of it stands beside it as a snapshot.
//!
//! A file may `use` the modules of `tests/check/kit`; its project file is `NAME.toml`, or that of the kit. A new case is a new file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, Surroundings, check_in};
use rrb_lang::diag::{Diagnostic, Fix, Severity, plain};
use rrb_lang::project::{self, Declared, resolve_settings};
use rrb_lang::span::Sources;
use rrb_lang::value::Value;

/// 2026-07-01: waivers before it have run out.
const TODAY: i64 = 1_782_864_000_000;

struct Case {
    name: String,
    text: String,
    config: String,
    kit: Vec<ModuleSource>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check").join(name)
}

fn cases(dir: &str) -> Vec<Case> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder(dir)).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "rrb"));
    paths.sort();
    paths.iter().map(|p| case(p)).collect()
}

fn case(path: &Path) -> Case {
    let text = std::fs::read_to_string(path).unwrap();
    let own = std::fs::read_to_string(path.with_extension("toml"));
    let config = own.unwrap_or_else(|_| std::fs::read_to_string(folder("kit/rrb.toml")).unwrap());
    let kit = ["alerts", "chat", "k8s", "paging"]
        .into_iter()
        .filter(|name| path.file_stem().is_none_or(|own| own != *name))
        .filter(|name| text.contains(&format!("use {name}")) || text.contains(&format!("{name}.")))
        .filter_map(|name| {
            let file = format!("{name}.rrb");
            let text = std::fs::read_to_string(folder("kit").join(&file)).ok()?;
            Some(ModuleSource { name: name.into(), file, text: text.into() })
        })
        .collect();
    Case { name: path.file_stem().unwrap().to_string_lossy().into_owned(), text, config, kit }
}

impl Case {
    /// All that `rrb check` says of it, in an empty environment.
    fn check(&self, text: &str, config: &str) -> (Vec<Diagnostic>, Sources) {
        let (project, mut diagnostics) = project::parse(PROJECT_FILE, config);
        let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
        let modules = std::iter::once(main).chain(self.kit.iter().cloned()).collect();
        let around = Surroundings {
            project_text: Some(config.into()),
            now: Some(TODAY),
            files: Some(crate::check::delegates()),
        };
        let checked = check_in(CheckInput { modules, project: project.clone() }, around);
        diagnostics.extend(checked.diagnostics);
        if let Some(program) = &checked.program {
            let declared =
                Declared { settings: &program.settings, types: &program.types, constants: &|_| Some(Value::Nothing) };
            diagnostics.extend(resolve_settings(declared, &project, &BTreeMap::new()).err().unwrap_or_default());
        }
        (diagnostics, checked.sources)
    }

    /// The text and the project file with the fix made.
    fn mend(&self, fix: &Fix, sources: &Sources) -> (String, String) {
        let (mut text, mut config) = (self.text.clone(), self.config.clone());
        let mut edits = fix.edits.clone();
        edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        for (span, with) in edits {
            let file = if span.file == PROJECT_FILE { &mut config } else { &mut text };
            assert!(span.file == PROJECT_FILE || sources.name(span.file) == "main.rrb", "a fix in another file");
            file.replace_range(span.start as usize..span.end as usize, &with);
        }
        (text, config)
    }
}

#[test]
fn the_kit_is_right() {
    for case in cases("kit") {
        let (diagnostics, sources) = case.check(&case.text, &case.config);
        let wrong: Vec<_> = diagnostics.into_iter().filter(|d| d.code.name() != "rrb::setting::missing").collect();
        assert!(wrong.is_empty(), "{}:\n{}", case.name, plain::render(&wrong, &sources));
    }
}

#[test]
fn every_mistake_is_explained() {
    let mut poor = Vec::new();
    let all = cases("bad");
    for case in &all {
        let (diagnostics, sources) = case.check(&case.text, &case.config);
        if diagnostics.is_empty() {
            poor.push(format!("{}: nothing is said", case.name));
        }
        for d in &diagnostics {
            let unlabelled = d.labels.iter().any(|l| l.text.is_empty() && !l.primary);
            for (lacks, what) in
                [(d.help.is_empty(), "help"), (unlabelled, "words in a label"), (d.message.ends_with('.'), "style")]
            {
                if lacks {
                    poor.push(format!("{}: no {what}: {}", case.name, d.message));
                }
            }
        }
        let shown = plain::render(&diagnostics, &sources);
        insta::with_settings!({
            snapshot_path => folder("bad"),
            prepend_module_to_snapshot => false,
            omit_expression => true,
            description => case.text.clone(),
        }, {
            insta::assert_snapshot!(case.name.as_str(), shown);
        });
    }
    assert!(poor.is_empty(), "{}", poor.join("\n"));
    assert!(all.len() >= 60);
}

#[test]
fn every_fix_mends_its_mistake() {
    let mut failed = String::new();
    for case in cases("bad") {
        let (diagnostics, sources) = case.check(&case.text, &case.config);
        for d in &diagnostics {
            for fix in &d.fixes {
                let (text, config) = case.mend(fix, &sources);
                let (after, sources) = case.check(&text, &config);
                // The same mistake is gone, whatever the next one is.
                let same = after.iter().any(|a| a.code == d.code && a.message == d.message && a.span() == d.span());
                let syntax =
                    |all: &[Diagnostic]| all.iter().filter(|a| a.code.name().starts_with("rrb::syntax")).count();
                if same || syntax(&after) > syntax(&diagnostics) {
                    let shown = plain::render(&after, &sources);
                    failed.push_str(&format!("{}: {}\n{text}\n{shown}\n", case.name, fix.title));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn ten_mistakes_of_ten_kinds_are_ten_errors() {
    let all = cases("bad");
    let case = all.iter().find(|c| c.name == "several_ten_kinds").unwrap();
    let (diagnostics, sources) = case.check(&case.text, &case.config);
    let errors: Vec<&str> = diagnostics.iter().filter(|d| d.is_error()).map(|d| d.code.name()).collect();
    let kinds: BTreeSet<&&str> = errors.iter().collect();
    let shown = plain::render(&diagnostics, &sources);
    assert_eq!((errors.len(), kinds.len(), diagnostics.len()), (10, 10, 10), "{shown}");
}

#[test]
fn severities_stop_what_must_not_run() {
    let mut warns = Vec::new();
    for case in cases("bad") {
        let (diagnostics, _) = case.check(&case.text, &case.config);
        if diagnostics.iter().all(|d| d.severity == Severity::Warning) {
            warns.push(case.name);
        }
    }
    let meant = [
        "allow_misspelt_code",
        "approval_quorum_everybody",
        "during_handler_code_after_restart",
        "effect_needless_do",
        "effect_needless_do_pure",
        "finish_then_code",
        "match_unreachable_arm",
        "name_hidden_var",
        "policy_no_rules",
        "policy_quorum_everybody",
        "run_circle",
        "run_circle_of_two",
        "test_expects_nothing",
        "test_given_never",
        "test_private_only_in_tests",
        "test_too_early",
        "trigger_group_never",
        "trigger_never_bounds",
        "trigger_never_false",
        "trigger_never_in_pair",
        "trigger_never_negated",
        "trigger_never_not_in",
        "trigger_never_two_values",
        "warn_allow_elsewhere",
        "warn_allow_unknown",
        "warn_allow_unused",
        "warn_case",
        "warn_dedupe_clock",
        "warn_dedupe_id",
        "warn_dedupe_limit",
        "warn_failures_dropped",
        "warn_failures_dropped_in_waves",
        "warn_itself_hook",
        "warn_itself_made",
        "warn_itself_over_child",
        "warn_loop_stays",
        "warn_loop_true",
        "warn_never_missing",
        "warn_resolved_asked",
        "warn_resolved_state",
        "warn_secret_key",
        "warn_secret_parameter",
        "warn_secret_setting",
        "warn_secret_token",
        "warn_secret_unencrypted",
        "warn_secret_url",
        "warn_text_holes",
        "warn_unused_import",
        "warn_unused_parameter",
        "warn_unused_parameter_of_action",
        "warn_unused_private",
        "warn_variable_unused",
        "warn_variant_named_as_variable",
        "warn_verify_missing",
        "warn_verify_missing_in_branch",
        "warn_waiver_ending",
    ];
    assert_eq!(warns, meant);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Half-written programs are what an editor sees most of the time.
    #[test]
    fn programs_with_a_hole_never_panic(pick in any::<prop::sample::Index>(), from in any::<prop::sample::Index>(), length in 0_usize..40) {
        let all = cases("bad");
        let case = pick.get(&all);
        let chars: Vec<char> = case.text.chars().collect();
        let from = from.index(chars.len());
        let text: String = chars.iter().take(from).chain(chars.iter().skip(from + length)).collect();
        let (diagnostics, sources) = case.check(&text, &case.config);
        let _ = plain::render(&diagnostics, &sources);
    }
}
