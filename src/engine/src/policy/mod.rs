//! The project's policies: asked before a run starts, where that can be told, and before every call that changes something.
//!
//! All rules are asked; deny beats ask beats allow, so their order means nothing. What cannot be answered denies.

#[cfg(feature = "cedar")]
mod cedar;
mod counts;
mod delegate;
mod facts;
mod judge;
#[cfg(feature = "rego")]
mod rego;

use std::sync::Arc;

use rrb_lang::diag::Diagnostic;
use rrb_lang::hir::{Policy, PolicyKind};
use rrb_lang::program::Program;
use rrb_lang::span::Sources;
use rrb_lang::vm::protocol::{ActionInfo, ApprovalAsk, Millis, Verdict};

pub use counts::{Counted, Counts, MARK};
pub use delegate::check as check_delegate;
pub use facts::{Facts, HeldApproval};
pub use judge::{Judged, StartJudged, full};

use crate::code::Code;
use rrb_lang::vm::protocol::SettingValues;

/// The policies of the loaded program, ready to be asked.
pub struct Policies {
    code: Option<Arc<dyn Code>>,
    settings: SettingValues,
    delegates: Vec<delegate::Compiled>,
}

impl Policies {
    /// No rules: everything the language lets through is allowed.
    pub fn none() -> Self {
        Self { code: None, settings: SettingValues::default(), delegates: Vec::new() }
    }

    /// Those of a program. A delegate that cannot be used denies when it is asked.
    pub fn new(code: Arc<dyn Code>, settings: SettingValues) -> Self {
        let rules = code.policies().iter().flat_map(|p| &p.rules);
        let delegates = rules
            .filter_map(|r| match &r.kind {
                PolicyKind::Delegate(d) => Some(delegate::Compiled::new(d)),
                _ => None,
            })
            .collect();
        Self { code: Some(code), settings, delegates }
    }

    fn all(&self) -> &[Policy] {
        self.code.as_ref().map_or(&[], |c| c.policies())
    }

    /// Whether there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.all().iter().all(|p| p.rules.is_empty())
    }

    /// The longest time over which a rule counts, in milliseconds.
    pub fn longest_window(&self) -> i64 {
        let rules = self.all().iter().flat_map(|p| &p.rules);
        rules.map(|r| if let PolicyKind::Limit { per_ms, .. } = &r.kind { *per_ms } else { 0 }).max().unwrap_or(0)
    }

    /// What the policies say of a call. `met` tells who of the right people agreed in the approvals held, when they are enough.
    pub async fn call(
        &self,
        facts: &Facts<'_>,
        call: &ActionInfo,
        counts: &std::sync::Mutex<Counts>,
        met: &(dyn Fn(&ApprovalAsk) -> Option<Vec<String>> + Sync),
        at: Millis,
    ) -> Judged {
        judge::call(self, facts, call, counts, met, at).await
    }

    /// Whether a run of the runbook in `facts` could do anything but read, as far as can be told before it has begun.
    pub fn start(&self, facts: &Facts<'_>, changes: bool, at: Millis) -> StartJudged {
        judge::start(self, facts, changes, at)
    }
}

/// Mistakes in the files that policies delegate to, at their place in those files.
pub fn check_delegates(program: &Program, sources: &mut Sources) -> Vec<Diagnostic> {
    let mut said = Vec::new();
    for rule in program.policies.iter().flat_map(|p| &p.rules) {
        if let PolicyKind::Delegate(d) = &rule.kind {
            said.extend(delegate::check(d, rule.span, sources));
        }
    }
    said
}

/// Says of a verdict what people need to know: who decided and why.
pub fn spoken(verdict: &Verdict) -> String {
    let decisive = verdict.rules.iter().filter(|r| r.answer == verdict.answer);
    let because: Vec<String> = decisive.map(|r| format!("{} (policy `{}`)", r.because, r.policy)).collect();
    because.join("; ")
}
