//! Sets, maps, ranges and optionals.

use super::Method;

methods! {
    "Set<T>" {
        "len" "() -> Int" "The number of items."
            "[1, 2, 1].to_set().len()" => "2";
        "is_empty" "() -> Bool" "Whether there are no items."
            "[1].to_set().is_empty()" => "false";
        "contains" "(item: T) -> Bool" "Whether `item` is in the set."
            "[1, 2].to_set().contains(2)" => "true";
        "first" "(f: (T) => Bool = x => true) -> T?" @reads "The first item, or the first one that `f` accepts."
            "[1, 2].to_set().first(x => x > 1)" => "2";
        "map" "(f: (T) => U) -> Set<U>" @reads "What `f` makes of each item."
            "[1, 2, 3].to_set().map(x => x mod 2)" => "[1, 0].to_set()";
        "filter" "(f: (T) => Bool) -> Set<T>" @reads "The items that `f` accepts."
            "[1, 2].to_set().filter(x => x > 1)" => "[2].to_set()";
        "any" "(f: (T) => Bool) -> Bool" @reads "Whether `f` accepts one."
            "[1, 2].to_set().any(x => x == 2)" => "true";
        "all" "(f: (T) => Bool) -> Bool" @reads "Whether `f` accepts every one."
            "[1, 2].to_set().all(x => x > 0)" => "true";
        "add" "(item: T) -> Set<T>" "The set with `item`."
            "[1].to_set().add(2)" => "[1, 2].to_set()";
        "remove" "(item: T) -> Set<T>" "The set without `item`."
            "[1, 2].to_set().remove(2)" => "[1].to_set()";
        "union" "(other: Set<T>) -> Set<T>" "What is in one of both."
            "[1].to_set().union([2].to_set())" => "[1, 2].to_set()";
        "intersect" "(other: Set<T>) -> Set<T>" "What is in both."
            "[1, 2].to_set().intersect([2, 3].to_set())" => "[2].to_set()";
        "minus" "(other: Set<T>) -> Set<T>" "What is not in `other`."
            "[1, 2].to_set().minus([2].to_set())" => "[1].to_set()";
        "is_subset" "(other: Set<T>) -> Bool" "Whether all of it is in `other`."
            "[1].to_set().is_subset([1, 2].to_set())" => "true";
        "to_list" "() -> List<T>" "The items in the order they were added."
            "[2, 1].to_set().to_list()" => "[2, 1]";
        "count" "(f: (T) => Bool) -> Int" "How many items `f` accepts."
            "[1, 2, 3].to_set().count(x => x > 1)" => "2";
        "is_superset" "(other: Set<T>) -> Bool" "Whether all of `other` is in it."
            "[1, 2].to_set().is_superset([1].to_set())" => "true";
        "is_disjoint" "(other: Set<T>) -> Bool" "Whether nothing is in both."
            "[1].to_set().is_disjoint([2].to_set())" => "true";
    }
    "Set<O>" {
        "sort" "() -> List<O>" "The items as a list, smallest first."
            "[3, 1].to_set().sort()" => "[1, 3]";
        "max" "() -> O?" "The greatest item."
            "[1, 3].to_set().max()" => "3";
        "min" "() -> O?" "The smallest item."
            "[3, 1].to_set().min()" => "1";
    }
    "Set<P>" {
        "join" "(separator: Text = \"\") -> Text" "The items as holes print them, in one text, with the separator between."
            "[\"b\", \"a\"].to_set().join(\"+\")" => "\"b+a\"";
    }
    "Map<K, V>" {
        "len" "() -> Int" "The number of entries."
            "{ \"a\": 1 }.len()" => "1";
        "is_empty" "() -> Bool" "Whether there are no entries."
            "{ \"a\": 1 }.is_empty()" => "false";
        "get" "(key: K) -> V?" "The value of `key`."
            "{ \"a\": 1 }.get(\"b\")" => "none";
        "contains" "(key: K) -> Bool" "Whether there is an entry for `key`."
            "{ \"a\": 1 }.contains(\"a\")" => "true";
        "keys" "() -> List<K>" "The keys in order."
            "{ \"a\": 1 }.keys()" => "[\"a\"]";
        "values" "() -> List<V>" "The values in order."
            "{ \"a\": 1 }.values()" => "[1]";
        "entries" "() -> List<{ key: K, value: V }>" "The entries in order."
            "{ \"a\": 1 }.entries()" => "[{ key: \"a\", value: 1 }]";
        "set" "(key: K, value: V) -> Map<K, V>" "The map with this entry."
            "{ \"a\": 1 }.set(\"b\", 2)" => "{ \"a\": 1, \"b\": 2 }";
        "remove" "(key: K) -> Map<K, V>" "The map without this entry."
            "{ \"a\": 1, \"b\": 2 }.remove(\"a\")" => "{ \"b\": 2 }";
        "merge" "(other: Map<K, V>) -> Map<K, V>" "Both; of equal keys the entry of `other` counts."
            "{ \"a\": 1, \"b\": 1 }.merge({ \"b\": 2 })" => "{ \"a\": 1, \"b\": 2 }";
        "map_values" "(f: (V) => U) -> Map<K, U>" "The same keys with what `f` makes of the values."
            "{ \"a\": 1 }.map_values(v => v + 1)" => "{ \"a\": 2 }";
        "filter" "(f: (K, V) => Bool) -> Map<K, V>" @reads "The entries that `f` accepts."
            "{ \"a\": 1, \"b\": 2 }.filter((k, v) => v > 1)" => "{ \"b\": 2 }";
        "any" "(f: (K, V) => Bool) -> Bool" @reads "Whether `f` accepts one."
            "{ \"a\": 1 }.any((k, v) => k == \"a\")" => "true";
        "all" "(f: (K, V) => Bool) -> Bool" @reads "Whether `f` accepts every one."
            "{ \"a\": 1 }.all((k, v) => v == 1)" => "true";
        "map" "(f: (K, V) => U) -> List<U>" @reads "What `f` makes of each entry."
            "{ \"a\": 1 }.map((k, v) => \"${k}=${v}\")" => "[\"a=1\"]";
        "map_keys" "(f: (K) => U) -> Map<U, V>" "The same values by what `f` makes of the keys; of equal ones the last counts."
            "{ \"a\": 1 }.map_keys(k => k.upper())" => "{ \"A\": 1 }";
        "count" "(f: (K, V) => Bool) -> Int" "How many entries `f` accepts."
            "{ \"a\": 1, \"b\": 2 }.count((k, v) => v > 1)" => "1";
        "sort_by" "(f: (K, V) => O) -> Map<K, V>" "The entries in the order of what `f` gives, smallest first."
            "{ \"a\": 2, \"b\": 1 }.sort_by((k, v) => v)" => "{ \"b\": 1, \"a\": 2 }";
        "max_by" "(f: (K, V) => O) -> { key: K, value: V }?" "The first entry for which `f` gives the most."
            "{ \"a\": 1, \"b\": 2 }.max_by((k, v) => v)" => "{ key: \"b\", value: 2 }";
        "min_by" "(f: (K, V) => O) -> { key: K, value: V }?" "The first entry for which `f` gives the least."
            "{ \"a\": 1, \"b\": 2 }.min_by((k, v) => v)" => "{ key: \"a\", value: 1 }";
        "pick" "(keys: List<K>) -> Map<K, V>" "Only the entries with these keys."
            "{ \"a\": 1, \"b\": 2 }.pick([\"b\", \"c\"])" => "{ \"b\": 2 }";
        "omit" "(keys: List<K>) -> Map<K, V>" "Without the entries with these keys."
            "{ \"a\": 1, \"b\": 2 }.omit([\"b\", \"c\"])" => "{ \"a\": 1 }";
        "invert" "() -> Map<V, K>" "The keys by their values; of equal values the last counts."
            "{ \"a\": 1 }.invert()" => "{ [1]: \"a\" }";
    }
    "Range<T>" {
        "contains" "(value: T) -> Bool" "Whether it lies in the range."
            "(1..5).contains(4)" => "true";
        "start" "() -> T" "The lower bound."
            "(1..5).start()" => "1";
        "end" "() -> T" "The upper bound."
            "(1..5).end()" => "5";
        "is_empty" "() -> Bool" "Whether nothing lies in it."
            "(5..1).is_empty()" => "true";
    }
    "Range<Int>" {
        "len" "() -> Int" "How many whole numbers."
            "(1..5).len()" => "4";
        "to_list" "() -> List<Int>" "The whole numbers."
            "(1..=3).to_list()" => "[1, 2, 3]";
        "map" "(f: (Int) => U) -> List<U>" @reads "What `f` makes of each number."
            "(0..3).map(x => x * x)" => "[0, 1, 4]";
        "filter" "(f: (Int) => Bool) -> List<Int>" @reads "The numbers that `f` accepts."
            "(1..=4).filter(x => x mod 2 == 0)" => "[2, 4]";
        "any" "(f: (Int) => Bool) -> Bool" @reads "Whether `f` accepts one; stops at the first."
            "(1..=4).any(x => x == 4)" => "true";
        "all" "(f: (Int) => Bool) -> Bool" @reads "Whether `f` accepts every one; stops at the first it does not."
            "(1..=4).all(x => x > 0)" => "true";
        "step" "(n: Int) -> List<Int>" "Every `n`-th number, from the first."
            "(0..10).step(3)" => "[0, 3, 6, 9]";
        "reverse" "() -> List<Int>" "The numbers from last to first."
            "(1..=3).reverse()" => "[3, 2, 1]";
    }
    "T?" {
        "map" "(f: (T) => U) -> U?" @reads "What `f` makes of the value, when there is one."
            "\"4\".to_int().map(x => x + 1)" => "5";
        "to_list" "() -> List<T>" "A list of the value, empty when there is none."
            "\"4\".to_int().to_list()" => "[4]";
        "filter" "(f: (T) => Bool) -> T?" @reads "The value, when there is one and `f` accepts it."
            "\"4\".to_int().filter(x => x > 5)" => "none";
        "any" "(f: (T) => Bool) -> Bool" @reads "Whether there is a value and `f` accepts it."
            "\"4\".to_int().any(x => x == 4)" => "true";
    }
}
