" A line is one step deeper for each bracket that is open at the end of the last line, and one less when it begins with a closer.
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1
setlocal indentexpr=RrbIndent(v:lnum)
setlocal indentkeys=0{,0},0),0],!^F,o,O
setlocal autoindent
let b:undo_indent = 'setlocal indentexpr< indentkeys< autoindent<'

if exists('*RrbIndent')
  finish
endif

" The line without its texts and its comment.
function! s:Code(number) abort
  let l:line = substitute(getline(a:number), '\v"%(\\.|[^"\\])*"', '""', 'g')
  return substitute(l:line, '//.*$', '', '')
endfunction

function! RrbIndent(number) abort
  let l:last = prevnonblank(a:number - 1)
  if l:last == 0
    return 0
  endif
  let l:code = s:Code(l:last)
  let l:depth = len(substitute(l:code, '[^([{]', '', 'g')) - len(substitute(l:code, '[^)\]}]', '', 'g'))
  " A closer at the beginning of the last line is in its indent already.
  let l:depth += l:code =~# '^\s*[)\]}]' ? 1 : 0
  let l:indent = indent(l:last) + (l:depth > 0 ? 1 : l:depth) * shiftwidth()
  return max([0, l:indent - (getline(a:number) =~# '^\s*[)\]}]' ? shiftwidth() : 0)])
endfunction
