// Prints `src/words.h`: the words of clauses as the scanner looks them up, and the tokens that it reads, in their order.

const { special, word: _always, ...looked_up } = require('../words');

const lines = (list) => list.map((line) => `  ${line},`).join(' \\\n');
const tokens = special.map((word) => 'WORD_' + word.toUpperCase().replace(/ /g, '_'));
const table = Object.entries(looked_up).flatMap(([follow, list]) => list.map((word) => `{"${word}", FOLLOW_${follow.toUpperCase()}}`));

console.log(`// Made of words.js by \`npm run generate\`.

// clang-format off
#define WORD_TOKENS \\
${lines(tokens)}

#define WORD_TABLE \\
${lines(table)}
// clang-format on`);
