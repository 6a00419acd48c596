// A client of the protocol's reference implementation: asks the server everything that it offers, in the project RRB_PROJECT.
// Ends with an error that says what was answered otherwise than it must be.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const lsp = createRequire(join(process.env.RRB_EXTENSION, 'package.json'))('vscode-languageserver-protocol/node');

const project = process.env.RRB_PROJECT;
const uri = (file) => pathToFileURL(join(project, file)).href;
const main = { uri: uri('release.rrb') };
const text = readFileSync(join(project, 'release.rrb'), 'utf8');

/** The position of a text, and some characters into it. */
function at(needle, offset = 0, within = text) {
  const index = within.indexOf(needle) + offset;
  assert.ok(index >= offset, `there is no ${needle}`);
  const before = within.slice(0, index).split('\n');
  return { line: before.length - 1, character: before.at(-1).length };
}

const place = (needle, offset) => ({ textDocument: main, position: at(needle, offset) });
const whole = { start: { line: 0, character: 0 }, end: { line: text.split('\n').length, character: 0 } };
const names = (list) => list.map((item) => item.label ?? item.name);

/** The text after edits, which do not overlap. */
function edited(before, edits) {
  const lines = before.split('\n');
  const offset = ({ line, character }) => lines.slice(0, line).reduce((sum, l) => sum + l.length + 1, 0) + character;
  return [...edits]
    .sort((a, b) => offset(b.range.start) - offset(a.range.start))
    .reduce((t, e) => t.slice(0, offset(e.range.start)) + e.newText + t.slice(offset(e.range.end)), before);
}

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

class Client {
  diagnostics = new Map();
  asked = [];

  constructor() {
    this.server = spawn('rrb', ['lsp'], { cwd: project, stdio: ['pipe', 'pipe', 'inherit'] });
    this.ended = new Promise((resolve) => this.server.on('exit', (code, signal) => resolve(code ?? signal)));
    const { StreamMessageReader, StreamMessageWriter } = lsp;
    this.connection = lsp.createProtocolConnection(new StreamMessageReader(this.server.stdout), new StreamMessageWriter(this.server.stdin));
    this.connection.onNotification('textDocument/publishDiagnostics', (p) => this.diagnostics.set(p.uri, p));
    for (const method of ['client/registerCapability', 'client/unregisterCapability', 'window/workDoneProgress/create']) {
      this.connection.onRequest(method, (params) => {
        this.asked.push([method, params]);
        return null;
      });
    }
    this.connection.onRequest('workspace/configuration', ({ items }) => items.map(() => null));
    for (const what of ['semanticTokens', 'inlayHint', 'codeLens', 'diagnostic']) {
      this.connection.onRequest(`workspace/${what}/refresh`, () => null);
    }
    this.connection.listen();
  }

  ask(method, ...params) {
    return this.connection.sendRequest(method, ...params);
  }

  tell(method, ...params) {
    return this.connection.sendNotification(method, ...params);
  }

  async start(capabilities, options = {}) {
    const { capabilities: offered } = await this.ask('initialize', {
      processId: process.pid,
      clientInfo: { name: 'test' },
      rootUri: uri(''),
      workspaceFolders: [{ uri: uri(''), name: 'project' }],
      capabilities,
      ...options,
    });
    await this.tell('initialized', {});
    return offered;
  }

  open(file, content) {
    return this.tell('textDocument/didOpen', { textDocument: { uri: uri(file), languageId: 'rrb', version: 1, text: content } });
  }

  change(file, version, ...contentChanges) {
    return this.tell('textDocument/didChange', { textDocument: { uri: uri(file), version }, contentChanges });
  }

  /** Waits for what is pushed for a file. */
  async pushed(file, wanted) {
    for (let n = 0; n < 1200; n++) {
      const found = this.diagnostics.get(uri(file));
      if (found && wanted(found.diagnostics)) return found;
      await sleep(50);
    }
    throw new Error(`waited in vain: ${JSON.stringify(this.diagnostics.get(uri(file)))}`);
  }

  async end() {
    await this.ask('shutdown');
    await this.tell('exit');
    assert.equal(await this.ended, 0, 'the server ends with 0 behind shutdown and exit');
  }
}

