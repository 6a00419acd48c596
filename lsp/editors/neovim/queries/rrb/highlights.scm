; Made of tree-sitter-rrb/queries by `npm run generate` there.

; What stands further down wins.

(identifier) @variable

(comment) @comment
(doc_comment) @comment.documentation

; ---- literals

(text) @string
(text_content) @string
(escape) @string.escape
(hole
  [
    "${"
    "}"
  ] @punctuation.special)
(raw_content) @string.special
[
  (raw_open)
  (raw_close)
] @string.special
(number) @number
(negative_number) @number
(boolean) @boolean
(none) @constant.builtin

; ---- words

[
  "let"
  "var"
  "use"
  "as"
  "type"
  "enum"
  "settings"
  "fn"
  "native"
  "action"
  "connector"
  "event"
  "policy"
  "runbook"
  "test"
] @keyword

[
  "if"
  "else"
  "match"
  "for"
  "while"
  "break"
  "continue"
  "skip"
  "restart"
  "try"
  "catch"
  "return"
  "fail"
  "finish"
  "step"
  "do"
  "run"
  "start"
  "wait"
  "during"
  "parallel"
  "race"
  "rollback"
  "otherwise"
  "finally"
  "undo"
  "log"
  "evidence"
  "at most"
] @keyword

; What asks people, and what goes without them.
[
  "approve"
  "waive"
  "verify"
  "trust"
] @keyword

[
  "advance"
  "acknowledge"
  "after"
  "allow"
  "answer"
  "applies"
  "approval"
  "ask"
  "at"
  "at least"
  "backoff"
  "because"
  "before"
  "between"
  "busy"
  "by"
  "called"
  "cancel"
  "collect"
  "comment"
  "concurrency"
  "controls"
  "dead letter"
  "dedupe"
  "delegate"
  "deny"
  "disposition"
  "distinct"
  "each"
  "earlier"
  "emit"
  "escalate"
  "every"
  "expect"
  "fails"
  "failure"
  "failures"
  "file"
  "forbid"
  "from"
  "give"
  "given"
  "group"
  "id"
  "idempotent"
  "ineffective"
  "key"
  "keyed"
  "keys"
  "later"
  "limit"
  "max"
  "missed"
  "no"
  "now"
  "of"
  "on"
  "once"
  "origins"
  "outcome"
  "owner"
  "pausing"
  "per"
  "poll"
  "probe"
  "query"
  "queue"
  "quorum"
  "remind"
  "replace"
  "requester"
  "require"
  "require comment"
  "resolve"
  "retry"
  "returns"
  "running"
  "runs"
  "settle"
  "severity"
  "showing"
  "signed"
  "silence"
  "stream"
  "tags"
  "target"
  "then"
  "timeout"
  "times"
  "to"
  "twice"
  "unless"
  "unsafe"
  "until"
  "up"
  "waves"
  "webhook"
  "when"
  "where"
  "with"
  "within"
  "without"
] @keyword

(shadow_clause) @keyword
(crash_statement) @keyword

[
  "and"
  "or"
  "not"
  "in"
  "not in"
  "is"
  "matches"
  "mod"
] @keyword.operator

; ---- operators and brackets

[
  "!"
  "!="
  "!=="
  "%"
  "&&"
  "*"
  "+"
  "+="
  "-"
  "-="
  "->"
  ".."
  "..="
  "/"
  "<"
  "<="
  "="
  "=="
  "==="
  "=>"
  ">"
  ">="
  "?"
  "??"
  "|"
  "||"
] @operator

[
  "("
  ")"
  "["
  "]"
  "{"
  "}"
] @punctuation.bracket

[
  ","
  ";"
  ":"
  "."
  ".{"
  "?."
] @punctuation.delimiter

; ---- names

(path
  (identifier) @module)
(use_names
  (identifier) @variable)

(type_named
  (identifier) @type)
(type_parameters
  (identifier) @type)
(type_declaration
  name: (identifier) @type)
(enum_declaration
  name: (identifier) @type)
(variant
  name: (identifier) @constant)

(function_declaration
  name: (identifier) @function)
(action_declaration
  name: (identifier) @function)
(runbook_declaration
  name: (identifier) @function)
(connector_declaration
  name: (identifier) @module)
(policy_declaration
  name: (identifier) @module)
(event_declaration
  name: (identifier) @type)
(const_declaration
  name: (identifier) @constant)

(event_reference
  (identifier) @type)
(field_declaration
  name: (label) @property)
(parameters
  (field_declaration
    name: (label) @variable.parameter))
(lambda_parameters
  (identifier) @variable.parameter)
(argument
  name: (label) @property)
(with_argument
  name: (label) @property)
(entry
  key: (label) @property)
(field_pattern
  name: (label) @property)
(field_expression
  field: (identifier) @property)

(call
  function: (identifier) @function.call)
(call
  function: (field_expression
    field: (identifier) @function.call))
(child_expression
  runbook: (path
    (identifier) @function.call))
(run_statement
  (path
    (identifier) @function.call))
(test_call
  (identifier) @function.call)

(variant_pattern
  (identifier) @constant
  (pattern_arguments))
(severity_clause
  (identifier) @constant)
(finish_expression
  outcome: (identifier) @constant)
(fails_answer
  kind: (identifier) @constant)
(expected_word) @constant
(branch
  name: (identifier) @property)

; ---- effects: what reads is calm, what destroys is not

(effect) @attribute
((effect) @keyword.exception
  (#eq? @keyword.exception "destroys"))
