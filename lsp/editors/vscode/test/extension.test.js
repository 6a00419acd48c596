// What the extension reads out of texts and results, and that its parts fit together.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { mkdtempSync, readFileSync, readdirSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { test } = require('node:test');

const ROOT = join(__dirname, '..');
const out = mkdtempSync(join(tmpdir(), 'rrb-vscode-'));
execFileSync(join(ROOT, 'node_modules', '.bin', 'esbuild'), [
  join(ROOT, 'src', 'scan.ts'), join(ROOT, 'src', 'results.ts'), '--platform=node', '--format=cjs', `--outdir=${out}`, '--log-level=warning',
]);
const scan = require(join(out, 'scan.js'));
const results = require(join(out, 'results.js'));
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

test('tests are found with their lines', () => {
  const text = 'test "one" {\n}\n// test "not this" {\n  test "a \\"b\\" \\u{2713}\\n" { }\ntest r#"raw "x""# {\nlet test = 1\ntest "${x}"\n';
  assert.deepEqual(scan.tests(text), [
    { name: 'one', line: 0 },
    { name: 'a "b" ✓\n', line: 3 },
    { name: 'raw "x"', line: 4 },
  ]);
});

test('an escape that is no character does not end it', () => {
  assert.deepEqual(scan.tests('test "\\u{ffffff}" {'), [{ name: '', line: 0 }]);
});

test('runbooks are found with their parameters', () => {
  const text = [
    'runbook a() {', '}', 'runbook b(', '  /// The node, with a comma', '  node: Text, // and another, here',
    '  names: Map<Text, Int> = { "a,b": 1 },', '  limit: Int?,', ') {', '}', 'runbook c(n: Text = ")") { }', 'runbook d(',
  ].join('\n');
  const found = scan.runbooks(text);
  assert.deepEqual(found.map((r) => [r.name, r.line]), [['a', 0], ['b', 2], ['c', 9], ['d', 10]]);
  assert.deepEqual(found[0].parameters, []);
  assert.deepEqual(found[1].parameters, [
    { name: 'node', type: 'Text', optional: false },
    { name: 'names', type: 'Map<Text, Int>', optional: true },
    { name: 'limit', type: 'Int?', optional: true },
  ]);
  assert.deepEqual(found[2].parameters, [{ name: 'n', type: 'Text', optional: true }]);
  assert.deepEqual(found[3].parameters, []);
});

test('the runbook at a line is the last that begins before it', () => {
  const found = [{ name: 'a', line: 2 }, { name: 'b', line: 9 }];
  assert.equal(scan.at(found, 1), undefined);
  assert.equal(scan.at(found, 2).name, 'a');
  assert.equal(scan.at(found, 100).name, 'b');
});

test('results are read, and what is none is told', () => {
  assert.deepEqual(results.read('{"version":1,"tests":[]}'), []);
  assert.throws(() => results.read('rrb: no such command'), /no JSON/);
  for (const other of ['{"version":2,"tests":[]}', '{"version":1}', 'null', '[]', '3']) {
    assert.throws(() => results.read(other), /another form/, other);
  }
});

test('a failure is told with what helps', () => {
  const failure = { message: 'the outcome is `failed`', statement: 'expect outcome resolved', notes: ['n'], help: ['h'] };
  assert.equal(results.message(failure), 'the outcome is `failed`\n  expect outcome resolved\nnote: n\nhelp: h');
  assert.equal(results.message({ message: 'm', statement: null, notes: [], help: [] }), 'm');
});

test('every command of the manifest is there, and no other', () => {
  const source = readdirSync(join(ROOT, 'src')).map((f) => readFileSync(join(ROOT, 'src', f), 'utf8')).join('\n');
  const registered = [...source.matchAll(/(?:registerCommand|\bon)\(\s*'(rrb\.\w+)'/g)].map((m) => m[1]).sort();
  assert.deepEqual(registered, manifest.contributes.commands.map((c) => c.command).sort());
  const settings = [...source.matchAll(/get<\w+>\('([\w.]+)'\)/g)].map((m) => `rrb.${m[1]}`);
  for (const setting of settings) assert.ok(setting in manifest.contributes.configuration.properties, setting);
});

test('the problem matcher reads what `rrb check --format short` prints', () => {
  const [{ pattern }] = manifest.contributes.problemMatchers;
  const line = 'lib/bad.rrb:1:11: error[rrb::syntax::unexpected]: a value is missing after `+`';
  const found = new RegExp(pattern.regexp).exec(line);
  assert.deepEqual(found.slice(1), ['lib/bad.rrb', '1', '11', 'error', 'rrb::syntax::unexpected', 'a value is missing after `+`']);
  assert.equal(new RegExp(pattern.regexp).exec('2 errors in 3 files'), null);
});

test('the bundle begins without anything beside it but the editor', () => {
  const bundle = readFileSync(join(ROOT, 'out', 'extension.js'), 'utf8');
  const asked = new Set([...bundle.matchAll(/require\("([\w@/.:-]+)"\)/g)].map((m) => m[1].replace(/^node:/, '')));
  const builtin = new Set(require('node:module').builtinModules);
  const beside = [...asked].filter((m) => !builtin.has(m) && m !== 'vscode');
  assert.deepEqual(beside, []);
});
