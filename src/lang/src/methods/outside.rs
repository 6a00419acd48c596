//! Addresses, Json, secrets, and what many types have.

use super::Method;

methods! {
    "Url" {
        "scheme" "() -> Text" "`https`"
            "url\"https://a.b/c\".scheme()" => "\"https\"";
        "host" "() -> Text" "The host name or address."
            "url\"https://a.b/c\".host()" => "\"a.b\"";
        "port" "() -> Int?" "The port, the scheme's own when none is written."
            "url\"https://a.b/c\".port()" => "443";
        "path" "() -> Text" "The path, percent-encoded."
            "url\"https://a.b/c\".path()" => "\"/c\"";
        "query" "(name: Text) -> Text?" "The first value of a query parameter, decoded."
            "url\"https://a.b/?x=1\".query(\"x\")" => "\"1\"";
        "join" "(segment: Text) -> Url" "With one more segment, percent-encoded. An empty one, `.` and `..`, which mean another place, fail."
            "url\"https://a.b/c\".join(\"d e\")" => "url\"https://a.b/c/d%20e\"";
        "with_slash" "() -> Url" "With a `/` at the end of its path, where a target wants one."
            "url\"https://a.b/c\".with_slash()" => "url\"https://a.b/c/\"";
        "with_query" "(name: Text, value: Text) -> Url" "With one more query parameter."
            "url\"https://a.b/\".with_query(\"x\", \"1 2\")" => "url\"https://a.b/?x=1+2\"";
        "origin" "() -> Text" "Scheme, host and port."
            "url\"https://a.b/c/d?x=1&y=2#top\".origin()" => "\"https://a.b\"";
        "segments" "() -> List<Text>" "The parts of the path, decoded."
            "url\"https://a.b/c/d?x=1&y=2#top\".segments()" => "[\"c\", \"d\"]";
        "queries" "() -> Map<Text, Text>" "All query parameters, decoded; of equal names the last counts."
            "url\"https://a.b/c/d?x=1&y=2#top\".queries()" => "{ \"x\": \"1\", \"y\": \"2\" }";
        "fragment" "() -> Text?" "What follows `#`."
            "url\"https://a.b/c/d?x=1&y=2#top\".fragment()" => "\"top\"";
        "with_path" "(path: Text) -> Url" "With another path, percent-encoded where it must be; slashes stay."
            "url\"https://a.b/c/d?x=1&y=2#top\".with_path(\"/e f/g\")" => "url\"https://a.b/e%20f/g?x=1&y=2#top\"";
        "without_query" "() -> Url" "Without query and fragment."
            "url\"https://a.b/c/d?x=1&y=2#top\".without_query()" => "url\"https://a.b/c/d\"";
    }
    "Ip" {
        "is_v4" "() -> Bool" "Whether it is an IPv4 address."
            "ip\"10.0.0.1\".is_v4()" => "true";
        "is_v6" "() -> Bool" "Whether it is an IPv6 address."
            "ip\"::1\".is_v6()" => "true";
        "is_private" "() -> Bool" "Whether it belongs to a private network."
            "ip\"10.0.0.1\".is_private()" => "true";
        "is_loopback" "() -> Bool" "Whether it is this machine's own."
            "ip\"127.0.0.1\".is_loopback()" => "true";
        "is_link_local" "() -> Bool" "Whether it holds on one link only."
            "ip\"169.254.1.1\".is_link_local()" => "true";
        "is_multicast" "() -> Bool" "Whether it stands for a group."
            "ip\"224.0.0.1\".is_multicast()" => "true";
        "is_public" "() -> Bool" "Whether it is none of private, loopback, link-local, multicast, unspecified, broadcast and for documentation."
            "ip\"9.9.9.9\".is_public()" => "true";
        "to_cidr" "() -> Cidr" "The network of this one address."
            "ip\"10.0.0.1\".to_cidr()" => "cidr\"10.0.0.1/32\"";
    }
    "Cidr" {
        "contains" "(ip: Ip) -> Bool" "Whether the address lies in the network."
            "cidr\"10.0.0.0/8\".contains(ip\"10.1.2.3\")" => "true";
        "network" "() -> Ip" "The first address."
            "cidr\"10.0.0.0/8\".network()" => "ip\"10.0.0.0\"";
        "prefix" "() -> Int" "The number of fixed bits."
            "cidr\"10.0.0.0/8\".prefix()" => "8";
        "covers" "(other: Cidr) -> Bool" "Whether all of `other` lies in it."
            "cidr\"10.0.0.0/8\".covers(cidr\"10.1.0.0/16\")" => "true";
        "overlaps" "(other: Cidr) -> Bool" "Whether the two have an address in common."
            "cidr\"10.0.0.0/8\".overlaps(cidr\"11.0.0.0/8\")" => "false";
        "last" "() -> Ip" "The last address."
            "cidr\"10.0.0.0/8\".last()" => "ip\"10.255.255.255\"";
        "netmask" "() -> Ip" "The fixed bits as an address."
            "cidr\"10.0.0.0/8\".netmask()" => "ip\"255.0.0.0\"";
        "len" "() -> Int" "The number of addresses; fails when there are more than an Int counts."
            "cidr\"10.0.0.0/30\".len()" => "4";
        "hosts" "() -> List<Ip>" "The addresses of machines: all but network and broadcast."
            "cidr\"10.0.0.0/30\".hosts()" => "[ip\"10.0.0.1\", ip\"10.0.0.2\"]";
        "subnets" "(prefix: Int) -> List<Cidr>" "The networks with so many fixed bits in it."
            "cidr\"10.0.0.0/8\".subnets(9)" => "[cidr\"10.0.0.0/9\", cidr\"10.128.0.0/9\"]";
        "is_v4" "() -> Bool" "Whether it is an IPv4 network."
            "cidr\"10.0.0.0/8\".is_v4()" => "true";
        "is_v6" "() -> Bool" "Whether it is an IPv6 network."
            "cidr\"10.0.0.0/8\".is_v6()" => "false";
    }
    "Json" {
        "len" "() -> Int" "The number of items or members; 0 for anything else."
            "doc.len()" => "3";
        "keys" "() -> List<Text>" "The names of an object's members."
            "doc.keys()" => "[\"a\", \"b\", \"c\"]";
        "items" "() -> List<Json>" "The items of a list; none for anything else."
            "doc.b.items()" => "[2, 3]";
        "to_list" "() -> List<Json>" "The items of a list, none for null, and anything else as the only item: in XML, one of several is no list."
            "doc.a.to_list()" => "[1]";
        "get" "(path: Text) -> Json" "Walks along names and places with points between; null when there is nothing."
            "doc.get(\"b.0\")" => "2";
        "contains" "(key: Text) -> Bool" "Whether an object has this member."
            "doc.contains(\"a\")" => "true";
        "merge" "(other: Json) -> Json" "Both objects; of equal names the member of `other` counts."
            "doc.merge({ c: 4 })" => "{\"a\":1,\"b\":[2,3],\"c\":4}";
        "is_null" "() -> Bool" "Whether it is null or absent."
            "doc.c.is_null()" => "true";
        "kind" "() -> Text" "`object`, `list`, `text`, `number`, `bool` or `null`."
            "doc.b.kind()" => "\"list\"";
        "is_empty" "() -> Bool" "Whether it has no items or members."
            "doc.is_empty()" => "false";
        "values" "() -> List<Json>" "The values of an object's members."
            "doc.values()" => "[1, [2,3], null]";
        "entries" "() -> List<{ key: Text, value: Json }>" "An object's members."
            "doc.entries()" => "[{ key: \"a\", value: 1 }, { key: \"b\", value: [2,3] }, { key: \"c\", value: null }]";
        "set" "(key: Text, value: Json) -> Json" "The object with this member; null becomes one."
            "doc.set(\"b\", 3)" => "{\"a\":1,\"b\":3,\"c\":null}";
        "remove" "(key: Text) -> Json" "The object without this member."
            "doc.remove(\"b\")" => "{\"a\":1,\"c\":null}";
    }
    "Secret" {
        "prefixed" "(prefix: Text) -> Secret" "With a text before it, as in `GenieKey …`."
            "token.prefixed(\"GenieKey \")" => "a Secret";
        "suffixed" "(suffix: Text) -> Secret" "With a text after it."
            "token.suffixed(\":x\")" => "a Secret";
        "base64" "() -> Secret" "Base64 of it."
            "token.base64()" => "a Secret";
    }
    "Failure" {
        "is_transient" "() -> Bool" "Whether trying again may help: the kind is `timeout`, `unavailable` or `throttled`."
            "(try { [1][5] > 0 } catch f { f.is_transient() })" => "false";
    }
    "E" {
        "name" "() -> Text" "The name of the variant, without its payload."
            "FailureKind.not_found.name()" => "\"not_found\"";
    }
    "J" {
        "to_json" "(pretty: Bool = false) -> Text" "As JSON text, compact or with indentation."
            "[1, 2].to_json()" => "\"[1,2]\"";
    }
    "P" {
        "to_text" "() -> Text" "As a hole of a text prints it."
            "5m.to_text()" => "\"5m\"";
    }
}
