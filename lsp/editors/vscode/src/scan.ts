// What is read out of a text without a server: where tests and runbooks begin. Positions count from 0.

/** A test or a runbook in a file. */
export interface Found {
  name: string;
  line: number;
}

/** A runbook, with the names of its parameters. */
export interface Runbook extends Found {
  parameters: { name: string; type: string; optional: boolean }[];
}

const TEST = /^\s*test\s+(?:"((?:\\.|[^"\\])*)"|r(#{0,4})"(.*?)"\2)\s*\{/;
const RUNBOOK = /^\s*runbook\s+([A-Za-z_]\w*)\s*\(/;
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r' };

/** The tests of a file, in their order. */
export function tests(text: string): Found[] {
  const found: Found[] = [];
  text.split('\n').forEach((source, line) => {
    const match = TEST.exec(source);
    if (match) found.push({ name: match[1] === undefined ? (match[3] ?? '') : unescape(match[1]), line });
  });
  return found;
}

/** The runbooks of a file, in their order. */
export function runbooks(text: string): Runbook[] {
  const found: Runbook[] = [];
  let offset = 0;
  text.split('\n').forEach((source, line) => {
    const match = RUNBOOK.exec(source);
    if (match?.[1]) found.push({ name: match[1], line, parameters: parameters(text.slice(offset + match[0].length)) });
    offset += source.length + 1;
  });
  return found;
}

/** The last one that begins at a line or before it. */
export function at<T extends Found>(found: T[], line: number): T | undefined {
  return found.filter((f) => f.line <= line).pop();
}

function unescape(text: string): string {
  return text.replace(/\\(?:u\{([0-9A-Fa-f]{1,6})\}|(.))/g, (_, code: string | undefined, char: string) => {
    if (code === undefined) return ESCAPES[char] ?? char;
    const point = parseInt(code, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : '';
  });
}

/** The parameters that begin a text, up to the bracket that closes them. */
function parameters(text: string): Runbook['parameters'] {
  return pieces(text).flatMap((piece) => {
    const match = /^\s*([A-Za-z_]\w*)\s*:\s*([^=]*?)\s*(=[\s\S]*)?$/.exec(piece);
    if (!match?.[1] || match[2] === undefined) return [];
    return [{ name: match[1], type: match[2], optional: match[3] !== undefined || match[2].endsWith('?') }];
  });
}

/** What stands between the commas of the outermost bracket, without comments. */
function pieces(text: string): string[] {
  const found: string[] = [];
  let piece = '';
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === '/' && text.charAt(i + 1) === '/') {
      const end = text.indexOf('\n', i);
      if (end < 0) break;
      i = end;
      piece += '\n';
      continue;
    }
    if (char === '"') {
      const end = textEnd(text, i);
      piece += text.slice(i, end);
      i = end - 1;
      continue;
    }
    // In a type, behind which a value may stand, angles are brackets.
    const angle = !piece.includes('=');
    if ('([{'.includes(char) || (angle && char === '<')) depth++;
    if (angle && char === '>') depth = Math.max(0, depth - 1);
    if (')]}'.includes(char) && depth-- === 0) break;
    if (char === ',' && depth === 0) {
      found.push(piece);
      piece = '';
    } else {
      piece += char;
    }
  }
  found.push(piece);
  return found.filter((p) => p.trim() !== '');
}

function textEnd(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text.charAt(i) !== '"' && text.charAt(i) !== '\n') i += text.charAt(i) === '\\' ? 2 : 1;
  return i + 1;
}
