//! What a run would do, as people read it: in the order of the code, with steps and conditions as headings. Calls and questions look as
//! they do for the people who approve them.

use rrb_engine::foresee::{Ahead, Child, Part};
use rrb_lang::program::Program;
use rrb_lang::vm::foresight::{Answer, Around, Foreseen, Foretold, Question};
use rrb_lang::vm::protocol::{ApprovalAsk, CallClass, Certainty, Plan, PlanEntry, Planned};

use crate::out::Look;
use crate::plan_text;
use crate::text::{clean, count, day, duration, fields, json, truncate};

/// Columns of a value beside other text.
const SHORT: usize = 80;

/// Of a digest that the run may not have.
const OTHER: &str = "(another one, if what is only known then differs)";

/// All of it.
pub fn lines(look: &Look, program: &Program, ahead: &Ahead, reads: bool) -> Vec<String> {
    let params = ahead.params.as_object().map(|map| fields(map.iter().map(|(k, v)| (k.as_str(), v))));
    let with = params.filter(|p| !p.is_empty()).map(|p| format!(" {p}")).unwrap_or_default();
    let mut out = vec![format!("{}{with}", look.bold(clean(&ahead.runbook)))];
    let short = ahead.program.get(..12).unwrap_or(&ahead.program);
    out.push(look.dim(format!("planned with live reads; nothing was changed. program {short}")));
    if let Some(why) = &ahead.refused {
        out.push(format!("{} {}", look.bad("a policy would not let it start:"), clean(why)));
    }
    out.push(String::new());
    out.extend(part(look, program, &ahead.body, reads, true));
    for (heading, handler) in [("if it fails", &ahead.on_failure), ("at the end, however it ends", &ahead.finally)] {
        let Some(handler) = handler else { continue };
        out.push(String::new());
        out.push(look.bold(format!("{heading}:")));
        out.extend(part(look, program, handler, reads, false).into_iter().map(|l| format!("  {l}")));
    }
    out.push(String::new());
    out.push(summary(look, ahead));
    out
}

/// What a piece of code would do, with what it comes to: for what is no runbook.
pub fn part_lines(look: &Look, program: &Program, piece: &Part, reads: bool) -> Vec<String> {
    part(look, program, piece, reads, false)
}

/// `3 calls, of which 1 destroys; 1 approval; 12 reads`
fn summary(look: &Look, ahead: &Ahead) -> String {
    let entries = || ahead.parts().flat_map(Part::calls);
    let items = || ahead.parts().flat_map(|p| &p.told.items);
    let mut said = vec![count(entries().count(), "call")];
    let destroying = entries().filter(|e| e.effect == rrb_lang::syntax::ast::Effect::Destroys).count();
    match destroying {
        0 => {}
        1 => said.push("1 of them destroys".to_owned()),
        n => said.push(format!("{n} of them destroy")),
    }
    let questions = ahead.parts().map(|p| p.told.questions.len()).sum::<usize>();
    if questions > 0 {
        said.push(count(questions, "approval"));
    }
    let reads = items().filter(|i| matches!(i.what, Foretold::Read { .. })).count();
    said.push(format!("{} made", count(reads, "read")));
    look.dim(said.join("; "))
}

fn part(look: &Look, program: &Program, part: &Part, reads: bool, is_body: bool) -> Vec<String> {
    let mut page = Page { look, program, part, reads, out: Vec::new(), before: &[] };
    for item in &part.told.items {
        // The end of a handler is not the end of the run's story: how that ends was decided before it.
        let left_out = match item.what {
            Foretold::Read { .. } => !reads,
            Foretold::Ends => !is_body,
            _ => false,
        };
        if left_out {
            continue;
        }
        page.item(item);
    }
    if page.out.is_empty() && part.plan.incomplete.is_none() {
        page.out.push(look.dim("nothing"));
    }
    if part.told.unexplored > 0 {
        page.out.push(look.dim("there is more in `catch` blocks than is looked into"));
    }
    if let Some(why) = part.incomplete() {
        page.out.push(look.warn(format!("the plan is not complete: {}", clean(why))));
    }
    page.out
}

struct Page<'a> {
    look: &'a Look,
    program: &'a Program,
    part: &'a Part,
    reads: bool,
    out: Vec<String>,
    /// What the item before stood in.
    before: &'a [Around],
}

impl<'a> Page<'a> {
    fn item(&mut self, item: &'a Foreseen) {
        let shared = self.before.iter().zip(&item.around).take_while(|(a, b)| a == b).count();
        for (depth, around) in item.around.iter().enumerate().skip(shared) {
            let other = (depth == shared).then(|| self.before.get(depth)).flatten();
            let heading = self.heading(around, other);
            self.push(depth, heading);
        }
        self.before = &item.around;
        let depth = item.around.len() + usize::from(item.rollback);
        for line in self.told(item) {
            self.push(depth, line);
        }
    }

