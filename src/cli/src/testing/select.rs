//! Which tests are meant.

use rrb_lang::diag::nearest;
use rrb_lang::hir::testing::Test;

use super::result::full_name;
use crate::exit::CliError;
use crate::text::clean;

/// Names that are listed when none fits.
const LISTED: usize = 10;

/// The tests whose `module › name` holds one of the filters; all without a filter. `>` may stand for `›`, and case does not matter.
///
/// # Errors
/// When a filter fits none, with what may be meant.
pub fn select(tests: &[Test], filters: &[String]) -> Result<Vec<usize>, CliError> {
    let names = listed(tests);
    let folded: Vec<String> = names.iter().map(|n| fold(n)).collect();
    for filter in filters {
        let wanted = fold(filter);
        if !folded.iter().any(|n| n.contains(&wanted)) {
            return Err(none(tests, &names, filter));
        }
    }
    let wanted: Vec<String> = filters.iter().map(|f| fold(f)).collect();
    let fits = |name: &String| wanted.is_empty() || wanted.iter().any(|w| name.contains(w));
    Ok(folded.iter().enumerate().filter(|(_, name)| fits(name)).map(|(n, _)| n).collect())
}

/// The full names of all tests.
pub fn listed(tests: &[Test]) -> Vec<String> {
    tests.iter().map(|t| full_name(&t.module, &t.name)).collect()
}

fn fold(text: &str) -> String {
    text.replace(" > ", " › ").to_lowercase()
}

fn none(tests: &[Test], names: &[String], filter: &str) -> CliError {
    let error = CliError::usage(format!("no test is called `{}`", clean(filter)));
    if tests.is_empty() {
        return error.help("this project has no tests: write `test \"…\" { … }` in any module");
    }
    let candidates = tests.iter().flat_map(|t| [t.name.as_str(), t.module.as_str()]);
    let near = nearest(filter, candidates.chain(names.iter().map(String::as_str)));
    let words = || tests.iter().flat_map(|t| t.name.split(' ')).filter(|w| w.len() > 3);
    match near.or_else(|| nearest(filter, words())) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => {
            let more = names.len().saturating_sub(LISTED);
            let error = names.iter().take(LISTED).fold(error, |error, name| error.help(name.clone()));
            if more > 0 { error.help(format!("and {more} more: `rrb test --list`")) } else { error }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(module: &str, name: &str) -> Test {
        Test { name: name.into(), module: module.into(), docs: String::new(), steps: vec![], span: Default::default() }
    }

    #[test]
    fn a_filter_is_a_part_of_the_full_name() {
        let tests = [test("disk", "Two approvals drain"), test("disk", "denied"), test("lib.page", "denied late")];
        let chosen = |filters: &[&str]| select(&tests, &filters.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>());
        assert_eq!(chosen(&[]).unwrap(), [0, 1, 2]);
        assert_eq!(chosen(&["denied"]).unwrap(), [1, 2]);
        assert_eq!(chosen(&["disk › denied"]).unwrap(), [1]);
        assert_eq!(chosen(&["disk > DENIED"]).unwrap(), [1]);
        assert_eq!(chosen(&["late", "two approvals"]).unwrap(), [0, 2]);
        assert_eq!(chosen(&["deneid"]).unwrap_err().help, ["did you mean `denied`?"]);
        assert_eq!(chosen(&["denied", "aprovals"]).unwrap_err().help, ["did you mean `approvals`?"]);
        assert_eq!(chosen(&["zzzzzzzz"]).unwrap_err().help.len(), 3);
        assert!(select(&[], &["x".to_owned()]).unwrap_err().help[0].contains("no tests"));
    }
}
