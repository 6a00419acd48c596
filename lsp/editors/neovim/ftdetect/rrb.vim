autocmd BufRead,BufNewFile *.rrb setfiletype rrb
