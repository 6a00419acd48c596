-- Run by Neovim: reads texts with the tree-sitter grammar, and queries for it.
-- RRB_PARSER is the compiled grammar, RRB_LIST a file with one path on each line, RRB_OUT where to write one line for each.

vim.treesitter.require_language('rrb', vim.env.RRB_PARSER)

local function text_of(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('*a')
  file:close()
  return text
end

-- The first place that could not be read.
local function broken(node)
  if node:type() == 'ERROR' or node:missing() then
    local row, column = node:range()
    return string.format('%d:%d', row + 1, column + 1)
  end
  for child in node:iter_children() do
    if child:has_error() or child:missing() then
      local place = broken(child)
      if place then return place end
    end
  end
end

local out = assert(io.open(vim.env.RRB_OUT, 'wb'))
for path in io.lines(vim.env.RRB_LIST) do
  if path:match('%.scm$') then
    local ok, message = pcall(vim.treesitter.parse_query, 'rrb', text_of(path))
    out:write(ok and 'ok' or ('broken ' .. tostring(message):gsub('\n', ' ')), '\n')
  else
    local root = vim.treesitter.get_string_parser(text_of(path), 'rrb'):parse()[1]:root()
    local place = root:has_error() and (broken(root) or 'somewhere')
    out:write(place and ('broken ' .. place) or ('ok ' .. root:sexpr()), '\n')
  end
end
out:close()
vim.cmd('qall!')
