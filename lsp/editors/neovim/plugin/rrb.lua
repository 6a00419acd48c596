if vim.g.loaded_rrb then
  return
end
vim.g.loaded_rrb = true

vim.api.nvim_create_user_command('Rrb', function(command)
  require('rrb').command(command.fargs)
end, { nargs = '+', desc = 'A command of rrb in the project of this buffer' })

for _, name in ipairs({ 'rrb.runTest', 'rrb.plan', 'rrb.showRuns' }) do
  vim.lsp.commands[name] = function(command)
    require('rrb').commands[name](command)
  end
end

-- The project file is read by the server too.
vim.cmd([[
  augroup rrb
    autocmd!
    autocmd BufRead,BufNewFile rrb.toml lua require('rrb').attach(tonumber(vim.fn.expand('<abuf>')))
  augroup END
]])
