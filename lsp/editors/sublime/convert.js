// Writes `rrb.sublime-syntax` from the TextMate grammar of the extension for Visual Studio Code. `--check` says whether it is up to date.

const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const grammar = JSON.parse(readFileSync(join(__dirname, '..', 'vscode', 'syntaxes', 'rrb.tmLanguage.json'), 'utf8'));
const target = join(__dirname, 'rrb.sublime-syntax');

const quoted = (text) => `'${text.replace(/'/g, "''")}'`;
const indented = (lines) => lines.map((line) => `  ${line}`);
const named = (scope) => (scope.endsWith('.rrb') ? scope : `${scope}.rrb`);

function captures(key, map) {
  if (!map) return [];
  return [`${key}:`, ...Object.entries(map).map(([n, { name }]) => `  ${n}: ${named(name)}`)];
}

/** One entry of a context. */
function item(lines) {
  return lines.map((line, n) => (n === 0 ? `- ${line}` : `  ${line}`));
}

function rule(pattern) {
  if (pattern.include) return item([`include: ${pattern.include.slice(1)}`]);
  if (pattern.match) {
    const scope = pattern.name ? [`scope: ${named(pattern.name)}`] : [];
    return item([`match: ${quoted(pattern.match)}`, ...scope, ...captures('captures', pattern.captures)]);
  }
  if (!pattern.begin) return (pattern.patterns || []).flatMap(rule);
  const inside = [
    ...(pattern.name ? item([`meta_scope: ${named(pattern.name)}`]) : []),
    ...(pattern.contentName ? item([`meta_content_scope: ${named(pattern.contentName)}`]) : []),
    ...item([`match: ${quoted(pattern.end)}`, ...captures('captures', pattern.endCaptures), 'pop: true']),
    ...(pattern.patterns || []).flatMap(rule),
  ];
  return item([`match: ${quoted(pattern.begin)}`, ...captures('captures', pattern.beginCaptures), 'push:', ...indented(inside)]);
}

function syntax() {
  const contexts = Object.entries(grammar.repository).flatMap(([name, { patterns, ...own }]) => {
    const rules = own.begin || own.match ? rule({ ...own, patterns }) : patterns.flatMap(rule);
    return [`${name}:`, ...indented(rules), ''];
  });
  const main = ['main:', ...indented(grammar.patterns.flatMap(rule)), ''];
  return [
    '%YAML 1.2', '---', '# Made of vscode/syntaxes/rrb.tmLanguage.json by `node convert.js`.',
    'name: rrb', 'file_extensions: [rrb]', `scope: ${grammar.scopeName}`, 'version: 2', '', 'contexts:', ...indented([...main, ...contexts]),
  ].map((line) => line.trimEnd()).join('\n').trimEnd() + '\n';
}

if (!process.argv.includes('--check')) writeFileSync(target, syntax());
else if (readFileSync(target, 'utf8') !== syntax()) {
  console.error('rrb.sublime-syntax is older than the grammar: run `node convert.js` in lsp/editors/sublime');
  process.exit(1);
}
