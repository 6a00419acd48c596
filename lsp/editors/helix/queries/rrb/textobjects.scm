(function_declaration
  body: (_) @function.inside) @function.around
(action_declaration
  body: (_) @function.inside) @function.around
(runbook_declaration
  body: (_) @function.inside) @function.around
(connector_declaration
  body: (_) @class.inside) @class.around
(test_declaration
  body: (_) @test.inside) @test.around
(parameters
  (field_declaration) @parameter.inside)
(arguments
  (_) @parameter.inside)
[
  (comment)
  (doc_comment)
] @comment.inside
(comment)+ @comment.around
(doc_comment)+ @comment.around
