; Made of tree-sitter-rrb/queries by `npm run generate` there.

[
  (block)
  (runbook_body)
  (connector_body)
  (event_body)
  (policy_body)
  (test_body)
  (settings_body)
  (enum_body)
  (match_body)
  (branches)
  (type_record)
  (record)
  (list)
  (arguments)
  (parameters)
  (use_names)
  (record_pattern)
  (list_pattern)
] @indent.begin

[
  "}"
  "]"
  ")"
] @indent.branch

[
  "}"
  "]"
  ")"
] @indent.end

(text) @indent.ignore
(comment) @indent.auto