    fn push(&mut self, depth: usize, line: String) {
        self.out.push(format!("{}{line}", "  ".repeat(depth)));
    }

    fn heading(&self, around: &Around, before: Option<&Around>) -> String {
        let look = self.look;
        match around {
            Around::Step { name, .. } => look.bold(format!("{}:", clean(name))),
            Around::Approval { .. } => look.dim("if people agree:"),
            Around::Waiver { reason, by, until } => {
                let until = day(*until, &look.zone);
                format!("{} by {} until {until}: {}", look.warn("waived"), clean(by), clean(reason))
            }
            Around::If { text, holds: true, .. } => format!("{} {}:", look.warn("if"), clean(text)),
            Around::If { id, text, holds: false } => match before {
                Some(Around::If { id: other, .. }) if other == id => look.warn("else:"),
                _ => format!("{} {}:", look.warn("if not"), clean(text)),
            },
            Around::Each { text, .. } => format!("{} {}:", look.warn("each"), clean(text)),
            Around::Catch { text, .. } => {
                format!("{} {} {}", look.warn("caught, if"), clean(text), look.warn("fails:"))
            }
            Around::Branch { name } => look.bold(format!("{}:", clean(name))),
        }
    }

    fn told(&self, item: &Foreseen) -> Vec<String> {
        let look = self.look;
        let within = |ms: &Option<i64>| ms.map_or_else(|| "a time only known then".to_owned(), duration);
        match &item.what {
            // Its name stands above.
            Foretold::Step => Vec::new(),
            Foretold::Call { entry } => self.call(*entry, item),
            Foretold::Read { action, native, instance, args, answer } => {
                let shown: Vec<String> = args.iter().map(|(n, v)| format!("{} {}", clean(n), json(v))).collect();
                let via = if action == native { String::new() } else { look.dim(format!(" ({native})")) };
                let args = truncate(&shown.join("; "), SHORT).into_owned();
                let name = plan_text::action(look, action, instance);
                let given = answer.as_ref().map(|a| answered(look, a)).unwrap_or_default();
                vec![format!("{} {name}{via}: {args}{given}", look.dim("reads"))]
            }
            Foretold::Approval { question } => {
                let n = *question as usize;
                match (self.part.told.questions.get(n), self.part.shown.get(n)) {
                    (Some(q), Some(plan)) => question_lines(look, q, plan),
                    _ => Vec::new(),
                }
            }
            Foretold::Verify { name, condition, within_ms, every_ms } => {
                let rest = look.dim(format!("within {}, every {}", within(within_ms), within(every_ms)));
                vec![format!("{} {}: {} {rest}", look.name("verifies"), clean(name), clean(condition))]
            }
            Foretold::WaitUntil { condition, within_ms, every_ms } => {
                let rest = look.dim(format!("for {}, looks every {}", within(within_ms), within(every_ms)));
                vec![format!("{} until {} {rest}", look.name("waits"), clean(condition))]
            }
            Foretold::Wait { ms } => vec![format!("{} {}", look.name("waits"), within(ms))],
            Foretold::WaitFor { event, within_ms } => {
                let rest = look.dim(format!("for {}", within(within_ms)));
                vec![format!("{} for {} {rest}", look.name("waits"), clean(event))]
            }
            Foretold::Evidence { name, value } => {
                vec![format!("{} {} = {}", look.dim("evidence"), planned(name), planned(value))]
            }
            Foretold::Log { text } => vec![format!("{} {}", look.dim("log"), planned(text))],
            Foretold::Finish { outcome, why } => {
                let name = crate::timeline::outcome(look, &crate::run_text::outcome_word(*outcome));
                let why = match why {
                    Planned::Known(text) if text.as_text() == Some("") => String::new(),
                    why => format!(": {}", planned(why)),
                };
                vec![format!("{} {name}{why}", look.bold("ends"))]
            }
            Foretold::Ends => vec![format!("{} {}", look.bold("ends"), crate::timeline::outcome(look, "resolved"))],
            Foretold::Fails { message } => {
                let place = item.site.and_then(|s| self.program.site(s)).map(|s| format!(" ({s})")).unwrap_or_default();
                vec![format!("{} {}{}", look.bad("fails:"), clean(message), look.dim(place))]
            }
        }
    }

