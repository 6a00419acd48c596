//! The project-wide passes on trees built by hand: what no text can show as exactly (paths, cycles, covers).

use smol_str::SmolStr;

use super::summary::{Consent, Part, summaries};
use super::{approvals, effects, settings};
use crate::diag::{Diagnostic, Severity, plain};
use crate::hir::{
    Action, ActionCall, Approve, Block, Class, Connector, Expr, ExprKind, Function, FunctionKind, Limit, LocalId,
    Principal, Program, Runbook, Stmt, Waive,
};
use crate::ids::{ConnectorId, FnId, SiteId};
use crate::project::{self, ProjectConfig};
use crate::span::{FileId, Sources, Span};
use crate::syntax::ast::Effect;
use crate::types::{Ty, Type, builtin};
use crate::value::Value;

/// A program whose "text" is the list of what was built, one piece per line, so that labels show which piece they mean.
struct World {
    program: Program,
    text: String,
}

impl World {
    fn new() -> Self {
        let program = Program { types: builtin::table(), ..Program::default() };
        let mut world = Self { program, text: String::new() };
        let span = world.place("connector k8s");
        world.program.connectors.push(Connector {
            name: "k8s".into(),
            module: "std.k8s".into(),
            docs: String::new(),
            settings: vec![],
            span,
        });
        world
    }

    fn place(&mut self, what: &str) -> Span {
        let start = u32::try_from(self.text.len()).unwrap();
        self.text.push_str(what);
        self.text.push('\n');
        Span::new(FileId(0), start, start + u32::try_from(what.len()).unwrap())
    }

    fn expr(&mut self, what: &str, kind: ExprKind) -> Expr {
        Expr { kind, ty: Ty::new(Type::Nothing), span: self.place(what) }
    }

    fn text(&mut self, text: &str) -> Expr {
        self.expr(&format!("{text:?}"), ExprKind::Literal(Value::text(text)))
    }

    fn function(&mut self, name: &str, effect: Effect, kind: FunctionKind, body: Option<Expr>) -> FnId {
        let id = FnId(u32::try_from(self.program.functions.len()).unwrap());
        let span = self.place(name);
        self.program.functions.push(Function {
            name: name.into(),
            module: "main".into(),
            docs: String::new(),
            kind,
            captures: 0,
            params: 0,
            locals: vec![],
            ret: Ty::new(Type::Nothing),
            effect,
            body,
            span,
        });
        id
    }

    fn action(&mut self, name: &str, effect: Effect, native: bool, connector: bool, body: Option<Expr>) -> FnId {
        let action = Action {
            connector: connector.then_some(ConnectorId(0)),
            native: native.then(|| name.into()),
            class: Class::Once,
            target: None,
            on_busy_fail: false,
            undo: None,
        };
        self.function(name, effect, FunctionKind::Action(action), body)
    }

    /// `exec.run`, which destroys.
    fn exec(&mut self) -> FnId {
        self.action("exec.run", Effect::Destroys, true, false, None)
    }

    fn call_with(&mut self, function: FnId, change: impl FnOnce(&mut ActionCall)) -> Expr {
        let name = self.program.functions[function.index()].name.clone();
        let mut call = ActionCall {
            function,
            args: vec![],
            instance: None,
            is_do: true,
            retry: None,
            timeout: None,
            key: None,
            undo: None,
            trusted: None,
            site: SiteId(0),
        };
        change(&mut call);
        self.expr(&format!("do {name}()"), ExprKind::CallAction(Box::new(call)))
    }

    fn call(&mut self, function: FnId) -> Expr {
        self.call_with(function, |_| {})
    }

    fn handler(&mut self, name: &str, body: Expr) -> FnId {
        self.function(name, Effect::Destroys, FunctionKind::Handler, Some(body))
    }

    fn approve_with(&mut self, body: Expr, change: impl FnOnce(&mut Self, &mut Approve)) -> Expr {
        let question = self.text("Do it?");
        let group = self.text("sre");
        let quorum = self.expr("quorum 1", ExprKind::Literal(Value::Int(1)));
        let within = self.expr("within 1h", ExprKind::Literal(Value::Duration(3_600_000)));
        let mut approve = Approve {
            question,
            from: vec![Principal::Group(group)],
            quorum,
            allow_requester: false,
            within,
            escalate: vec![],
            remind: None,
            ask: vec![],
            request: LocalId(0),
            showing: None,
            require_comment: false,
            approval: LocalId(0),
            body: block(body),
            otherwise: None,
            site: SiteId(0),
        };
        change(self, &mut approve);
        self.expr("approve", ExprKind::Approve(Box::new(approve)))
    }

