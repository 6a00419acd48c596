//! Small functions that a connector's actions share. Only those that are called are written.

/// A helper by the name it is called by.
const HELPERS: &[(&str, &str)] = &[
    (
        "_asked",
        "  /// The address with parameters behind it, each as often as it has values.
  fn _asked(url: Url, query: Map<Text, List<Text>>) -> Url {
    query.entries().fold(url, (all, it) => it.value.fold(all, (one, text) => one.with_query(it.key, text)))
  }
",
    ),
    (
        "_with_nulls",
        "  /// The body with null for these members.
  fn _with_nulls(body: Json, nulls: List<Text>, may: List<Text>) -> Json {
    if let odd = nulls.first(name => name not in may) { fail \"`${odd}` cannot be null: ${may.join(\", \")} can\" }
    let nothing: Json = none
    nulls.fold(body, (all, name) => all.set(name, nothing))
  }
",
    ),
    (
        "_headers",
        "  /// Headers, without those that have no value.
  fn _headers(all: Map<Text, List<Text>>) -> Map<Text, Text> {
    all.filter((name, values) => not values.is_empty()).map_values(values => values.join(\",\"))
  }
",
    ),
    (
        "_form",
        "  /// The fields of a form, each as often as it has values.
  fn _form(fields: Map<Text, List<Text>>) -> Text {
    fields.entries()
      .flat_map(it => it.value.map(text => \"${it.key.url_encode()}=${text.url_encode()}\"))
      .join(\"&\")
  }
",
    ),
    (
        "_parts",
        "  /// The parts of a form, those of files with a name. The boundary follows from what stands between.
  fn _parts(boundary: Text, fields: Map<Text, List<Text>>, files: List<Text>) -> Text {
    let parts = fields.entries().flat_map(it => it.value.map(text => _part(boundary, it.key, text, it.key in files)))
    \"${parts.join()}--${boundary}--\\r\\n\"
  }
",
    ),
    (
        "_part",
        "  fn _part(boundary: Text, name: Text, text: Text, file: Bool) -> Text {
    let head = \"--${boundary}\\r\\nContent-Disposition: form-data; name=\\\"${name}\\\"\"
    let kind = if file { \"; filename=\\\"${name}\\\"\\r\\nContent-Type: application/octet-stream\" } else { \"\" }
    \"${head}${kind}\\r\\n\\r\\n${text}\\r\\n\"
  }
",
    ),
    (
        "_boundary",
        "  fn _boundary(fields: Map<Text, List<Text>>) -> Text { \"rrb-${fields.to_json().sha256().take(32)}\" }
",
    ),
    (
        "_joined",
        "  /// One text of all values; none of no value.
  fn _joined(values: List<Text>, separator: Text) -> List<Text> {
    if values.is_empty() { [] } else { [values.join(separator)] }
  }
",
    ),
    (
        "_members",
        "  /// The members of an object as parameters `name[member]`, or `member` when there is no name.
  fn _members(name: Text, json: Json) -> Map<Text, List<Text>> {
    json.entries()
      .filter(it => not it.value.is_null())
      .to_map(it => if name.is_empty() { it.key } else { \"${name}[${it.key}]\" }, it => _texts(it.value))
  }
",
    ),
    (
        "_pairs",
        "  /// The members of an object one after the other: `a,1,b,2`.
  fn _pairs(json: Json) -> List<Text> {
    json.entries().filter(it => not it.value.is_null()).flat_map(it => [it.key, _text(it.value)])
  }
",
    ),
    (
        "_texts",
        "  fn _texts(json: Json) -> List<Text> {
    if json.is_null() {
      []
    } else if json.kind() == \"list\" {
      json.items().map(it => _text(it))
    } else {
      [_text(json)]
    }
  }
",
    ),
    (
        "_text",
        "  /// A text as it is, all else as JSON.
  fn _text(json: Json) -> Text { if json.kind() == \"text\" { json as Text } else { json.to_json() } }
",
    ),
    (
        "_needed",
        "  fn _needed(value: Secret?, name: Text) -> Secret {
    value ?? fail \"set `${name}` of the connector `CONNECTOR`\"
  }
",
    ),
    (
        "_secret",
        "  /// With one more secret, when it is set.
  fn _secret(all: Map<Text, Secret>, name: Text, value: Secret?) -> Map<Text, Secret> {
    if let it = value { all.set(name, it) } else { all }
  }
",
    ),
    (
        "_without_none",
        "  /// The object without those of these members that are null.
  fn _without_none(object: Json, optional: List<Text>) -> Json {
    optional.fold(object, (all, name) => if all[name].is_null() { all.remove(name) } else { all })
  }
",
    ),
    (
        "_tagged",
        "  fn _tagged(object: Json, tag: Text, value: Text) -> Json { object.set(tag, value) }
",
    ),
];

/// The helpers that `text` calls, and those that they call.
pub fn used_by(text: &str, connector: &str) -> String {
    let mut wanted = vec![false; HELPERS.len()];
    let mut all = text.to_owned();
    loop {
        let next = HELPERS
            .iter()
            .enumerate()
            .find(|(i, (name, _))| !wanted.get(*i).copied().unwrap_or(true) && calls(&all, name));
        let Some((i, (_, body))) = next else { break };
        if let Some(flag) = wanted.get_mut(i) {
            *flag = true;
        }
        all.push_str(body);
    }
    let chosen = HELPERS.iter().zip(&wanted).filter(|(_, wanted)| **wanted);
    chosen.map(|((_, body), _)| body.replace("CONNECTOR", connector) + "\n").collect()
}

/// Whether `name` is called: not a longer name that ends so.
fn calls(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let behind = text.get(at + name.len()..).is_some_and(|t| t.starts_with('('));
        behind && !before.is_some_and(is_part)
    })
}
