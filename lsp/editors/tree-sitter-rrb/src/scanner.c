// Reads what needs a look ahead: the words of clauses, which are names everywhere else, the texts, and the places where a line break
// counts. The rules are those of grammar/rrb.pest.

#include "tree_sitter/alloc.h"
#include "tree_sitter/parser.h"
#include "words.h"

#include <string.h>

enum Token {
  ERROR_SENTINEL,
  TEXT_CONTENT,
  BLOCK_TEXT_CONTENT,
  RAW_OPEN,
  RAW_CONTENT,
  RAW_CLOSE,
  LINE_OPERAND,
  ANSWER_OPERAND,
  LINE_MINUS,
  LINE_WORD,
  LABEL,
  NAME,
  WORD_TOKENS
};

// What makes a word a name after all; see words.js.
enum Follow { FOLLOW_NAME, FOLLOW_LINE, FOLLOW_CALL, FOLLOW_EFFECT };

typedef struct {
  const char *text;
  enum Follow follow;
} Word;

static const Word WORDS[] = {WORD_TABLE};

#define MAX_WORD 16
#define MAX_HASHES 4

// What stands behind a word. All of it is found in one pass, since a scanner cannot go back.
typedef struct {
  bool touches_bracket; // ( or [
  bool touches_dot;
  bool touches_two_dots;
  bool line_goes_on;  // something stands behind it on its line
  bool colon;         // the next thing is a colon
  bool brace;         // the next thing is {
  bool name;          // what only follows a name
  char next[MAX_WORD]; // the next word, when a space is before it
  bool next_on_line;
} Behind;

// The number of # of the raw text that is open.
typedef struct {
  uint8_t hashes;
} Scanner;