    fn call(&self, entry: u32, item: &Foreseen) -> Vec<String> {
        let Some(planned) = self.part.plan.entries.get(entry as usize) else { return Vec::new() };
        // The headings above say already what it depends on.
        let told =
            item.around.iter().any(|a| matches!(a, Around::If { .. } | Around::Each { .. } | Around::Catch { .. }));
        let certainty = if told || item.rollback { Certainty::Will } else { planned.certainty };
        let shown = PlanEntry { certainty, ..planned.clone() };
        let undo = if item.rollback { self.look.dim("undo: ") } else { String::new() };
        let line = plan_text::entry(self.look, &shown, usize::MAX);
        let mut lines = vec![format!("{undo}{line} {}", self.look.dim(format!("({})", class(planned.class))))];
        let said = self.part.plan.verdicts.get(entry as usize);
        lines.extend(said.into_iter().flat_map(|v| plan_text::verdict(self.look, v)).map(|l| format!("  {l}")));
        let asked = self.part.policy_asks.get(entry as usize).and_then(Option::as_ref);
        lines.extend(asked.into_iter().flat_map(|ask| self.policy_question(ask, planned)));
        lines.extend(self.part.child(entry).into_iter().flat_map(|child| self.child(child)));
        lines
    }

    /// Who a policy asks, and what their answer would bind to.
    fn policy_question(&self, ask: &ApprovalAsk, entry: &PlanEntry) -> Vec<String> {
        let look = self.look;
        let short = ask.plan.digest.get(..12).unwrap_or(&ask.plan.digest);
        let other = if Part::is_sure(entry) { String::new() } else { format!(" {}", look.dim(OTHER)) };
        let fact = |name: &str, text: String| format!("    {} {text}", look.dim(format!("{name:<8}")));
        vec![fact("needs", plan_text::who(ask)), fact("digest", format!("{short}{other}"))]
    }

    /// What a run that begins here would do.
    fn child(&self, child: &Child) -> Vec<String> {
        let Some(own) = &child.part else {
            return vec![format!(
                "  {}",
                self.look.dim("what it would do is not looked into: runs nest too deep, or are too many")
            )];
        };
        let lines = part(self.look, self.program, own, self.reads, true);
        let head = format!("  {}", self.look.dim(format!("what `{}` would do:", clean(&child.runbook))));
        std::iter::once(head).chain(lines.into_iter().map(|l| format!("    {l}"))).collect()
    }
}

/// How a call may be repeated, in a word.
pub fn class(class: CallClass) -> &'static str {
    match class {
        CallClass::Idempotent => "idempotent",
        CallClass::Keyed => "keyed",
        CallClass::Probe => "probed",
        CallClass::Once => "once",
    }
}

fn planned(value: &Planned) -> String {
    match value {
        Planned::Known(v) => truncate(&json(v), SHORT).into_owned(),
        Planned::Unknown => "(only known then)".to_owned(),
        Planned::Absent => String::new(),
    }
}

fn answered(look: &Look, answer: &Answer) -> String {
    match answer {
        Answer::Gave(v) => format!(" → {}", truncate(&json(v), SHORT)),
        Answer::GaveMuch(bytes) => format!(" → {}", look.dim(format!("{bytes} bytes"))),
        Answer::Failed(why) => format!(" → {} {}", look.bad("failed:"), clean(why)),
    }
}

/// A question with everything that its answer binds to, but the calls: those follow, where they stand in the run.
fn question_lines(look: &Look, question: &Question, plan: &Plan) -> Vec<String> {
    let ask = &question.ask;
    let mut lines = vec![format!("{} {}", look.warn("asks"), look.bold(clean(&ask.question)))];
    let mut fact = |name: &str, text: String| lines.push(format!("  {} {text}", look.dim(format!("{name:<8}"))));
    fact("needs", format!("{}, within {}", plan_text::who(ask), duration(ask.expires)));
    for (after, who) in &ask.escalate {
        let names: Vec<String> = who.iter().map(|a| clean(&a.to_string()).into_owned()).collect();
        fact("", format!("also {} after {}", names.join(" or "), duration(*after)));
    }
    for (name, value) in plan_text::showing(ask) {
        fact("showing", format!("{name}: {value}"));
    }
    if ask.require_comment {
        fact("comment", "is required".to_owned());
    }
    let short = plan.digest.get(..12).unwrap_or(&plan.digest).to_owned();
    match question.sure {
        true => fact("digest", short),
        false => fact("digest", format!("{short} {}", look.dim(OTHER))),
    }
    if let Some(why) = &plan.incomplete {
        fact("plan", look.warn(format!("not complete: {}", clean(why))));
    }
    lines
}
