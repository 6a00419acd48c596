//! Rows and items as the engine makes them, for what renders them.

use rrb_engine::api::{EventView, RunView, TimelineItem, What};
use rrb_engine::store::{ApprovalRow, ApprovalState, DispositionRow, EventRow, RunRow, RunStatus, VoteRow};
use rrb_lang::hir::Outcome;
use rrb_lang::ids::SiteId;
use rrb_lang::json::Json;
use rrb_lang::syntax::ast::Effect;
use rrb_lang::vm::protocol::{
    ActionInfo, ApprovalAsk, Asked, CallClass, Certainty, Failure, FailureKind, Note, Plan, PlanEntry, Planned, RunEnd,
};
use serde_json::json;

/// 2026-11-21T14:03:07Z
pub const START: i64 = 1_795_269_787_000;

const RUN: &str = "run_01jd8k2m4n6p8q0r2s4t6k3x9q2";

/// An item of the sample run, so many milliseconds after its start.
pub fn item(after: i64, what: What) -> TimelineItem {
    TimelineItem { at: START + after, run: Some(RUN.into()), runbook: Some("relieve".into()), event: None, what }
}

fn note(after: i64, note: Note) -> TimelineItem {
    item(after, What::Note { note })
}

fn call(action: &str, effect: Effect, target: Option<&str>, args: &[(&str, &str)]) -> ActionInfo {
    ActionInfo {
        action: action.into(),
        connector: action.split('.').next().unwrap().into(),
        instance: "default".into(),
        target: target.map(Into::into),
        on_busy_fail: false,
        effect,
        args: args.iter().map(|(n, v)| ((*n).into(), Json::Text((*v).into()))).collect(),
        rollback: false,
        cover: None,
        site: SiteId(1),
        class: CallClass::Idempotent,
        approvals: vec![],
    }
}

fn ended(info: &ActionInfo, attempts: u32, failure: Option<Failure>) -> Note {
    Note::ActionEnded {
        action: info.action.clone(),
        instance: info.instance.clone(),
        target: info.target.clone(),
        effect: info.effect,
        attempts,
        rollback: false,
        failure,
    }
}

fn failure(kind: FailureKind, message: &str, action: &str, attempts: u32) -> Failure {
    Failure { action: action.into(), attempts, ..Failure::new(kind, message) }
}

pub fn plan() -> Plan {
    let entry = |action: &str, effect, certainty, target: Planned, args: Vec<(&str, Planned)>| PlanEntry {
        site: SiteId(2),
        count: 0,
        certainty,
        action: action.into(),
        instance: "default".into(),
        effect,
        target,
        args: args.into_iter().map(|(n, v)| (n.into(), v)).collect(),
        place: "".into(),
        class: CallClass::Idempotent,
    };
    let text = |t: &str| Planned::Known(Json::Text(t.into()));
    Plan {
        entries: vec![
            entry(
                "system.delete_files",
                Effect::Destroys,
                Certainty::Will,
                text("host-1"),
                vec![(
                    "paths",
                    Planned::Known(Json::list([Json::from("/var/log/a"), Json::from("/var/log/b\u{1b}[2J")])),
                )],
            ),
            PlanEntry {
                instance: "prod".into(),
                ..entry(
                    "k8s.drain",
                    Effect::Destroys,
                    Certainty::May,
                    Planned::Unknown,
                    vec![("node", text("n7")), ("grace", text("2m"))],
                )
            },
            entry("slack.post", Effect::Changes, Certainty::Each, Planned::Absent, vec![("text", Planned::Unknown)]),
        ],
        digest: "3f9a1c0e77b2d4".into(),
        incomplete: None,
        verdicts: vec![],
    }
}

