// rrb in Visual Studio Code.

import * as vscode from 'vscode';
import { library, Server } from './client';
import * as commands from './commands';
import * as tasks from './tasks';
import * as testing from './testing';

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const server = new Server();
  context.subscriptions.push(
    server,
    library(server),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('rrb.path')) void server.restart();
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void server.restart()),
  );
  commands.register(context, server);
  testing.register(context);
  tasks.register(context);
  await server.restart();
}

export function deactivate(): void {
  // What was registered ends with the subscriptions.
}
