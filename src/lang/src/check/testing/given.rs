//! What is so before anything happens: answers, people, settings, the time.

use smol_str::SmolStr;

use super::{Playing, suggest};
use crate::check::cx::{Checker, Def, FnInfo};
use crate::check::scope::bad;
use crate::check::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::SettingOwner;
use crate::hir::testing::{Answer, AnswerKind, Given, StepKind};
use crate::ids::{FnId, SettingId};
use crate::span::Span;
use crate::syntax::ast::{self, RecordEntry, TestAnswer, TestAnswerKind, TestTimes};
use crate::types::{Ty, Type, builtin};
use crate::value::Value;
use crate::vm::protocol::FailureKind;

/// How often an answer may come before the next one's turn.
const MOST_TIMES: i64 = 100_000;

impl Checker {
    pub(super) fn given(
        &mut self,
        call: &ast::TestCall,
        answers: &[TestAnswer],
        playing: &mut Playing,
    ) -> Option<StepKind> {
        let seen = self.call_seen(call, &[]);
        let action = match &seen {
            Some(seen) => seen.action,
            None => self.quietly(|c| c.action_seen(call)).flatten().map(|(id, _)| id)?,
        };
        playing.answered.push(action);
        let info = self.fn_info(action).cloned()?;
        let mut made = Vec::new();
        for answer in answers {
            self.answer(&info, answer, &mut made);
        }
        if answers.is_empty() {
            made.push(self.neutral_answer(&info, call.span)?);
        }
        let call = seen?;
        (!made.is_empty()).then_some(StepKind::Given(Given { call, answers: made }))
    }

    fn answer(&mut self, info: &FnInfo, answer: &TestAnswer, out: &mut Vec<Answer>) {
        let after = answer.after.as_ref().map(|e| self.value_fn(e, &ty::duration(), "`after`"));
        match &answer.kind {
            TestAnswerKind::Returns(values) if values.is_empty() => {
                let neutral = self.neutral_answer(info, answer.span);
                out.extend(neutral.map(|n| Answer { after, ..n }));
            }
            TestAnswerKind::Returns(values) => {
                for value in values {
                    let Some(f) = self.returned(info, value) else { continue };
                    out.push(Answer { kind: AnswerKind::Returns(f), times: None, after });
                }
            }
            TestAnswerKind::Fails { times, kind, message } => {
                let times = match times {
                    None => Some(None),
                    Some(TestTimes::Once) => Some(Some(1)),
                    Some(TestTimes::Twice) => Some(Some(2)),
                    Some(TestTimes::Times(n) | TestTimes::AtLeast(n) | TestTimes::AtMost(n)) => {
                        self.constant_count(n, "how often it fails", 1, MOST_TIMES).map(Some)
                    }
                };
                let message = message.as_ref().map(|m| {
                    let params = params_of(info);
                    self.test_fn("message", &params, m.span, |c, _| c.text_expr(m, "the message"))
                });
                let kind = self.failure_kind(kind);
                if let (Some(times), Some(kind)) = (times, kind) {
                    out.push(Answer { kind: AnswerKind::Fails { kind, message }, times, after });
                }
            }
        }
    }

    fn returned(&mut self, info: &FnInfo, value: &ast::Expr) -> Option<FnId> {
        let ret = info.ret.clone().unwrap_or_else(ty::error);
        if matches!(*ret, Type::Nothing) {
            let message = format!("`{}` gives nothing", info.name);
            self.error(codes::TEST_VALUE, value.span, message, "no value is wanted", "leave it out: `returns`");
            return None;
        }
        let role = format!("the result of `{}`", info.name);
        let params = params_of(info);
        Some(self.test_fn("returns", &params, value.span, |c, _| c.filling(|c| c.expr_as(value, &ret, &role))))
    }

    fn neutral_answer(&mut self, info: &FnInfo, at: Span) -> Option<Answer> {
        let ret = info.ret.clone().unwrap_or_else(ty::error);
        let Some(value) = self.neutral(&ret, at) else {
            if matches!(*ret, Type::Error) {
                return None;
            }
            let shown = self.show(&ret);
            let message = format!("there is no value that could stand for a `{shown}`");
            let help = if self.holds_secret(&ret) {
                "no test gives a Secret: answer the action that uses it"
            } else {
                "write what it gives: `returns …`"
            };
            self.error(codes::TEST_VALUE, at, message, "what does it give?", help);
            return None;
        };
        let params = params_of(info);
        let f = self.test_fn("returns", &params, at, |_, _| value);
        Some(Answer { kind: AnswerKind::Returns(f), times: None, after: None })
    }

    pub(super) fn failure_kind(&mut self, word: &ast::Ident) -> Option<FailureKind> {
        let at = builtin::FAILURE_KINDS.iter().position(|k| *k == word.name);
        let kind = at.and_then(|at| FailureKind::ALL.get(at).copied());
        if kind.is_none() {
            let known: Vec<SmolStr> = builtin::FAILURE_KINDS.iter().map(|k| SmolStr::new_static(k)).collect();
            self.known_word(codes::TYPE_VARIANT, "kind of failure", &word.name, word.span, &known);
        }
        kind
    }

