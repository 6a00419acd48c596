//! The words of the language: which can stand where, and the forms that are filled in.

use super::lex::Token;

/// What begins a declaration.
pub const TOP: &[&str] = &[
    "use",
    "let",
    "settings",
    "type",
    "enum",
    "fn",
    "action",
    "runbook",
    "connector",
    "policy",
    "test",
    "event",
    "native action",
];

/// What stands in a connector.
pub const IN_CONNECTOR: &[&str] = &["settings", "type", "enum", "let", "fn", "action", "event"];

/// The clauses of a runbook's header.
pub const HEADER: &[&str] = &[
    "owner",
    "severity",
    "tags",
    "controls",
    "on",
    "every",
    "at",
    "dedupe",
    "limit",
    "concurrency",
    "timeout",
    "give up after",
    "cancel when",
    "no rollback",
    "shadow",
];

/// What begins a statement.
pub const STATEMENT: &[&str] = &[
    "let",
    "var",
    "if",
    "match",
    "for",
    "while",
    "step",
    "do",
    "approve",
    "waive",
    "verify",
    "wait",
    "wait until",
    "wait for",
    "during",
    "try",
    "parallel",
    "race",
    "at most",
    "evidence",
    "log",
    "run",
    "start",
    "finish",
    "fail",
    "rollback",
    "return",
    "break",
    "continue",
    "skip",
    "restart",
];

/// What begins a statement of what is pure.
pub const PURE_STATEMENT: &[&str] =
    &["let", "var", "if", "match", "for", "while", "fail", "return", "break", "continue", "try"];

/// What begins or is an expression.
pub const EXPRESSION: &[&str] = &["if", "match", "not", "true", "false", "none", "fail", "try", "skip"];

/// What begins a statement of a test.
pub const TEST: &[&str] =
    &["given", "when", "run", "approve by", "deny by", "advance", "crash", "cancel", "resolve", "expect"];

/// What a test expects, besides calls.
pub const EXPECTED: &[&str] = &[
    "outcome",
    "evidence",
    "log",
    "step",
    "approval",
    "failure",
    "disposition",
    "dead letter",
    "runs",
    "running",
    "no",
];

/// The rules of a policy.
pub const POLICY: &[&str] = &["applies where", "forbid", "require approval", "limit", "delegate"];

/// The clauses of an event.
pub const EVENT: &[&str] = &["verify", "origins", "answer", "each", "id", "at", "emit", "acknowledge"];

/// How a runbook ends.
pub const OUTCOMES: &[&str] = &["resolved", "mitigated", "not_needed", "escalated", "failed"];

/// How much a runbook matters.
pub const SEVERITIES: &[&str] = &["info", "low", "medium", "high", "critical"];

/// What a call does.
pub const EFFECTS: &[&str] = &["reads", "changes", "destroys"];

const APPROVE: &[&str] = &[
    "from",
    "quorum",
    "within",
    "escalate to",
    "remind every",
    "ask",
    "showing",
    "require comment",
    "not requester",
    "allow requester",
];
const TRIGGER: &[&str] =
    &["as", "where", "with", "by", "within", "distinct", "for", "max keys", "and", "then", "without"];
const CALL: &[&str] = &["retry", "timeout", "key", "undo"];
const RULE: &[&str] =
    &["where", "unless", "during", "because", "for", "by", "from", "quorum", "within", "require comment", "query"];

/// The clauses that may follow a word, and how they begin.
const CLAUSES: &[(&str, &[&str])] = &[
    ("approve", APPROVE),
    ("waive", &["by", "until"]),
    ("verify", &["within", "every", "settle"]),
    ("on", TRIGGER),
    ("dedupe", &["by", "for"]),
    ("limit", &["per", "by", "to", "because"]),
    ("concurrency", &["by", "queue", "skip", "replace"]),
    ("give", &["up after", "ineffective in", "by"]),
    ("every", &["missed run once", "missed skip", "with"]),
    ("at", &["in", "missed run once", "missed skip", "with"]),
    ("cancel", &["when", "as", "where", "because"]),
    ("do", CALL),
    ("retry", &["times", "backoff", "when", "unsafe", "timeout", "key", "undo"]),
    ("for", &["in", "in waves", "pausing", "parallel", "collect failures"]),
    ("wait", &["until", "for", "as", "where", "every", "within"]),
    ("run", &["by"]),
    (
        "action",
        &[
            "reads",
            "changes",
            "destroys",
            "once",
            "idempotent",
            "keyed within",
            "probe",
            "target",
            "on busy fail",
            "undo",
        ],
    ),
    ("event", &["from webhook", "from poll every", "from file", "from stream", "from exec", "from syslog"]),
    ("given", &["returns", "fails once with", "fails with", "then", "after", "is"]),
    ("expect", &["called", "not called", "called once", "called twice", "called before", "with", "of", "is"]),
    ("resolve", &["happened", "not_happened", "returns"]),
    ("approved", &["otherwise"]),
    ("deny", &["because"]),
    ("forbid", RULE),
    ("require", RULE),
    ("delegate", &["query", "during", "where", "unless"]),
    ("trust", &["because"]),
    ("try", &["catch"]),
    ("if", &["else"]),
];

