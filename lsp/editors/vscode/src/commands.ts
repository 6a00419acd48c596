// What a person can ask for: a plan, a run, the last runs, an explanation.

import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Server } from './client';
import * as rrb from './rrb';
import * as scan from './scan';

/** What a lens of the server says of a runbook. */
interface Asked {
  project: string;
  runbook: string;
  uri?: string;
  parameters?: scan.Runbook['parameters'];
}

/** The scheme of the documents that show what a command printed. */
const SHOWN = 'rrb-shown';

export function register(context: vscode.ExtensionContext, server: Server): void {
  const shown = new Shown();
  const on = (name: string, what: (...args: unknown[]) => Promise<unknown>) =>
    context.subscriptions.push(vscode.commands.registerCommand(name, (...args: unknown[]) => tell(what(...args))));
  context.subscriptions.push(vscode.workspace.registerTextDocumentContentProvider(SHOWN, shown));
  on('rrb.restartServer', () => server.restart());
  on('rrb.plan', async (what) => {
    const asked = await runbook(what);
    const parameters = asked && (await ask(asked));
    if (parameters) await show(shown, asked.project, ['plan', asked.runbook, ...parameters], `plan of ${asked.runbook}`);
  });
  on('rrb.showRuns', async (what) => {
    const asked = await runbook(what);
    if (!asked) return;
    await show(shown, asked.project, ['runs', 'list', '--runbook', asked.runbook, '--limit', '20'], `runs of ${asked.runbook}`);
  });
  on('rrb.run', async (what) => {
    const asked = await runbook(what);
    if (!asked) return;
    const name = asked.runbook;
    const go = 'Run';
    const detail = 'It acts on the real systems of the project. What must be approved waits for people.';
    if ((await vscode.window.showWarningMessage(`Run ${name} now?`, { modal: true, detail }, go)) !== go) return;
    const parameters = await ask(asked);
    if (parameters) await inTerminal(asked.project, ['run', name, ...parameters], `run ${name}`);
  });
  on('rrb.showExplanation', async (code) => {
    const prompt = 'The code of a diagnostic, e.g. rrb::effect::unapproved';
    const wanted = typeof code === 'string' ? code : await vscode.window.showInputBox({ prompt });
    if (!wanted) return;
    const text = await server.command<string>('rrb.explain', wanted.trim());
    await shown.open(`${wanted.trim().replaceAll('::', '-')}.md`, text);
  });
}

/** Tells the user why something could not be done. */
async function tell<T>(what: Promise<T>): Promise<T | undefined> {
  try {
    return await what;
  } catch (error) {
    void vscode.window.showErrorMessage(`rrb: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** The runbook that is meant: the one of a lens, the one at the cursor, or one that the user chooses. */
async function runbook(what: unknown): Promise<Asked | undefined> {
  const said = what as Partial<Asked> | undefined;
  if (typeof said?.project === 'string' && typeof said.runbook === 'string') {
    const file = typeof said.uri === 'string' ? vscode.Uri.parse(said.uri) : vscode.window.activeTextEditor?.document.uri;
    const document = file && (await vscode.workspace.openTextDocument(file));
    await document?.save();
    const own = document && scan.runbooks(document.getText()).find((r) => r.name === said.runbook);
    const project = file?.scheme === 'file' ? await rrb.project(file.fsPath) : said.project;
    return { project, runbook: said.runbook, ...(own ? { parameters: own.parameters } : {}) };
  }
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.document.languageId !== 'rrb') throw new Error('open the file of a runbook first');
  const found = scan.runbooks(editor.document.getText());
  if (found.length === 0) throw new Error('there is no runbook in this file');
  const near = scan.at(found, editor.selection.active.line);
  const meant = near ?? (found.length === 1 ? found[0] : await choose(found));
  if (!meant) return undefined;
  await editor.document.save();
  return { project: await rrb.project(editor.document.fileName), runbook: meant.name, parameters: meant.parameters };
}

async function choose(found: scan.Runbook[]): Promise<scan.Runbook | undefined> {
  const name = await vscode.window.showQuickPick(found.map((r) => r.name), { placeHolder: 'Which runbook?' });
  return found.find((r) => r.name === name);
}

/** Asks for the parameters of a runbook. Nothing when the user gives up. */
async function ask(asked: Asked): Promise<string[] | undefined> {
  const args: string[] = [];
  for (const { name, type, optional } of asked.parameters ?? []) {
    const value = await vscode.window.showInputBox({
      title: asked.runbook,
      prompt: `${name}: ${type}${optional ? ' – may stay empty' : ''}`,
      ignoreFocusOut: true,
      validateInput: (text) => (text === '' && !optional ? `\`${name}\` needs a value` : undefined),
    });
    if (value === undefined) return undefined;
    if (value !== '') args.push('--param', `${name}=${value}`);
  }
  return args;
}

async function show(shown: Shown, project: string, args: string[], title: string): Promise<void> {
  const progress = { location: vscode.ProgressLocation.Notification, title: `rrb: ${title}`, cancellable: true };
  const { stdout, stderr } = await vscode.window.withProgress(progress, (_, cancel) => rrb.run(args, project, cancel));
  await shown.open(`${title}.txt`, [stdout, stderr].filter((s) => s.trim() !== '').join('\n'));
}

/** Runs a command where the user sees it and can answer. No shell reads the arguments. */
async function inTerminal(project: string, args: string[], name: string): Promise<void> {
  const execution = new vscode.ProcessExecution(rrb.program(), args, { cwd: project });
  const task = new vscode.Task({ type: 'rrb', command: 'run' }, vscode.TaskScope.Workspace, name, 'rrb', execution);
  task.presentationOptions = { panel: vscode.TaskPanelKind.Dedicated, clear: true, focus: true };
  await vscode.tasks.executeTask(task);
}

/** What commands printed, as documents that cannot be written to. */
class Shown implements vscode.TextDocumentContentProvider {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.path) ?? '';
  }

  async open(name: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SHOWN, path: path.posix.join('/', name) });
    this.texts.set(uri.path, text === '' ? 'nothing to show\n' : text);
    this.changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { preview: true, viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
  }
}
