if vim.g.loaded_rrb then
  return
end
vim.g.loaded_rrb = true

vim.api.nvim_create_user_command('Rrb', function(command)
  require('rrb').command(command.fargs)
end, { nargs = '+', desc = 'A command of rrb in the project of this buffer' })

for name in pairs({ ['rrb.runTest'] = true, ['rrb.plan'] = true, ['rrb.run'] = true, ['rrb.outcomes'] = true }) do
  vim.lsp.commands[name] = function(command, context)
    require('rrb').commands[name](command, context)
  end
end
