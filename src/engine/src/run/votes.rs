//! Who may answer an approval, and what the answers amount to. Pure rules: the people are those of the project at the moment of the
//! question, so a person who left a group in between no longer counts.

use rrb_lang::diag::nearest;
use rrb_lang::project::ProjectConfig;
use rrb_lang::vm::protocol::{ApprovalAsk, Asked, Millis};

use crate::store::VoteRow;

/// Who is asked at `at`: the first ones, and those it was escalated to until then.
pub fn asked(ask: &ApprovalAsk, at: Millis) -> impl Iterator<Item = &Asked> {
    let later = ask.escalate.iter().filter(move |(from, _)| *from <= at).flat_map(|(_, who)| who);
    ask.from.iter().chain(later)
}

/// The person among the users of the project who started the run, if a person did.
fn requester(shown: &str) -> Option<&str> {
    shown.strip_prefix("user:").map(|rest| rest.split_whitespace().next().unwrap_or(rest))
}

fn belongs(who: &Asked, person: &str, people: &ProjectConfig) -> bool {
    match who {
        Asked::User(user) => user == person,
        Asked::Group(group) => people.members(group).is_some_and(|m| m.iter().any(|u| u == person)),
    }
}

/// Whether `person` may answer at `at`.
///
/// # Errors
/// Why not, for people.
pub fn may_vote(
    ask: &ApprovalAsk,
    asked_by: &str,
    people: &ProjectConfig,
    person: &str,
    at: Millis,
) -> Result<(), String> {
    if !people.users.contains_key(person) {
        let known = people.users.keys().map(|k| k.as_str());
        let hint = nearest(person, known).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        return Err(format!("`{person}` is no user of this project{hint}"));
    }
    if !ask.allow_requester && requester(asked_by) == Some(person) {
        return Err(format!("`{person}` started this run and so may not answer for it: another person must"));
    }
    if asked(ask, at).any(|who| belongs(who, person, people)) {
        return Ok(());
    }
    let who: Vec<String> = asked(ask, at).map(ToString::to_string).collect();
    let later = ask.escalate.iter().any(|(_, who)| who.iter().any(|w| belongs(w, person, people)));
    let hint = if later { " yet: the question has not been escalated to them" } else { "" };
    Err(format!("`{person}` is not among those asked{hint}; asked: {}", who.join(", ")))
}

