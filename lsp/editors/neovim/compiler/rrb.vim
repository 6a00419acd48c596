" `:make` checks the project and fills the quickfix list.
if exists('current_compiler')
  finish
endif
let current_compiler = 'rrb'
let s:save_cpo = &cpo
set cpo&vim
CompilerSet makeprg=rrb\ check\ --format\ short
CompilerSet errorformat=%f:%l:%c:\ %trror[%*[^]]]:\ %m,%f:%l:%c:\ %tarning[%*[^]]]:\ %m,%-G%.%#
let &cpo = s:save_cpo
