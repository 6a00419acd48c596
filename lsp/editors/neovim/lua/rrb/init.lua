-- rrb in Neovim, 0.7 and later: the language server, and the commands of its lenses.

local M = {}

--- What can be set: `require('rrb').setup { … }`.
M.options = {
  -- The program and its arguments.
  cmd = { 'rrb', 'lsp' },
  -- Begin the server by itself. False for those who do it with `vim.lsp.enable` or another plugin.
  autostart = true,
  -- Called with the client and the buffer, as elsewhere.
  on_attach = nil,
  capabilities = nil,
}

--- Takes over what the user wants otherwise.
function M.setup(options)
  M.options = vim.tbl_deep_extend('force', M.options, options or {})
end

--- The folder of the project of a file: the one with `rrb.toml`, or its own.
function M.root(path)
  local folder = vim.fn.fnamemodify(path, ':p:h')
  local found = vim.fn.findfile('rrb.toml', vim.fn.escape(folder, ' ,;') .. ';')
  return found ~= '' and vim.fn.fnamemodify(found, ':p:h') or folder
end

local clients = {}

local function start(root)
  local options = M.options
  local config = {
    name = 'rrb',
    cmd = options.cmd,
    root_dir = root,
    capabilities = options.capabilities or vim.lsp.protocol.make_client_capabilities(),
    on_attach = options.on_attach,
    workspace_folders = { { uri = vim.uri_from_fname(root), name = vim.fn.fnamemodify(root, ':t') } },
    on_exit = function()
      clients[root] = nil
    end,
  }
  return vim.lsp.start_client(config)
end

--- Begins the server of the buffer's project, or joins it.
function M.attach(buffer)
  local path = vim.api.nvim_buf_get_name(buffer)
  if not M.options.autostart or path == '' or vim.bo[buffer].buftype ~= '' then
    return
  end
  if vim.fn.executable(M.options.cmd[1]) == 0 then
    vim.notify_once(
      ('rrb: there is no program `%s`: install rrb, or set `cmd` in `require("rrb").setup`'):format(M.options.cmd[1]),
      vim.log.levels.WARN
    )
    return
  end
  local root = M.root(path)
  if vim.lsp.start then
    local options = M.options
    vim.lsp.start({
      name = 'rrb',
      cmd = options.cmd,
      root_dir = root,
      capabilities = options.capabilities,
      on_attach = options.on_attach,
    }, { bufnr = buffer })
    return
  end
  clients[root] = clients[root] or start(root)
  if clients[root] then
    vim.lsp.buf_attach_client(buffer, clients[root])
  end
end

-- Runs a command of rrb in a window below. No shell reads the arguments.
local function show(file, args)
  vim.cmd('botright 15new')
  vim.fn.termopen(vim.list_extend({ M.options.cmd[1] }, args), { cwd = M.root(file) })
end

--- `:Rrb plan relieve --param mount=/var`: any command of rrb in the project of this buffer.
function M.command(args)
  show(vim.api.nvim_buf_get_name(0), args)
end

-- What a lens of the server says: a file, and a test or a runbook of it.
local function asked(command)
  local said = command.arguments[1]
  return vim.uri_to_fname(said.uri), said
end

--- What the lenses of the server ask the client to run.
M.commands = {
  ['rrb.runTest'] = function(command)
    local file, said = asked(command)
    -- All tests of a file are those of its module.
    show(file, { 'test', '--', said.test or (vim.fn.fnamemodify(file, ':t:r') .. ' › ') })
  end,
  ['rrb.plan'] = function(command)
    local file, said = asked(command)
    vim.ui.input({ prompt = ('rrb plan %s '):format(said.runbook) }, function(line)
      if line then
        show(file, vim.list_extend({ 'plan', said.runbook }, vim.split(line, '%s+', { trimempty = true })))
      end
    end)
  end,
  ['rrb.showRuns'] = function(command)
    local file, said = asked(command)
    show(file, { 'runs', 'list', '--runbook', said.runbook, '--limit', '20' })
  end,
}

return M