static bool is_word_start(int32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static bool is_word(int32_t c) { return is_word_start(c) || (c >= '0' && c <= '9'); }

static bool is_line_space(int32_t c) { return c == ' ' || c == '\t'; }

static bool is_space(int32_t c) { return is_line_space(c) || c == '\n' || c == '\r'; }

static void advance(TSLexer *lexer) { lexer->advance(lexer, false); }

// Reads a word; of a longer one than any that counts, only the beginning is kept.
static void read_word(TSLexer *lexer, char *into) {
  unsigned length = 0;
  while (is_word(lexer->lookahead)) {
    if (length < MAX_WORD - 1) into[length++] = (char)lexer->lookahead;
    advance(lexer);
  }
  into[length] = 0;
}

// Whether there is space, and whether it holds a line break. A comment is space too; a lone slash ends it and sets `slash`.
static void skip_space(TSLexer *lexer, bool *any, bool *line_break, bool *slash) {
  for (;;) {
    if (is_space(lexer->lookahead)) {
      *any = true;
      if (lexer->lookahead == '\n') *line_break = true;
      advance(lexer);
    } else if (lexer->lookahead == '/') {
      advance(lexer);
      if (lexer->lookahead != '/') {
        *slash = true;
        return;
      }
      while (!lexer->eof(lexer) && lexer->lookahead != '\n') advance(lexer);
    } else {
      return;
    }
  }
}

static bool is_operator_word(TSLexer *lexer, const char *text) {
  static const char *const operators[] = {"or", "and", "in", "is", "as", "mod", "matches"};
  for (unsigned i = 0; i < sizeof operators / sizeof *operators; i++) {
    if (strcmp(text, operators[i]) == 0) return true;
  }
  if (strcmp(text, "not") != 0 || !is_space(lexer->lookahead)) return false;
  while (is_space(lexer->lookahead)) advance(lexer);
  char next[MAX_WORD];
  read_word(lexer, next);
  return strcmp(next, "in") == 0;
}

static bool ends_line(TSLexer *lexer) {
  if (lexer->eof(lexer)) return true;
  switch (lexer->lookahead) {
    case '\r': case '\n': case '}': case ')': case ']': case ',': case ';': return true;
    default: return false;
  }
}

static Behind look_behind(TSLexer *lexer) {
  Behind behind = {0};
  int32_t first = lexer->lookahead;
  if (first == '(' || first == '[') {
    behind.touches_bracket = behind.name = behind.line_goes_on = true;
    return behind;
  }
  if (first == '.') {
    advance(lexer);
    behind.touches_dot = behind.name = behind.line_goes_on = true;
    behind.touches_two_dots = lexer->lookahead == '.';
    return behind;
  }
  bool space = false;
  while (is_line_space(lexer->lookahead)) {
    space = true;
    advance(lexer);
  }
  behind.line_goes_on = !ends_line(lexer);
  if (lexer->lookahead == '-') {
    advance(lexer);
    behind.name = lexer->lookahead == ' ' || lexer->lookahead == '=';
    return behind;
  }
  bool line_break = false, slash = false, any = space;
  bool comment = lexer->lookahead == '/';
  skip_space(lexer, &any, &line_break, &slash);
  if (slash) {
    behind.name = true;
    return behind;
  }
  if (comment) behind.line_goes_on = false;
  switch (lexer->lookahead) {
    case ':':
      behind.colon = behind.name = true;
      return behind;
    case '{':
      behind.brace = true;
      return behind;
    case '=': case '<': case '>': case '+': case '*':
      behind.name = true;
      return behind;
    case '!': case '-':
      advance(lexer);
      behind.name = lexer->lookahead == '=';
      return behind;
    case '?':
      advance(lexer);
      behind.name = lexer->lookahead == '.' || lexer->lookahead == '?' || lexer->lookahead == ':';
      return behind;
    default:
      break;
  }
  if (any && is_word_start(lexer->lookahead)) {
    read_word(lexer, behind.next);
    behind.next_on_line = !line_break && !comment;
    // Only the reading of `not in` goes on behind the word, and then nothing else asks for it.
    behind.name = is_operator_word(lexer, behind.next);
  }
  return behind;
}

static bool accept(TSLexer *lexer, enum Token token) {
  lexer->result_symbol = token;
  return true;
}

// Behind `for`: the pattern of a loop, or a length of time? A loop has its `in` on the same line, outside of brackets.
static bool loop_follows(TSLexer *lexer) {
  unsigned depth = 0;
  bool any = false;
  while (!lexer->eof(lexer) && lexer->lookahead != '\n') {
    int32_t c = lexer->lookahead;
    if (is_word_start(c)) {
      char word[MAX_WORD];
      read_word(lexer, word);
      if (depth == 0 && strcmp(word, "in") == 0) return true;
      any = true;
      continue;
    }
    if (c == '{' && depth == 0 && any) return false;
    if (c == '(' || c == '[' || c == '{') depth++;
    if (c == ')' || c == ']' || c == '}') {
      if (depth == 0) return false;
      depth--;
    }
    if (!is_line_space(c)) any = true;
    advance(lexer);
  }
  return false;
}

// Behind `run` or `start`: the name of a runbook on the same line, and the bracket that touches it?
static bool child_follows(TSLexer *lexer) {
  while (is_line_space(lexer->lookahead)) advance(lexer);
  for (;;) {
    if (!is_word_start(lexer->lookahead)) return false;
    while (is_word(lexer->lookahead)) advance(lexer);
    if (lexer->lookahead == '(') return true;
    if (lexer->lookahead != '.') return false;
    advance(lexer);
  }
}

static bool is_tag(const char *text) {
  static const char *const tags[] = {"r", "re", "cron", "url", "cidr", "ip", "time"};
  for (unsigned i = 0; i < sizeof tags / sizeof *tags; i++) {
    if (strcmp(text, tags[i]) == 0) return true;
  }
  return false;
}

// `r"`, `re#"` and so on: the word was read.
static bool raw_open(Scanner *scanner, TSLexer *lexer) {
  uint8_t hashes = 0;
  while (lexer->lookahead == '#' && hashes < MAX_HASHES) {
    hashes++;
    advance(lexer);
  }
  if (lexer->lookahead != '"') return false;
  advance(lexer);
  lexer->mark_end(lexer);
  scanner->hashes = hashes;
  return accept(lexer, RAW_OPEN);
}

// Behind the quote that may end a raw text.
static bool hashes_follow(Scanner *scanner, TSLexer *lexer) {
  for (uint8_t i = 0; i < scanner->hashes; i++) {
    if (lexer->lookahead != '#') return false;
    advance(lexer);
  }
  return true;
}

static bool raw_content(Scanner *scanner, TSLexer *lexer, const bool *valid) {
  bool any = false;
  while (!lexer->eof(lexer)) {
    if (lexer->lookahead != '"') {
      any = true;
      advance(lexer);
      continue;
    }
    lexer->mark_end(lexer);
    advance(lexer);
    if (!hashes_follow(scanner, lexer)) {
      any = true;
      continue;
    }
    if (any) return valid[RAW_CONTENT] && accept(lexer, RAW_CONTENT);
    lexer->mark_end(lexer);
    return valid[RAW_CLOSE] && accept(lexer, RAW_CLOSE);
  }
  return false;
}

// What stands in a text up to an escape, a hole or its end.
static bool text_content(TSLexer *lexer, bool block) {
  bool any = false;
  lexer->mark_end(lexer);
  while (!lexer->eof(lexer) && lexer->lookahead != '\\') {
    int32_t c = lexer->lookahead;
    if (!block && (c == '"' || c == '\n')) break;
    advance(lexer);
    if (c == '$' && lexer->lookahead == '{') break;
    if (c == '"' && lexer->lookahead == '"') {
      advance(lexer);
      if (lexer->lookahead == '"') break;
    }
    any = true;
    lexer->mark_end(lexer);
  }
  return any && accept(lexer, block ? BLOCK_TEXT_CONTENT : TEXT_CONTENT);
}

static bool fits(enum Follow follow, const Behind *behind) {
  switch (follow) {
    case FOLLOW_NAME: return !behind->name;
    case FOLLOW_LINE: return behind->line_goes_on;
    case FOLLOW_CALL: return !behind->touches_bracket && !behind->touches_dot;
    case FOLLOW_EFFECT: return !behind->touches_bracket && (!behind->touches_dot || behind->touches_two_dots);
  }
  return false;
}

// Words that belong together, and words with a rule of their own. Their end is the end of what was marked.
static bool two_words(TSLexer *lexer, const bool *valid, const char *first, const Behind *behind) {
  static const struct {
    const char *first, *second;
    enum Token token;
  } pairs[] = {
      {"at", "least", WORD_AT_LEAST},
      {"at", "most", WORD_AT_MOST},
      {"dead", "letter", WORD_DEAD_LETTER},
      {"not", "in", WORD_NOT_IN},
      {"require", "comment", WORD_REQUIRE_COMMENT},
  };
  for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    if (valid[pairs[i].token] && strcmp(first, pairs[i].first) == 0 && strcmp(behind->next, pairs[i].second) == 0) {
      lexer->mark_end(lexer);
      return accept(lexer, pairs[i].token);
    }
  }
  return false;
}