pub fn approval() -> ApprovalRow {
    let ask = ApprovalAsk {
        question: "Delete 2 archives from /var on host-1?".into(),
        from: vec![Asked::Group("sre".into()), Asked::User("cy".into())],
        quorum: 2,
        allow_requester: false,
        require_comment: true,
        expires: START + 1_800_000,
        escalate: vec![(START + 900_000, vec![Asked::Group("platform".into())])],
        remind_every_ms: None,
        showing: Json::object([("before", Json::Float(0.93)), ("now", Json::Float(0.87))]),
        plan: plan(),
        again: false,
    };
    ApprovalRow {
        id: "apr_01jd8k2m4n6p8q0r2s4t67f2k9a".into(),
        run: RUN.into(),
        runbook: "relieve".into(),
        effect: "s2:0".into(),
        ask: serde_json::to_value(ask).unwrap(),
        digest: plan().digest,
        requester: "event:evt_1".into(),
        asked: START,
        expires: START + 1_800_000,
        state: ApprovalState::Open,
        closed: None,
        votes: vec![VoteRow {
            approval: "apr_1".into(),
            person: "ana".into(),
            approve: true,
            comment: "checked\nwith \u{202e}bo".into(),
            method: "token:ana-laptop".into(),
            at: START + 60_000,
        }],
    }
}

/// A run that goes through everything a timeline can show.
pub fn story() -> Vec<TimelineItem> {
    let delete = call("system.delete_file", Effect::Destroys, Some("host-1"), &[("path", "/var/cache/old")]);
    let read = call("prometheus.scalar", Effect::Reads, None, &[("query", "node_filesystem_avail_bytes")]);
    let post = call("slack.post", Effect::Changes, Some("channel/#sre"), &[("channel", "#sre"), ("text", "hi")]);
    let late = failure(FailureKind::Timeout, "no answer in 3s", "slack.post", 1);
    let event = |what| TimelineItem { run: None, event: Some("evt_01jd8k".into()), ..item(0, what) };
    vec![
        TimelineItem {
            run: None,
            runbook: None,
            ..item(0, What::Loaded { program: "ab12cd34ef56ab78".into(), runbooks: 2, problem: None })
        },
        event(What::EventReceived { source: "alertmanager.firing".into(), summary: "DiskAlmostFull".into() }),
        event(What::Disposition { verdict: "started".into(), detail: String::new() }),
        event(What::Disposition {
            verdict: "where".into(),
            detail: "a.severity >= warning (a.severity = info)".into(),
        }),
        item(
            0,
            What::RunStarted {
                requester: "event:evt_01jd8k".into(),
                params: json!({"mount": "/var", "note": "two words"}),
            },
        ),
        note(5, Note::ActionBegan { info: read.clone() }),
        note(25, ended(&read, 1, None)),
        note(30, Note::Evidence { site: SiteId(1), name: "used before".into(), value: Json::Float(0.93) }),
        note(40, Note::StepBegan { site: SiteId(1), name: "Delete old cache files".into() }),
        note(
            41,
            Note::Waived { reason: "can be built again".into(), by: "platform".into(), until: START + 86_400_000 * 40 },
        ),
        note(50, Note::ActionBegan { info: delete.clone() }),
        item(51, What::CallIntent { action: "system.delete_file".into(), native: "file.delete".into(), attempt: 1 }),
        item(
            60,
            What::CallOutcome {
                action: "system.delete_file".into(),
                native: "file.delete".into(),
                ok: true,
                message: String::new(),
                millis: 9,
            },
        ),
        note(62, ended(&delete, 1, None)),
        note(1540, Note::StepEnded { site: SiteId(1), name: "Delete old cache files".into(), ok: true }),
        note(1550, Note::ActionBegan { info: post.clone() }),
        note(
            4550,
            Note::Retrying { action: "slack.post".into(), attempt: 1, at: START + 14_550, failure: late.clone() },
        ),
        note(15_000, ended(&post, 2, None)),
        item(15_100, What::ApprovalAsked { approval: approval() }),
        item(15_100, What::RunStatus { status: RunStatus::Waiting, why: "an approval".into() }),
        item(
            75_000,
            What::ApprovalVoted { approval: "apr_1".into(), person: "ana".into(), approve: true, comment: "go".into() },
        ),
        item(
            80_000,
            What::ApprovalVoted {
                approval: "apr_1".into(),
                person: "bo".into(),
                approve: false,
                comment: String::new(),
            },
        ),
        item(80_000, What::ApprovalClosed { approval: "apr_1".into(), state: ApprovalState::Denied }),
        note(80_100, Note::StepBegan { site: SiteId(4), name: "Tell \u{1b}[31mpeople".into() }),
        note(80_200, Note::Log { site: SiteId(5), text: "line one\nline two".into() }),
        note(80_300, Note::Shadowed { plan: plan() }),
        note(80_300, Note::OffPlan { action: "slack.post".into(), target: None }),
        note(80_400, ended(&post, 3, Some(failure(FailureKind::Timeout, "no answer in 3s", "slack.post", 3)))),
        note(80_400, Note::StepEnded { site: SiteId(4), name: "Tell \u{1b}[31mpeople".into(), ok: false }),
        note(80_500, Note::Verified { name: "the disk is below 80 %".into(), ok: false, last: "0.91".into() }),
        note(80_600, Note::Failed { failure: failure(FailureKind::Failed, "the disk is still full", "", 1) }),
        note(80_700, Note::UndoBegan { count: 1 }),
        note(80_800, Note::UndoFailed { action: "system.move_file".into(), failure: late.clone() }),
        note(80_850, Note::HandlerFailed { handler: "on failure".into(), failure: late }),
        item(80_900, What::RunStatus { status: RunStatus::Parked, why: "system.move_file".into() }),
        item(
            90_000,
            What::RunEnded {
                outcome: "failed".into(),
                why: "the disk is still full".into(),
                ineffective: true,
                remains: vec!["system.move_file".into()],
            },
        ),
        TimelineItem {
            run: None,
            runbook: None,
            event: None,
            ..item(
                91_000,
                What::DeadLetter { path: "/alertmanager".into(), reason: "$.alerts: a list was expected".into() },
            )
        },
    ]
}

