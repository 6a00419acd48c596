/// <reference types="tree-sitter-cli/dsl" />
// The grammar of rrb for editors. What is right and wrong says `grammar/rrb.pest`; this one accepts a little more and never less, and a
// test holds it to every file of the project. Where rrb looks ahead (words of clauses, ends of statements), `src/scanner.c` does.

const WORDS = require('./words');

const PREC = { low: -1, or: 1, and: 2, not: 3, compare: 4, alternative: 5, coalesce: 6, range: 7, add: 8, multiply: 9, negate: 10, as: 11, postfix: 12 };

const COMPARE = ['===', '!==', '==', '!=', '<=', '>=', '<', '>', 'in', 'matches'];

const token_name = (word) => '_word_' + word.replace(/ /g, '_');
// A word of a clause. Those of `special` are read by the scanner, and shown in the tree as what stands behind them there.
const word = ($, name, shown) => (WORDS.special.includes(name) ? alias($[token_name(name)], shown || name) : name);
const commas = (rule) => optional(commas1(rule));
const commas1 = (rule) => seq(rule, repeat(seq(',', rule)), optional(','));
// Behind a list that has no brackets, a comma belongs to what comes next.
const list_of = (rule) => prec.right(seq(rule, repeat(seq(',', rule))));

const binary = (side, strength, operator) =>
  prec.left(strength, seq(field('left', side), field('operator', operator), field('right', side)));
const coalesce = (side) => prec.right(PREC.coalesce, seq(field('left', side), field('operator', '??'), field('right', side)));
const arithmetic = ($, side) => [
  // Only in the patterns of a test, which are written as values here.
  binary(side, PREC.alternative, '|'),
  binary(side, PREC.range, choice('..', '..=')),
  binary(side, PREC.add, choice('+', alias($._line_minus, '-'))),
  binary(side, PREC.multiply, choice('*', '/', 'mod', '%')),
];

