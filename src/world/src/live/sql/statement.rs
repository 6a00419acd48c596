//! What can be told of a statement from its words. This decides how it is run, never what it may do: that is the database's matter.

use rrb_lang::vm::protocol::Failure;

use super::super::fail::invalid;
use super::server::Kind;

/// What a statement that reads begins with.
const READS: [&str; 9] = ["select", "show", "explain", "describe", "desc", "with", "table", "values", "pragma"];

/// Functions and clauses that act outside of what a transaction takes back.
const ACTS: [&str; 38] = [
    "dblink",
    "dblink_connect",
    "dblink_exec",
    "dblink_send_query",
    "dumpfile",
    "lo_export",
    "lo_import",
    "load_extension",
    "outfile",
    "pg_advisory_lock",
    "pg_backup_start",
    "pg_backup_stop",
    "pg_cancel_backend",
    "pg_copy_logical_replication_slot",
    "pg_copy_physical_replication_slot",
    "pg_create_logical_replication_slot",
    "pg_create_physical_replication_slot",
    "pg_create_restore_point",
    "pg_drop_replication_slot",
    "pg_file_rename",
    "pg_file_unlink",
    "pg_file_write",
    "pg_log_backend_memory_contexts",
    "pg_log_standby_snapshot",
    "pg_logical_emit_message",
    "pg_logical_slot_get_binary_changes",
    "pg_logical_slot_get_changes",
    "pg_promote",
    "pg_reload_conf",
    "pg_replication_slot_advance",
    "pg_rotate_logfile",
    "pg_stat_reset",
    "pg_stat_statements_reset",
    "pg_switch_wal",
    "pg_sync_replication_slots",
    "pg_terminate_backend",
    "pg_wal_replay_pause",
    "pg_wal_replay_resume",
];

/// What changes rows and nothing else, and may stand in a transaction.
const ROWS: [&str; 5] = ["insert", "update", "delete", "merge", "replace"];

/// Statements that begin or end a transaction, or end ours without saying so.
const ENDS: [&str; 7] = ["begin", "start", "commit", "end", "rollback", "abort", "savepoint"];

/// The words of a statement in lower case, without comments; texts and quoted names count as one word of their kind.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| !is_word(c) && c != '-' && c != '/' && c != '#');
            if let Some(comment) = rest.strip_prefix("--").or_else(|| rest.strip_prefix('#')) {
                rest = comment.split_once('\n').map_or("", |(_, after)| after);
            } else if let Some(comment) = rest.strip_prefix("/*") {
                // What MySQL runs (`/*! … */`) has words too.
                rest = match comment.strip_prefix('!') {
                    Some(run) => run,
                    None => comment.split_once("*/").map_or("", |(_, after)| after),
                };
            } else if rest.starts_with(['-', '/']) {
                rest = rest.get(1..).unwrap_or_default();
            } else {
                break;
            }
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then(|| word.to_lowercase())
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn first(text: &str) -> String {
    words(text).next().unwrap_or_default()
}

/// Refuses a statement that is known to do more than read.
pub fn only_reads(kind: Kind, text: &str) -> Result<(), Failure> {
    let begin = first(text);
    if !READS.contains(&begin.as_str()) || (begin == "pragma" && kind != Kind::Sqlite) {
        return Err(invalid(format!(
            "a query does not begin with `{begin}`: what changes something goes with `sql.execute`"
        )));
    }
    // Over all the text, with what is quoted: too careful rather than too trusting.
    let mut all = text.split(|c| !is_word(c)).map(str::to_lowercase);
    match all
        .find(|w| ACTS.contains(&w.as_str()) || w.starts_with("pg_advisory_lock") || w.starts_with("pg_stat_reset"))
    {
        Some(word) => Err(invalid(format!("`{word}` does more than read: it goes with `sql.execute`"))),
        None => Ok(()),
    }
}

/// Whether a statement begins with `word`.
pub fn is(text: &str, word: &str) -> bool {
    first(text) == word
}

/// Whether all that a statement does is to change rows.
pub fn only_changes_rows(text: &str) -> bool {
    ROWS.contains(&first(text).as_str())
}

/// The word, when a statement would end the transaction around it.
pub fn ends_transaction(text: &str) -> Option<String> {
    Some(first(text)).filter(|w| ENDS.contains(&w.as_str()))
}

/// The word, when MySQL would commit what came before a statement, or the statement itself.
/// https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html
pub fn commits_by_itself(text: &str) -> Option<String> {
    const STAY: [&str; 7] = ["insert", "update", "delete", "replace", "select", "with", "values"];
    Some(first(text)).filter(|w| !STAY.contains(&w.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_hide_no_word() {
        let all = |t| words(t).collect::<Vec<_>>();
        assert_eq!(all("-- a\n/* b */ # c\n Select 1-2/3"), ["select", "1", "2", "3"]);
        assert_eq!(all("/*! drop table x */"), ["drop", "table", "x"]);
        assert_eq!(all("(select ä)"), ["select", "ä"]);
        for empty in ["", "--", "/*", "/* a", "-", "/", ";;"] {
            assert_eq!(all(empty), Vec::<String>::new(), "{empty}");
        }
    }

    #[test]
    fn what_reads_is_told_from_what_acts() {
        for text in ["SELECT 1", " with x as (select 1) table x", "explain select 1", "(select 1)", "-- x\nshow tables"]
        {
            assert!(only_reads(Kind::Postgres, text).is_ok(), "{text}");
        }
        for text in [
            "",
            "update a set b = 1",
            "/* select */ delete from a",
            "/*! kill 3 */",
            "select pg_terminate_backend(1)",
            "select PG_Terminate_Backend(1)",
            "select \"pg_reload_conf\"()",
            "select pg_advisory_lock_shared(1)",
            "select 1 into outfile '/tmp/x'",
            "commit",
            "pragma user_version",
            "kill 3",
        ] {
            assert!(only_reads(Kind::Postgres, text).is_err(), "{text}");
        }
        assert!(only_reads(Kind::Sqlite, "pragma user_version").is_ok());
    }

    #[test]
    fn transactions_are_not_ended_from_within() {
        for text in ["COMMIT", " rollback to x", "/**/begin", "START TRANSACTION"] {
            assert!(ends_transaction(text).is_some(), "{text}");
        }
        assert!(ends_transaction("update commit set a = 1").is_none());
        assert!(only_changes_rows("Insert into a values (1)") && !only_changes_rows("vacuum"));
    }
}
