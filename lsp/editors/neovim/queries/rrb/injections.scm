; Made of tree-sitter-rrb/queries by `npm run generate` there.

((raw_text
  (raw_open) @_open
  (raw_content) @injection.content)
  (#match? @_open "^re[#\"]")
  (#set! injection.language "regex"))

((doc_comment) @injection.content
  (#set! injection.language "markdown"))

((comment) @injection.content
  (#set! injection.language "comment"))
