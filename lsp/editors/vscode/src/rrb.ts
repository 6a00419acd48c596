// The rrb program.

import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';

/** How much one command may print. */
const MAX_OUTPUT = 64 * 1024 * 1024;

/** What a command printed, and its exit code. */
export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

/** The program by the user's settings. */
export function program(): string {
  return vscode.workspace.getConfiguration('rrb').get<string>('path')?.trim() || 'rrb';
}

/** Runs `rrb` to its end. Fails only when it does not start or prints too much; a word from the user ends it. */
export function run(args: string[], cwd: string, cancel?: vscode.CancellationToken): Promise<Output> {
  return new Promise((resolve, reject) => {
    const options = { cwd, maxBuffer: MAX_OUTPUT, env: { ...process.env, NO_COLOR: '1' } };
    const child = execFile(program(), args, options, (error, stdout, stderr) => {
      listener?.dispose();
      const code = error ? error.code : 0;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else if (error?.killed || error?.signal) resolve({ code: -1, stdout, stderr });
      else reject(new Error(notStarted(error)));
    });
    const listener = cancel?.onCancellationRequested(() => child.kill());
  });
}

/** What to tell when the program did not start. */
export function notStarted(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'ENOENT') return `there is no program \`${program()}\`: install rrb, or set \`rrb.path\` to where it is`;
  return `\`${program()}\` did not start: ${error instanceof Error ? error.message : String(error)}`;
}

/** The folder of the `rrb.toml` that a file belongs to, or its own folder. */
export async function project(file: string): Promise<string> {
  const own = path.dirname(file);
  for (let folder = own; ; folder = path.dirname(folder)) {
    try {
      await access(path.join(folder, 'rrb.toml'));
      return folder;
    } catch {
      if (path.dirname(folder) === folder) return own;
    }
  }
}
