((test_declaration
  "test" @run
  name: (text
    (text_content) @name))
  (#set! tag rrb-test))

((runbook_declaration
  "runbook" @run
  name: (identifier) @name)
  (#set! tag rrb-runbook))
