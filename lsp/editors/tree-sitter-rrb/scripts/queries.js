// Writes the queries of the editors that call things otherwise, from those in `queries/`: Neovim takes them as they are, Helix and Zed have
// names of their own for colours.

const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const editors = join(root, '..');

const helix = {
  'comment.documentation': 'comment.block.documentation',
  'string.escape': 'constant.character.escape',
  'string.special': 'string.special',
  number: 'constant.numeric',
  boolean: 'constant.builtin.boolean',
  module: 'namespace',
  property: 'variable.other.member',
  'function.call': 'function',
  'keyword.exception': 'diagnostic.warning',
  'keyword.operator': 'keyword.operator',
};
const zed = {
  'comment.documentation': 'comment.doc',
  'function.call': 'function',
  'keyword.exception': 'keyword',
  'keyword.operator': 'operator',
  module: 'namespace',
  'variable.parameter': 'variable.parameter',
};

const renamed = (names) => (text) => text.replace(/@([a-z][a-z.]*)/g, (all, name) => (name in names ? `@${names[name]}` : all));
// Helix takes the first pattern that fits, everyone else the last.
const reversed = (text) => text.split(/\n(?=[(\[;])/).filter((part) => !part.startsWith(';')).map((part) => part.trim()).reverse().join('\n\n') + '\n';
const note = (text) => `; Made of tree-sitter-rrb/queries by \`npm run generate\` there.\n\n${text}`;

/** Every file that is written: its path below lsp/editors, and its text. */
function files() {
  const query = (name) => readFileSync(join(root, 'queries', `${name}.scm`), 'utf8');
  const made = {};
  for (const name of ['highlights', 'injections', 'folds', 'indents', 'locals']) made[`neovim/queries/rrb/${name}.scm`] = query(name);
  made['helix/queries/rrb/highlights.scm'] = reversed(renamed(helix)(query('highlights')));
  made['helix/queries/rrb/injections.scm'] = query('injections');
  made['zed/languages/rrb/highlights.scm'] = renamed(zed)(query('highlights'));
  made['zed/languages/rrb/injections.scm'] = query('injections');
  return Object.fromEntries(Object.entries(made).map(([path, text]) => [path, note(text)]));
}

if (require.main === module) {
  for (const [path, text] of Object.entries(files())) {
    mkdirSync(join(editors, path, '..'), { recursive: true });
    writeFileSync(join(editors, path), text);
  }
}

module.exports = { files };
