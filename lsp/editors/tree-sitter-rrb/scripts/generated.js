// Notes of what `src/` was generated, and with `--check` says whether it still is what stands there.

const { createHash } = require('node:crypto');
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const sources = ['grammar.js', 'words.js', 'scripts/words-header.js'];
const generated = ['src/grammar.json', 'src/node-types.json', 'src/parser.c', 'src/words.h'];
const { files } = require('./queries');
const note = join(root, 'src', 'generated.json');

const digest = (file) => createHash('sha256').update(readFileSync(join(root, file))).digest('hex');
const now = Object.fromEntries([...sources, ...generated].map((file) => [file, digest(file)]));

if (process.argv.includes('--check')) {
  const then = JSON.parse(readFileSync(note, 'utf8'));
  const changed = Object.keys(now).filter((file) => now[file] !== then[file]);
  const copies = Object.entries(files()).filter(([path, text]) => readFileSync(join(root, '..', path), 'utf8') !== text);
  changed.push(...copies.map(([path]) => path));
  if (changed.length > 0) {
    console.error(`changed since the parser was generated: ${changed.join(', ')}; run \`npm run generate\` in lsp/editors/tree-sitter-rrb`);
    process.exit(1);
  }
} else {
  writeFileSync(note, JSON.stringify(now, null, 2) + '\n');
}
