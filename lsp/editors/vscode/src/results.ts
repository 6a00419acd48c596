// What `rrb test --json` prints.

/** A place in a file of the project; lines and columns count from 1. */
export interface Place {
  file: string;
  start: { line: number; column: number };
  end: { line: number; column: number };
}

/** One thing that was not so. */
export interface Failure {
  message: string;
  place?: Place | null;
  statement?: string | null;
  notes: string[];
  help: string[];
}

/** One test that was played. */
export interface Result {
  name: string;
  full_name: string;
  file: string;
  line: number;
  passed: boolean;
  millis: number;
  failures: Failure[];
}

/** The results in a document; an error that says what came instead of one. */
export function read(printed: string): Result[] {
  let document: unknown;
  try {
    document = JSON.parse(printed);
  } catch {
    throw new Error('`rrb test --json` printed no JSON: is `rrb.path` the rrb program?');
  }
  const { version, tests } = (document ?? {}) as { version?: unknown; tests?: unknown };
  if (version !== 1 || !Array.isArray(tests)) {
    throw new Error('`rrb test --json` printed another form than this extension reads: update the older of the two');
  }
  return tests as Result[];
}

/** A failure as text. */
export function message(failure: Failure): string {
  const lines = [failure.message];
  if (failure.statement) lines.push(`  ${failure.statement}`);
  lines.push(...failure.notes.map((n) => `note: ${n}`), ...failure.help.map((h) => `help: ${h}`));
  return lines.join('\n');
}
