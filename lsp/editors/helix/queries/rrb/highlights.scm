; Made of tree-sitter-rrb/queries by `npm run generate` there.

((effect) @diagnostic.warning
  (#eq? @diagnostic.warning "destroys"))

(effect) @attribute

(branch
  name: (identifier) @variable.other.member)

(expected_word) @constant

(fails_answer
  kind: (identifier) @constant)

(finish_expression
  outcome: (identifier) @constant)

(severity_clause
  (identifier) @constant)

(variant_pattern
  (identifier) @constant
  (pattern_arguments))

(test_call
  (identifier) @function)

(run_statement
  (path
    (identifier) @function))

(child_expression
  runbook: (path
    (identifier) @function))

(call
  function: (field_expression
    field: (identifier) @function))

(call
  function: (identifier) @function)

(field_expression
  field: (identifier) @variable.other.member)

(field_pattern
  name: (label) @variable.other.member)

(entry
  key: (label) @variable.other.member)

(with_argument
  name: (label) @variable.other.member)

(argument
  name: (label) @variable.other.member)

(lambda_parameters
  (identifier) @variable.parameter)

(parameters
  (field_declaration
    name: (label) @variable.parameter))

(field_declaration
  name: (label) @variable.other.member)

(event_reference
  (identifier) @type)

(const_declaration
  name: (identifier) @constant)

(event_declaration
  name: (identifier) @type)

(policy_declaration
  name: (identifier) @namespace)

(connector_declaration
  name: (identifier) @namespace)

(runbook_declaration
  name: (identifier) @function)

(action_declaration
  name: (identifier) @function)

(function_declaration
  name: (identifier) @function)

(variant
  name: (identifier) @constant)

(enum_declaration
  name: (identifier) @type)

(type_declaration
  name: (identifier) @type)

(type_parameters
  (identifier) @type)

(type_named
  (identifier) @type)

(use_names
  (identifier) @variable)

(path
  (identifier) @namespace)

[
  ","
  ";"
  ":"
  "."
  ".{"
  "?."
] @punctuation.delimiter

[
  "("
  ")"
  "["
  "]"
  "{"
  "}"
] @punctuation.bracket

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
  "and"
  "or"
  "not"
  "in"
  "not in"
  "is"
  "matches"
  "mod"
] @keyword.operator

(crash_statement) @keyword

(shadow_clause) @keyword

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

[
  "approve"
  "waive"
  "verify"
  "trust"
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

(none) @constant.builtin

(boolean) @constant.builtin.boolean

(negative_number) @constant.numeric

(number) @constant.numeric

[
  (raw_open)
  (raw_close)
] @string.special

(raw_content) @string.special

(hole
  [
    "${"
    "}"
  ] @punctuation.special)

(escape) @constant.character.escape

(text_content) @string

(text) @string

(doc_comment) @comment.block.documentation

(comment) @comment

(identifier) @variable