    fn approve(&mut self, body: Expr) -> Expr {
        self.approve_with(body, |_, _| {})
    }

    fn waive(&mut self, by: &str, until: i64, body: Expr) -> Expr {
        let reason = self.text("old logs");
        let by_span = self.place(&format!("by {by:?}"));
        let until_span = self.place("until time");
        let waive = Waive { reason, by: by.into(), by_span, until, until_span, body: block(body), site: SiteId(0) };
        self.expr("waive", ExprKind::Waive(Box::new(waive)))
    }

    fn runbook(&mut self, body: Expr) {
        let body = self.handler("relieve", body);
        let span = self.place("runbook relieve");
        self.program.runbooks.push(Runbook {
            name: "relieve".into(),
            module: "main".into(),
            docs: String::new(),
            params: vec![],
            body,
            on_failure: None,
            finally: None,
            owner: None,
            severity: 2,
            tags: vec![],
            controls: vec![],
            triggers: vec![],
            dedupe: None,
            limit: Limit { count: 100, per_ms: 3_600_000, key: None },
            concurrency: None,
            timeout_ms: None,
            give_up: None,
            cancel_when: vec![],
            rollback: true,
            shadow: false,
            span,
        });
    }

    fn render(&self, config: &str, diagnostics: &[Diagnostic]) -> String {
        let mut sources = Sources::default();
        sources.add("main.rrb", &self.text);
        sources.add("rrb.toml", config);
        plain::render(diagnostics, &sources)
    }

    fn effects(&self, config: &str) -> String {
        self.render(config, &effects::run(&self.program, &configured(config)))
    }

    fn approvals(&self, config: &str, today: Option<i64>) -> String {
        self.render(config, &approvals::run(&self.program, &configured(config), today))
    }

    fn settings(&self, config: &str) -> String {
        self.render(config, &settings::run(&self.program, &configured(config)))
    }
}

fn block(value: Expr) -> Block {
    Block { stmts: vec![], value: Some(Box::new(value)) }
}

fn sequence(world: &mut World, exprs: Vec<Expr>) -> Expr {
    let stmts = exprs.into_iter().map(Stmt::Expr).collect();
    world.expr("block", ExprKind::Block(Block { stmts, value: None }))
}

fn configured(text: &str) -> ProjectConfig {
    let (config, diagnostics) = project::parse(FileId(1), text);
    assert_eq!(diagnostics, []);
    config
}

const PEOPLE: &str = "[users.ana]\n[users.bo]\n[groups]\nsre = [\"ana\", \"bo\"]\nempty = []\n";
const CHANGES: &str = "[safety]\nrequire_approval = \"changes\"";

#[test]
fn a_direct_call() {
    let mut w = World::new();
    let exec = w.exec();
    let body = w.call(exec);
    w.runbook(body);
    insta::assert_snapshot!(w.effects(PEOPLE));
}

#[test]
fn through_two_actions() {
    let mut w = World::new();
    let exec = w.exec();
    let body = w.call(exec);
    let delete = w.action("delete_logs", Effect::Destroys, false, false, Some(body));
    let body = w.call(delete);
    let cleanup = w.action("cleanup", Effect::Destroys, false, false, Some(body));
    let body = w.call(cleanup);
    w.runbook(body);
    insta::assert_snapshot!(w.effects(""));
}

#[test]
fn in_an_undo() {
    let mut w = World::new();
    let exec = w.exec();
    let cordon = w.action("k8s.cordon", Effect::Changes, false, true, None);
    let body = w.call(exec);
    let undo = w.handler("undo", body);
    let body = w.call_with(cordon, |c| c.undo = Some((undo, vec![])));
    w.runbook(body);
    insta::assert_snapshot!(w.effects(""));
    let mut w = World::new();
    let exec = w.exec();
    let body = w.call(exec);
    let undo = w.handler("undo", body);
    let cordon = w.action("k8s.cordon", Effect::Changes, false, true, None);
    let body = w.call_with(cordon, |c| c.undo = Some((undo, vec![])));
    let body = w.approve(body);
    w.runbook(body);
    assert_eq!(w.effects(""), "", "the approval around the `do` covers its undo");
}

