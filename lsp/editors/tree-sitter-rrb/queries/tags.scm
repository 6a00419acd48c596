(runbook_declaration
  name: (identifier) @name) @definition.function
(function_declaration
  name: (identifier) @name) @definition.function
(action_declaration
  name: (identifier) @name) @definition.function
(connector_declaration
  name: (identifier) @name) @definition.module
(policy_declaration
  name: (identifier) @name) @definition.module
(event_declaration
  name: (identifier) @name) @definition.interface
(type_declaration
  name: (identifier) @name) @definition.class
(enum_declaration
  name: (identifier) @name) @definition.class
(const_declaration
  name: (identifier) @name) @definition.constant

(call
  function: (identifier) @name) @reference.call
(call
  function: (field_expression
    field: (identifier) @name)) @reference.call
(type_named
  (identifier) @name) @reference.class
