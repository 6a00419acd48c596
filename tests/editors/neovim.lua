-- Run by Neovim with the plugin: what somebody does in the file RRB_FILE of a project. RRB_OUT takes what came out, as JSON.

local report = {}

local function lines()
  return vim.api.nvim_buf_get_lines(0, 0, -1, false)
end

local function text()
  return table.concat(lines(), '\n')
end

-- Waits for something, and says whether it came.
local function wait(what)
  return vim.wait(tonumber(vim.env.RRB_LIMIT or 30000), what, 20)
end

local function count()
  return #vim.diagnostic.get(0)
end

-- Where a text stands for the first time: line from 0, byte from 0.
local function find(needle)
  for n, line in ipairs(lines()) do
    local at = line:find(needle, 1, true)
    if at then return n - 1, at - 1 end
  end
  error('there is no ' .. needle)
end

local function ask(method, params)
  local answers, message = vim.lsp.buf_request_sync(0, method, params, 30000)
  if not answers then error(method .. ': ' .. tostring(message)) end
  for _, answer in pairs(answers) do
    if answer.error then error(method .. ': ' .. tostring(answer.error.message)) end
    return answer.result
  end
end

local function at(needle, offset)
  local row, column = find(needle)
  vim.api.nvim_win_set_cursor(0, { row + 1, column + (offset or 0) })
  return vim.lsp.util.make_position_params()
end

local function offset_encoding()
  for _, client in pairs(vim.lsp.buf_get_clients(0)) do return client.offset_encoding end
end

local steps = {}

function steps.attached()
  return wait(function() return next(vim.lsp.buf_get_clients(0)) ~= nil end)
end

function steps.root()
  for _, client in pairs(vim.lsp.buf_get_clients(0)) do return client.config.root_dir end
end

-- What is broken is told, and told no more when it is mended.
function steps.diagnostics()
  vim.api.nvim_buf_set_lines(0, -1, -1, false, { 'fn broken() -> Int { nobody }' })
  if not wait(function() return count() > 0 end) then return 'nothing came' end
  local first = vim.diagnostic.get(0)[1]
  vim.api.nvim_buf_set_lines(0, -2, -1, false, {})
  local mended = wait(function() return count() == 0 end)
  return { code = first.code, message = first.message, line = first.lnum, source = first.source, mended = mended, last = #lines() }
end

function steps.completion()
  vim.api.nvim_buf_set_lines(0, -1, -1, false, { 'fn g(t: Text) -> Int { t. }' })
  local result = ask('textDocument/completion', at('{ t. }', 4))
  vim.api.nvim_buf_set_lines(0, -2, -1, false, {})
  return vim.tbl_map(function(item) return item.label end, result.items or result)
end

function steps.hover()
  local result = ask('textDocument/hover', at(vim.env.RRB_HOVER, 1))
  return result and (result.contents.value or result.contents)
end

function steps.definition()
  local result = ask('textDocument/definition', at(vim.env.RRB_USE, 1))
  local place = result and (result[1] or result)
  return place and vim.fn.fnamemodify(vim.uri_to_fname(place.uri or place.targetUri), ':t')
end

function steps.formatting()
  local before = text()
  for n, line in ipairs(lines()) do
    if line:match('^  %S') then vim.api.nvim_buf_set_lines(0, n - 1, n, false, { '      ' .. line .. '  ' }) break end
  end
  local messy = text() ~= before
  local edits = ask('textDocument/formatting', vim.lsp.util.make_formatting_params())
  vim.lsp.util.apply_text_edits(edits or {}, 0, offset_encoding())
  return { messy = messy, same = text() == before }
end

function steps.rename()
  local params = at(vim.env.RRB_NAME, 0)
  params.newName = 'renamed_here'
  local edit = ask('textDocument/rename', params)
  vim.lsp.util.apply_workspace_edit(edit, offset_encoding())
  vim.cmd('silent wall')
  return { left = text():find('%f[%w_]' .. vim.env.RRB_NAME .. '%f[^%w_]') ~= nil, here = text():find('renamed_here', 1, true) ~= nil }
end

-- `:make` shows what is wrong at its place.
function steps.make()
  local other = vim.fn.expand('%:p:h') .. '/wrong.rrb'
  vim.fn.writefile({ 'let here =', 'fn wrong() -> Int { nobody }' }, other)
  vim.cmd('silent make!')
  local found = vim.tbl_map(function(item)
    return { file = vim.fn.fnamemodify(vim.fn.bufname(item.bufnr), ':t'), line = item.lnum, type = item.type, message = item.text }
  end, vim.fn.getqflist())
  vim.fn.delete(other)
  return found
end

-- A file that has its form keeps it.
function steps.indent()
  local before = text()
  vim.cmd('silent normal! gg=G')
  local same = text() == before
  vim.cmd('silent undo')
  return same
end

-- What the plugin sets, without a server.
function steps.plugin()
  return {
    filetype = vim.bo.filetype,
    comment = vim.bo.commentstring,
    width = vim.bo.shiftwidth,
    make = vim.bo.makeprg,
    syntax = vim.fn.synIDattr(vim.fn.synID(vim.fn.search('^runbook '), 1, 1), 'name'),
    command = vim.fn.exists(':Rrb'),
    lens = vim.lsp.commands['rrb.plan'] ~= nil,
  }
end

vim.o.swapfile = false
vim.cmd('syntax on')
vim.cmd('filetype plugin indent on')
vim.cmd('edit ' .. vim.fn.fnameescape(vim.env.RRB_FILE))
for step in vim.gsplit(vim.env.RRB_STEPS, ' ', true) do
  local ok, result = pcall(steps[step])
  if ok then report[step] = result else report[step] = { failed = tostring(result) } end
end
local out = assert(io.open(vim.env.RRB_OUT, 'wb'))
out:write(vim.json.encode(report))
out:close()
for _, client in pairs(vim.lsp.get_active_clients()) do client.stop() end
wait(function() return next(vim.lsp.get_active_clients()) == nil end)
vim.cmd('qall!')