#[test]
fn handlers_are_not_covered_by_the_body() {
    let mut w = World::new();
    let exec = w.exec();
    let body = w.call(exec);
    let body = w.approve(body);
    w.runbook(body);
    assert_eq!(w.effects(""), "");
    let call = w.call(exec);
    let on_failure = w.handler("on failure", call);
    let call = w.call(exec);
    let finally = w.handler("finally", call);
    w.program.runbooks[0].on_failure = Some(on_failure);
    w.program.runbooks[0].finally = Some(finally);
    assert_eq!(effects::run(&w.program, &ProjectConfig::default()).len(), 2);
}

#[test]
fn otherwise_and_what_follows_are_not_covered() {
    let mut w = World::new();
    let exec = w.exec();
    let (inside, denied, after) = (w.call(exec), w.call(exec), w.call(exec));
    let spans = [denied.span, after.span];
    let approve = w.approve_with(inside, |_, a| a.otherwise = Some((None, block(denied))));
    let body = sequence(&mut w, vec![approve, after]);
    w.runbook(body);
    let found: Vec<Span> = effects::run(&w.program, &ProjectConfig::default()).iter().map(Diagnostic::span).collect();
    assert_eq!(found, spans);
}

#[test]
fn covers_inside_actions_and_waivers_discharge() {
    let mut w = World::new();
    let exec = w.exec();
    let body = w.call(exec);
    let body = w.waive("sre", i64::MAX, body);
    let cleanup = w.action("cleanup", Effect::Changes, false, false, Some(body));
    let body = w.call(cleanup);
    w.runbook(body);
    assert_eq!(w.effects(""), "");
    // With the stricter rule, too: what changes is covered inside the action.
    assert_eq!(w.effects(CHANGES), "");
}

#[test]
fn a_declared_destroys_passes_on_even_when_its_body_is_harmless() {
    let mut w = World::new();
    let wipe = w.action("wipe", Effect::Destroys, false, false, None);
    let body = w.call(wipe);
    w.runbook(body);
    assert!(w.effects("").contains("`wipe` destroys, and nobody approves it"));
}

#[test]
fn changes_need_approval_when_the_project_asks() {
    let mut w = World::new();
    let post = w.action("slack.post", Effect::Changes, false, true, None);
    let body = w.call(post);
    let notify = w.action("notify", Effect::Changes, false, false, Some(body));
    let ask = w.call(post);
    let called = w.call(notify);
    let covered = w.call(notify);
    let approve = w.approve_with(covered, |_, a| a.ask = vec![ask]);
    let body = sequence(&mut w, vec![called, approve]);
    w.runbook(body);
    assert_eq!(w.effects(""), "");
    insta::assert_snapshot!(w.effects(CHANGES));
}

#[test]
fn trust_lowers_a_primitive() {
    let mut w = World::new();
    let exec = w.exec();
    let body = w.call_with(exec, |c| c.trusted = Some(Effect::Reads));
    w.runbook(body);
    assert_eq!(w.effects(""), "");
    assert_eq!(w.effects(CHANGES), "");
}

#[test]
fn recursion_ends() {
    let mut w = World::new();
    let a = w.action("a", Effect::Destroys, false, false, None);
    let body = w.call(a);
    let b = w.action("b", Effect::Destroys, false, false, Some(body));
    let body = w.call(b);
    w.program.functions[a.index()].body = Some(body);
    let body = w.call(a);
    w.runbook(body);
    assert!(w.effects("").contains("runbook relieve → action a → action b"), "{}", w.effects(""));
    assert_eq!(summaries(&w.program)[0].uses, []);
}

#[test]
fn a_long_chain_costs_no_stack() {
    let mut w = World::new();
    let exec = w.exec();
    let mut body = w.call(exec);
    for _ in 0..2_000 {
        body = Expr { span: body.span, ty: body.ty.clone(), kind: ExprKind::Fail(Box::new(body)) };
    }
    w.runbook(body);
    assert_eq!(effects::run(&w.program, &ProjectConfig::default()).len(), 1);
}

