//! The built-in methods: one table that the checker types calls by, the machine implements, the guide prints and the tests run.
//!
//! Receivers and signatures are in rrb syntax. Capital letters stand for types: `T U K V` for any; `O` for what has an order
//! (Int, Float, Text, Duration, Size, Time, Bool and enums without payload); `N` for what can be summed (Int, Float, Duration, Size);
//! `J` for every value that fits where Json is expected; `P` for every value that a hole of a text prints.
//! An argument with a default may be left out, in the source and in the typed tree alike.

/// A method of a built-in type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// The type it belongs to: `List<T>`, `Text`, `T?`; several entries with one name differ in the element.
    pub receiver: &'static str,
    /// `map`
    pub name: &'static str,
    /// Parameters with names and result: `(f: (T) => U) -> List<U>`.
    pub signature: &'static str,
    /// The function handed in may read; the call then reads. Called in the order of the items.
    pub effect_polymorphic: bool,
    /// One sentence.
    pub docs: &'static str,
    /// An expression that is true.
    pub example: &'static str,
}

impl Method {
    /// The first part of its name in the typed tree: `List` for `List<T>`, `Optional` for `T?`, `Any` for `J` and `P`.
    pub fn head(&self) -> &'static str {
        match self.receiver {
            "T?" => "Optional",
            "J" | "P" => "Any",
            r => r.split('<').next().unwrap_or(r),
        }
    }
}

/// The methods called `name` of receivers whose head is `head`.
pub fn find<'a>(head: &'a str, name: &'a str) -> impl Iterator<Item = &'static Method> + 'a {
    METHODS.iter().filter(move |m| m.name == name && m.head() == head)
}

macro_rules! methods {
    ($($receiver:literal { $($name:literal $signature:literal $(@$reads:ident)? $docs:literal $example:literal;)* })*) => {
        /// Every method, by receiver.
        pub const METHODS: &[Method] = &[$($(Method {
            receiver: $receiver,
            name: $name,
            signature: $signature,
            effect_polymorphic: methods!(@flag $($reads)?),
            docs: $docs,
            example: $example,
        },)*)*];
    };
    (@flag reads) => { true };
    (@flag) => { false };
}

