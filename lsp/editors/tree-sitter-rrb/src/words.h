// Made of words.js by `npm run generate`.

// clang-format off
#define WORD_TOKENS \
  WORD_AT_LEAST, \
  WORD_AT_MOST, \
  WORD_DEAD_LETTER, \
  WORD_DURING_BLOCK, \
  WORD_FOR_WINDOW, \
  WORD_NOT_IN, \
  WORD_ON_EVENT, \
  WORD_REQUIRE_COMMENT, \
  WORD_RUN_CHILD, \
  WORD_SILENCE, \
  WORD_START_CHILD, \
  WORD_TRUST,

#define WORD_TABLE \
  {"acknowledge", FOLLOW_NAME}, \
  {"after", FOLLOW_NAME}, \
  {"allow", FOLLOW_NAME}, \
  {"answer", FOLLOW_NAME}, \
  {"applies", FOLLOW_NAME}, \
  {"approval", FOLLOW_NAME}, \
  {"ask", FOLLOW_NAME}, \
  {"at", FOLLOW_NAME}, \
  {"backoff", FOLLOW_NAME}, \
  {"because", FOLLOW_NAME}, \
  {"before", FOLLOW_NAME}, \
  {"between", FOLLOW_NAME}, \
  {"busy", FOLLOW_NAME}, \
  {"by", FOLLOW_NAME}, \
  {"cancel", FOLLOW_NAME}, \
  {"collect", FOLLOW_NAME}, \
  {"comment", FOLLOW_NAME}, \
  {"concurrency", FOLLOW_NAME}, \
  {"controls", FOLLOW_NAME}, \
  {"dedupe", FOLLOW_NAME}, \
  {"delegate", FOLLOW_NAME}, \
  {"disposition", FOLLOW_NAME}, \
  {"distinct", FOLLOW_NAME}, \
  {"during", FOLLOW_NAME}, \
  {"each", FOLLOW_NAME}, \
  {"emit", FOLLOW_NAME}, \
  {"escalate", FOLLOW_NAME}, \
  {"every", FOLLOW_NAME}, \
  {"evidence", FOLLOW_NAME}, \
  {"fails", FOLLOW_NAME}, \
  {"file", FOLLOW_NAME}, \
  {"finally", FOLLOW_NAME}, \
  {"forbid", FOLLOW_NAME}, \
  {"from", FOLLOW_NAME}, \
  {"give", FOLLOW_NAME}, \
  {"id", FOLLOW_NAME}, \
  {"idempotent", FOLLOW_NAME}, \
  {"key", FOLLOW_NAME}, \
  {"keyed", FOLLOW_NAME}, \
  {"keys", FOLLOW_NAME}, \
  {"limit", FOLLOW_NAME}, \
  {"log", FOLLOW_NAME}, \
  {"max", FOLLOW_NAME}, \
  {"missed", FOLLOW_NAME}, \
  {"native", FOLLOW_NAME}, \
  {"no", FOLLOW_NAME}, \
  {"of", FOLLOW_NAME}, \
  {"origins", FOLLOW_NAME}, \
  {"outcome", FOLLOW_NAME}, \
  {"owner", FOLLOW_NAME}, \
  {"pausing", FOLLOW_NAME}, \
  {"per", FOLLOW_NAME}, \
  {"poll", FOLLOW_NAME}, \
  {"probe", FOLLOW_NAME}, \
  {"query", FOLLOW_NAME}, \
  {"queue", FOLLOW_NAME}, \
  {"quorum", FOLLOW_NAME}, \
  {"remind", FOLLOW_NAME}, \
  {"replace", FOLLOW_NAME}, \
  {"requester", FOLLOW_NAME}, \
  {"require", FOLLOW_NAME}, \
  {"retry", FOLLOW_NAME}, \
  {"returns", FOLLOW_NAME}, \
  {"rollback", FOLLOW_NAME}, \
  {"running", FOLLOW_NAME}, \
  {"runs", FOLLOW_NAME}, \
  {"settle", FOLLOW_NAME}, \
  {"severity", FOLLOW_NAME}, \
  {"shadow", FOLLOW_NAME}, \
  {"showing", FOLLOW_NAME}, \
  {"signed", FOLLOW_NAME}, \
  {"stream", FOLLOW_NAME}, \
  {"tags", FOLLOW_NAME}, \
  {"target", FOLLOW_NAME}, \
  {"then", FOLLOW_NAME}, \
  {"timeout", FOLLOW_NAME}, \
  {"to", FOLLOW_NAME}, \
  {"undo", FOLLOW_NAME}, \
  {"unless", FOLLOW_NAME}, \
  {"unsafe", FOLLOW_NAME}, \
  {"until", FOLLOW_NAME}, \
  {"webhook", FOLLOW_NAME}, \
  {"when", FOLLOW_NAME}, \
  {"within", FOLLOW_NAME}, \
  {"without", FOLLOW_NAME}, \
  {"advance", FOLLOW_LINE}, \
  {"deny", FOLLOW_LINE}, \
  {"expect", FOLLOW_LINE}, \
  {"given", FOLLOW_LINE}, \
  {"resolve", FOLLOW_LINE}, \
  {"called", FOLLOW_CALL}, \
  {"earlier", FOLLOW_CALL}, \
  {"failure", FOLLOW_CALL}, \
  {"later", FOLLOW_CALL}, \
  {"changes", FOLLOW_EFFECT}, \
  {"destroys", FOLLOW_EFFECT}, \
  {"pure", FOLLOW_EFFECT}, \
  {"reads", FOLLOW_EFFECT},
// clang-format on
