//! Texts, regular expressions and bytes.

use super::Method;

methods! {
    "Text" {
        "len" "() -> Int" "The number of characters."
            "\"añb\".len()" => "3";
        "is_empty" "() -> Bool" "Whether it has no character."
            "\"\".is_empty()" => "true";
        "lower" "() -> Text" "In lower case."
            "\"AbC\".lower()" => "\"abc\"";
        "upper" "() -> Text" "In upper case."
            "\"AbC\".upper()" => "\"ABC\"";
        "trim" "() -> Text" "Without white space at both ends."
            "\" a \".trim()" => "\"a\"";
        "trim_start" "() -> Text" "Without white space at the start."
            "\" a \".trim_start()" => "\"a \"";
        "trim_end" "() -> Text" "Without white space at the end."
            "\" a \".trim_end()" => "\" a\"";
        "split" "(separator: Text) -> List<Text>" "The parts between the separators."
            "\"a,b\".split(\",\")" => "[\"a\", \"b\"]";
        "lines" "() -> List<Text>" "The lines without their ends."
            "\"a\\nb\\n\".lines()" => "[\"a\", \"b\"]";
        "words" "() -> List<Text>" "The parts between white space."
            "\" a  b \".words()" => "[\"a\", \"b\"]";
        "chars" "() -> List<Text>" "The characters."
            "\"ab\".chars()" => "[\"a\", \"b\"]";
        "replace" "(from: Text, to: Text) -> Text" "Every `from` replaced."
            "\"a-b-c\".replace(\"-\", \"+\")" => "\"a+b+c\"";
        "replace_all" "(pattern: Regex, to: Text) -> Text" "Every match replaced; `to` is taken as it is."
            "\"a1b22\".replace_all(re\"\\d+\", \"#\")" => "\"a#b#\"";
        "starts_with" "(prefix: Text) -> Bool" "Whether it begins so."
            "\"node-1\".starts_with(\"node\")" => "true";
        "ends_with" "(suffix: Text) -> Bool" "Whether it ends so."
            "\"a.log\".ends_with(\".log\")" => "true";
        "contains" "(part: Text) -> Bool" "Whether `part` is in it."
            "\"disk full\".contains(\"full\")" => "true";
        "index_of" "(part: Text) -> Int?" "The character at which `part` first begins, from 0."
            "\"abc\".index_of(\"c\")" => "2";
        "remove_prefix" "(prefix: Text) -> Text" "Without `prefix`, when it begins so."
            "\"node/n1\".remove_prefix(\"node/\")" => "\"n1\"";
        "remove_suffix" "(suffix: Text) -> Text" "Without `suffix`, when it ends so."
            "\"a.log\".remove_suffix(\".log\")" => "\"a\"";
        "before" "(separator: Text) -> Text?" "What stands before the first separator."
            "\"host:80\".before(\":\")" => "\"host\"";
        "after" "(separator: Text) -> Text?" "What stands after the first separator."
            "\"host:80\".after(\":\")" => "\"80\"";
        "take" "(n: Int) -> Text" "The first `n` characters."
            "\"abc\".take(2)" => "\"ab\"";
        "drop" "(n: Int) -> Text" "All but the first `n` characters."
            "\"abc\".drop(2)" => "\"c\"";
        "truncate" "(n: Int) -> Text" "At most `n` characters, the last one an ellipsis when something was cut."
            "\"abcdef\".truncate(4)" => "\"abc…\"";
        "pad_start" "(n: Int, with: Text = \" \") -> Text" "Filled up at the start to `n` characters."
            "\"7\".pad_start(3, \"0\")" => "\"007\"";
        "pad_end" "(n: Int, with: Text = \" \") -> Text" "Filled up at the end to `n` characters."
            "\"a\".pad_end(3, \".\")" => "\"a..\"";
        "repeat" "(n: Int) -> Text" "The text `n` times."
            "\"ab\".repeat(2)" => "\"abab\"";
        "capture" "(pattern: Regex) -> Map<Text, Text>?" "The groups of the first match, by name and by number (`0` is the whole)."
            "\"n=7\".capture(re\"n=(?<n>\\d+)\")" => "{ \"0\": \"n=7\", \"1\": \"7\", \"n\": \"7\" }";
        "captures" "(pattern: Regex) -> List<Map<Text, Text>>" "The groups of every match."
            "\"a1 b2\".captures(re\"[a-z](\\d)\")" => "[{ \"0\": \"a1\", \"1\": \"1\" }, { \"0\": \"b2\", \"1\": \"2\" }]";
        "find_all" "(pattern: Regex) -> List<Text>" "Every match."
            "\"a1 b22\".find_all(re\"\\d+\")" => "[\"1\", \"22\"]";
        "to_int" "(base: Int = 10) -> Int?" "The whole number it spells, in a base from 2 to 36."
            "\"42\".to_int()" => "42";
        "to_float" "() -> Float?" "The number it spells."
            "\"4.5\".to_float()" => "4.5";
        "to_bool" "() -> Bool?" "`true` or `false`."
            "\"true\".to_bool()" => "true";
        "to_duration" "() -> Duration?" "The duration it spells."
            "\"1h30m\".to_duration()" => "1h30m";
        "to_size" "() -> Size?" "The size it spells."
            "\"10MiB\".to_size()" => "10MiB";
        "to_time" "() -> Time?" "The time it spells, RFC 3339."
            "\"2026-11-21T10:00:00Z\".to_time()" => "time\"2026-11-21T10:00:00Z\"";
        "to_url" "() -> Url?" "The URL it spells."
            "\"https://example.com/a\".to_url()" => "url\"https://example.com/a\"";
        "to_ip" "() -> Ip?" "The IP address it spells."
            "\"10.0.0.1\".to_ip()" => "ip\"10.0.0.1\"";
        "to_cidr" "() -> Cidr?" "The network it spells."
            "\"10.0.0.0/8\".to_cidr()" => "cidr\"10.0.0.0/8\"";
        "parse_json" "() -> Json?" "The JSON it spells."
            "\"[1]\".parse_json()" => "[1]";
        "to_bytes" "() -> Bytes" "Its UTF-8."
            "\"ñ\".to_bytes()" => "\"ñ\".to_bytes()";
        "base64" "() -> Text" "Base64 of its UTF-8."
            "\"ab\".base64()" => "\"YWI=\"";
        "decode_base64" "() -> Bytes?" "The bytes that it spells in Base64."
            "\"YWI=\".decode_base64()" => "\"ab\".to_bytes()";
        "url_encode" "() -> Text" "Percent-encoded as one segment of a URL."
            "\"a/b c\".url_encode()" => "\"a%2Fb%20c\"";
        "sha256" "() -> Text" "SHA-256 of its UTF-8, in hex."
            "\"a\".sha256().take(8)" => "\"ca978112\"";
        "is_blank" "() -> Bool" "Whether it has nothing but white space."
            "\" \\n\".is_blank()" => "true";
        "capitalize" "() -> Text" "With its first character in upper case."
            "\"disk full\".capitalize()" => "\"Disk full\"";
        "reverse" "() -> Text" "The characters from last to first."
            "\"abc\".reverse()" => "\"cba\"";
        "count" "(part: Text) -> Int" "How often `part` is in it, without overlaps."
            "\"a,b,c\".count(\",\")" => "2";
        "last_index_of" "(part: Text) -> Int?" "The character at which `part` last begins, from 0."
            "\"a/b/c\".last_index_of(\"/\")" => "3";
        "before_last" "(separator: Text) -> Text?" "What stands before the last separator."
            "\"/var/log/x\".before_last(\"/\")" => "\"/var/log\"";
        "after_last" "(separator: Text) -> Text?" "What stands after the last separator."
            "\"/var/log/x\".after_last(\"/\")" => "\"x\"";
        "split_once" "(separator: Text) -> { left: Text, right: Text }?" "What stands before and after the first separator."
            "\"host:80\".split_once(\":\")" => "{ left: \"host\", right: \"80\" }";
        "split_by" "(pattern: Regex) -> List<Text>" "The parts between the matches."
            "\"a1b22c\".split_by(re\"\\d+\")" => "[\"a\", \"b\", \"c\"]";
        "slice" "(start: Int, end: Int = len) -> Text" "The characters from `start` up to `end`, negative places from the end."
            "\"abcd\".slice(1, -1)" => "\"bc\"";
        "get" "(index: Int) -> Text?" "The character at `index`, from 0, negative from the end; `none` when there is none."
            "\"abc\".get(-1)" => "\"c\"";
        "take_last" "(n: Int) -> Text" "The last `n` characters."
            "\"abc\".take_last(2)" => "\"bc\"";
        "drop_last" "(n: Int) -> Text" "All but the last `n` characters."
            "\"abc\".drop_last(2)" => "\"a\"";
        "indent" "(n: Int) -> Text" "Each line that is not empty moved `n` spaces to the right."
            "\"a\\nb\".indent(2)" => "\"  a\\n  b\"";
        "matches" "(pattern: Regex) -> Bool" "Whether the pattern is found in it, as the operator `matches` says."
            "\"node-7\".matches(re\"^node-\\d+$\")" => "true";
        "find" "(pattern: Regex) -> Text?" "The first match."
            "\"a1 b22\".find(re\"\\d+\")" => "\"1\"";
        "to_regex" "() -> Regex?" "The regular expression it spells."
            "\"a+\".to_regex()" => "re\"a+\"";
        "decode_hex" "() -> Bytes?" "The bytes that it spells in hexadecimal."
            "\"6162\".decode_hex()" => "\"ab\".to_bytes()";
        "url_decode" "() -> Text?" "What percent-encoding stands for; `none` when that is no text."
            "\"a%2Fb%20c\".url_decode()" => "\"a/b c\"";
        "escape_html" "() -> Text" "With `& < > \" '` written so that HTML shows them."
            "\"<b>\".escape_html()" => "\"&lt;b&gt;\"";
        "escape_regex" "() -> Text" "Written so that a regular expression takes every character as it is."
            "\"a.b\".escape_regex()" => "\"a\\\\.b\"";
    }
    "Regex" {
        "source" "() -> Text" "As it was written."
            "re\"a+\".source()" => "\"a+\"";
        "matches" "(text: Text) -> Bool" "Whether it is found in the text."
            "re\"^a+$\".matches(\"aa\")" => "true";
    }
    "Bytes" {
        "len" "() -> Int" "The number of bytes."
            "\"ab\".to_bytes().len()" => "2";
        "is_empty" "() -> Bool" "Whether there are none."
            "\"\".to_bytes().is_empty()" => "true";
        "to_text" "() -> Text?" "The text, when it is UTF-8."
            "\"ab\".to_bytes().to_text()" => "\"ab\"";
        "base64" "() -> Text" "In Base64."
            "\"ab\".to_bytes().base64()" => "\"YWI=\"";
        "hex" "() -> Text" "In hexadecimal."
            "\"ab\".to_bytes().hex()" => "\"6162\"";
        "sha256" "() -> Text" "SHA-256, in hex."
            "\"a\".to_bytes().sha256().take(8)" => "\"ca978112\"";
        "get" "(index: Int) -> Int?" "The byte at `index`, from 0, negative from the end; `none` when there is none."
            "\"ab\".to_bytes().get(0)" => "97";
        "take" "(n: Int) -> Bytes" "The first `n` bytes."
            "\"abc\".to_bytes().take(2)" => "\"ab\".to_bytes()";
        "drop" "(n: Int) -> Bytes" "All but the first `n` bytes."
            "\"abc\".to_bytes().drop(2)" => "\"c\".to_bytes()";
        "slice" "(start: Int, end: Int = len) -> Bytes" "The bytes from `start` up to `end`, negative places from the end."
            "\"abcd\".to_bytes().slice(1, -1)" => "\"bc\".to_bytes()";
        "concat" "(other: Bytes) -> Bytes" "These bytes, then those of `other`."
            "\"a\".to_bytes().concat(\"b\".to_bytes())" => "\"ab\".to_bytes()";
        "starts_with" "(prefix: Bytes) -> Bool" "Whether they begin so."
            "\"ab\".to_bytes().starts_with(\"a\".to_bytes())" => "true";
        "to_list" "() -> List<Int>" "The bytes as numbers."
            "\"ab\".to_bytes().to_list()" => "[97, 98]";
        "to_text_lossy" "() -> Text" "The text, with the replacement character for what is not UTF-8."
            "\"/w==\".decode_base64()?.to_text_lossy()" => "\"�\"";
    }
}
