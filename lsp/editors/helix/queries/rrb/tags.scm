(runbook_declaration
  name: (identifier) @definition.function)
(function_declaration
  name: (identifier) @definition.function)
(action_declaration
  name: (identifier) @definition.function)
(connector_declaration
  name: (identifier) @definition.module)
(policy_declaration
  name: (identifier) @definition.module)
(event_declaration
  name: (identifier) @definition.interface)
(type_declaration
  name: (identifier) @definition.type)
(enum_declaration
  name: (identifier) @definition.type)