static bool special(TSLexer *lexer, const bool *valid, const char *text, const Behind *behind) {
  if (valid[WORD_SILENCE] && strcmp(text, "silence") == 0) {
    return strcmp(behind->next, "of") == 0 && accept(lexer, WORD_SILENCE);
  }
  if (valid[WORD_ON_EVENT] && strcmp(text, "on") == 0) {
    return strcmp(behind->next, "failure") != 0 && accept(lexer, WORD_ON_EVENT);
  }
  if (valid[WORD_DURING_BLOCK] && strcmp(text, "during") == 0 && behind->brace) return accept(lexer, WORD_DURING_BLOCK);
  if (valid[WORD_TRUST] && strcmp(text, "trust") == 0) {
    static const char *const effects[] = {"reads", "changes", "destroys", "pure"};
    for (unsigned i = 0; i < sizeof effects / sizeof *effects; i++) {
      if (strcmp(behind->next, effects[i]) == 0) return accept(lexer, WORD_TRUST);
    }
  }
  return false;
}

static bool at_word(Scanner *scanner, TSLexer *lexer, const bool *valid, bool line_break) {
  char text[MAX_WORD];
  read_word(lexer, text);
  lexer->mark_end(lexer);
  bool raw_follows = (lexer->lookahead == '"' || lexer->lookahead == '#') && is_tag(text);
  if (raw_follows) return valid[RAW_OPEN] && raw_open(scanner, lexer);
  if (valid[WORD_FOR_WINDOW] && strcmp(text, "for") == 0) return !loop_follows(lexer) && accept(lexer, WORD_FOR_WINDOW);
  if (is_line_space(lexer->lookahead)) {
    if (valid[WORD_RUN_CHILD] && strcmp(text, "run") == 0) return child_follows(lexer) && accept(lexer, WORD_RUN_CHILD);
    if (valid[WORD_START_CHILD] && strcmp(text, "start") == 0) return child_follows(lexer) && accept(lexer, WORD_START_CHILD);
  }
  if (valid[LINE_WORD] && !line_break && strcmp(text, "of") != 0) return accept(lexer, LINE_WORD);
  Behind behind = look_behind(lexer);
  if (behind.colon && valid[LABEL]) return accept(lexer, LABEL);
  if (two_words(lexer, valid, text, &behind) || special(lexer, valid, text, &behind)) return true;
  if (!valid[NAME]) return false;
  for (unsigned i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
    if (strcmp(text, WORDS[i].text) == 0) return !fits(WORDS[i].follow, &behind) && accept(lexer, NAME);
  }
  return false;
}