/// The same action in two branches at a time; the second to begin is the last to end.
pub fn side_by_side() -> Vec<TimelineItem> {
    let within = |branch: &str, note: Note| Note::In { branch: branch.into(), inner: Box::new(note) };
    let write = |path: &str| call("file.write", Effect::Changes, None, &[("path", path), ("content", "x")]);
    let (a, b) = (write("/a"), write("/b"));
    vec![
        note(0, within("a", Note::ActionBegan { info: a.clone() })),
        note(1, within("b", Note::ActionBegan { info: b.clone() })),
        note(5, within("a", ended(&a, 1, None))),
        note(9, within("b", ended(&b, 1, None))),
    ]
}

pub fn run() -> RunRow {
    let end = RunEnd {
        outcome: Outcome::Failed,
        why: "the disk is still full".into(),
        failure: Some(failure(FailureKind::Denied, "bo said no", "", 1)),
        ineffective: true,
        remains: vec!["system.move_file".into()],
    };
    RunRow {
        id: RUN.into(),
        runbook: "relieve".into(),
        program: "ab12cd34ef56ab78".into(),
        status: RunStatus::Done,
        requester: "user:ana (token:ana-laptop)".into(),
        event: Some("evt_01jd8k".into()),
        input: json!({}),
        params: json!({"mount": "/var", "node": "host-1"}),
        concurrency_key: None,
        created: START,
        updated: START + 90_000,
        end: Some(serde_json::to_value(end).unwrap()),
    }
}

pub fn view() -> RunView {
    let timeline = story().into_iter().filter(|i| i.run.is_some()).take(8).collect();
    RunView {
        run: run(),
        journal: vec![],
        timeline,
        approvals: vec![approval()],
        waiting_for: vec!["2 of group sre or cy".into()],
    }
}

pub fn event() -> EventView {
    let disposition = |runbook: &str, verdict: &str, run: Option<&str>, detail: &str| DispositionRow {
        event: "evt_01jd8k".into(),
        runbook: runbook.into(),
        verdict: verdict.into(),
        run: run.map(Into::into),
        detail: detail.into(),
        at: START,
    };
    EventView {
        event: EventRow {
            id: "evt_01jd8k".into(),
            delivery: Some("dlv_1".into()),
            source: "alertmanager.firing".into(),
            instance: "eu".into(),
            sender_id: Some("fp-77".into()),
            at: START,
            received: START,
            payload: json!({"name": "DiskAlmostFull", "labels": {"node": "n7\u{7}"}}),
        },
        dispositions: vec![
            disposition("relieve", "started", Some(RUN), ""),
            disposition("restart", "where", None, "a.severity >= critical (a.severity = warning)"),
            disposition("page", "queued", Some(RUN), "behind 1 run"),
            disposition("broken", "error", None, "index 3 of a list of 1"),
        ],
    }
}
