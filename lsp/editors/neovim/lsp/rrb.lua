-- For Neovim 0.11 and later: vim.lsp.enable('rrb')
return {
  cmd = { 'rrb', 'lsp' },
  filetypes = { 'rrb' },
  root_markers = { 'rrb.toml', '.git' },
}
