//! Lists.

use super::Method;

methods! {
    "List<T>" {
        "len" "() -> Int" "The number of items."
            "[1, 2].len()" => "2";
        "is_empty" "() -> Bool" "Whether there are no items."
            "[1].is_empty()" => "false";
        "first" "(f: (T) => Bool = x => true) -> T?" @reads "The first item, or the first one that `f` accepts."
            "[1, 2, 3].first(x => x > 1)" => "2";
        "last" "(f: (T) => Bool = x => true) -> T?" @reads "The last item, or the last one that `f` accepts."
            "[1, 2].last()" => "2";
        "get" "(index: Int) -> T?" "The item at `index`, from 0, negative from the end; `none` when there is none."
            "[1, 2].get(5)" => "none";
        "contains" "(item: T) -> Bool" "Whether `item` is in the list."
            "[1, 2].contains(2)" => "true";
        "index_of" "(item: T) -> Int?" "Where `item` is first."
            "[\"a\", \"b\"].index_of(\"b\")" => "1";
        "map" "(f: (T) => U) -> List<U>" @reads "What `f` makes of each item."
            "[1, 2].map(x => x * 2)" => "[2, 4]";
        "flat_map" "(f: (T) => List<U>) -> List<U>" "The lists that `f` makes of the items, one after the other."
            "[1, 2].flat_map(x => [x, x])" => "[1, 1, 2, 2]";
        "filter" "(f: (T) => Bool) -> List<T>" @reads "The items that `f` accepts."
            "[1, 2, 3].filter(x => x > 1)" => "[2, 3]";
        "any" "(f: (T) => Bool) -> Bool" @reads "Whether `f` accepts one; stops at the first."
            "[1, 2].any(x => x == 2)" => "true";
        "all" "(f: (T) => Bool) -> Bool" @reads "Whether `f` accepts every one; stops at the first it does not."
            "[1, 2].all(x => x > 0)" => "true";
        "count" "(f: (T) => Bool) -> Int" "How many items `f` accepts."
            "[1, 2, 3].count(x => x > 1)" => "2";
        "fold" "(start: U, f: (U, T) => U) -> U" "Goes through the items with what was made so far."
            "[1, 2, 3].fold(0, (sum, x) => sum + x)" => "6";
        "sort_by" "(f: (T) => O) -> List<T>" "Sorted by what `f` gives, smallest first; equal ones keep their order."
            "[3, 1, 2].sort_by(x => -x)" => "[3, 2, 1]";
        "max_by" "(f: (T) => O) -> T?" "The first item for which `f` gives the most."
            "[\"a\", \"bcd\"].max_by(x => x.len())" => "\"bcd\"";
        "min_by" "(f: (T) => O) -> T?" "The first item for which `f` gives the least."
            "[\"abc\", \"d\"].min_by(x => x.len())" => "\"d\"";
        "group_by" "(f: (T) => K) -> Map<K, List<T>>" "The items by what `f` gives, in the order of first appearance."
            "[1, 2, 3].group_by(x => x mod 2)" => "{ [1]: [1, 3], [0]: [2] }";
        "unique" "() -> List<T>" "Each item once, where it came first."
            "[1, 2, 1].unique()" => "[1, 2]";
        "unique_by" "(f: (T) => K) -> List<T>" "The first item for each value of `f`."
            "[1, 3, 2].unique_by(x => x mod 2)" => "[1, 2]";
        "reverse" "() -> List<T>" "The items from last to first."
            "[1, 2].reverse()" => "[2, 1]";
        "take" "(n: Int) -> List<T>" "The first `n` items, or as many as there are."
            "[1, 2, 3].take(2)" => "[1, 2]";
        "drop" "(n: Int) -> List<T>" "All but the first `n` items."
            "[1, 2, 3].drop(2)" => "[3]";
        "take_while" "(f: (T) => Bool) -> List<T>" "The items up to the first that `f` does not accept."
            "[1, 5, 2].take_while(x => x < 3)" => "[1]";
        "chunks" "(n: Int) -> List<List<T>>" "Lists of `n` items each, the last one may have fewer."
            "[1, 2, 3].chunks(2)" => "[[1, 2], [3]]";
        "concat" "(other: List<T>) -> List<T>" "These items, then those of `other`."
            "[1].concat([2])" => "[1, 2]";
        "push" "(item: T) -> List<T>" "The list with `item` at its end."
            "[1].push(2)" => "[1, 2]";
        "zip" "(other: List<U>) -> List<{ left: T, right: U }>" "Pairs, as many as the shorter list has."
            "[1, 2].zip([\"a\", \"b\", \"c\"])" => "[{ left: 1, right: \"a\" }, { left: 2, right: \"b\" }]";
        "enumerate" "() -> List<{ index: Int, value: T }>" "The items with their places, from 0."
            "[\"a\", \"b\"].enumerate()" => "[{ index: 0, value: \"a\" }, { index: 1, value: \"b\" }]";
        "to_set" "() -> Set<T>" "The items as a set."
            "[1, 1, 2].to_set()" => "[1, 2].to_set()";
        "to_map" "(key: (T) => K, value: (T) => V) -> Map<K, V>" "A map made of the items; of equal keys the last one counts."
            "[1, 2].to_map(x => \"k${x}\", x => x * 10)" => "{ \"k1\": 10, \"k2\": 20 }";
        "only" "() -> T" "The one item there is; fails when there are none or several."
            "[\"n1\"].only()" => "\"n1\"";
        "index_where" "(f: (T) => Bool) -> Int?" "Where the first item is that `f` accepts."
            "[5, 7].index_where(x => x > 5)" => "1";
        "filter_map" "(f: (T) => U?) -> List<U>" @reads "What `f` makes of each item, without what is `none`."
            "[\"1\", \"x\"].filter_map(t => t.to_int())" => "[1]";
        "partition" "(f: (T) => Bool) -> { yes: List<T>, no: List<T> }" "The items that `f` accepts, and the others."
            "[1, 2, 3].partition(x => x > 1)" => "{ yes: [2, 3], no: [1] }";
        "sum_by" "(f: (T) => N) -> N" "What `f` gives for the items, added up."
            "[\"a\", \"bcd\"].sum_by(t => t.len())" => "4";
        "count_by" "(f: (T) => K) -> Map<K, Int>" "How many items there are for each value of `f`."
            "[\"a\", \"b\", \"a\"].count_by(t => t)" => "{ \"a\": 2, \"b\": 1 }";
        "key_by" "(f: (T) => K) -> Map<K, T>" "The items by what `f` gives; of equal keys the last one counts."
            "[\"a\", \"bc\"].key_by(t => t.len())" => "{ [1]: \"a\", [2]: \"bc\" }";
        "take_last" "(n: Int) -> List<T>" "The last `n` items."
            "[1, 2, 3].take_last(2)" => "[2, 3]";
        "drop_last" "(n: Int) -> List<T>" "All but the last `n` items."
            "[1, 2, 3].drop_last(2)" => "[1]";
        "drop_while" "(f: (T) => Bool) -> List<T>" "The items from the first that `f` does not accept."
            "[1, 5, 2].drop_while(x => x < 3)" => "[5, 2]";
        "slice" "(start: Int, end: Int = len) -> List<T>" "The items from `start` up to `end`, negative places from the end."
            "[1, 2, 3, 4].slice(1, -1)" => "[2, 3]";
        "windows" "(n: Int) -> List<List<T>>" "Every `n` items that stand together."
            "[1, 2, 3].windows(2)" => "[[1, 2], [2, 3]]";
        "set" "(index: Int, item: T) -> List<T>" "The list with `item` at `index`; fails where there is none."
            "[1, 2].set(0, 9)" => "[9, 2]";
        "remove" "(item: T) -> List<T>" "Without every item that equals `item`."
            "[1, 2, 1].remove(1)" => "[2]";
        "repeat" "(n: Int) -> List<T>" "The items `n` times."
            "[1, 2].repeat(2)" => "[1, 2, 1, 2]";
    }
    "List<O>" {
        "sort" "() -> List<O>" "Sorted, smallest first."
            "[3, 1, 2].sort()" => "[1, 2, 3]";
        "max" "() -> O?" "The greatest item."
            "[1, 3, 2].max()" => "3";
        "min" "() -> O?" "The smallest item."
            "[3, 1, 2].min()" => "1";
    }
    "List<N>" {
        "sum" "() -> N" "All items added up; nothing at all gives zero."
            "[10s, 1m].sum()" => "1m10s";
    }
    "List<Int>" {
        "average" "() -> Float?" "The arithmetic mean."
            "[1, 2].average()" => "1.5";
        "percentile" "(share: Float) -> Float?" "The value below which this share of the items lies, interpolated."
            "[1, 2, 3].percentile(50%)" => "2.0";
    }
    "List<Float>" {
        "average" "() -> Float?" "The arithmetic mean."
            "[1.0, 2.0].average()" => "1.5";
        "percentile" "(share: Float) -> Float?" "The value below which this share of the items lies, interpolated."
            "[1.0, 2.0, 3.0].percentile(50%)" => "2.0";
    }
    "List<Duration>" {
        "average" "() -> Duration?" "The arithmetic mean."
            "[10s, 20s].average()" => "15s";
        "percentile" "(share: Float) -> Duration?" "The value below which this share of the items lies, interpolated."
            "[1s, 2s, 3s].percentile(50%)" => "2s";
    }
    "List<Size>" {
        "average" "() -> Size?" "The arithmetic mean."
            "[1KiB, 3KiB].average()" => "2KiB";
        "percentile" "(share: Float) -> Size?" "The value below which this share of the items lies, interpolated."
            "[1KiB, 2KiB, 3KiB].percentile(50%)" => "2KiB";
    }
    "List<P>" {
        "join" "(separator: Text = \"\") -> Text" "The items as holes print them, in one text, with the separator between."
            "[\"a\", \"b\"].join(\", \")" => "\"a, b\"";
    }
    "List<List<T>>" {
        "flatten" "() -> List<T>" "The items of all lists."
            "[[1], [2, 3]].flatten()" => "[1, 2, 3]";
    }
    "List<T?>" {
        "present" "() -> List<T>" "The items that are there."
            "[\"1\", \"x\"].map(t => t.to_int()).present()" => "[1]";
    }
}
