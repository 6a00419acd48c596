// The language server.

import * as vscode from 'vscode';
import { LanguageClient, type LanguageClientOptions, RevealOutputChannelOn, type ServerOptions } from 'vscode-languageclient/node';
import * as rrb from './rrb';

/** The scheme of the sources of the standard library, which the server holds. */
const LIBRARY = 'rrb-std';

/** The server while it runs, and how to begin it again. */
export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private readonly log = vscode.window.createOutputChannel('rrb');
  private turn: Promise<void> = Promise.resolve();

  /** Ends the server that runs, if one does, and begins another. One after the other, however often it is called. */
  restart(): Promise<void> {
    this.turn = this.turn.then(async () => {
      await this.stop();
      await this.start();
    });
    return this.turn;
  }

  /** Asks the server to run one of its commands. */
  async command<T>(command: string, ...args: unknown[]): Promise<T> {
    if (!this.client) throw new Error('the language server of rrb does not run: use “rrb: Restart the Language Server”');
    return this.client.sendRequest<T>('workspace/executeCommand', { command, arguments: args });
  }

  private async start(): Promise<void> {
    const run = { command: rrb.program(), args: ['lsp'] };
    const server: ServerOptions = { run, debug: run };
    const options: LanguageClientOptions = {
      documentSelector: [
        { scheme: 'file', language: 'rrb' },
        { scheme: 'untitled', language: 'rrb' },
        { scheme: LIBRARY, language: 'rrb' },
        { scheme: 'file', pattern: '**/rrb.toml' },
      ],
      initializationOptions: { textDocumentContent: true },
      outputChannel: this.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      markdown: { supportHtml: false },
      middleware: {
        // The commands of the server belong to this client; the palette has words of its own for them.
        executeCommand: (command, args, next) => next(command, args),
      },
    };
    const client = new LanguageClient('rrb', 'rrb', server, options);
    try {
      await client.start();
      this.client = client;
    } catch (error) {
      void client.dispose().catch(() => undefined);
      const again = 'Try Again';
      const settings = 'Open Settings';
      const why = (error as NodeJS.ErrnoException | null)?.code === 'ENOENT' || /ENOENT/.test(String(error));
      const message = why ? rrb.notStarted({ code: 'ENOENT' }) : rrb.notStarted(error);
      void vscode.window.showErrorMessage(`rrb: ${message}`, again, settings).then((choice) => {
        if (choice === again) void this.restart();
        if (choice === settings) void vscode.commands.executeCommand('workbench.action.openSettings', 'rrb.path');
      });
    }
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    await client?.dispose().catch(() => undefined);
  }

  dispose(): void {
    void this.stop();
    this.log.dispose();
  }
}

/** Shows the sources of the standard library and the explanations of codes, which only the server has. */
export function library(server: Server): vscode.Disposable {
  return vscode.workspace.registerTextDocumentContentProvider(LIBRARY, {
    provideTextDocumentContent: (uri) => server.command<string>('rrb.source', uri.toString(true)),
  });
}
