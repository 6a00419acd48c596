" Colours for rrb where there is no tree-sitter grammar.
if exists('b:current_syntax')
  finish
endif
let s:save_cpo = &cpo
set cpo&vim

syn case match
syn iskeyword @,48-57,_

syn keyword rrbDeclaration action connector enum event fn let policy runbook settings test type var
syn keyword rrbInclude use
syn keyword rrbConditional else if match otherwise
syn keyword rrbRepeat break continue for parallel race while
syn keyword rrbException catch fail restart try
syn keyword rrbApproval approve verify waive
syn keyword rrbStatement do finish on return skip step wait where with
syn keyword rrbOperatorWord and as in is matches mod not or
syn keyword rrbBoolean false true
syn keyword rrbConstant none
syn keyword rrbTodo contained TODO FIXME XXX NOTE

" The words of clauses are names before `(`, `[`, `.`, an operator, a comma or a closer.
syn match rrbClause '\v<%(acknowledge|advance|after|allow|answer|applies|approval|ask|at|backoff|because|before|between|busy|by|called
      \ |cancel|collect|comment|concurrency|controls|crash|dedupe|delegate|deny|disposition|distinct|during|each|earlier|emit
      \ |escalate|every|evidence|expect|fails|failure|failures|file|finally|forbid|from|give|given|group|id|idempotent
      \ |ineffective|key|keyed|keys|later|limit|log|max|missed|native|no|now|of|once|origins|outcome|owner|pausing|per|poll
      \ |probe|query|queue|quorum|remind|replace|requester|require|resolve|retry|returns|rollback|run|running|runs
      \ |settle|severity|shadow|showing|signed|silence|stream|tags|target|then|timeout|times|to|trust|twice|undo
      \ |unless|unsafe|until|up|waves|webhook|when|within|without)>%([([.,;)\]]|\s*%(\=|:|\?|\<|\>|!\=|\+|\*|- |-\=))@!'
syn match rrbEffect '\v<%(pure|reads|changes)>%([([.:=])@!'
syn match rrbDestroys '\v<destroys>%([([.:=])@!'
syn match rrbChild '\v<%(run|start)>\ze[ \t]+\h[A-Za-z0-9_.]*\('

" Behind a dot and before a colon every word is a name.
syn match rrbField '\v\??\.\s*\zs\h\w*'
syn match rrbLabel '\v<\h\w*\ze\s*:'
syn match rrbType '\v<\u\w*>'
syn match rrbCall '\v<\h\w*\ze\('
syn match rrbName '\v%(<%(action|fn|runbook|connector|policy|type|enum|event)\s+)@<=\h\w*'

syn match rrbNumber '\v<0x[0-9A-Fa-f_]+>'
syn match rrbNumber '\v<\d[0-9_]*%(\.\d[0-9_]*)?%([eE][+-]?\d+)?\%?'
syn match rrbUnit '\v<%(\d[0-9_]*%(\.\d+)?%(ms|[smhdw]))+>'
syn match rrbUnit '\v<\d[0-9_]*%(\.\d+)?%([KMGTP]i?)?B>'

syn match rrbEscape contained '\v\\%([ntr"\\$]|u\{\x{1,6}\})'
syn region rrbHole contained matchgroup=rrbSpecial start='\${' end='}' contains=@rrbCode,rrbBraces
syn region rrbBraces contained start='{' end='}' contains=@rrbCode,rrbBraces
syn region rrbText start='"' end='"\|$' contains=rrbEscape,rrbHole
syn region rrbText start='"""' end='"""' contains=rrbEscape,rrbHole
syn region rrbRaw start='\v<%(r|re|cron|url|cidr|ip|time)\z(#{0,4})"' end='"\z1'
syn match rrbComment '//.*$' contains=rrbTodo,@Spell
syn match rrbDoc '//[/!].*$' contains=rrbTodo,@Spell
syn cluster rrbCode contains=rrbText,rrbRaw,rrbNumber,rrbUnit,rrbType,rrbCall,rrbField,rrbLabel,rrbOperatorWord,rrbBoolean,rrbConstant,
      \rrbConditional,rrbStatement

hi def link rrbDeclaration Structure
hi def link rrbInclude Include
hi def link rrbConditional Conditional
hi def link rrbRepeat Repeat
hi def link rrbException Exception
hi def link rrbApproval PreProc
hi def link rrbStatement Statement
hi def link rrbOperatorWord Operator
hi def link rrbBoolean Boolean
hi def link rrbConstant Constant
hi def link rrbTodo Todo
hi def link rrbClause Keyword
hi def link rrbEffect StorageClass
hi def link rrbDestroys WarningMsg
hi def link rrbChild Statement
hi def link rrbField Identifier
hi def link rrbLabel Identifier
hi def link rrbType Type
hi def link rrbCall Function
hi def link rrbName Function
hi def link rrbNumber Number
hi def link rrbUnit Number
hi def link rrbEscape SpecialChar
hi def link rrbSpecial Special
hi def link rrbText String
hi def link rrbRaw String
hi def link rrbComment Comment
hi def link rrbDoc SpecialComment

" A text over several lines may begin far above.
syn sync minlines=200

let b:current_syntax = 'rrb'
let &cpo = s:save_cpo
unlet s:save_cpo