// The zero-width sign that an operand stands on this line. The words that may go on with an answer of a test are none.
static bool line_operand(TSLexer *lexer, bool answer) {
  lexer->mark_end(lexer);
  if (ends_line(lexer)) return false;
  if (lexer->lookahead == '/') {
    advance(lexer);
    return lexer->lookahead != '/' && accept(lexer, LINE_OPERAND);
  }
  if (!answer) return accept(lexer, LINE_OPERAND);
  if (is_word_start(lexer->lookahead)) {
    char text[MAX_WORD];
    read_word(lexer, text);
    if (strcmp(text, "then") == 0 || strcmp(text, "after") == 0) return false;
  }
  return accept(lexer, ANSWER_OPERAND);
}

void *tree_sitter_rrb_external_scanner_create(void) { return ts_calloc(1, sizeof(Scanner)); }

void tree_sitter_rrb_external_scanner_destroy(void *payload) { ts_free(payload); }

unsigned tree_sitter_rrb_external_scanner_serialize(void *payload, char *buffer) {
  buffer[0] = (char)((Scanner *)payload)->hashes;
  return 1;
}

void tree_sitter_rrb_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  ((Scanner *)payload)->hashes = length == 1 ? (uint8_t)buffer[0] : 0;
}

bool tree_sitter_rrb_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
  Scanner *scanner = payload;
  if (valid[ERROR_SENTINEL]) return false;
  if (valid[RAW_CONTENT] || valid[RAW_CLOSE]) return raw_content(scanner, lexer, valid);
  if (valid[TEXT_CONTENT] || valid[BLOCK_TEXT_CONTENT]) return text_content(lexer, valid[BLOCK_TEXT_CONTENT]);
  bool line_break = false;
  while (is_space(lexer->lookahead)) {
    if (lexer->lookahead == '\n') line_break = true;
    lexer->advance(lexer, true);
  }
  if ((valid[LINE_OPERAND] || valid[ANSWER_OPERAND]) && !line_break) return line_operand(lexer, valid[ANSWER_OPERAND]);
  if (lexer->lookahead == '-') {
    if (!valid[LINE_MINUS] || line_break) return false;
    advance(lexer);
    return lexer->lookahead != '=' && lexer->lookahead != '>' && accept(lexer, LINE_MINUS);
  }
  return is_word_start(lexer->lookahead) && at_word(scanner, lexer, valid, line_break);
}