/// What the answers amount to.
#[derive(Debug, Clone, PartialEq)]
pub enum Tally<'a> {
    /// Enough agreed; these, one per person.
    Approved(Vec<&'a VoteRow>),
    Denied(&'a VoteRow),
    /// So many agreed.
    Open(u32),
}

/// Counts the votes of people who may still answer. The order of the votes decides: the first no closes, unless enough agreed before.
pub fn tally<'a>(ask: &ApprovalAsk, asked_by: &str, votes: &'a [VoteRow], people: &ProjectConfig) -> Tally<'a> {
    let mut agreed: Vec<&VoteRow> = Vec::new();
    let quorum = ask.quorum.max(1) as usize;
    for vote in votes {
        let counted = agreed.iter().any(|v| v.person == vote.person);
        if counted || may_vote(ask, asked_by, people, &vote.person, vote.at).is_err() {
            continue;
        }
        if !vote.approve {
            return Tally::Denied(vote);
        }
        if ask.require_comment && vote.comment.trim().is_empty() {
            continue;
        }
        agreed.push(vote);
        if agreed.len() >= quorum {
            return Tally::Approved(agreed);
        }
    }
    Tally::Open(u32::try_from(agreed.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rrb_lang::project::{Group, User};
    use rrb_lang::span::{FileId, Span};
    use rrb_lang::vm::protocol::Plan;

    fn people() -> ProjectConfig {
        let span = Span { file: FileId(0), start: 0, end: 0 };
        let mut config = ProjectConfig::default();
        for name in ["ana", "bo", "cy", "dee"] {
            let user = User { name: name.into(), email: None, login: name.into(), span };
            config.users.insert(name.into(), user);
        }
        for (group, members) in [("sre", vec!["ana", "bo"]), ("leads", vec!["cy"]), ("empty", vec![])] {
            let members = members.into_iter().map(Into::into).collect();
            config.groups.insert(group.into(), Group { members, span });
        }
        config
    }

    fn ask() -> ApprovalAsk {
        ApprovalAsk {
            question: "Drain?".into(),
            from: vec![Asked::Group("sre".into()), Asked::User("dee".into())],
            quorum: 2,
            allow_requester: false,
            require_comment: false,
            expires: 1000,
            escalate: vec![(500, vec![Asked::Group("leads".into())])],
            remind_every_ms: None,
            showing: rrb_lang::json::Json::Null,
            plan: Plan::default(),
            again: false,
        }
    }

    fn vote(person: &str, approve: bool, at: Millis) -> VoteRow {
        let (approval, comment, method) = ("apr".into(), String::new(), "terminal".into());
        VoteRow { approval, person: person.into(), approve, comment, method, at }
    }

    #[test]
    fn who_may_vote() {
        let people = people();
        let table = [
            ("user:zed", "ana", 0, true, ""),
            ("user:zed", "dee", 0, true, ""),
            ("user:ana", "ana", 0, false, "started this run"),
            ("user:ana (token:laptop)", "ana", 0, false, "started this run"),
            ("event:evt_1", "ana", 0, true, ""),
            ("token:ana", "ana", 0, true, ""),
            ("user:zed", "cy", 499, false, "has not been escalated"),
            ("user:zed", "cy", 500, true, ""),
            ("user:cy", "cy", 500, false, "started this run"),
            ("user:zed", "anna", 0, false, "did you mean `ana`"),
            ("user:zed", "", 0, false, "is no user"),
            ("user:zed", "sre", 0, false, "is no user"),
            ("user:zed", "Ana", 0, false, "is no user"),
        ];
        for (by, person, at, may, why) in table {
            let answer = may_vote(&ask(), by, &people, person, at);
            assert_eq!(answer.is_ok(), may, "{by} {person} {at}: {answer:?}");
            if let Err(text) = answer {
                assert!(text.contains(why), "{text}");
            }
        }
        let open = ApprovalAsk { allow_requester: true, ..ask() };
        assert!(may_vote(&open, "user:ana", &people, "ana", 0).is_ok());
        let nobody = ApprovalAsk { from: vec![Asked::Group("empty".into()), Asked::Group("gone".into())], ..ask() };
        assert!(may_vote(&nobody, "user:zed", &people, "ana", 0).is_err());
    }

    #[test]
    fn counts_people_and_the_first_verdict_wins() {
        let (people, ask) = (people(), ask());
        let count = |votes: &[VoteRow]| match tally(&ask, "user:zed", votes, &people) {
            Tally::Approved(by) => format!("yes {}", by.len()),
            Tally::Denied(vote) => format!("no {}", vote.person),
            Tally::Open(n) => format!("open {n}"),
        };
        assert_eq!(count(&[]), "open 0");
        assert_eq!(count(&[vote("ana", true, 1)]), "open 1");
        assert_eq!(count(&[vote("ana", true, 1), vote("ana", true, 2)]), "open 1", "twice is once");
        assert_eq!(count(&[vote("ana", true, 1), vote("bo", true, 2)]), "yes 2");
        assert_eq!(count(&[vote("ana", true, 1), vote("bo", false, 2), vote("dee", true, 3)]), "no bo");
        assert_eq!(count(&[vote("ana", true, 1), vote("bo", true, 2), vote("dee", false, 3)]), "yes 2");
        assert_eq!(count(&[vote("ana", true, 1), vote("ana", false, 2)]), "open 1", "the first vote of a person holds");
        assert_eq!(count(&[vote("cy", false, 499), vote("ana", true, 500)]), "open 1", "who may not, may not deny");
        assert_eq!(count(&[vote("cy", false, 500)]), "no cy");
        assert_eq!(count(&[vote("zed", true, 1), vote("ana", true, 2)]), "open 1");
    }

    #[test]
    fn who_left_no_longer_counts_and_comments_can_be_required() {
        let mut people = people();
        let votes = [vote("ana", true, 1), vote("bo", true, 2)];
        people.groups.get_mut("sre").unwrap().members.pop();
        assert_eq!(tally(&ask(), "user:zed", &votes, &people), Tally::Open(1));
        people.users.shift_remove("ana");
        assert_eq!(tally(&ask(), "user:zed", &votes, &people), Tally::Open(0));
        let strict = ApprovalAsk { require_comment: true, quorum: 1, ..ask() };
        let spoken = VoteRow { comment: "fine".into(), ..vote("dee", true, 1) };
        let blank = VoteRow { comment: " ".into(), ..vote("dee", true, 1) };
        assert_eq!(tally(&strict, "user:zed", &[blank], &people), Tally::Open(0));
        assert_eq!(tally(&strict, "user:zed", std::slice::from_ref(&spoken), &people), Tally::Approved(vec![&spoken]));
    }
}
