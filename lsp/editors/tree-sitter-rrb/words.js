// The words of clauses: words only where their clause can stand, and names everywhere else. What must not follow, so that one is a word:
// - `name`: what only follows a name (`retry = 3`, `limit.max`, `key(x)`)
// - `word`: nothing but the rest of a longer word
// - `line`: as `word`, and something stands behind it on its line
// - `call`: `(`, `[` or `.`
// - `effect`: as `call`, but two dots may follow
// - `special`: tokens that the scanner reads by a rule of its own
// `src/scanner.c` looks them up, in the table that `src/words.h` makes of this list.

module.exports = {
  name: [
    'acknowledge', 'after', 'allow', 'answer', 'applies', 'approval', 'ask', 'at', 'backoff', 'because', 'before', 'between', 'busy', 'by',
    'cancel', 'collect', 'comment', 'concurrency', 'controls', 'dedupe', 'delegate', 'disposition', 'distinct', 'during', 'each', 'emit', 'escalate', 'every',
    'evidence', 'fails', 'file', 'finally', 'forbid', 'from', 'give', 'id', 'idempotent', 'key', 'keyed', 'keys', 'limit', 'log', 'max',
    'missed', 'native', 'no', 'of', 'origins', 'outcome', 'owner', 'pausing', 'per', 'poll', 'probe', 'query', 'queue', 'quorum', 'remind', 'replace',
    'requester', 'require', 'retry', 'returns', 'rollback', 'running', 'runs', 'settle', 'severity', 'shadow', 'showing', 'signed',
    'stream', 'tags', 'target', 'then', 'timeout', 'to', 'undo', 'unless', 'unsafe', 'until', 'webhook', 'when', 'within', 'without',
  ],
  word: ['crash', 'failures', 'group', 'ineffective', 'now', 'once', 'run', 'times', 'twice', 'up', 'waves'],
  line: ['advance', 'deny', 'expect', 'given', 'resolve'],
  call: ['called', 'earlier', 'failure', 'later'],
  effect: ['changes', 'destroys', 'pure', 'reads'],
  special: ['at least', 'at most', 'dead letter', 'during block', 'for window', 'not in', 'on event', 'require comment', 'run child', 'silence', 'start child', 'trust'],
};