/// The clauses of the statement that the cursor is behind, from the words of its block.
pub fn clauses(tokens: &[Token<'_>]) -> Vec<&'static str> {
    let mut used: Vec<&str> = Vec::new();
    for (i, token) in tokens.iter().enumerate().rev() {
        let Token::Word(word) = token else { continue };
        // Behind a `.` and before a `:` every word is a name.
        if i > 0 && tokens.get(i - 1) == Some(&Token::Sign('.')) {
            continue;
        }
        let begins = tokens.get(..i).is_none_or(|t| t.last().is_none_or(|t| *t == Token::Line));
        let inner = matches!(*word, "do" | "retry");
        if (begins || inner)
            && let Some((_, known)) = CLAUSES.iter().find(|(head, _)| head == word)
        {
            let fresh = known.iter().filter(|c| !used.contains(&c.split(' ').next().unwrap_or_default()));
            return fresh.copied().collect();
        }
        let clause = CLAUSES.iter().any(|(_, all)| all.iter().any(|c| c.split(' ').next() == Some(*word)));
        if begins && !clause {
            return Vec::new();
        }
        used.push(word);
    }
    Vec::new()
}

/// A form that is filled in.
#[derive(Debug)]
pub struct Form {
    pub label: &'static str,
    pub detail: &'static str,
    /// With places to fill in: `${1:name}`, the last one `$0`. A `$` of the language is written `\$`.
    pub text: &'static str,
}

/// When a rule of a policy counts.
pub const WINDOWS: &[Form] = &[
    Form {
        label: "weekly",
        detail: "every week, from a day and time to another",
        text: "weekly(\"${1:Fri 17:00}\" to \"${2:Mon 07:00}\" in \"${3:UTC}\")$0",
    },
    Form {
        label: "daily",
        detail: "every day, from a time to another",
        text: "daily(\"${1:22:00}\" to \"${2:06:00}\" in \"${3:UTC}\")$0",
    },
    Form {
        label: "between",
        detail: "once, from a moment to another",
        text: "between time\"${1:2026-12-23T00:00:00Z}\" and time\"${2:2027-01-02T00:00:00Z}\"$0",
    },
];

/// Who else may decide for a policy.
pub const DELEGATES: &[Form] = &[
    Form {
        label: "rego",
        detail: "a rule in a file of Rego",
        text: "rego \"${1:policies/guard.rego}\" query \"${2:data.rrb.deny}\"$0",
    },
    Form { label: "cedar", detail: "a file of Cedar", text: "cedar \"${1:policies/guard.cedar}\"$0" },
];

/// Whole declarations.
pub const DECLARATIONS: &[Form] = &[
    Form {
        label: "runbook",
        detail: "a runbook with a trigger",
        text: "/// ${1:What it mends, and how.}\nrunbook ${2:name}(${3:node: Text}) {\n  owner \"${4:platform}\"\n  severity ${5|medium,info,low,high,critical|}\n\n  on ${6:alertmanager.firing} as ${7:alert}\n    where ${8:alert.name == \"…\"}\n    with ${9:node: alert.labels.instance ?? skip}\n\n  $0\n}",
    },
    Form {
        label: "test",
        detail: "a test of a runbook",
        text: "test \"${1:what must be so}\" {\n  given ${2:connector.action(_)} returns ${3:value}\n  when ${4:connector.event} { $5 }\n  expect outcome ${6|resolved,mitigated,not_needed,escalated,failed|}\n}$0",
    },
    Form {
        label: "connector",
        detail: "a connector with an action and an event",
        text: "/// ${1:What it speaks to.} ${2:https://…}\nconnector ${3:name} {\n  settings {\n    /// ${4:What it is for, and where to get it.}\n    token: Secret\n    base: Url = url\"${5:https://api.example.com}\"\n  }\n\n  /// ${6:What it does.}\n  action ${7:act}(${8:id: Text}) changes ${9|once,idempotent|} {\n    do http.post(\"\\${base}/$7/\\${$10id}\", bearer: token)\n  }$0\n}",
    },
    Form {
        label: "action",
        detail: "an action",
        text: "/// ${1:What it does.}\naction ${2:name}(${3}) ${4|reads,changes,destroys|} {\n  $0\n}",
    },
    Form { label: "fn", detail: "a function", text: "fn ${1:name}(${2}) -> ${3:Text} {\n  $0\n}" },
    Form {
        label: "policy",
        detail: "a policy",
        text: "policy ${1:name} {\n  applies where \"${2:prod}\" in runbook.tags\n\n  forbid ${3|destroys,changes|} during weekly(\"${4:Fri 17:00}\" to \"${5:Mon 07:00}\" in \"${6:UTC}\")\n    because \"${7:change freeze}\"\n}$0",
    },
    Form {
        label: "settings",
        detail: "settings of this module",
        text: "settings {\n  /// ${1:What it is for.}\n  ${2:name}: ${3:Text}\n}$0",
    },
    Form { label: "type", detail: "a record type", text: "type ${1:Name} = {\n  ${2:field}: ${3:Text},\n}$0" },
    Form { label: "enum", detail: "an enum", text: "enum ${1:Name} { ${2:first}, ${3:second} }$0" },
];

/// The statements with a body.
pub const STATEMENTS: &[Form] = &[
    Form {
        label: "approve",
        detail: "ask people first",
        text: "approve \"${1:question?}\"\n  from group(\"${2:sre}\")\n  within ${3:30m}\n{\n  $0\n} otherwise denial {\n  finish escalated \"${4:not approved: \\${denial.reason\\}}\"\n}",
    },
    Form {
        label: "waive",
        detail: "a standing exception",
        text: "waive \"${1:reason}\" by \"${2:who}\" until time\"${3:2027-01-01T00:00:00Z}\" {\n  $0\n}",
    },
    Form {
        label: "verify",
        detail: "wait until it is true, or fail",
        text: "verify \"${1:what is so}\" within ${2:5m} every ${3:10s} { $0 }",
    },
    Form { label: "step", detail: "a named part of the run", text: "step \"${1:Name}\" {\n  $0\n}" },
    Form { label: "if", detail: "a condition", text: "if ${1:condition} {\n  $0\n}" },
    Form { label: "for", detail: "a loop over items", text: "for ${1:x} in ${2:xs} {\n  $0\n}" },
    Form { label: "try", detail: "catch a failure", text: "try {\n  $1\n} catch ${2:f} {\n  $0\n}" },
    Form {
        label: "parallel",
        detail: "branches at the same time",
        text: "parallel {\n  ${1:a} { $2 }\n  ${3:b} { $0 }\n}",
    },
    Form { label: "on failure", detail: "what is done when the run fails", text: "on failure as ${1:f} {\n  $0\n}" },
];

#[cfg(test)]
mod tests {
    use super::super::lex::before;
    use super::*;

    fn of(text: &str) -> Vec<&'static str> {
        clauses(&before(text, text.len()).innermost().0)
    }

    #[test]
    fn a_statement_has_its_clauses() {
        assert!(of("runbook r() {\n  approve \"a\" ").contains(&"from"));
        assert!(!of("runbook r() {\n  approve \"a\"\n    from group(\"x\")\n    ").contains(&"from"));
        assert!(of("runbook r() {\n  do f() ").contains(&"retry"));
        assert!(of("runbook r() {\n  let x = do f() ").contains(&"retry"));
        assert!(of("runbook r() {\n  on a.b as c ").contains(&"where"));
        assert!(of("action f() ").contains(&"reads"));
    }

    #[test]
    fn other_words_have_none() {
        for text in
            ["", "let x = ", "runbook r() {\n  approve \"a\" {\n  let x = ", "runbook r() {\n  let x = 1\n  ", "a.on "]
        {
            assert!(of(text).is_empty(), "{text}");
        }
    }
}