const ALL = {
  general: { positionEncodings: ['utf-16'] },
  window: { workDoneProgress: true },
  workspace: {
    applyEdit: true,
    workspaceEdit: { documentChanges: true },
    configuration: true,
    workspaceFolders: true,
    didChangeWatchedFiles: { dynamicRegistration: true },
    semanticTokens: { refreshSupport: true },
    inlayHint: { refreshSupport: true },
    codeLens: { refreshSupport: true },
    diagnostics: { refreshSupport: true },
    symbol: {},
  },
  textDocument: {
    synchronization: { didSave: true },
    publishDiagnostics: { relatedInformation: true, codeDescriptionSupport: true, tagSupport: { valueSet: [1, 2] }, versionSupport: true },
    completion: {
      completionItem: {
        snippetSupport: true,
        documentationFormat: ['markdown'],
        labelDetailsSupport: true,
        resolveSupport: { properties: ['documentation', 'detail', 'additionalTextEdits'] },
      },
    },
    hover: { contentFormat: ['markdown'] },
    signatureHelp: { signatureInformation: { documentationFormat: ['markdown'], parameterInformation: { labelOffsetSupport: true } } },
    definition: { linkSupport: true },
    typeDefinition: { linkSupport: true },
    implementation: { linkSupport: true },
    references: {},
    documentHighlight: {},
    documentSymbol: { hierarchicalDocumentSymbolSupport: true },
    codeAction: {
      codeActionLiteralSupport: { codeActionKind: { valueSet: ['quickfix', 'refactor'] } },
      resolveSupport: { properties: ['edit'] },
      dataSupport: true,
    },
    codeLens: {},
    documentLink: {},
    formatting: {},
    rangeFormatting: {},
    onTypeFormatting: {},
    rename: { prepareSupport: true },
    foldingRange: {},
    selectionRange: {},
    linkedEditingRange: {},
    callHierarchy: {},
    semanticTokens: {
      requests: { full: { delta: true }, range: true },
      tokenTypes: [],
      tokenModifiers: [],
      formats: ['relative'],
    },
    inlayHint: {},
  },
};
const PULLS = { ...ALL, textDocument: { ...ALL.textDocument, diagnostic: { relatedDocumentSupport: true } } };

/** Locations and links, as `file:line`. */
const places = (answer) =>
  [answer ?? []].flat().map((l) => `${(l.targetUri ?? l.uri).split('/').at(-1)}:${(l.targetSelectionRange ?? l.range).start.line + 1}`);
const shown = (contents) => (typeof contents === 'string' ? contents : (contents.value ?? JSON.stringify(contents)));
const line = (needle) => at(needle).line + 1;