module.exports = grammar({
  name: 'rrb',

  word: ($) => $._word,

  extras: ($) => [/[ \t\r\n\uFEFF]/, $.doc_comment, $.comment],

  externals: ($) => [
    $._error_sentinel,
    $.text_content,
    $._block_text_content,
    $.raw_open,
    $.raw_content,
    $.raw_close,
    $._line_operand,
    $._answer_operand,
    $._line_minus,
    $._line_word,
    $._label,
    $._name,
    ...WORDS.special.map((w) => $[token_name(w)]),
  ],

  conflicts: ($) => [
    [$._lambda_parameter, $._primary],
    [$.type_paren],
    [$.type_named],
    [$.returns_answer],
  ],

  rules: {
    source_file: ($) => repeat($._item),

    // ---- comments and names -------------------------------------------------------------------------------------------

    comment: (_) => token(/\/\/[^\n]*/),
    doc_comment: (_) => token(prec(1, /\/\/[\/!][^\n]*/)),
    // A word of a clause that is a name where it stands is one by the scanner.
    identifier: ($) => choice($._word, $._name),
    _word: (_) => /[A-Za-z_][A-Za-z0-9_]*/,
    path: ($) => prec.right(seq($.identifier, repeat(seq('.', $.identifier)))),
    label: ($) => $._label,

    // ---- declarations -------------------------------------------------------------------------------------------------

    _item: ($) =>
      choice(
        $.use_declaration, $.const_declaration, $.settings_declaration, $.type_declaration, $.enum_declaration, $.function_declaration,
        $.action_declaration, $.runbook_declaration, $.connector_declaration, $.event_declaration, $.policy_declaration,
        $.test_declaration, ';',
      ),

    use_declaration: ($) =>
      seq('use', field('path', $.path), optional(choice(seq('as', field('alias', $.identifier)), $.use_names))),
    use_names: ($) => seq('.{', commas($.identifier), '}'),

    const_declaration: ($) => seq('let', field('name', $.identifier), optional($._type_note), '=', field('value', $._expression)),
    _type_note: ($) => seq(':', field('type', $._type)),

    settings_declaration: ($) => seq('settings', field('body', $.settings_body)),
    settings_body: ($) => seq('{', repeat(seq($.field_declaration, optional(','))), '}'),
    type_declaration: ($) =>
      seq('type', field('name', $.identifier), optional($.type_parameters), '=', field('type', $._type)),
    enum_declaration: ($) =>
      seq('enum', field('name', $.identifier), optional($.type_parameters), field('body', $.enum_body)),
    enum_body: ($) => seq('{', commas($.variant), '}'),
    variant: ($) => seq(field('name', $.identifier), optional($.parameters)),
    type_parameters: ($) => seq('<', commas($.identifier), '>'),
    parameters: ($) => seq('(', commas($.field_declaration), ')'),
    field_declaration: ($) =>
      seq(field('name', $.label), ':', field('type', $._type), optional(seq('=', field('default', $._expression)))),
    _returns: ($) => seq('->', field('returns', $._type)),

    function_declaration: ($) =>
      seq('fn', field('name', $.identifier), optional($.type_parameters), $.parameters, optional($._returns), field('body', $.block)),

    action_declaration: ($) =>
      prec.right(seq(
        optional(word($, 'native')), 'action', field('name', $.identifier), optional($.type_parameters), $.parameters,
        optional($._returns), repeat($._action_clause), optional(field('body', $.block)),
      )),
    _action_clause: ($) =>
      choice($.effect, $.repeat_clause, $.keyed_clause, $.probe_clause, $.target_clause, $.busy_clause, $.undo_clause),
    effect: ($) => choice(...WORDS.effect.map((w) => word($, w))),
    repeat_clause: ($) => choice(word($, 'idempotent'), word($, 'once')),
    keyed_clause: ($) => seq(word($, 'keyed'), word($, 'within'), $._operand),
    probe_clause: ($) => seq(word($, 'probe'), $.block),
    target_clause: ($) => seq(word($, 'target'), $._operand),
    busy_clause: ($) => seq('on', word($, 'busy'), 'fail'),
    undo_clause: ($) => seq(word($, 'undo'), $.block),

    connector_declaration: ($) => seq('connector', field('name', $.identifier), field('body', $.connector_body)),
    connector_body: ($) => seq('{', repeat($._item), '}'),

    event_declaration: ($) =>
      seq(
        'event', field('name', $.identifier), ':', field('type', $._type), word($, 'from'), field('source', $._event_source),
        field('body', $.event_body),
      ),
    _event_source: ($) => choice($.webhook_source, $.poll_source, $.stream_source),
    webhook_source: ($) => seq(word($, 'webhook'), $._operand),
    poll_source: ($) => seq(word($, 'poll'), word($, 'every'), $._operand, $.block),
    stream_source: ($) => seq(optional(word($, 'stream')), $.call),
    event_body: ($) => seq('{', repeat($._event_clause), '}'),
    _event_clause: ($) =>
      choice(
        $.verify_clause, $.origins_clause, $.answer_clause, $.each_clause, $.id_clause, $.at_clause, $.emit_clause, $.acknowledge_clause,
      ),
    verify_clause: ($) => prec.right(seq('verify', $._operand, optional($.because_clause))),
    each_clause: ($) => seq(word($, 'each'), $._primary, 'as', field('name', $.identifier)),
    id_clause: ($) => seq(word($, 'id'), $._operation),
    at_clause: ($) => seq(word($, 'at'), $._operation),
    emit_clause: ($) => seq(word($, 'emit'), $._operation),
    origins_clause: ($) => seq(word($, 'origins'), $._operation),
    answer_clause: ($) => seq(word($, 'answer'), $._operation),
    acknowledge_clause: ($) => seq(word($, 'acknowledge'), $.block),
    because_clause: ($) => seq(word($, 'because'), $._operand),

    // ---- policies -----------------------------------------------------------------------------------------------------

    policy_declaration: ($) => seq('policy', field('name', $.identifier), field('body', $.policy_body)),
    policy_body: ($) => seq('{', repeat($._policy_rule), '}'),
    _policy_rule: ($) => choice($.applies_rule, $.forbid_rule, $.require_rule, $.limit_rule, $.delegate_rule, ';'),
    applies_rule: ($) => seq(word($, 'applies'), 'where', $._condition),
    forbid_rule: ($) => seq(word($, 'forbid'), choice('waive', $._rule_effect), repeat($._rule_clause)),
    require_rule: ($) => seq(word($, 'require'), word($, 'approval'), repeat($._rule_clause)),
    limit_rule: ($) =>
      seq(word($, 'limit'), $._rule_effect, word($, 'to'), $._operand, word($, 'per'), $._operand, repeat($._rule_clause)),
    delegate_rule: ($) => seq(word($, 'delegate'), $.identifier, $._operand, repeat($._rule_clause)),
    _rule_effect: ($) => alias($.identifier, $.effect),
    _rule_clause: ($) =>
      choice(
        $.during_clause, $.where_clause, $.unless_clause, $.because_clause, $.for_effect_clause, $.by_clause, $.from_clause,
        $.quorum_clause, $.requester_clause, $.comment_clause, $.within_clause, $.query_clause,
      ),
    during_clause: ($) => seq(word($, 'during'), list_of($._window)),
    where_clause: ($) => seq('where', $._condition),
    _plain_where: ($) => seq('where', $._plain_condition),
    unless_clause: ($) => seq(word($, 'unless'), $._condition),
    for_effect_clause: ($) => seq('for', $._rule_effect),
    query_clause: ($) => seq(word($, 'query'), $._operand),
    _window: ($) => choice($.between_window, $.hours_window),
    between_window: ($) => seq(word($, 'between'), $._operand, 'and', $._operand),
    hours_window: ($) =>
      seq(field('days', $.identifier), choice('(', alias($._touching_paren, '(')), $._operand, word($, 'to'), $._operand,
        optional(seq('in', $._operand)), ')'),

    // ---- runbooks -----------------------------------------------------------------------------------------------------

    runbook_declaration: ($) => seq('runbook', field('name', $.identifier), $.parameters, field('body', $.runbook_body)),
    runbook_body: ($) => seq('{', repeat(choice($._header_clause, $.on_failure, $.finally, $._statement)), '}'),
    on_failure: ($) =>
      seq('on', word($, 'failure'), optional(seq('as', field('name', $.identifier))), field('body', $.block)),
    finally: ($) => seq(word($, 'finally'), field('body', $.block)),

    _header_clause: ($) =>
      choice(
        $.on_clause, $.owner_clause, $.severity_clause, $.tags_clause, $.controls_clause, $.dedupe_clause, $.timeout_clause,
        $.limit_clause, $.concurrency_clause, $.schedule_clause, $.give_up_clause, $.cancel_clause, $.no_rollback_clause,
        $.shadow_clause,
      ),
    owner_clause: ($) => seq(word($, 'owner'), $._operand),
    severity_clause: ($) => seq(word($, 'severity'), $.identifier),
    tags_clause: ($) => seq(word($, 'tags'), $._operand),
    controls_clause: ($) => seq(word($, 'controls'), $._operand),

    on_clause: ($) => seq('on', choice($._silence, $._heard_several), repeat($._trigger_clause)),
    _silence: ($) => seq(word($, 'silence'), word($, 'of'), $.heard),
    _heard_several: ($) => seq($._term, repeat(seq($._joint, $._term))),
    _term: ($) => seq(optional(seq(choice($.number, $.identifier), word($, 'of'))), $.heard),
    _joint: ($) =>
      choice('and', word($, 'then'), seq(word($, 'without'), optional(seq(word($, 'earlier'), optional(seq('or', word($, 'later'))))))),
    heard: ($) => prec.right(seq($.event_reference, optional($._heard_as))),
    _heard_as: ($) => seq('as', field('name', $.identifier)),
    event_reference: ($) => prec.right(seq($.identifier, optional($._index), repeat1(seq('.', $.identifier)))),
    _trigger_clause: ($) =>
      choice(
        alias($._plain_where, $.where_clause), $.by_clause, $.distinct_clause, $.within_clause, $.for_clause, $.max_keys_clause, $.with_clause,
      ),
    distinct_clause: ($) => seq(word($, 'distinct'), $._operand),
    for_clause: ($) => seq(word($, 'for window', 'for'), $._operand),
    max_keys_clause: ($) => seq(word($, 'max'), word($, 'keys'), $._operand),
    with_clause: ($) => seq('with', list_of(choice($.with_argument, $.identifier))),
    with_argument: ($) => seq(field('name', $.label), ':', field('value', $._plain)),
    by_clause: ($) => seq(word($, 'by'), $._operand),

    schedule_clause: ($) =>
      prec.right(seq(
        choice(word($, 'every'), word($, 'at')), $._operand, optional(seq('in', $._operand)), optional($._missed),
        optional($.with_clause),
      )),
    _missed: ($) => seq(word($, 'missed'), choice(seq(word($, 'run'), word($, 'once')), 'skip')),
    dedupe_clause: ($) => seq(word($, 'dedupe'), optional($.by_clause), word($, 'for window', 'for'), $._operand),
    limit_clause: ($) => seq(word($, 'limit'), $._operand, word($, 'per'), $._operand, optional($.by_clause)),
    concurrency_clause: ($) =>
      prec.right(seq(
        word($, 'concurrency'), $._operand, optional($.by_clause), optional(choice(word($, 'queue'), 'skip', word($, 'replace'))),
      )),
    timeout_clause: ($) => seq(word($, 'timeout'), $._operand),
    give_up_clause: ($) =>
      seq(word($, 'give'), word($, 'up'), word($, 'after'), $._operand, word($, 'ineffective'), 'in', $._operand, optional($.by_clause)),
    cancel_clause: ($) =>
      seq(
        word($, 'cancel'), word($, 'when'), $.heard, optional(alias($._plain_where, $.where_clause)), optional($.with_clause), optional($.because_clause),
      ),
    no_rollback_clause: ($) => seq(word($, 'no'), word($, 'rollback')),
    shadow_clause: ($) => word($, 'shadow'),

    // ---- tests --------------------------------------------------------------------------------------------------------

    test_declaration: ($) => seq('test', field('name', choice($.text, $.raw_text)), field('body', $.test_body)),
    test_body: ($) => seq('{', repeat($._test_statement), '}'),
    _test_statement: ($) =>
      choice(
        $.given_statement, $.when_statement, $.run_statement, $.approve_statement, $.deny_statement, $.advance_statement,
        $.crash_statement, $.cancel_statement, $.resolve_statement, $.expect_statement, ';',
      ),

    given_statement: ($) => seq(word($, 'given'), choice($._given_now, $._given_group, $._given_settings, $._given_call)),
    _given_now: ($) => seq(word($, 'now'), 'is', $._operand),
    _given_group: ($) =>
      seq(word($, 'group'), choice('(', alias($._touching_paren, '(')), $._operand, ')', 'is', $._operand),
    _given_settings: ($) => seq('settings', optional($.settings_path), $.record),
    settings_path: ($) => seq($.path, optional($._index)),
    _given_call: ($) => seq($.test_call, optional(seq($._answer, repeat(seq(optional(','), word($, 'then'), $._answer))))),
    test_call: ($) => prec.right(seq($.identifier, optional($._index), repeat(seq('.', $.identifier)), optional($.arguments))),
    _answer: ($) => choice($.returns_answer, $.fails_answer),
    returns_answer: ($) =>
      seq(word($, 'returns'), optional(seq($._answer_operand, $._operand, repeat(seq(',', $._operand)))), optional($._after)),
    fails_answer: ($) =>
      seq(
        word($, 'fails'), optional(choice(word($, 'once'), word($, 'twice'), $._count)), 'with', field('kind', $.identifier),
        optional(field('message', choice($.text, $.raw_text))), optional($._after),
      ),
    _after: ($) => seq(word($, 'after'), $._operand),
    _count: ($) => seq(choice($.number, $.identifier), word($, 'times')),

    when_statement: ($) => seq(word($, 'when'), choice($._delivery, $._event)),
    _delivery: ($) =>
      prec.right(seq(
        choice($.text, $.raw_text), optional($._index), optional(seq(word($, 'file'), $._operand)), optional(choice($.record, $.list)),
        optional(word($, 'signed')),
      )),
    _event: ($) => prec.right(seq($.event_reference, optional(seq($._line_operand, $._operand)))),
    run_statement: ($) => seq(word($, 'run'), $.path, optional($.arguments), optional($._people)),
    _people: ($) => seq(word($, 'by'), list_of($._operand)),
    approve_statement: ($) => seq('approve', $._people, optional(seq(word($, 'comment'), $._operand))),
    deny_statement: ($) => seq(word($, 'deny'), $._people, optional($.because_clause)),
    advance_statement: ($) => seq(word($, 'advance'), $._operand),
    crash_statement: ($) => word($, 'crash'),
    cancel_statement: ($) => seq(word($, 'cancel'), optional($.path), optional($.because_clause)),
    resolve_statement: ($) => seq(word($, 'resolve'), $.identifier, optional($.returns_answer)),

    expect_statement: ($) => seq(word($, 'expect'), choice($._expect_called, $._expect_evidence, $._expect_seen)),
    _expect_called: ($) =>
      seq(
        $.test_call, choice(seq('not', word($, 'called')), seq(word($, 'called'), optional(choice($._before, $._called_count)))),
        optional(seq('with', list_of(choice($.argument, $._operand)))),
      ),
    _before: ($) => seq(word($, 'before'), $.test_call),
    _called_count: ($) =>
      choice(word($, 'once'), word($, 'twice'), seq(optional(choice(word($, 'at least'), word($, 'at most'))), $._count)),
    _expect_evidence: ($) => seq(optional(word($, 'no')), word($, 'evidence'), $._operand, optional($._evidence_test)),
    _evidence_test: ($) => choice(seq('is', $._pattern), seq(choice(...COMPARE, word($, 'not in')), $._operand)),
    _expect_seen: ($) =>
      prec.right(seq(
        optional(word($, 'no')),
        choice(
          word($, 'outcome'), word($, 'failure'), word($, 'log'), 'step', word($, 'approval'), word($, 'disposition'),
          word($, 'dead letter'), word($, 'runs'), word($, 'running'),
        ),
        optional($.expected_word), optional($._operand), optional(seq(word($, 'of'), $.path)),
      )),
    expected_word: ($) => seq($._line_word, repeat(seq('.', $.identifier))),

    // ---- statements ---------------------------------------------------------------------------------------------------

    block: ($) => seq('{', repeat($._statement), '}'),
    _statement: ($) =>
      choice(
        $.let_statement, $.var_statement, $.evidence_statement, $.log_statement, $.at_most_statement, $.block, $._expression,
        $.assignment, ';',
      ),
    let_statement: ($) => seq('let', field('pattern', $._pattern), optional($._type_note), '=', field('value', $._expression)),
    var_statement: ($) => seq('var', field('name', $.identifier), optional($._type_note), '=', field('value', $._expression)),
    evidence_statement: ($) => seq(word($, 'evidence'), field('name', $._operand), '=', field('value', $._expression)),
    log_statement: ($) => seq(word($, 'log'), $._expression),
    at_most_statement: ($) =>
      prec.right(seq(
        word($, 'at most'), $._operand, optional(seq(word($, 'of'), $._operand)), optional(seq('or', $._operand)),
        optional($.for_clause),
      )),
    assignment: ($) => seq(field('left', $._expression), choice('=', '+=', '-='), field('right', $._expression)),

    // ---- expressions --------------------------------------------------------------------------------------------------

    _expression: ($) => choice($.lambda, $.modified_expression, $._operation),
    modified_expression: ($) => prec.right(PREC.low, seq($._operation, repeat1($._modifier))),
    lambda: ($) => prec.right(PREC.low, seq($.lambda_parameters, '=>', field('body', choice($.block, $._expression)))),
    lambda_parameters: ($) =>
      choice($._lambda_parameter, seq(choice('(', alias($._touching_paren, '(')), commas($._lambda_parameter), ')')),
    _lambda_parameter: ($) => $.identifier,

    _condition: ($) => choice($._operation, $.let_condition, $.condition_chain),
    let_condition: ($) => seq('let', field('pattern', $._pattern), '=', field('value', $._long_operand)),
    condition_chain: ($) =>
      prec.left(PREC.and, choice(
        seq($._condition, choice('and', 'or', '&&', '||'), $.let_condition),
        seq(choice($.let_condition, $.condition_chain), choice('and', 'or', '&&', '||'), $._operation),
      )),

    // Any expression but a lambda and the modifiers of a call.
    _operation: ($) =>
      choice(
        $._primary, $._construct, $.negation, $.as_expression, alias($._binary, $.binary_expression), $.is_expression, $.not_expression,
      ),
    _binary: ($) =>
      choice(
        binary($._operation, PREC.or, choice('or', '||')),
        binary($._operation, PREC.and, choice('and', '&&')),
        binary($._operation, PREC.compare, choice(...COMPARE, word($, 'not in'))),
        ...arithmetic($, $._operation),
        coalesce($._operation),
      ),
    negation: ($) => prec(PREC.negate, seq('-', $._operation)),
    as_expression: ($) => prec.left(PREC.as, seq(field('value', $._operation), 'as', field('type', $._json_type))),
    is_expression: ($) =>
      prec.left(PREC.compare, seq(field('value', $._operation), 'is', optional('not'), field('pattern', $._pattern))),
    not_expression: ($) => prec.right(PREC.not, seq(choice('not', '!'), $._operation)),

    // As an operation, but `do`, `if` and the like only in brackets: what stands before the words of a clause, where all that may follow
    // would have to be known in all of them.
    _plain: ($) =>
      choice(
        $._primary, alias($._plain_negation, $.negation), alias($._plain_as, $.as_expression), alias($._plain_binary, $.binary_expression),
        alias($._plain_is, $.is_expression), alias($._plain_not, $.not_expression),
      ),
    _plain_binary: ($) =>
      choice(
        binary($._plain, PREC.or, choice('or', '||')),
        binary($._plain, PREC.and, choice('and', '&&')),
        binary($._plain, PREC.compare, choice(...COMPARE, word($, 'not in'))),
        ...arithmetic($, $._plain),
        coalesce($._plain),
      ),
    _plain_negation: ($) => prec(PREC.negate, seq('-', $._plain)),
    _plain_as: ($) => prec.left(PREC.as, seq(field('value', $._plain), 'as', field('type', $._json_type))),
    _plain_is: ($) =>
      prec.left(PREC.compare, seq(field('value', $._plain), 'is', optional('not'), field('pattern', $._pattern))),
    _plain_not: ($) => prec.right(PREC.not, seq(choice('not', '!'), $._plain)),

    _plain_condition: ($) =>
      choice($._plain, alias($._plain_let, $.let_condition), alias($._plain_chain, $.condition_chain)),
    _plain_let: ($) => seq('let', field('pattern', $._pattern), '=', field('value', $._operand)),
    _plain_chain: ($) =>
      prec.left(PREC.and, choice(
        seq($._plain_condition, choice('and', 'or', '&&', '||'), alias($._plain_let, $.let_condition)),
        seq(choice(alias($._plain_let, $.let_condition), alias($._plain_chain, $.condition_chain)), choice('and', 'or', '&&', '||'), $._plain),
      )),

    // What stands before the words of a clause: without comparisons, `and` and `or`.
    _operand: ($) =>
      choice(
        $._primary, alias($._operand_negation, $.negation), alias($._operand_as, $.as_expression),
        alias($._operand_binary, $.binary_expression),
      ),
    _operand_binary: ($) => choice(...arithmetic($, $._operand), coalesce($._operand)),
    _operand_negation: ($) => prec(PREC.negate, seq('-', $._operand)),
    _operand_as: ($) => prec.left(PREC.as, seq(field('value', $._operand), 'as', field('type', $._json_type))),
    // Where it may also be a call with `do`, a child run and the like.
    _long_operand: ($) => choice($._operand, $._construct, alias($._construct_coalesce, $.binary_expression)),
    _construct_coalesce: ($) =>
      prec.right(PREC.coalesce, seq(field('left', $._construct), field('operator', '??'), field('right', $._operand))),
    // What stands in a modifier of a call: also without `??`.
    _term_operand: ($) =>
      choice(
        $._primary, alias($._term_negation, $.negation), alias($._term_as, $.as_expression), alias($._term_binary, $.binary_expression),
      ),
    _term_binary: ($) => choice(...arithmetic($, $._term_operand)),
    _term_negation: ($) => prec(PREC.negate, seq('-', $._term_operand)),
    _term_as: ($) => prec.left(PREC.as, seq(field('value', $._term_operand), 'as', field('type', $._json_type))),

    _primary: ($) =>
      choice(
        $.identifier, $.number, $.boolean, $.none, $.text, $.raw_text, $.list, $.parenthesized, $.record, $.call, $.index_expression,
        $.field_expression,
      ),
    call: ($) => prec.left(PREC.postfix, seq(field('function', $._primary), field('arguments', $.arguments))),
    index_expression: ($) => prec.left(PREC.postfix, seq(field('value', $._primary), $._index)),
    _index: ($) => prec(1, seq(alias($._touching_square, '['), field('index', $._expression), ']')),
    field_expression: ($) => prec.left(PREC.postfix, seq(field('value', $._primary), choice('.', '?.'), field('field', $.identifier))),
    arguments: ($) => seq(alias($._touching_paren, '('), commas(choice($.argument, $.spread, $._expression)), ')'),
    argument: ($) => seq(field('name', $.label), ':', field('value', $._expression)),
    _touching_paren: (_) => token.immediate('('),
    _touching_square: (_) => token.immediate('['),

    parenthesized: ($) => seq(choice('(', alias($._touching_paren, '(')), $._expression, ')'),
    list: ($) => seq(choice('[', alias($._touching_square, '[')), commas(choice($.spread, $._expression)), ']'),
    // A pattern of a test may leave the rest open.
    spread: ($) => seq('..', optional($._expression)),
    record: ($) => prec(-1, seq('{', commas(choice($.spread, $.entry, $.identifier)), '}')),
    entry: ($) =>
      seq(field('key', choice($.label, $.text, $.computed_key)), ':', field('value', $._expression)),
    computed_key: ($) => seq('[', $._expression, ']'),

    _modifier: ($) => choice($.retry_modifier, $.timeout_modifier, $.key_modifier, $.undo_modifier),
    retry_modifier: ($) =>
      prec.right(seq(
        word($, 'retry'), optional(seq(word($, 'unsafe'), $._term_operand)), $._term_operand, word($, 'times'),
        repeat(choice($.backoff_clause, $.when_clause)),
      )),
    backoff_clause: ($) => seq(word($, 'backoff'), $._term_operand),
    when_clause: ($) => seq(word($, 'when'), $._plain_condition),
    timeout_modifier: ($) => seq(word($, 'timeout'), $._term_operand),
    key_modifier: ($) => seq(word($, 'key'), $._term_operand),
    undo_modifier: ($) => seq(word($, 'undo'), $.block),

    _construct: ($) =>
      choice(
        $.do_expression, $.if_expression, $.match_expression, $.fail_expression, $.finish_expression, $.return_expression,
        $.step_expression, $.waive_expression, $.verify_expression, $.wait_expression, $.for_expression, $.together_expression,
        $.while_expression, $.try_expression, $.trust_expression, $.during_expression, $.child_expression, $.approve_expression,
        $.jump_expression,
      ),
    jump_expression: ($) => choice('break', 'continue', 'skip', 'restart', word($, 'rollback')),
    do_expression: ($) => prec.right(seq('do', field('call', $._primary), repeat($._modifier))),
    if_expression: ($) =>
      prec.right(seq(
        'if', field('condition', $._condition), field('then', $.block),
        optional(seq('else', field('else', choice($.block, $.if_expression)))),
      )),
    match_expression: ($) => seq('match', field('value', $._operation), field('body', $.match_body)),
    match_body: ($) => seq('{', repeat($.arm), '}'),
    arm: ($) =>
      seq(field('pattern', $._pattern), optional($.guard), '=>', field('body', choice($.block, $._expression)), optional(',')),
    guard: ($) => seq('if', $._condition),
    fail_expression: ($) => prec.right(PREC.low, seq('fail', $._expression)),
    finish_expression: ($) =>
      prec.right(PREC.low, seq('finish', field('outcome', $.identifier), optional(seq($._line_operand, $._expression)))),
    return_expression: ($) => prec.right(PREC.low, seq('return', optional(seq($._line_operand, $._expression)))),
    step_expression: ($) => seq('step', field('name', $._operand), field('body', $.block)),
    waive_expression: ($) =>
      seq('waive', $._operand, repeat(choice($.by_clause, $.until_clause)), field('body', $.block)),
    until_clause: ($) => seq(word($, 'until'), $._operand),
    verify_expression: ($) =>
      seq('verify', field('name', $._operand), repeat(choice($.within_clause, $.every_clause, $.settle_clause)), field('body', $.block)),
    within_clause: ($) => seq(word($, 'within'), $._operand),
    every_clause: ($) => seq(word($, 'every'), $._operand),
    settle_clause: ($) => seq(word($, 'settle'), $._operand),
    wait_expression: ($) =>
      prec.right(seq(
        'wait',
        choice(
          seq(word($, 'until'), $._plain_condition, repeat(choice($.within_clause, $.every_clause))),
          seq(word($, 'for window', 'for'), $._awaited, optional($.within_clause)),
          $._operand,
        ),
      )),
    _awaited: ($) => prec.right(seq($.heard, optional(alias($._plain_where, $.where_clause)))),
    for_expression: ($) =>
      prec.right(seq(
        'for', field('pattern', $._pattern), 'in', field('value', $._long_operand), repeat($._loop_clause), field('body', $.block),
        optional($.between_clause),
      )),
    _loop_clause: ($) => choice($.waves_clause, $.pausing_clause, $.parallel_clause, $.collect_clause),
    waves_clause: ($) => seq('in', word($, 'waves'), $._operand),
    pausing_clause: ($) => seq(word($, 'pausing'), $._operand),
    parallel_clause: ($) => prec.left(seq('parallel', optional($._operand))),
    collect_clause: ($) => seq(word($, 'collect'), word($, 'failures')),
    between_clause: ($) => seq(word($, 'between'), $.block),
    together_expression: ($) => seq(choice('parallel', 'race'), field('body', $.branches)),
    branches: ($) => seq('{', repeat($.branch), '}'),
    branch: ($) => seq(field('name', $.identifier), choice(seq('=', $._expression), $.block), optional(',')),
    while_expression: ($) =>
      seq('while', field('condition', $._condition), optional(seq(word($, 'max'), $._operand)), field('body', $.block)),
    try_expression: ($) =>
      prec.right(seq('try', field('body', $.block), optional(seq('catch', optional(field('name', $.identifier)), $.block)))),
    trust_expression: ($) => seq(word($, 'trust'), $.effect, optional($.because_clause), field('body', $.block)),
    during_expression: ($) =>
      prec.right(seq(
        word($, 'during block', 'during'), field('body', $.block), repeat(seq(word($, 'on event', 'on'), $._awaited, $.block)),
      )),
    child_expression: ($) =>
      prec.right(PREC.postfix, seq(
        choice(word($, 'run child', 'run'), word($, 'start child', 'start')), field('runbook', $.path), $.arguments,
        repeat(choice($._index, $.arguments, seq(choice('.', '?.'), $.identifier))),
      )),

    approve_expression: ($) =>
      prec.right(seq(
        'approve', field('what', $._operand), repeat($._approve_clause), field('body', $.block),
        optional(seq('otherwise', optional(field('name', $.identifier)), field('otherwise', $.block))),
      )),
    _approve_clause: ($) =>
      choice(
        $.from_clause, $.quorum_clause, $.requester_clause, $.within_clause, $.escalate_clause, $.remind_clause, $.ask_clause,
        $.showing_clause, $.comment_clause,
      ),
    from_clause: ($) => seq(word($, 'from'), list_of($._operand)),
    quorum_clause: ($) => seq(word($, 'quorum'), $._operand),
    requester_clause: ($) => seq(choice('not', word($, 'allow')), word($, 'requester')),
    escalate_clause: ($) => seq(word($, 'escalate'), word($, 'to'), list_of($._operand), word($, 'after'), $._operand),
    remind_clause: ($) => seq(word($, 'remind'), word($, 'every'), $._operand),
    ask_clause: ($) => seq(word($, 'ask'), $._operand),
    showing_clause: ($) => seq(word($, 'showing'), $._operand),
    comment_clause: ($) => word($, 'require comment'),

    // ---- literals -----------------------------------------------------------------------------------------------------

    number: (_) => token(/0x[0-9A-Za-z_]*|[0-9]([eE][+-][0-9]|[0-9A-Za-z_]|\.[0-9])*%?/),
    boolean: (_) => choice('true', 'false'),
    none: (_) => 'none',
    text: ($) =>
      choice(
        seq('"', repeat(choice($.text_content, $.escape, $.hole)), token.immediate('"')),
        seq('"""', repeat(choice(alias($._block_text_content, $.text_content), $.escape, $.hole)), token.immediate('"""')),
      ),
    escape: (_) => token.immediate(/\\(u\{[0-9A-Fa-f_]*\}|[^u]|u)/),
    hole: ($) => seq(token.immediate('${'), $._expression, '}'),
    raw_text: ($) => seq($.raw_open, optional($.raw_content), $.raw_close),

    // ---- patterns -----------------------------------------------------------------------------------------------------

    _pattern: ($) => choice($._pattern_one, $.or_pattern, $.as_pattern),
    as_pattern: ($) => prec(2, seq(choice($._pattern_one, $.or_pattern), 'as', field('name', $.identifier))),
    or_pattern: ($) => prec.left(2, seq(choice($._pattern_one, $.or_pattern), '|', $._pattern_one)),
    _pattern_one: ($) =>
      choice(
        $.group_pattern, $.list_pattern, $.record_pattern, $._literal_pattern, $.range_pattern, $.none, $.variant_pattern,
      ),
    group_pattern: ($) => seq('(', $._pattern, ')'),
    _literal_pattern: ($) => choice($.number, $.negative_number, $.text, $.raw_text, $.boolean),
    negative_number: ($) => seq('-', $.number),
    range_pattern: ($) => prec(3, seq($._literal_pattern, choice('..', '..='), $._literal_pattern)),
    // A name without arguments binds, or is a variant: only the checker knows.
    variant_pattern: ($) =>
      prec.right(seq($.identifier, repeat(seq('.', $.identifier)), optional($.pattern_arguments))),
    pattern_arguments: ($) => seq(alias($._touching_paren, '('), commas(choice('..', $.field_pattern, $._pattern)), ')'),
    field_pattern: ($) => seq(field('name', $.label), ':', $._pattern),
    record_pattern: ($) => seq('{', commas(choice('..', $.field_pattern, $.identifier)), '}'),
    list_pattern: ($) => seq('[', commas(choice('..', $._pattern)), ']'),

    // ---- types --------------------------------------------------------------------------------------------------------

    _type: ($) => choice($.type_named, $.type_record, $.type_paren, $.type_optional),
    // What Json can be taken for: no function.
    _json_type: ($) => choice($.type_named, $.type_record, alias($._json_optional, $.type_optional)),
    _json_optional: ($) => prec(2, seq($._json_type, '?')),
    type_optional: ($) => prec(2, seq($._type, '?')),
    type_named: ($) => seq($._type_path, optional($.type_arguments)),
    _type_path: ($) => prec.right(seq($.identifier, repeat(seq('.', $.identifier)))),
    type_arguments: ($) => prec.dynamic(1, seq('<', commas($._type), '>')),
    type_record: ($) => seq('{', commas($.field_declaration), '}'),
    type_paren: ($) =>
      seq('(', commas($._type), ')', optional(seq('=>', field('returns', $._type), optional(prec.dynamic(1, $.effect))))),
  },
});
