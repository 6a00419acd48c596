(runbook_declaration
  "runbook" @context
  name: (identifier) @name) @item

(function_declaration
  "fn" @context
  name: (identifier) @name) @item

(action_declaration
  "action" @context
  name: (identifier) @name) @item

(connector_declaration
  "connector" @context
  name: (identifier) @name) @item

(policy_declaration
  "policy" @context
  name: (identifier) @name) @item

(event_declaration
  "event" @context
  name: (identifier) @name) @item

(type_declaration
  "type" @context
  name: (identifier) @name) @item

(enum_declaration
  "enum" @context
  name: (identifier) @name) @item

(test_declaration
  "test" @context
  name: (_) @name) @item

(step_expression
  "step" @context
  name: (_) @name) @item