#[test]
fn the_summary_says_what_under_which_consent() {
    let mut w = World::new();
    let exec = w.exec();
    let read = w.action("k8s.pods", Effect::Reads, false, true, None);
    let body = w.call(exec);
    let cleanup = w.action("cleanup", Effect::Destroys, false, false, Some(body));
    let reads = w.call_with(read, |c| c.is_do = false);
    let destroys = w.call(cleanup);
    let approve = w.approve(destroys);
    let again = w.call(cleanup);
    let waive = w.waive("ana", 0, again);
    let body = sequence(&mut w, vec![reads, approve, waive]);
    w.runbook(body);
    let uses = summaries(&w.program).remove(0).uses;
    let shown: Vec<(&str, Effect, &Consent, &[SmolStr])> =
        uses.iter().map(|u| (u.name.as_str(), u.effect, &u.consent, u.through.as_slice())).collect();
    let through: &[SmolStr] = &["cleanup".into()];
    let approval = Consent::Approval { question: "Do it?".into() };
    let waiver = Consent::Waiver { reason: "old logs".into(), by: "ana".into(), until: 0 };
    assert_eq!(
        shown,
        [
            ("k8s.pods", Effect::Reads, &Consent::None, &[][..]),
            ("exec.run", Effect::Destroys, &approval, through),
            ("exec.run", Effect::Destroys, &waiver, through),
        ]
    );
    assert!(uses.iter().all(|u| u.part == Part::Body && !u.undo));
}

// ---- approvals

/// Checks one approval of `from` with the quorum, for the people of [`PEOPLE`].
fn approval(quorum: i64, from: &[(&str, &str)], change: impl FnOnce(&mut Approve)) -> (World, Vec<Diagnostic>) {
    let mut w = World::new();
    let exec = w.exec();
    let body = w.call(exec);
    let from: Vec<Principal> = from
        .iter()
        .map(|(kind, name)| {
            let e = w.text(name);
            if *kind == "user" { Principal::User(e) } else { Principal::Group(e) }
        })
        .collect();
    let body = w.approve_with(body, |w, a| {
        a.from = from;
        a.quorum = w.expr(&format!("quorum {quorum}"), ExprKind::Literal(Value::Int(quorum)));
        change(a);
    });
    w.runbook(body);
    let found = approvals::run(&w.program, &configured(PEOPLE), None);
    (w, found)
}

#[test]
fn quorums_at_their_limits() {
    let severity = |quorum: i64, from: &[(&str, &str)]| approval(quorum, from, |_| {}).1.first().map(|d| d.severity);
    let sre = [("group", "sre")];
    assert_eq!(severity(0, &sre), Some(Severity::Error));
    assert_eq!(severity(1, &sre), None);
    assert_eq!(severity(2, &sre), Some(Severity::Warning));
    assert_eq!(severity(3, &sre), Some(Severity::Error));
    // One pool of different people: a member asked twice counts once.
    assert_eq!(severity(3, &[("group", "sre"), ("user", "ana")]), Some(Severity::Error));
    assert_eq!(severity(1, &[("user", "ana")]), None);
    let (_, allowed) = approval(2, &sre, |a| a.allow_requester = true);
    assert_eq!(allowed, []);
}

