// The test explorer: finds the tests of the project, plays them with `rrb test`, shows what was not so at its place.

import * as path from 'node:path';
import * as vscode from 'vscode';
import * as results from './results';
import * as rrb from './rrb';
import * as scan from './scan';

const FILES = '**/*.rrb';
const LEFT_OUT = '**/{.rrb,.git,node_modules,target}/**';

/** What a lens of the server says: a file, and a test of it or none when all of them are meant. */
interface Asked {
  uri: string;
  test?: string;
}

export function register(context: vscode.ExtensionContext): void {
  const explorer = new Explorer();
  context.subscriptions.push(
    explorer,
    vscode.commands.registerCommand('rrb.runTest', (asked?: Partial<Asked>) => explorer.runOne(asked)),
  );
}

class Explorer implements vscode.Disposable {
  private readonly controller = vscode.tests.createTestController('rrb', 'rrb');
  private readonly parts: vscode.Disposable[] = [this.controller];

  constructor() {
    this.controller.resolveHandler = async (item) => {
      if (!item) await this.findAll();
    };
    this.controller.refreshHandler = () => this.findAll();
    this.controller.createRunProfile('Play', vscode.TestRunProfileKind.Run, (r, c) => this.play(r, c), true);
    const watcher = vscode.workspace.createFileSystemWatcher(FILES);
    watcher.onDidCreate((uri) => this.findIn(uri));
    watcher.onDidChange((uri) => this.findIn(uri));
    watcher.onDidDelete((uri) => this.controller.items.delete(uri.toString()));
    const read = (d: vscode.TextDocument) => {
      if (d.languageId === 'rrb' && d.uri.scheme === 'file') this.update(d.uri, d.getText());
    };
    this.parts.push(
      watcher,
      vscode.workspace.onDidOpenTextDocument(read),
      vscode.workspace.onDidChangeTextDocument((e) => read(e.document)),
    );
    vscode.workspace.textDocuments.forEach(read);
  }

  dispose(): void {
    vscode.Disposable.from(...this.parts).dispose();
  }

  /** Plays what a lens says, or the test at the cursor. */
  async runOne(asked?: Partial<Asked>): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const uri = asked?.uri ? vscode.Uri.parse(asked.uri) : editor?.document.uri;
    const file = uri && this.controller.items.get(uri.toString());
    const meant = file && (asked?.uri && asked.test === undefined ? file : one(file, asked?.test, editor?.selection.active.line ?? 0));
    if (!meant) {
      void vscode.window.showErrorMessage('rrb: there is no test here');
      return;
    }
    const cancel = new vscode.CancellationTokenSource();
    await this.play(new vscode.TestRunRequest([meant]), cancel.token);
    cancel.dispose();
  }

  private async findAll(): Promise<void> {
    const uris = await vscode.workspace.findFiles(FILES, LEFT_OUT);
    await Promise.all(uris.map((uri) => this.findIn(uri)));
  }

  private async findIn(uri: vscode.Uri): Promise<void> {
    if (/\/(\.rrb|\.git|node_modules|target)\//.test(uri.path)) return;
    try {
      this.update(uri, new TextDecoder().decode(await vscode.workspace.fs.readFile(uri)));
    } catch {
      this.controller.items.delete(uri.toString());
    }
  }

  private update(uri: vscode.Uri, text: string): void {
    const found = scan.tests(text);
    if (found.length === 0) {
      this.controller.items.delete(uri.toString());
      return;
    }
    const file =
      this.controller.items.get(uri.toString()) ??
      this.controller.createTestItem(uri.toString(), path.basename(uri.path, '.rrb'), uri);
    file.children.replace(
      found.map(({ name, line }) => {
        const item = this.controller.createTestItem(`${uri.toString()} ${name}`, name, uri);
        item.range = new vscode.Range(line, 0, line, 0);
        return item;
      }),
    );
    this.controller.items.add(file);
  }

  /** The tests that are meant, those of a project together. */
  private async chosen(request: vscode.TestRunRequest): Promise<Map<string, vscode.TestItem[]>> {
    const roots = request.include ?? [...this.controller.items].map(([, item]) => item);
    const tests = new Set(roots.flatMap((r) => (r.children.size > 0 ? [...r.children].map(([, item]) => item) : [r])));
    const out = new Set(request.exclude ?? []);
    const chosen = new Map<string, vscode.TestItem[]>();
    for (const test of tests) {
      if (out.has(test) || !test.uri) continue;
      const project = await rrb.project(test.uri.fsPath);
      chosen.set(project, [...(chosen.get(project) ?? []), test]);
    }
    return chosen;
  }

  private async play(request: vscode.TestRunRequest, cancel: vscode.CancellationToken): Promise<void> {
    await vscode.workspace.saveAll(false);
    const run = this.controller.createTestRun(request);
    try {
      for (const [project, tests] of await this.chosen(request)) {
        if (!cancel.isCancellationRequested) await playIn(project, tests, run, cancel);
      }
    } finally {
      run.end();
    }
  }
}

/** The test of this name, or the last that begins at a line or before it. */
function one(file: vscode.TestItem, name: string | undefined, line: number): vscode.TestItem | undefined {
  const tests = [...file.children].map(([, item]) => item);
  if (name !== undefined) return tests.find((t) => t.label === name);
  return tests.filter((t) => (t.range?.start.line ?? 0) <= line).pop();
}

/** Plays tests of one project and tells what became of each. */
async function playIn(project: string, tests: vscode.TestItem[], run: vscode.TestRun, cancel: vscode.CancellationToken): Promise<void> {
  tests.forEach((t) => run.started(t));
  const crash = vscode.workspace.getConfiguration('rrb').get<boolean>('test.crashEverywhere') ? ['--crash-everywhere'] : [];
  try {
    const { stdout, stderr, code } = await rrb.run(['test', '--json', ...crash, '--', ...tests.map((t) => t.label)], project, cancel);
    if (stderr.trim() !== '') run.appendOutput(stderr.replaceAll('\n', '\r\n'));
    if (cancel.isCancellationRequested) return tests.forEach((t) => run.skipped(t));
    if (code === 2 && stdout.trim() === '') throw new Error(stderr.trim() || 'nothing was tested');
    const played = results.read(stdout);
    for (const test of tests) tellOf(run, test, project, played);
  } catch (error) {
    const message = new vscode.TestMessage(error instanceof Error ? error.message : String(error));
    tests.forEach((t) => run.errored(t, message));
  }
}

function tellOf(run: vscode.TestRun, test: vscode.TestItem, project: string, played: results.Result[]): void {
  const result = played.find((r) => r.name === test.label && path.resolve(project, r.file) === test.uri?.fsPath);
  if (!result) {
    run.errored(test, new vscode.TestMessage('it was not played: is the file saved, and does the project check?'));
  } else if (result.passed) {
    run.passed(test, result.millis);
  } else {
    run.failed(test, result.failures.map((f) => messageOf(f, project)), result.millis);
  }
}

function messageOf(failure: results.Failure, project: string): vscode.TestMessage {
  const message = new vscode.TestMessage(results.message(failure));
  const place = failure.place;
  if (place) {
    const { start, end } = place;
    const range = new vscode.Range(start.line - 1, start.column - 1, end.line - 1, end.column - 1);
    message.location = new vscode.Location(vscode.Uri.file(path.resolve(project, place.file)), range);
  }
  return message;
}