/** What is asked, by the capability that offers it. */
const requests = {
  async completionProvider(c, offered) {
    const broken = `${text}fn g(t: Text) -> Int { t. }\n`;
    await c.change('release.rrb', 10, { text: broken });
    const answer = await c.ask('textDocument/completion', { textDocument: main, position: at('{ t. }', 4, broken) });
    const items = answer.items ?? answer;
    assert.ok(names(items).some((n) => n.startsWith('len')), `methods of Text: ${names(items)}`);
    assert.ok(!names(items).includes('runbook'), 'no keyword behind a dot');
    if (offered.completionProvider.resolveProvider) {
      const len = items.find((i) => i.label.startsWith('len'));
      assert.equal((await c.ask('completionItem/resolve', len)).label, len.label);
    }
    await c.change('release.rrb', 11, { text });
    const inside = await c.ask('textDocument/completion', place('let before = current', 'let before = '.length));
    assert.ok(names(inside.items ?? inside).some((n) => n.startsWith('current')), 'a name in scope');
  },
  async hoverProvider(c) {
    const hover = await c.ask('textDocument/hover', place('do roll_out(service, tag)', 4));
    assert.match(shown(hover.contents), /roll_out/);
    assert.match(shown(hover.contents), /changes/, 'the effect is told');
    assert.match(shown(hover.contents), /Rolls a version of a service out/, 'the documentation is told');
    assert.equal(await c.ask('textDocument/hover', { textDocument: main, position: { line: 1, character: 0 } }), null, 'nothing on an empty line');
  },
  async signatureHelpProvider(c) {
    const help = await c.ask('textDocument/signatureHelp', place('roll_out(service, tag)', 'roll_out(service, '.length));
    assert.match(help.signatures[0].label, /roll_out/);
    assert.equal(help.signatures[0].activeParameter ?? help.activeParameter, 1);
  },
  async definitionProvider(c) {
    const own = await c.ask('textDocument/definition', place('do roll_out(service, tag)', 4));
    assert.deepEqual(places(own), [`release.rrb:${line('action roll_out')}`]);
    const library = places(await c.ask('textDocument/definition', place('do file.write', 'do file.'.length)));
    assert.match(library[0] ?? '', /^file\.rrb:/, 'into the standard library');
  },
  async typeDefinitionProvider(c) {
    await c.ask('textDocument/typeDefinition', place('let before', 5));
  },
  async implementationProvider(c) {
    await c.ask('textDocument/implementation', place('do roll_out(service, tag)', 4));
  },
  async referencesProvider(c) {
    const context = { includeDeclaration: true };
    const found = places(await c.ask('textDocument/references', { ...place('action roll_out', 8), context }));
    assert.equal(found.length, 3, found.join());
    const release = places(await c.ask('textDocument/references', { ...place('runbook release', 9), context }));
    assert.ok(release.some((r) => r.startsWith('release_test.rrb')), `across files: ${release}`);
  },
  async documentHighlightProvider(c) {
    assert.equal((await c.ask('textDocument/documentHighlight', place('action roll_out', 8))).length, 3);
  },
  async documentSymbolProvider(c) {
    const symbols = await c.ask('textDocument/documentSymbol', { textDocument: main });
    assert.deepEqual(names(symbols).filter((n) => ['roll_out', 'current', 'release', 'retire'].includes(n)), ['roll_out', 'current', 'release', 'retire']);
    assert.ok(symbols.find((s) => s.name === 'release').children.length > 0, 'steps are below their runbook');
  },
  async workspaceSymbolProvider(c) {
    const found = await c.ask('workspace/symbol', { query: 'retire' });
    assert.ok(names(found).includes('retire'), names(found).join());
  },
  async codeActionProvider(c, offered) {
    const broken = text.replace('do file.delete("${folder}/${service}")', 'file.delete("${folder}/${service}")');
    await c.change('release.rrb', 20, { text: broken });
    const { items, diagnostics } = c.pulls
      ? await c.ask('textDocument/diagnostic', { textDocument: main })
      : await c.pushed('release.rrb', (d) => d.length > 0);
    const problem = (items ?? diagnostics)[0];
    const actions = await c.ask('textDocument/codeAction', {
      textDocument: main,
      range: problem.range,
      context: { diagnostics: [problem] },
    });
    const fix = actions.find((a) => /\bdo\b/.test(a.title));
    assert.ok(fix, `adds do: ${actions.map((a) => a.title)}`);
    const whole = fix.edit ? fix : await c.ask('codeAction/resolve', fix);
    const edits = whole.edit.changes?.[main.uri] ?? whole.edit.documentChanges.flatMap((d) => d.edits);
    assert.equal(edited(broken, edits), text);
    await c.change('release.rrb', 21, { text });
    assert.ok(offered.codeActionProvider);
  },
  async codeLensProvider(c, offered) {
    const lenses = await c.ask('textDocument/codeLens', { textDocument: main });
    const whole = offered.codeLensProvider.resolveProvider
      ? await Promise.all(lenses.map((l) => (l.command ? l : c.ask('codeLens/resolve', l))))
      : lenses;
    const commands = whole.map((l) => l.command.command);
    assert.ok(commands.includes('rrb.plan'), commands.join());
    const manifest = JSON.parse(readFileSync(join(process.env.RRB_EXTENSION, 'package.json'), 'utf8'));
    const known = new Set(manifest.contributes.commands.map((m) => m.command));
    for (const command of commands) assert.ok(known.has(command), `no editor runs ${command}`);
    for (const { command } of whole) {
      const [asked] = command.arguments;
      assert.equal(asked.project, project, JSON.stringify(command));
      assert.equal(asked.uri, main.uri, JSON.stringify(command));
      if (command.command === 'rrb.plan') assert.ok(['release', 'retire'].includes(asked.runbook), JSON.stringify(command));
    }
  },
  async documentLinkProvider(c, offered) {
    const policy = 'policies/production.rrb';
    const content = readFileSync(join(project, policy), 'utf8');
    await c.open(policy, content);
    const links = await c.ask('textDocument/documentLink', { textDocument: { uri: uri(policy) } });
    const targets = await Promise.all(
      links.map(async (l) => l.target ?? (offered.documentLinkProvider.resolveProvider ? (await c.ask('documentLink/resolve', l)).target : undefined)),
    );
    assert.ok(Array.isArray(targets));
  },
  async documentFormattingProvider(c) {
    const messy = text.replace('  owner "platform"', '       owner   "platform"');
    await c.change('release.rrb', 30, { text: messy });
    const edits = await c.ask('textDocument/formatting', { textDocument: main, options: { tabSize: 2, insertSpaces: true } });
    assert.equal(edited(messy, edits), text);
    await c.change('release.rrb', 31, { text });
    const none = await c.ask('textDocument/formatting', { textDocument: main, options: { tabSize: 2, insertSpaces: true } });
    assert.equal(edited(text, none ?? []), text);
  },
  async documentRangeFormattingProvider(c) {
    const messy = text.replace('  owner "platform"', '       owner   "platform"');
    await c.change('release.rrb', 40, { text: messy });
    const start = at('       owner', 0, messy);
    const range = { start, end: { line: start.line + 1, character: 0 } };
    const edits = await c.ask('textDocument/rangeFormatting', { textDocument: main, range, options: { tabSize: 2, insertSpaces: true } });
    assert.equal(edited(messy, edits), text);
    await c.change('release.rrb', 41, { text });
  },
  async documentOnTypeFormattingProvider(c, offered) {
    const ch = offered.documentOnTypeFormattingProvider.firstTriggerCharacter;
    const edits = await c.ask('textDocument/onTypeFormatting', { ...place('\n}\n', 2), ch, options: { tabSize: 2, insertSpaces: true } });
    assert.equal(edited(text, edits ?? []), text, 'what has its form stays');
  },
  async renameProvider(c, offered) {
    if (offered.renameProvider.prepareProvider) {
      const { start } = (({ range, ...bare }) => range ?? bare)(await c.ask('textDocument/prepareRename', place('action roll_out', 8)));
      assert.deepEqual(start, at('roll_out'));
    }
    const edit = await c.ask('textDocument/rename', { ...place('action roll_out', 8), newName: 'deploy' });
    const edits = edit.changes?.[main.uri] ?? edit.documentChanges.flatMap((d) => d.edits);
    assert.equal(edited(text, edits), text.replaceAll('roll_out', 'deploy'));
    await assert.rejects(c.ask('textDocument/rename', { ...place('do file.write', 'do file.'.length), newName: 'put' }), 'not in the library');
    await assert.rejects(c.ask('textDocument/rename', { ...place('action roll_out', 8), newName: 'match' }), 'to no reserved word');
    await assert.rejects(c.ask('textDocument/rename', { ...place('action roll_out', 8), newName: 'current' }), 'to no name that is taken');
  },
  async foldingRangeProvider(c) {
    const folds = await c.ask('textDocument/foldingRange', { textDocument: main });
    assert.ok(folds.some((f) => f.startLine === at('runbook release').line), JSON.stringify(folds));
  },
  async selectionRangeProvider(c) {
    const [range] = await c.ask('textDocument/selectionRange', { textDocument: main, positions: [at('do roll_out(service, tag)', 4)] });
    let steps = 0;
    for (let r = range; r; r = r.parent) steps++;
    assert.ok(steps >= 4, `from a name to the file in ${steps} steps`);
  },
  async linkedEditingRangeProvider(c) {
    await c.ask('textDocument/linkedEditingRange', place('action roll_out', 8));
  },
  async callHierarchyProvider(c) {
    const [item] = await c.ask('textDocument/prepareCallHierarchy', place('action roll_out', 8));
    assert.equal(item.name, 'roll_out');
    const callers = await c.ask('callHierarchy/incomingCalls', { item });
    assert.ok(callers.some((k) => k.from.name.includes('release')), JSON.stringify(callers));
    const callees = await c.ask('callHierarchy/outgoingCalls', { item });
    assert.ok(callees.some((k) => k.to.name.includes('write')), JSON.stringify(callees));
  },
  async semanticTokensProvider(c, offered) {
    const full = await c.ask('textDocument/semanticTokens/full', { textDocument: main });
    assert.ok(full.data.length > 0 && full.data.length % 5 === 0);
    const { legend } = offered.semanticTokensProvider;
    for (let n = 3; n < full.data.length; n += 5) assert.ok(legend.tokenTypes[full.data[n]], 'a type of the legend');
    const some = await c.ask('textDocument/semanticTokens/range', { textDocument: main, range: { start: at('runbook retire'), end: whole.end } });
    assert.ok(some.data.length > 0 && some.data.length < full.data.length);
    const same = await c.ask('textDocument/semanticTokens/full/delta', { textDocument: main, previousResultId: full.resultId });
    assert.deepEqual(same.edits ?? [], [], 'nothing changed');
  },
  async inlayHintProvider(c) {
    const hints = await c.ask('textDocument/inlayHint', { textDocument: main, range: whole });
    assert.ok(hints.length > 0, 'the type of `before`');
  },
  async executeCommandProvider(c, offered) {
    const run = (command, ...args) => c.ask('workspace/executeCommand', { command, arguments: args });
    assert.match(await run('rrb.explain', 'rrb::name::unknown'), /\w/);
    assert.match(await run('rrb.source', 'rrb-std:/stdlib/slack.rrb'), /event|action/);
    await assert.rejects(run('rrb.nothing'));
    for (const command of offered.executeCommandProvider.commands) await assert.doesNotReject(async () => command.startsWith('rrb.'));
  },
};