#[test]
fn mistakes_in_approvals() {
    let cases: Vec<(i64, Vec<(&str, &str)>)> = vec![
        (0, vec![("group", "sre")]),
        (2, vec![("group", "sre")]),
        (3, vec![("group", "sre")]),
        (1, vec![("group", "sree")]),
        (1, vec![("group", "ana")]),
        (1, vec![("user", "sre")]),
        (1, vec![("user", "anna")]),
        (1, vec![("user", "zoe")]),
        (1, vec![("group", "platform-leads")]),
        (1, vec![("group", "empty")]),
    ];
    let shown: Vec<String> = cases
        .iter()
        .map(|(quorum, from)| {
            let (w, found) = approval(*quorum, from, |_| {});
            assert_eq!(found.len(), 1, "{from:?}");
            w.render(PEOPLE, &found)
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn escalation_and_computed_names_widen_the_pool() {
    let (_, found) = approval(2, &[("group", "empty")], |a| {
        let to = a.from.iter().map(|p| match p {
            Principal::Group(e) | Principal::User(e) => {
                Principal::Group(Expr { kind: ExprKind::Literal(Value::text("sre")), ..e.clone() })
            }
        });
        let to = to.collect();
        a.escalate = vec![(to, a.within.clone())];
        a.allow_requester = true;
    });
    assert_eq!(found, []);
    let (_, found) = approval(9, &[("group", "sre")], |a| {
        a.from.push(Principal::User(Expr { kind: ExprKind::Local(LocalId(0)), ..a.question.clone() }));
    });
    assert_eq!(found, []);
}

#[test]
fn waivers() {
    let until = 1_800_000_000_000;
    let check = |by: &str, today: Option<i64>| {
        let mut w = World::new();
        let exec = w.exec();
        let body = w.call(exec);
        let body = w.waive(by, until, body);
        w.runbook(body);
        w.approvals(PEOPLE, today)
    };
    assert_eq!(check("sre", None), "");
    let days = |n: i64| Some(until - n * 24 * 3_600_000);
    assert_eq!(check("ana", Some(until - 14 * 24 * 3_600_000 - 1)), "");
    assert!(check("ana", days(14)).contains("runs out in 14 days"));
    assert!(check("ana", days(1)).contains("runs out tomorrow"));
    assert!(check("ana", Some(until - 1)).contains("runs out in less than a day"));
    assert!(check("ana", Some(until)).contains("ran out on 2027-01-15"));
    insta::assert_snapshot!(check("platfrom", Some(until + 1)));
    insta::assert_snapshot!(check("anna", None));
}

// ---- settings

#[test]
fn instances_in_calls() {
    let w = |instance: Option<&str>| {
        let mut w = World::new();
        let drain = w.action("k8s.drain", Effect::Changes, false, true, None);
        let instance = instance.map(|i| w.text(i));
        let body = w.call_with(drain, |c| c.instance = instance);
        w.runbook(body);
        w
    };
    let two = "[connectors.k8s.prod]\n[connectors.k8s.test]\n";
    assert_eq!(w(None).settings(""), "");
    assert_eq!(w(None).settings("[connectors.k8s.prod]\n"), "");
    assert_eq!(w(None).settings("[connectors.k8s.prod]\n[connectors.k8s.default]\n"), "");
    assert_eq!(w(Some("test")).settings(two), "");
    insta::assert_snapshot!(w(None).settings(two));
    insta::assert_snapshot!(w(Some("prdo")).settings(two));
    insta::assert_snapshot!(w(Some("stage")).settings(""));
}

#[test]
fn inside_its_connector_a_call_goes_on_with_the_instance() {
    let mut w = World::new();
    let get = w.action("k8s.get", Effect::Reads, false, true, None);
    let body = w.call(get);
    let drain = w.action("k8s.drain", Effect::Changes, false, true, Some(body));
    let instance = w.text("prod");
    let body = w.call_with(drain, |c| c.instance = Some(instance));
    w.runbook(body);
    assert_eq!(w.settings("[connectors.k8s.prod]\n[connectors.k8s.test]\n"), "");
}

#[test]
fn keys_nobody_declares() {
    let mut w = World::new();
    let span = w.place("settings { channel: Text }");
    let mut add = |owner: crate::hir::SettingOwner, name: &str, t: Type| {
        w.program.settings.push(crate::hir::Setting {
            owner,
            name: name.into(),
            docs: String::new(),
            ty: Ty::new(t),
            default: None,
            span,
        });
    };
    let module = |m: &str| crate::hir::SettingOwner::Module(m.into());
    add(module("lib.paging"), "channel", Type::Text);
    add(module("main"), "every", Type::Duration);
    add(crate::hir::SettingOwner::Connector("k8s".into()), "url", Type::Url);
    add(crate::hir::SettingOwner::Connector("k8s".into()), "labels", Type::Json);
    assert_eq!(w.settings("[settings.lib.paging]\nchannel = \"a\"\n[connectors.k8s]\nurl = \"https://a.example\""), "");
    let cases = [
        "[settings.lib.paging]\nchanel = \"a\"",
        "[settings.lib.pagin]\nchannel = \"a\"",
        "[settings.mian]\nevery = \"5m\"",
        "[settings.weather]\nsun = true",
        "[settings]\nevery = \"5m\"",
        "[settings.main]\nevery = 5",
        "[settings.main.every]\nx = 1",
        "[connectors.k9s]\nurl = \"https://a.example\"",
        "[connectors.slack]\ntoken = \"env:X\"",
        "[connectors.k8s]\nuri = \"https://a.example\"",
        "[connectors.k8s.prod]\nurl = \"example\"",
        "[connectors.k8s.labels]\nurl = \"https://a.example\"",
    ];
    let shown = cases.map(|c| {
        let text = w.settings(c);
        assert!(!text.is_empty(), "{c}");
        text
    });
    insta::assert_snapshot!(shown.join("\n"));
}
