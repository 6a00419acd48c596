; Made of tree-sitter-rrb/queries by `npm run generate` there.

[
  (function_declaration)
  (action_declaration)
  (runbook_declaration)
  (test_declaration)
  (connector_declaration)
  (block)
  (arm)
  (lambda)
  (for_expression)
] @local.scope

(parameters
  (field_declaration
    name: (label) @local.definition.parameter))
(lambda_parameters
  (identifier) @local.definition.parameter)
(let_statement
  pattern: (variant_pattern
    .
    (identifier) @local.definition.var
    .))
(var_statement
  name: (identifier) @local.definition.var)
(for_expression
  pattern: (variant_pattern
    .
    (identifier) @local.definition.var
    .))
(let_condition
  pattern: (variant_pattern
    .
    (identifier) @local.definition.var
    .))
(heard
  name: (identifier) @local.definition.var)
(function_declaration
  name: (identifier) @local.definition.function)
(action_declaration
  name: (identifier) @local.definition.function)
(type_declaration
  name: (identifier) @local.definition.type)
(enum_declaration
  name: (identifier) @local.definition.type)
(const_declaration
  name: (identifier) @local.definition.var)
(use_declaration
  alias: (identifier) @local.definition.import)

(identifier) @local.reference