/** What is no request of its own, or asked elsewhere in this file. */
const elsewhere = ['positionEncoding', 'textDocumentSync', 'diagnosticProvider', 'workspace', 'declarationProvider'];

/** Diagnostics that are pushed, while a text changes piece by piece. */
async function pushes() {
  const client = new Client();
  const offered = await client.start(ALL);
  await client.open('release.rrb', text);
  const end = at('', text.length);
  await client.change('release.rrb', 2, { range: { start: end, end }, text: 'fn broken() -> Int { nobody }\n' });
  const { diagnostics, version } = await client.pushed('release.rrb', (d) => d.length > 0);
  assert.equal(diagnostics[0].code, 'rrb::name::unknown');
  assert.equal(diagnostics[0].severity, 1);
  assert.deepEqual(diagnostics[0].range.start, { line: end.line, character: 'fn broken() -> Int { '.length });
  assert.match(diagnostics[0].codeDescription.href, /unknown/, 'a place that explains the code');
  assert.ok(version === undefined || version === null || version === 2, `of the version that was sent: ${version}`);
  await client.change('release.rrb', 3, { text });
  await client.pushed('release.rrb', (d) => d.length === 0);
  assert.ok(client.asked.some(([m, p]) => m === 'client/registerCapability' && p.registrations.some((r) => r.method === 'workspace/didChangeWatchedFiles')));
  // What is not open is read from the disk, and again when it changes there.
  const other = join(project, 'more.rrb');
  writeFileSync(other, 'fn more() -> Int { nowhere }\n');
  await client.tell('workspace/didChangeWatchedFiles', { changes: [{ uri: uri('more.rrb'), type: 1 }] });
  await client.pushed('more.rrb', (d) => d.length === 1);
  writeFileSync(other, 'fn more() -> Int { 1 }\n');
  await client.tell('workspace/didChangeWatchedFiles', { changes: [{ uri: uri('more.rrb'), type: 2 }] });
  await client.pushed('more.rrb', (d) => d.every((one) => one.severity !== 1));
  await client.end();
  return offered;
}

