// The TextMate grammar, by the engine that Visual Studio Code uses.

const assert = require('node:assert/strict');
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { before, test } = require('node:test');
const oniguruma = require('vscode-oniguruma');
const { parseRawGrammar, Registry, INITIAL } = require('vscode-textmate');

const ROOT = join(__dirname, '..', '..', '..', '..');
let grammar;

before(async () => {
  const wasm = readFileSync(require.resolve('vscode-oniguruma/release/onig.wasm'));
  await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
  const registry = new Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async (scope) => {
      const file = join(__dirname, '..', 'syntaxes', `${scope === 'source.rrb' ? 'rrb' : 'markdown'}.tmLanguage.json`);
      return parseRawGrammar(readFileSync(file, 'utf8'), file);
    },
  });
  grammar = await registry.loadGrammar('source.rrb');
});

/** The tokens of a text, `[text, its own scopes]`, line by line. */
function tokens(text) {
  let state = INITIAL;
  return text.split('\n').flatMap((line) => {
    const result = grammar.tokenizeLine(line, state);
    assert.equal(result.stoppedEarly, false, `takes too long: ${line}`);
    state = result.ruleStack;
    return result.tokens.map((t) => [line.slice(t.startIndex, t.endIndex), t.scopes.slice(1).join(' ')]);
  });
}

/** The scopes of the first token that is this text. */
function scope(text, token) {
  const found = tokens(text).find(([t]) => t.trim() === token);
  assert.ok(found, `no token ${token} in ${JSON.stringify(tokens(text))}`);
  return found[1];
}

const cases = [
  ['// a', '// a', 'comment.line.double-slash'],
  ['/// a', '/// a', 'comment.line.documentation'],
  ['runbook fix(node: Text) {', 'runbook', 'storage.type'],
  ['runbook fix(node: Text) {', 'fix', 'entity.name.function'],
  ['runbook fix(node: Text) {', 'node', 'variable.other.property'],
  ['runbook fix(node: Text) {', 'Text', 'support.type.primitive'],
  ['action a() destroys once { }', 'destroys', 'storage.modifier.effect.destroys'],
  ['action a() destroys once { }', 'once', 'keyword.other.clause'],
  ['action a() reads { }', 'reads', 'storage.modifier.effect'],
  ['  owner "platform"', 'owner', 'keyword.other.clause'],
  ['  retry 3 times backoff 1s', 'retry', 'keyword.other.clause'],
  ['  retry 3 times backoff 1s', '1s', 'constant.numeric.unit'],
  ['  do f() retry 3 times', 'f', 'entity.name.function.call'],
  ['  approve "x" from group("sre") {', 'approve', 'keyword.control.approval'],
  ['let x = 10GiB', '10GiB', 'constant.numeric.unit'],
  ['let x = 1h30m', '1h30m', 'constant.numeric.unit'],
  ['let x = 85%', '85%', 'constant.numeric'],
  ['let x = 0xff', '0xff', 'constant.numeric.hex'],
  ['let x = none', 'none', 'constant.language'],
  ['let x = re#"^a"b"#', '^a"b', 'string.regexp'],
  ['let x = url"https://a//b"', 'https://a//b', 'string.quoted.other'],
  ['let x = "a ${n + 1} b"', 'n', 'meta.embedded'],
  ['let x = "a\\n"', '\\n', 'constant.character.escape'],
  ['let x = "a\\q"', '\\q', 'invalid.illegal.escape'],
  ['a.owner', 'owner', 'variable.other.property'],
  ['use std.slack as chat', 'use', 'keyword.control.import'],
  ['use std.slack as chat', 'as', 'keyword.control.import'],
];

for (const [text, token, wanted] of cases) {
  test(`${token} in ${text}`, () => assert.ok(scope(text, token).includes(wanted), scope(text, token)));
}

// What is a word of a clause elsewhere is a name here.
for (const text of ['retry = 3', 'f(limit)', 'limit.max', 'key + 1', '{ owner: 1 }', '[tags]', 'every(1)']) {
  test(`no clause in ${text}`, () => {
    assert.ok(!tokens(text).some(([, s]) => s.includes('keyword.other.clause')), JSON.stringify(tokens(text)));
  });
}

// Behind a text that ends, code goes on; behind one that does not, it goes on in the next line.
for (const text of ['let a = "x"', 'let a = "${"y"}"', 'let a = "${ {a: 1}.a }"', 'let a = "x', 'let a = """x\ny"""', 'let a = r"\\"', 'let a = "${b']) {
  test(`ends: ${text}`, () => assert.equal(scope(`${text}\nfn f() { }`, 'fn'), 'storage.type.function.rrb'));
}

test('every file of the project is coloured to its end', () => {
  const files = [];
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) walk(join(folder, entry.name));
      else if (entry.name.endsWith('.rrb')) files.push(join(folder, entry.name));
    }
  };
  for (const folder of ['examples', 'stdlib', 'src/lang/tests/check/ok', 'src/lang/tests/fmt', 'tests']) walk(join(ROOT, folder));
  assert.ok(files.length > 300, `only ${files.length} files`);
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    const illegal = tokens(text).find(([, s]) => s.includes('invalid'));
    assert.equal(illegal, undefined, `${file}: ${illegal}`);
    const last = tokens(`${text}\nfn at_the_end() { }`).findLast(([t]) => t === 'at_the_end');
    assert.equal(last?.[1], 'entity.name.function.rrb', `${file}: a text or a bracket is taken for open at its end`);
  }
});
