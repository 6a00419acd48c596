//! Whether the right programs of the tests reach every rule of the grammar.

use std::collections::HashSet;
use std::path::Path;

use pest::Parser;

use super::{
    super::grammar::{Grammar, Rule},
    format::{files, project_files},
};

/// Rules that a right program cannot reach: marks of what is broken, other languages' forms that are explained, looks ahead, and
/// what is only read by itself.
#[rustfmt::skip]
const ELSEWHERE: &[Rule] = {
    use Rule::*;
    &[
        // What is broken, or another language's.
        bad, broken, semicolon, k_elif, missing, do_more, c_pure,
        // What looks ahead.
        reserved, name_follows, dotted_call, value_goes_on, times_ahead, header_ahead, count_ahead, next_stmt, clause_ahead,
        operand_start, modifier_ahead, suffix_ahead, infix_ahead, trust_ahead, record_ahead, skip_square, skip_group, skip_char,
        skip_text, during_ahead, child_ahead,
        // What gives no node of its own.
        WHITESPACE, COMMENT, ws, iws, idc, item, action_clause, event_clause, policy_rule, rule_clause, test_stmt, answer,
        runbook_part, trigger_clause, stmt, statement, lambda_ahead, body, cond_unary, unary, infix, operand_infix, arith_infix,
        suffix, modifier, atom, construct, list_item, entry, for_clause, approve_clause, raw_0, raw_1, raw_2, raw_3, raw_4,
        pattern_one,
        // What is read by itself.
        lone_expr, lone_type,
    ]
};

#[test]
fn right_programs_reach_every_rule() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let fixtures = ["check/ok", "check/kit", "fmt", "testing"].iter().flat_map(|f| files(&tests.join(f)));
    let mut texts: Vec<String> =
        project_files().into_iter().chain(fixtures).map(|p| std::fs::read_to_string(p).unwrap()).collect();
    let words = std::fs::read_to_string(tests.join("check/words.txt")).unwrap();
    texts.extend(words.split("=== ").skip(1).filter_map(|form| form.split_once('\n')).map(|(_, text)| text.to_owned()));
    let mut reached: HashSet<Rule> = HashSet::new();
    for text in &texts {
        if let Ok(pairs) = Grammar::parse(Rule::file, &text.replace('\r', "")) {
            reached.extend(pairs.flatten().map(|pair| pair.as_rule()));
        }
    }
    let missing: Vec<&Rule> = Rule::all_rules().iter().filter(|r| !reached.contains(r)).collect();
    let wanted: Vec<&&Rule> = missing.iter().filter(|r| !ELSEWHERE.contains(r)).collect();
    assert!(wanted.is_empty(), "no right program reaches {wanted:?}");
    let needless: Vec<&Rule> = ELSEWHERE.iter().filter(|r| reached.contains(r)).collect();
    assert!(needless.is_empty(), "reached after all: {needless:?}");
}