/** Diagnostics that the client asks for. */
async function pulls() {
  const client = new Client();
  const offered = await client.start(PULLS);
  assert.ok(offered.diagnosticProvider, 'offered to those who can ask again');
  await client.open('release.rrb', text);
  const none = await client.ask('textDocument/diagnostic', { textDocument: main });
  assert.deepEqual(none.items, []);
  await client.change('release.rrb', 2, { text: `${text}fn broken() -> Int { nobody }\n` });
  const one = await client.ask('textDocument/diagnostic', { textDocument: main, previousResultId: none.resultId });
  assert.deepEqual(one.items.map((d) => d.code), ['rrb::name::unknown']);
  const same = await client.ask('textDocument/diagnostic', { textDocument: main, previousResultId: one.resultId });
  assert.equal(same.kind, 'unchanged');
  const all = await client.ask('workspace/diagnostic', { previousResultIds: [] });
  assert.ok(all.items.some((i) => i.uri === main.uri && i.items?.length === 1), JSON.stringify(all));
  await client.end();
}

async function everything() {
  const client = new Client();
  const offered = await client.start(ALL);
  await client.open('release.rrb', text);
  const wrong = [];
  for (const [capability, drive] of Object.entries(requests)) {
    if (!offered[capability]) {
      wrong.push(`${capability} is not offered`);
      continue;
    }
    try {
      await drive(client, offered);
    } catch (error) {
      wrong.push(`${capability}: ${error.message}`);
      await client.change('release.rrb', 90, { text });
    }
  }
  for (const capability of Object.keys(offered)) {
    if (!(capability in requests) && !elsewhere.includes(capability)) wrong.push(`${capability} is asked by nobody`);
  }
  await client.end();
  assert.deepEqual(wrong, []);
}

(async () => {
  await pushes();
  await pulls();
  await everything();
})().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
