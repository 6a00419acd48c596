// Tasks: `rrb check`, `rrb test` and `rrb fmt` in each project, their findings as problems.

import * as path from 'node:path';
import * as vscode from 'vscode';
import * as rrb from './rrb';

const COMMANDS: Record<string, string[]> = {
  check: ['check', '--format', 'short'],
  test: ['test'],
  fmt: ['fmt'],
};

interface Definition extends vscode.TaskDefinition {
  command: string;
  args?: string[];
}

export function register(context: vscode.ExtensionContext): void {
  context.subscriptions.push(
    vscode.tasks.registerTaskProvider('rrb', {
      provideTasks: async () => {
        const tasks: vscode.Task[] = [];
        for (const toml of await vscode.workspace.findFiles('**/rrb.toml', '**/{.git,node_modules,target}/**')) {
          const folder = path.dirname(toml.fsPath);
          const scope = vscode.workspace.getWorkspaceFolder(toml);
          for (const command of Object.keys(COMMANDS)) tasks.push(task({ type: 'rrb', command }, folder, scope));
        }
        return tasks;
      },
      resolveTask: (given) => {
        const definition = given.definition as Definition;
        const scope = typeof given.scope === 'object' ? given.scope : undefined;
        const folder = scope ?? vscode.workspace.workspaceFolders?.[0];
        return folder && definition.command in COMMANDS ? task(definition, folder.uri.fsPath, scope) : undefined;
      },
    }),
  );
}

function task(definition: Definition, folder: string, scope: vscode.WorkspaceFolder | undefined): vscode.Task {
  const args = [...(COMMANDS[definition.command] ?? [definition.command]), ...(definition.args ?? [])];
  const execution = new vscode.ProcessExecution(rrb.program(), args, { cwd: folder });
  const name = scope && scope.uri.fsPath !== folder ? `${definition.command} ${path.relative(scope.uri.fsPath, folder)}` : definition.command;
  const made = new vscode.Task(definition, scope ?? vscode.TaskScope.Workspace, name, 'rrb', execution, '$rrb');
  if (definition.command === 'check') made.group = vscode.TaskGroup.Build;
  if (definition.command === 'test') made.group = vscode.TaskGroup.Test;
  return made;
}