methods! {
    "List<T>" {
        "len" "() -> Int" "The number of items." "[1, 2].len() == 2";
        "is_empty" "() -> Bool" "Whether there are no items." "not [1].is_empty()";
        "first" "(f: (T) => Bool = x => true) -> T?" @reads "The first item, or the first one that `f` accepts." "[1, 2, 3].first(x => x > 1) == 2";
        "last" "() -> T?" "The last item." "[1, 2].last() == 2";
        "get" "(index: Int) -> T?" "The item at `index`, from 0, negative from the end; `none` when there is none." "[1, 2].get(5) == none";
        "contains" "(item: T) -> Bool" "Whether `item` is in the list." "[1, 2].contains(2)";
        "index_of" "(item: T) -> Int?" "Where `item` is first." "[\"a\", \"b\"].index_of(\"b\") == 1";
        "map" "(f: (T) => U) -> List<U>" @reads "What `f` makes of each item." "[1, 2].map(x => x * 2) == [2, 4]";
        "flat_map" "(f: (T) => List<U>) -> List<U>" "The lists that `f` makes of the items, one after the other." "[1, 2].flat_map(x => [x, x]) == [1, 1, 2, 2]";
        "filter" "(f: (T) => Bool) -> List<T>" @reads "The items that `f` accepts." "[1, 2, 3].filter(x => x > 1) == [2, 3]";
        "any" "(f: (T) => Bool) -> Bool" @reads "Whether `f` accepts one; stops at the first." "[1, 2].any(x => x == 2)";
        "all" "(f: (T) => Bool) -> Bool" @reads "Whether `f` accepts every one; stops at the first it does not." "[1, 2].all(x => x > 0)";
        "count" "(f: (T) => Bool) -> Int" "How many items `f` accepts." "[1, 2, 3].count(x => x > 1) == 2";
        "fold" "(start: U, f: (U, T) => U) -> U" "Goes through the items with what was made so far." "[1, 2, 3].fold(0, (sum, x) => sum + x) == 6";
        "sort_by" "(f: (T) => O) -> List<T>" "Sorted by what `f` gives, smallest first; equal ones keep their order." "[3, 1, 2].sort_by(x => -x) == [3, 2, 1]";
        "max_by" "(f: (T) => O) -> T?" "The first item for which `f` gives the most." "[\"a\", \"bcd\"].max_by(x => x.len()) == \"bcd\"";
        "min_by" "(f: (T) => O) -> T?" "The first item for which `f` gives the least." "[\"abc\", \"d\"].min_by(x => x.len()) == \"d\"";
        "group_by" "(f: (T) => K) -> Map<K, List<T>>" "The items by what `f` gives, in the order of first appearance." "[1, 2, 3].group_by(x => x mod 2).len() == 2";
        "unique" "() -> List<T>" "Each item once, where it came first." "[1, 2, 1].unique() == [1, 2]";
        "unique_by" "(f: (T) => K) -> List<T>" "The first item for each value of `f`." "[1, 3, 2].unique_by(x => x mod 2) == [1, 2]";
        "reverse" "() -> List<T>" "The items from last to first." "[1, 2].reverse() == [2, 1]";
        "take" "(n: Int) -> List<T>" "The first `n` items, or as many as there are." "[1, 2, 3].take(2) == [1, 2]";
        "drop" "(n: Int) -> List<T>" "All but the first `n` items." "[1, 2, 3].drop(2) == [3]";
        "take_while" "(f: (T) => Bool) -> List<T>" "The items up to the first that `f` does not accept." "[1, 5, 2].take_while(x => x < 3) == [1]";
        "chunks" "(n: Int) -> List<List<T>>" "Lists of `n` items each, the last one may have fewer." "[1, 2, 3].chunks(2) == [[1, 2], [3]]";
        "concat" "(other: List<T>) -> List<T>" "These items, then those of `other`." "[1].concat([2]) == [1, 2]";
        "push" "(item: T) -> List<T>" "The list with `item` at its end." "[1].push(2) == [1, 2]";
        "zip" "(other: List<U>) -> List<{ left: T, right: U }>" "Pairs, as many as the shorter list has." "[1, 2].zip([\"a\"]).len() == 1";
        "enumerate" "() -> List<{ index: Int, value: T }>" "The items with their places, from 0." "[\"a\", \"b\"].enumerate().map(e => e.index) == [0, 1]";
        "to_set" "() -> Set<T>" "The items as a set." "[1, 1, 2].to_set().len() == 2";
        "to_map" "(key: (T) => K, value: (T) => V) -> Map<K, V>" "A map made of the items; of equal keys the last one counts." "[1, 2].to_map(x => \"k${x}\", x => x * 10)[\"k2\"] == 20";
    }
    "List<O>" {
        "sort" "() -> List<O>" "Sorted, smallest first." "[3, 1, 2].sort() == [1, 2, 3]";
        "max" "() -> O?" "The greatest item." "[1, 3, 2].max() == 3";
        "min" "() -> O?" "The smallest item." "[3, 1, 2].min() == 1";
    }
    "List<N>" {
        "sum" "() -> N" "All items added up; nothing at all gives zero." "[10s, 1m].sum() == 70s";
    }
    "List<Int>" {
        "average" "() -> Float?" "The arithmetic mean." "[1, 2].average() == 1.5";
        "percentile" "(share: Float) -> Float?" "The value below which this share of the items lies, interpolated." "[1, 2, 3].percentile(50%) == 2.0";
    }
    "List<Float>" {
        "average" "() -> Float?" "The arithmetic mean." "[1.0, 2.0].average() == 1.5";
        "percentile" "(share: Float) -> Float?" "The value below which this share of the items lies, interpolated." "[1.0, 2.0, 3.0].percentile(50%) == 2.0";
    }
    "List<Text>" {
        "join" "(separator: Text = \"\") -> Text" "The texts in one, with the separator between." "[\"a\", \"b\"].join(\", \") == \"a, b\"";
    }
    "List<List<T>>" {
        "flatten" "() -> List<T>" "The items of all lists." "[[1], [2, 3]].flatten() == [1, 2, 3]";
    }
    "List<T?>" {
        "present" "() -> List<T>" "The items that are there." "[\"1\", \"x\"].map(t => t.to_int()).present() == [1]";
    }
    "Set<T>" {
        "len" "() -> Int" "The number of items." "[1, 2].to_set().len() == 2";
        "is_empty" "() -> Bool" "Whether there are no items." "not [1].to_set().is_empty()";
        "contains" "(item: T) -> Bool" "Whether `item` is in the set." "[1, 2].to_set().contains(2)";
        "first" "(f: (T) => Bool = x => true) -> T?" @reads "The first item, or the first one that `f` accepts." "[1, 2].to_set().first(x => x > 1) == 2";
        "map" "(f: (T) => U) -> Set<U>" @reads "What `f` makes of each item." "[1, 2].to_set().map(x => x mod 1).len() == 1";
        "filter" "(f: (T) => Bool) -> Set<T>" @reads "The items that `f` accepts." "[1, 2].to_set().filter(x => x > 1).len() == 1";
        "any" "(f: (T) => Bool) -> Bool" @reads "Whether `f` accepts one." "[1, 2].to_set().any(x => x == 2)";
        "all" "(f: (T) => Bool) -> Bool" @reads "Whether `f` accepts every one." "[1, 2].to_set().all(x => x > 0)";
        "add" "(item: T) -> Set<T>" "The set with `item`." "[1].to_set().add(2).len() == 2";
        "remove" "(item: T) -> Set<T>" "The set without `item`." "[1, 2].to_set().remove(2).len() == 1";
        "union" "(other: Set<T>) -> Set<T>" "What is in one of both." "[1].to_set().union([2].to_set()).len() == 2";
        "intersect" "(other: Set<T>) -> Set<T>" "What is in both." "[1, 2].to_set().intersect([2].to_set()) == [2].to_set()";
        "minus" "(other: Set<T>) -> Set<T>" "What is not in `other`." "[1, 2].to_set().minus([2].to_set()) == [1].to_set()";
        "is_subset" "(other: Set<T>) -> Bool" "Whether all of it is in `other`." "[1].to_set().is_subset([1, 2].to_set())";
        "to_list" "() -> List<T>" "The items in the order they were added." "[2, 1].to_set().to_list() == [2, 1]";
    }
    "Map<K, V>" {
        "len" "() -> Int" "The number of entries." "{ \"a\": 1 }.len() == 1";
        "is_empty" "() -> Bool" "Whether there are no entries." "not { \"a\": 1 }.is_empty()";
        "get" "(key: K) -> V?" "The value of `key`." "{ \"a\": 1 }.get(\"b\") == none";
        "contains" "(key: K) -> Bool" "Whether there is an entry for `key`." "{ \"a\": 1 }.contains(\"a\")";
        "keys" "() -> List<K>" "The keys in order." "{ \"a\": 1 }.keys() == [\"a\"]";
        "values" "() -> List<V>" "The values in order." "{ \"a\": 1 }.values() == [1]";
        "entries" "() -> List<{ key: K, value: V }>" "The entries in order." "{ \"a\": 1 }.entries().map(e => e.value) == [1]";
        "set" "(key: K, value: V) -> Map<K, V>" "The map with this entry." "{ \"a\": 1 }.set(\"b\", 2).len() == 2";
        "remove" "(key: K) -> Map<K, V>" "The map without this entry." "{ \"a\": 1 }.remove(\"a\").is_empty()";
        "merge" "(other: Map<K, V>) -> Map<K, V>" "Both; of equal keys the entry of `other` counts." "{ \"a\": 1 }.merge({ \"a\": 2 }).values() == [2]";
        "map_values" "(f: (V) => U) -> Map<K, U>" "The same keys with what `f` makes of the values." "{ \"a\": 1 }.map_values(v => v + 1).values() == [2]";
        "filter" "(f: (K, V) => Bool) -> Map<K, V>" @reads "The entries that `f` accepts." "{ \"a\": 1 }.filter((k, v) => v > 1).is_empty()";
        "any" "(f: (K, V) => Bool) -> Bool" @reads "Whether `f` accepts one." "{ \"a\": 1 }.any((k, v) => k == \"a\")";
        "all" "(f: (K, V) => Bool) -> Bool" @reads "Whether `f` accepts every one." "{ \"a\": 1 }.all((k, v) => v == 1)";
    }
    "Text" {
        "len" "() -> Int" "The number of characters." "\"añb\".len() == 3";
        "is_empty" "() -> Bool" "Whether it has no character." "\"\".is_empty()";
        "lower" "() -> Text" "In lower case." "\"AbC\".lower() == \"abc\"";
        "upper" "() -> Text" "In upper case." "\"AbC\".upper() == \"ABC\"";
        "trim" "() -> Text" "Without white space at both ends." "\" a \".trim() == \"a\"";
        "trim_start" "() -> Text" "Without white space at the start." "\" a \".trim_start() == \"a \"";
        "trim_end" "() -> Text" "Without white space at the end." "\" a \".trim_end() == \" a\"";
        "split" "(separator: Text) -> List<Text>" "The parts between the separators." "\"a,b\".split(\",\") == [\"a\", \"b\"]";
        "lines" "() -> List<Text>" "The lines without their ends." "\"a\\nb\\n\".lines() == [\"a\", \"b\"]";
        "words" "() -> List<Text>" "The parts between white space." "\" a  b \".words() == [\"a\", \"b\"]";
        "chars" "() -> List<Text>" "The characters." "\"ab\".chars() == [\"a\", \"b\"]";
        "replace" "(from: Text, to: Text) -> Text" "Every `from` replaced." "\"a-b-c\".replace(\"-\", \"+\") == \"a+b+c\"";
        "replace_all" "(pattern: Regex, to: Text) -> Text" "Every match replaced; `to` is taken as it is." "\"a1b22\".replace_all(re\"\\d+\", \"#\") == \"a#b#\"";
        "starts_with" "(prefix: Text) -> Bool" "Whether it begins so." "\"node-1\".starts_with(\"node\")";
        "ends_with" "(suffix: Text) -> Bool" "Whether it ends so." "\"a.log\".ends_with(\".log\")";
        "contains" "(part: Text) -> Bool" "Whether `part` is in it." "\"disk full\".contains(\"full\")";
        "index_of" "(part: Text) -> Int?" "The character at which `part` first begins, from 0." "\"abc\".index_of(\"c\") == 2";
        "remove_prefix" "(prefix: Text) -> Text" "Without `prefix`, when it begins so." "\"node/n1\".remove_prefix(\"node/\") == \"n1\"";
        "remove_suffix" "(suffix: Text) -> Text" "Without `suffix`, when it ends so." "\"a.log\".remove_suffix(\".log\") == \"a\"";
        "before" "(separator: Text) -> Text?" "What stands before the first separator." "\"host:80\".before(\":\") == \"host\"";
        "after" "(separator: Text) -> Text?" "What stands after the first separator." "\"host:80\".after(\":\") == \"80\"";
        "take" "(n: Int) -> Text" "The first `n` characters." "\"abc\".take(2) == \"ab\"";
        "drop" "(n: Int) -> Text" "All but the first `n` characters." "\"abc\".drop(2) == \"c\"";
        "truncate" "(n: Int) -> Text" "At most `n` characters, the last one an ellipsis when something was cut." "\"abcdef\".truncate(4) == \"abc…\"";
        "pad_start" "(n: Int, with: Text = \" \") -> Text" "Filled up at the start to `n` characters." "\"7\".pad_start(3, \"0\") == \"007\"";
        "pad_end" "(n: Int, with: Text = \" \") -> Text" "Filled up at the end to `n` characters." "\"a\".pad_end(3, \".\") == \"a..\"";
        "repeat" "(n: Int) -> Text" "The text `n` times." "\"ab\".repeat(2) == \"abab\"";
        "capture" "(pattern: Regex) -> Map<Text, Text>?" "The groups of the first match, by name and by number (`0` is the whole)." "\"n=7\".capture(re\"n=(?<n>\\d+)\")?.n == \"7\"";
        "captures" "(pattern: Regex) -> List<Map<Text, Text>>" "The groups of every match." "\"a1 b2\".captures(re\"[a-z](\\d)\").len() == 2";
        "find_all" "(pattern: Regex) -> List<Text>" "Every match." "\"a1 b22\".find_all(re\"\\d+\") == [\"1\", \"22\"]";
        "to_int" "() -> Int?" "The whole number it spells." "\"42\".to_int() == 42";
        "to_float" "() -> Float?" "The number it spells." "\"4.5\".to_float() == 4.5";
        "to_bool" "() -> Bool?" "`true` or `false`." "\"true\".to_bool() == true";
        "to_duration" "() -> Duration?" "The duration it spells." "\"1h30m\".to_duration() == 90m";
        "to_size" "() -> Size?" "The size it spells." "\"10MiB\".to_size() == 10MiB";
        "to_time" "() -> Time?" "The time it spells, RFC 3339." "\"2026-11-21T10:00:00Z\".to_time() == time\"2026-11-21T10:00:00Z\"";
        "to_url" "() -> Url?" "The URL it spells." "\"https://example.com/a\".to_url() == url\"https://example.com/a\"";
        "to_ip" "() -> Ip?" "The IP address it spells." "\"nowhere\".to_ip() == none";
        "to_cidr" "() -> Cidr?" "The network it spells." "\"10.0.0.0/8\".to_cidr() == cidr\"10.0.0.0/8\"";
        "parse_json" "() -> Json?" "The JSON it spells." "\"[1]\".parse_json() != none";
        "to_bytes" "() -> Bytes" "Its UTF-8." "\"ñ\".to_bytes().len() == 2";
        "base64" "() -> Text" "Base64 of its UTF-8." "\"ab\".base64() == \"YWI=\"";
        "decode_base64" "() -> Bytes?" "The bytes that it spells in Base64." "\"YWI=\".decode_base64()?.len() == 2";
        "url_encode" "() -> Text" "Percent-encoded as one segment of a URL." "\"a/b c\".url_encode() == \"a%2Fb%20c\"";
        "sha256" "() -> Text" "SHA-256 of its UTF-8, in hex." "\"a\".sha256().len() == 64";
    }
    "Int" {
        "abs" "() -> Int" "Without its sign." "(-3).abs() == 3";
        "min" "(other: Int) -> Int" "The smaller of both." "1.min(2) == 1";
        "max" "(other: Int) -> Int" "The greater of both." "1.max(2) == 2";
        "clamp" "(low: Int, high: Int) -> Int" "The nearest value in the bounds." "9.clamp(1, 5) == 5";
        "div" "(by: Int) -> Int" "Whole division, rounded towards zero." "7.div(2) == 3";
        "pow" "(exponent: Int) -> Int" "To the power." "2.pow(10) == 1024";
        "to_float" "() -> Float" "As a Float." "1.to_float() == 1.0";
        "to_hex" "() -> Text" "In hexadecimal." "255.to_hex() == \"ff\"";
        "format" "(digits: Int) -> Text" "With leading zeros up to so many digits." "7.format(3) == \"007\"";
        "milliseconds" "() -> Duration" "So many milliseconds." "1500.milliseconds() == 1.5s";
        "seconds" "() -> Duration" "So many seconds." "90.seconds() == 90s";
        "minutes" "() -> Duration" "So many minutes." "90.minutes() == 90m";
        "hours" "() -> Duration" "So many hours." "2.hours() == 2h";
        "days" "() -> Duration" "So many days." "2.days() == 2d";
        "bytes" "() -> Size" "So many bytes." "1024.bytes() == 1KiB";
        "to_time" "() -> Time" "So many seconds after 1970." "0.to_time() == time\"1970-01-01T00:00:00Z\"";
    }
    "Float" {
        "abs" "() -> Float" "Without its sign." "(-3.5).abs() == 3.5";
        "min" "(other: Float) -> Float" "The smaller of both." "1.5.min(2.0) == 1.5";
        "max" "(other: Float) -> Float" "The greater of both." "1.5.max(2.0) == 2.0";
        "clamp" "(low: Float, high: Float) -> Float" "The nearest value in the bounds." "9.5.clamp(1.0, 5.0) == 5.0";
        "round" "(digits: Int = 0) -> Float" "Rounded to so many digits, halves away from zero." "1.25.round(1) == 1.3";
        "floor" "() -> Int" "The next whole number below." "1.9.floor() == 1";
        "ceil" "() -> Int" "The next whole number above." "1.1.ceil() == 2";
        "to_int" "() -> Int" "Without what follows the point." "1.9.to_int() == 1";
        "sqrt" "() -> Float" "The square root; negative numbers fail." "9.0.sqrt() == 3.0";
        "pow" "(exponent: Float) -> Float" "To the power." "2.0.pow(3.0) == 8.0";
        "format" "(digits: Int) -> Text" "With exactly so many digits after the point." "3.14159.format(2) == \"3.14\"";
        "percent" "(digits: Int = 0) -> Text" "As a percentage." "0.856.percent(1) == \"85.6%\"";
        "seconds" "() -> Duration" "So many seconds, to the millisecond." "1.5.seconds() == 1500ms";
        "bytes" "() -> Size" "So many bytes, rounded." "1024.0.bytes() == 1KiB";
        "to_time" "() -> Time" "So many seconds after 1970, to the millisecond." "0.5.to_time().unix() == 0.5";
    }
    "Duration" {
        "milliseconds" "() -> Int" "In milliseconds." "1.5s.milliseconds() == 1500";
        "seconds" "() -> Float" "In seconds." "90s.seconds() == 90.0";
        "minutes" "() -> Float" "In minutes." "90s.minutes() == 1.5";
        "hours" "() -> Float" "In hours." "90m.hours() == 1.5";
        "days" "() -> Float" "In days." "36h.days() == 1.5";
        "abs" "() -> Duration" "Without its sign." "(1s - 3s).abs() == 2s";
        "min" "(other: Duration) -> Duration" "The shorter of both." "1s.min(2s) == 1s";
        "max" "(other: Duration) -> Duration" "The longer of both." "1s.max(2s) == 2s";
        "clamp" "(low: Duration, high: Duration) -> Duration" "The nearest value in the bounds." "9s.clamp(1s, 5s) == 5s";
        "round_to" "(unit: Duration) -> Duration" "The nearest multiple of `unit`." "95s.round_to(1m) == 2m";
    }
    "Size" {
        "bytes" "() -> Int" "In bytes." "1KiB.bytes() == 1024";
        "min" "(other: Size) -> Size" "The smaller of both." "1KiB.min(2KiB) == 1KiB";
        "max" "(other: Size) -> Size" "The greater of both." "1KiB.max(2KiB) == 2KiB";
        "clamp" "(low: Size, high: Size) -> Size" "The nearest value in the bounds." "9KiB.clamp(1KiB, 5KiB) == 5KiB";
    }
    "Time" {
        "unix" "() -> Float" "Seconds since 1970." "time\"1970-01-01T00:01:00Z\".unix() == 60.0";
        "format" "(pattern: Text, zone: Text = \"UTC\") -> Text" "By a strftime pattern such as `%Y-%m-%d %H:%M`." "time\"2026-11-21T10:00:00Z\".format(\"%H:%M\", \"Europe/Berlin\") == \"11:00\"";
        "in_zone" "(zone: Text) -> { year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, weekday: Text }" "What clock and calendar show there; the weekday as `monday`." "time\"2026-11-21T10:00:00Z\".in_zone(\"Europe/Berlin\").weekday == \"saturday\"";
        "start_of_day" "(zone: Text = \"UTC\") -> Time" "The midnight before." "time\"2026-11-21T10:00:00Z\".start_of_day() == time\"2026-11-21T00:00:00Z\"";
        "round_to" "(unit: Duration) -> Time" "The nearest multiple of `unit` since 1970." "time\"2026-11-21T10:00:40Z\".round_to(1m) == time\"2026-11-21T10:01:00Z\"";
        "min" "(other: Time) -> Time" "The earlier of both." "time\"2026-01-01T00:00:00Z\".min(time\"2027-01-01T00:00:00Z\") == time\"2026-01-01T00:00:00Z\"";
        "max" "(other: Time) -> Time" "The later of both." "time\"2026-01-01T00:00:00Z\".max(time\"2027-01-01T00:00:00Z\") == time\"2027-01-01T00:00:00Z\"";
    }
    "Url" {
        "scheme" "() -> Text" "`https`" "url\"https://a.b/c\".scheme() == \"https\"";
        "host" "() -> Text" "The host name or address." "url\"https://a.b/c\".host() == \"a.b\"";
        "port" "() -> Int?" "The port, the scheme's own when none is written." "url\"https://a.b/c\".port() == 443";
        "path" "() -> Text" "The path, percent-encoded." "url\"https://a.b/c\".path() == \"/c\"";
        "query" "(name: Text) -> Text?" "The first value of a query parameter, decoded." "url\"https://a.b/?x=1\".query(\"x\") == \"1\"";
        "join" "(segment: Text) -> Url" "With one more segment, percent-encoded." "url\"https://a.b/c\".join(\"d e\") == url\"https://a.b/c/d%20e\"";
        "with_query" "(name: Text, value: Text) -> Url" "With one more query parameter." "url\"https://a.b/\".with_query(\"x\", \"1\").query(\"x\") == \"1\"";
    }
    "Ip" {
        "is_v4" "() -> Bool" "Whether it is an IPv4 address." "\"10.0.0.1\".to_ip()?.is_v4() == true";
        "is_v6" "() -> Bool" "Whether it is an IPv6 address." "\"::1\".to_ip()?.is_v6() == true";
        "is_private" "() -> Bool" "Whether it belongs to a private network." "\"10.0.0.1\".to_ip()?.is_private() == true";
        "is_loopback" "() -> Bool" "Whether it is this machine's own." "\"127.0.0.1\".to_ip()?.is_loopback() == true";
    }
    "Cidr" {
        "contains" "(ip: Ip) -> Bool" "Whether the address lies in the network." "\"10.1.2.3\".to_ip().map(ip => cidr\"10.0.0.0/8\".contains(ip)) == true";
        "network" "() -> Ip" "The first address." "cidr\"10.0.0.0/8\".network() == \"10.0.0.0\".to_ip()";
        "prefix" "() -> Int" "The number of fixed bits." "cidr\"10.0.0.0/8\".prefix() == 8";
    }
    "Bytes" {
        "len" "() -> Int" "The number of bytes." "\"ab\".to_bytes().len() == 2";
        "is_empty" "() -> Bool" "Whether there are none." "\"\".to_bytes().is_empty()";
        "to_text" "() -> Text?" "The text, when it is UTF-8." "\"ab\".to_bytes().to_text() == \"ab\"";
        "base64" "() -> Text" "In Base64." "\"ab\".to_bytes().base64() == \"YWI=\"";
        "hex" "() -> Text" "In hexadecimal." "\"ab\".to_bytes().hex() == \"6162\"";
        "sha256" "() -> Text" "SHA-256, in hex." "\"a\".to_bytes().sha256() == \"a\".sha256()";
    }
    "Json" {
        "len" "() -> Int" "The number of items or members; 0 for anything else." "(\"[1, 2]\".parse_json() ?? fail \"no\").len() == 2";
        "keys" "() -> List<Text>" "The names of an object's members." "(r#\"{\"a\": 1}\"#.parse_json() ?? fail \"no\").keys() == [\"a\"]";
        "items" "() -> List<Json>" "The items of a list; none for anything else." "(\"[1, 2]\".parse_json() ?? fail \"no\").items().len() == 2";
        "get" "(path: Text) -> Json" "Walks along names and places with points between; null when there is nothing." "(r#\"{\"a\": [7]}\"#.parse_json() ?? fail \"no\").get(\"a.0\") == 7";
        "contains" "(key: Text) -> Bool" "Whether an object has this member." "(r#\"{\"a\": 1}\"#.parse_json() ?? fail \"no\").contains(\"a\")";
        "merge" "(other: Json) -> Json" "Both objects; of equal names the member of `other` counts." "(r#\"{\"a\": 1}\"#.parse_json() ?? fail \"no\").merge({ b: 2 }).len() == 2";
        "is_null" "() -> Bool" "Whether it is null or absent." "(r#\"{\"a\": null}\"#.parse_json() ?? fail \"no\").a.is_null()";
    }
    "Range<T>" {
        "contains" "(value: T) -> Bool" "Whether it lies in the range." "(1..5).contains(4)";
        "start" "() -> T" "The lower bound." "(1..5).start() == 1";
        "end" "() -> T" "The upper bound." "(1..5).end() == 5";
    }
    "Range<Int>" {
        "len" "() -> Int" "How many whole numbers." "(1..5).len() == 4";
        "to_list" "() -> List<Int>" "The whole numbers." "(1..=3).to_list() == [1, 2, 3]";
        "map" "(f: (Int) => U) -> List<U>" @reads "What `f` makes of each number." "(0..3).map(x => x * x) == [0, 1, 4]";
    }
    "Regex" {
        "source" "() -> Text" "As it was written." "re\"a+\".source() == \"a+\"";
    }
    "T?" {
        "map" "(f: (T) => U) -> U?" @reads "What `f` makes of the value, when there is one." "\"4\".to_int().map(x => x + 1) == 5";
        "to_list" "() -> List<T>" "A list of the value, empty when there is none." "\"x\".to_int().to_list().is_empty()";
    }
    "Secret" {
        "prefixed" "(prefix: Text) -> Secret" "With a text before it, as in `GenieKey …`." "true";
        "suffixed" "(suffix: Text) -> Secret" "With a text after it." "true";
        "base64" "() -> Secret" "Base64 of it." "true";
    }
    "J" {
        "to_json" "() -> Text" "As compact JSON text." "[1, 2].to_json() == \"[1,2]\"";
    }
    "P" {
        "to_text" "() -> Text" "As a hole of a text prints it." "[1, 2].map(x => x.to_text()).join(\"+\") == \"1+2\"";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_method_stands_twice_for_one_receiver() {
        let mut seen = std::collections::BTreeSet::new();
        for m in METHODS {
            assert!(seen.insert((m.receiver, m.name)), "{} {}", m.receiver, m.name);
        }
    }

    #[test]
    fn heads_are_what_the_typed_tree_writes() {
        let heads: std::collections::BTreeSet<_> = METHODS.iter().map(Method::head).collect();
        assert!(heads.contains("Optional") && heads.contains("Any") && heads.contains("List"));
        assert!(heads.iter().all(|h| h.chars().all(char::is_alphanumeric)));
        assert_eq!(find("List", "average").count(), 2);
    }
}