    pub(super) fn given_group(&mut self, group: &ast::Expr, people: &ast::Expr) -> Option<StepKind> {
        let name = self.constant_text(group, "the name of a group");
        let members = self.constant(people, &ty::list(ty::text()), "who is in the group");
        let name = name?;
        if !self.project.groups.contains_key(&name) {
            let message = format!("there is no group `{name}`");
            let d = Diagnostic::error(codes::APPROVAL_UNKNOWN_PRINCIPAL, message, group.span, "not in `rrb.toml`");
            let known: Vec<SmolStr> = self.project.groups.keys().cloned().collect();
            let all = match known.as_slice() {
                [] => format!("declare it in `rrb.toml`: `[groups]` and below it `{name} = [\"ana\"]`"),
                all => {
                    format!("the groups are {}", all.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", "))
                }
            };
            self.report(suggest(d, group.span, &name, &known, |n| format!("\"{n}\""), &all));
            return None;
        }
        let Some(Value::List(members)) = members else { return None };
        let people = members.iter().filter_map(|v| v.as_text().map(SmolStr::from)).collect();
        Some(StepKind::GivenGroup { group: name, people })
    }

    pub(super) fn given_now(&mut self, now: &ast::Expr, at: Span, playing: &Playing) -> Option<StepKind> {
        let f = self.value_fn(now, &ty::time(), "the time");
        if playing.happened {
            let help = "write it before the first `when`, `run` and `advance`; later on `advance` lets time go by";
            self.error(
                codes::TEST_ORDER_WRONG,
                at,
                "the test has begun, and its time cannot be set any more",
                "",
                help,
            );
            return None;
        }
        Some(StepKind::GivenNow(f))
    }

    pub(super) fn given_settings(
        &mut self,
        of: Option<&ast::Path>,
        instance: Option<&ast::Expr>,
        values: &ast::Expr,
        at: Span,
    ) -> Option<StepKind> {
        let owners = match of {
            Some(path) => self.settings_owner(path)?,
            None => {
                let name = self.modules.get(self.home.module).map(|m| m.name.clone()).unwrap_or_default();
                vec![SettingOwner::Module(name)]
            }
        };
        let instance = match (instance, owners.iter().find_map(connector_of)) {
            (None, _) => None,
            (Some(e), Some(connector)) => Some(self.instance_seen(&connector, e)?),
            (Some(e), None) => {
                let help = "only connectors have instances: `given settings k8s[\"eu\"] { … }`";
                self.error(codes::TEST_SETTING, e.span, "a module has no instances", "", help);
                return None;
            }
        };
        let ast::ExprKind::Record(entries) = &values.kind else { return None };
        let mut out: Vec<(SettingId, FnId)> = Vec::with_capacity(entries.len());
        let before = self.diags.len();
        for entry in entries {
            let (name, value) = match entry {
                RecordEntry::Field { name, value } => (name, value.clone()),
                RecordEntry::Shorthand(name) => {
                    (name, ast::Expr { kind: ast::ExprKind::Name(name.clone()), span: name.span })
                }
                RecordEntry::TextKey { key_span: span, .. } => {
                    self.error(codes::TEST_SETTING, *span, "settings are given by name", "", "write `name: value`");
                    continue;
                }
                RecordEntry::Computed { key: e, .. } | RecordEntry::Spread(e) => {
                    self.error(codes::TEST_SETTING, e.span, "settings are given by name", "", "write `name: value`");
                    continue;
                }
            };
            let Some((id, t)) = self.setting_of(&owners, name) else { continue };
            let setting = Some(crate::check::index::Target::Setting(id));
            match value.span == name.span {
                true => self.saw_short(name.span, setting),
                false => self.saw_name(name.span, setting),
            }
            if out.iter().any(|(i, _)| *i == id) {
                let message = format!("`{}` is given twice", name.name);
                self.error(codes::TEST_SETTING, name.span, message, "again here", "keep one of them");
                continue;
            }
            if self.holds_secret(&t) {
                let message = format!("`{}` is a Secret, and a test knows no secrets", name.name);
                let help = "leave it out: in tests every secret is a placeholder, printed `secret(NAME)`";
                self.error(codes::TYPE_SECRET, name.span, message, "a Secret", help);
                continue;
            }
            let role = format!("the setting `{}`", name.name);
            out.push((id, self.value_fn(&value, &t, &role)));
        }
        if out.is_empty() && self.diags.len() == before {
            self.error(codes::TEST_SETTING, at, "no setting is given", "", "write `given settings { name: value }`");
        }
        Some(StepKind::GivenSettings { instance, values: out })
    }

    /// The module and the connector that a path may mean.
    fn settings_owner(&mut self, path: &ast::Path) -> Option<Vec<SettingOwner>> {
        let shown = path.parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(".");
        let first = path.parts.first()?;
        let known = path.parts.len() == 1 && self.lookup(self.home, &first.name).is_some();
        let def = match known {
            true => self.lookup_at(self.home, first),
            // Settings belong to the whole project, so their owner need not be in scope.
            false => self.owner_anywhere(&shown),
        };
        let owners = match def {
            Some(Def::Bad) => return None,
            Some(def @ (Def::Module(_) | Def::Connector(_))) => {
                let module = match def {
                    Def::Module(m) => self.modules.get(m).map(|m| SettingOwner::Module(m.name.clone())),
                    _ => None,
                };
                let connector = self.as_connector(def).and_then(|c| self.connector(c));
                let connector = connector.map(|c| SettingOwner::Connector(c.name.clone()));
                module.into_iter().chain(connector).collect()
            }
            _ => Vec::new(),
        };
        if owners.is_empty() {
            let owners: Vec<SmolStr> = self.settings.iter().map(|s| owner_name(&s.owner)).collect();
            let message = format!("no module or connector `{shown}` has settings");
            let d = Diagnostic::error(codes::TEST_SETTING, message, path.span, "not known");
            let d = match nearest(&shown, owners.iter().map(SmolStr::as_str)) {
                Some(near) => d
                    .help(format!("did you mean `{near}`?"))
                    .fix(format!("write `{near}`"), vec![(path.span, near.to_owned())]),
                None => d.help("write the name of a module or a connector; for this module write none"),
            };
            self.report(d);
            return None;
        }
        Some(owners)
    }

    fn owner_anywhere(&self, name: &str) -> Option<Def> {
        let connector = self.connectors.iter().position(|c| c.name == name);
        let connector =
            connector.and_then(|i| u32::try_from(i).ok()).map(|i| Def::Connector(crate::ids::ConnectorId(i)));
        connector.or_else(|| self.module_index.get(name).copied().map(Def::Module))
    }

    fn setting_of(&mut self, owners: &[SettingOwner], name: &ast::Ident) -> Option<(SettingId, Ty)> {
        let at = self.settings.iter().position(|s| owners.contains(&s.owner) && s.name == name.name);
        if let Some(at) = at {
            let id = SettingId(u32::try_from(at).unwrap_or(u32::MAX));
            return Some((id, self.settings.get(at).map_or_else(ty::error, |s| s.ty.clone())));
        }
        let owner = owners.last().map(owner_name).unwrap_or_default();
        let all = self.settings.iter().filter(|s| owners.contains(&s.owner));
        let known: Vec<SmolStr> = all.map(|s| s.name.clone()).collect();
        let message = format!("`{owner}` has no setting `{}`", name.name);
        let d = Diagnostic::error(codes::TEST_SETTING, message, name.span, "not declared there");
        let all = match known.as_slice() {
            [] => "it has no `settings { … }`; for those of another module or a connector, name it: `given settings slack { … }`"
                .to_owned(),
            all => {
                format!("its settings are {}", all.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", "))
            }
        };
        self.report(suggest(d, name.span, &name.name, &known, str::to_owned, &all));
        None
    }

    /// `resolve happened returns E`
    pub(super) fn resolve(
        &mut self,
        how: &ast::Ident,
        result: Option<&TestAnswer>,
    ) -> Option<crate::hir::testing::Resolve> {
        use crate::hir::testing::Resolve;
        let value = match result.map(|r| (r, &r.kind)) {
            Some((r, TestAnswerKind::Returns(values))) => {
                if let Some(after) = &r.after {
                    let help = "leave it out: it is said now";
                    self.error(codes::TEST_VALUE, after.span, "what is resolved takes no time", "", help);
                }
                if let Some(second) = values.get(1) {
                    self.error(codes::TEST_VALUE, second.span, "a call has one result", "one too many", "leave it out");
                }
                values.first()
            }
            _ => None,
        };
        let made = match how.name.as_str() {
            "happened" => Resolve::Happened(value.map(|v| self.value_fn(v, &ty::json(), "the result"))),
            "did_not_happen" => Resolve::DidNotHappen,
            "unknown" => Resolve::Unknown,
            _ => {
                let known = ["happened", "did_not_happen", "unknown"].map(SmolStr::new_static);
                self.known_word(codes::TEST_WORD, "way to resolve a call by", &how.name, how.span, &known);
                return None;
            }
        };
        if let (Some(value), false) = (value, matches!(made, Resolve::Happened(_))) {
            let message = format!("a call that is resolved as `{}` has no result", how.name);
            self.error(codes::TEST_VALUE, value.span, message, "no value is wanted", "leave `returns` out");
        }
        Some(made)
    }

    /// Stands for what was reported.
    pub(super) fn nothing_fn(&mut self, at: Span) -> FnId {
        self.test_fn("nothing", &[], at, |_, _| bad(at))
    }
}

fn params_of(info: &FnInfo) -> Vec<(Option<SmolStr>, Ty)> {
    info.params.iter().map(|p| (Some(p.name.clone()), p.ty.clone())).collect()
}

fn owner_name(owner: &SettingOwner) -> SmolStr {
    match owner {
        SettingOwner::Module(name) | SettingOwner::Connector(name) => name.clone(),
    }
}

fn connector_of(owner: &SettingOwner) -> Option<SmolStr> {
    match owner {
        SettingOwner::Connector(name) => Some(name.clone()),
        SettingOwner::Module(_) => None,
    }
}
