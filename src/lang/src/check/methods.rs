//! Calls of built-in methods: the signatures of the method table, read once.

use std::collections::HashMap;
use std::sync::LazyLock;

use smol_str::SmolStr;

use super::cx::{Checker, ParamInfo};
use super::expr::Want;
use super::index::Target;
use super::scope::{bad, is_error, node, verb};
use super::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{self, ExprKind};
use crate::methods::METHODS;
use crate::span::Span;
use crate::syntax::ast;
use crate::types::{Effect, FieldTy, Ty, Type, builtin};

/// A parameter of a method.
#[derive(Debug, Clone)]
struct Param {
    name: SmolStr,
    ty: Ty,
    optional: bool,
}

/// A method with its types; the variables are those of [`VARIABLES`].
#[derive(Debug)]
struct Signature {
    head: &'static str,
    name: &'static str,
    receiver: Ty,
    params: Vec<Param>,
    ret: Ty,
    reads: bool,
}

/// The letters that stand for types.
const VARIABLES: [&str; 9] = ["T", "U", "K", "V", "O", "N", "J", "P", "E"];

static SIGNATURES: LazyLock<Vec<Signature>> = LazyLock::new(|| {
    METHODS
        .iter()
        .filter_map(|m| {
            let receiver = Reader::new(m.receiver).ty()?;
            let mut reader = Reader::new(m.signature);
            let params = reader.params()?;
            reader.eat("->").then_some(())?;
            let ret = reader.ty()?;
            Some(Signature { head: m.head(), name: m.name, receiver, params, ret, reads: m.effect_polymorphic })
        })
        .collect()
});

static BY_HEAD: LazyLock<HashMap<&'static str, Vec<&'static Signature>>> = LazyLock::new(|| {
    let mut map: HashMap<&'static str, Vec<&'static Signature>> = HashMap::new();
    for s in SIGNATURES.iter() {
        map.entry(s.head).or_default().push(s);
    }
    map
});

/// Reads the types of the method table.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.trim_start() }
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> Option<&'a str> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).filter(|(w, _)| !w.is_empty())?;
        self.rest = rest.trim_start();
        Some(word)
    }

    fn params(&mut self) -> Option<Vec<Param>> {
        self.eat("(").then_some(())?;
        let mut out = Vec::new();
        while !self.eat(")") {
            let name = self.word()?;
            self.eat(":").then_some(())?;
            let ty = self.ty()?;
            let optional = self.eat("=");
            if optional {
                // Defaults hold no comma and no bracket, except inside quotes.
                let mut quoted = false;
                let end = self.rest.find(|c: char| {
                    quoted ^= c == '"';
                    !quoted && (c == ',' || c == ')')
                })?;
                self.rest = self.rest.get(end..)?;
            }
            out.push(Param { name: name.into(), ty, optional });
            self.eat(",");
        }
        Some(out)
    }

    fn ty(&mut self) -> Option<Ty> {
        let mut t = self.plain()?;
        while self.eat("?") {
            t = ty::of(Type::Optional(t));
        }
        Some(t)
    }

    fn plain(&mut self) -> Option<Ty> {
        if self.eat("(") {
            let mut params = Vec::new();
            while !self.eat(")") {
                params.push(self.ty()?);
                self.eat(",");
            }
            self.eat("=>").then_some(())?;
            let ret = self.ty()?;
            return Some(ty::of(Type::Function { params, ret, effect: Effect::Pure }));
        }
        if self.eat("{") {
            let mut fields = Vec::new();
            while !self.eat("}") {
                let name = self.word()?;
                self.eat(":").then_some(())?;
                fields.push(FieldTy { name: name.into(), ty: self.ty()?, default: None });
                self.eat(",");
            }
            return Some(ty::record(fields));
        }
        let word = self.word()?;
        if let Some(i) = VARIABLES.iter().position(|v| *v == word) {
            return Some(ty::of(Type::Param(u32::try_from(i).unwrap_or(0), word.into())));
        }
        let mut args = Vec::new();
        if self.eat("<") {
            while !self.eat(">") {
                args.push(self.ty()?);
                self.eat(",");
            }
        }
        let mut args = args.into_iter();
        let mut next = || args.next().unwrap_or_else(ty::error);
        Some(match word {
            "List" => ty::list(next()),
            "Set" => ty::of(Type::Set(next())),
            "Range" => ty::of(Type::Range(next())),
            "Map" => {
                let key = next();
                ty::map(key, next())
            }
            "Int" => ty::int(),
            "Float" => ty::float(),
            "Bool" => ty::boolean(),
            "Text" => ty::text(),
            "Duration" => ty::duration(),
            "Size" => ty::size(),
            "Time" => ty::time(),
            "Url" => ty::url(),
            "Ip" => ty::ip(),
            "Cidr" => ty::cidr(),
            "Bytes" => ty::bytes(),
            "Json" => ty::json(),
            "Regex" => ty::regex(),
            "Secret" => ty::secret(),
            "Cron" => ty::cron(),
            "Failure" => ty::of(Type::Named(builtin::FAILURE, vec![])),
            _ => return None,
        })
    }
}

fn head(t: &Type) -> Option<&'static str> {
    Some(match t {
        Type::List(_) => "List",
        Type::Set(_) => "Set",
        Type::Map(..) => "Map",
        Type::Text => "Text",
        Type::Int => "Int",
        Type::Float => "Float",
        Type::Duration => "Duration",
        Type::Size => "Size",
        Type::Time => "Time",
        Type::Url => "Url",
        Type::Ip => "Ip",
        Type::Cidr => "Cidr",
        Type::Bytes => "Bytes",
        Type::Json => "Json",
        Type::Range(_) => "Range",
        Type::Regex => "Regex",
        Type::Optional(_) | Type::None => "Optional",
        Type::Secret => "Secret",
        Type::Bool => "Bool",
        Type::Cron => "Cron",
        Type::Named(id, _) if *id == builtin::FAILURE => "Failure",
        _ => return None,
    })
}

/// What people write in other languages, or might expect, and the methods that do it; the first that the type has is meant.
const FOREIGN: &[(&str, &[&str])] = &[
    ("length size count Len getSize cardinality", &["len"]),
    ("to_string toString str string as_text text", &["to_text"]),
    ("to_lower lowercase toLowerCase downcase to_lowercase casefold", &["lower"]),
    ("to_upper uppercase toUpperCase upcase to_uppercase", &["upper"]),
    ("strip chomp trimmed", &["trim"]),
    ("lstrip trimStart trimLeft trim_left", &["trim_start"]),
    ("rstrip trimEnd trimRight trim_right", &["trim_end"]),
    ("includes has include contains_key has_key containsKey hasKey exists member", &["contains"]),
    ("append add push_back addLast", &["push", "add", "concat"]),
    ("extend push_all addAll plus", &["concat", "merge", "union"]),
    ("find detect", &["first", "find"]),
    ("indexOf position find_index findIndex", &["index_of", "index_where"]),
    ("lastIndexOf rfind rindex", &["last_index_of"]),
    ("startswith startsWith has_prefix begins_with hasPrefix", &["starts_with"]),
    ("endswith endsWith has_suffix hasSuffix", &["ends_with"]),
    ("trim_prefix removeprefix removePrefix strip_prefix", &["remove_prefix"]),
    ("trim_suffix removesuffix removeSuffix strip_suffix", &["remove_suffix"]),
    ("reduce foldl inject aggregate", &["fold"]),
    ("some exists any_match anyMatch", &["any"]),
    ("every all_match allMatch", &["all"]),
    ("each forEach for_each collect select", &["map"]),
    ("where grep keep find_all findAll", &["filter"]),
    ("flatMap bind and_then", &["flat_map", "map"]),
    ("mapNotNull compact_map compactMap filterMap", &["filter_map"]),
    ("compact flatten_options some_values", &["present"]),
    ("distinct uniq dedup unique_items", &["unique"]),
    ("sortBy order_by orderBy sorted_by", &["sort_by"]),
    ("sorted order", &["sort"]),
    ("groupBy", &["group_by"]),
    ("associate_by associateBy keyBy index_by", &["key_by"]),
    ("countBy tally value_counts frequencies", &["count_by"]),
    ("skip tail", &["drop"]),
    ("skip_while skipWhile dropWhile", &["drop_while"]),
    ("takeWhile", &["take_while"]),
    ("limit head top", &["take"]),
    ("chunk chunked in_groups_of batch", &["chunks"]),
    ("window windowed sliding each_cons", &["windows"]),
    ("single one", &["only"]),
    ("mean avg", &["average"]),
    ("median quantile", &["percentile"]),
    ("maximum", &["max"]),
    ("minimum", &["min"]),
    ("total", &["sum"]),
    ("reversed", &["reverse"]),
    ("with_index zip_with_index withIndex enumerated", &["enumerate"]),
    ("put insert update assoc with", &["set", "add"]),
    ("delete erase without unset discard", &["remove"]),
    ("items pairs to_entries toList to_pairs", &["entries", "to_list"]),
    ("mapValues transform_values", &["map_values"]),
    ("mapKeys transform_keys", &["map_keys"]),
    ("difference subtract except", &["minus"]),
    ("intersection intersect_with", &["intersect"]),
    ("issubset isSubset subset_of", &["is_subset"]),
    ("empty isEmpty", &["is_empty"]),
    ("at nth elementAt char_at charAt item", &["get"]),
    ("substring substr sub", &["slice"]),
    ("splitn partition cut split_at", &["split_once"]),
    ("explode", &["split"]),
    ("splitlines split_lines", &["lines"]),
    ("ljust rpad padEnd right_pad", &["pad_end"]),
    ("rjust lpad padStart left_pad zfill", &["pad_start", "format"]),
    ("title titleize capitalized ucfirst", &["capitalize"]),
    ("gsub re_sub replaceAll sub_all", &["replace_all", "replace"]),
    ("match test is_match search", &["matches", "capture"]),
    ("to_i parse_int parseInt as_int int toInt atoi", &["to_int"]),
    ("to_f parse_float parseFloat as_float float toFloat double", &["to_float"]),
    ("to_b as_bool bool parse_bool", &["to_bool"]),
    ("from_json json_decode json loads parse", &["parse_json"]),
    ("json_encode dump dumps stringify toJson toJSON tojson", &["to_json"]),
    ("b64encode base64_encode to_base64 encode64 toBase64", &["base64"]),
    ("b64decode base64_decode from_base64", &["decode_base64"]),
    ("urlencode percent_encode encode_uri_component quote", &["url_encode"]),
    ("unquote percent_decode urldecode", &["url_decode"]),
    ("to_seconds as_seconds total_seconds in_seconds toSeconds as_secs secs", &["seconds"]),
    ("to_minutes as_minutes mins", &["minutes"]),
    ("millis to_millis as_millis ms", &["milliseconds"]),
    ("to_bytes as_bytes", &["bytes", "to_bytes"]),
    ("mb mib MB MiB", &["mebibytes"]),
    ("gb gib GB GiB", &["gibibytes"]),
    ("timestamp epoch unix_time to_unix", &["unix"]),
    ("strftime to_s iso8601 isoformat", &["format", "to_text"]),
    ("truncate_to trunc date_trunc beginning_of floor_by", &["floor_to", "start_of_day"]),
    ("day_of_week dayOfWeek wday", &["weekday"]),
    ("to_zone in_time_zone with_zone at_zone tz", &["in_zone"]),
    ("add_days_to plus_days plusDays", &["add_days"]),
    ("plus_months plusMonths", &["add_months"]),
    ("hostname", &["host"]),
    ("params query_params search_params", &["queries"]),
    ("set_query add_query with_param", &["with_query"]),
    ("addresses ips", &["hosts"]),
    ("mask prefix_len prefixlen bits", &["prefix"]),
    ("type typeof type_of", &["kind", "name"]),
    ("path dig at_path", &["get"]),
    ("is_none isNone is_nil is_null_or_empty is_some present", &["to_list"]),
    ("power exp", &["pow"]),
    ("ceiling round_up", &["ceil", "ceil_to"]),
    ("round_down", &["floor", "floor_to"]),
    ("idiv floordiv quotient", &["div"]),
    ("to_fixed toFixed", &["format"]),
    ("hex", &["to_hex"]),
    ("and also_then map_or", &["map"]),
];

/// What the type has instead of a name from elsewhere.
fn foreign(name: &str, has: &[&'static str]) -> Option<&'static str> {
    let rows = FOREIGN.iter().filter(|(names, _)| names.split(' ').any(|n| n == name));
    rows.flat_map(|(_, meant)| *meant).copied().find(|m| has.contains(m))
}

impl Checker {
    fn signatures_of(&self, t: &Ty, name: &str) -> Vec<&'static Signature> {
        let own = head(&self.open(t)).and_then(|h| BY_HEAD.get(h));
        own.into_iter().flatten().filter(|s| s.name == name).copied().collect()
    }

    /// Methods of the type itself first, then those that many types have.
    fn method(&self, t: &Ty, name: &str) -> Option<(&'static Signature, Vec<Option<Ty>>)> {
        let any = BY_HEAD.get("Any").into_iter().flatten().filter(|s| s.name == name).copied();
        for s in self.signatures_of(t, name).into_iter().chain(any) {
            let mut vars = vec![None; VARIABLES.len()];
            self.unify(&s.receiver, t, &mut vars);
            let receiver = self.resolved(&s.receiver, &vars);
            let fits = receiver.is_some_and(|r| self.fit(t, &r) == Some(super::fit::Fit::Same))
                || matches!(*self.open(t), Type::None);
            if fits && self.kinds_hold(&vars) {
                return Some((s, vars));
            }
        }
        None
    }

    /// Whether what the letters stand for is of their kind: ordered, a number, Json-like, printable.
    fn kinds_hold(&self, vars: &[Option<Ty>]) -> bool {
        vars.iter().zip(VARIABLES).all(|(v, name)| {
            let Some(t) = v else { return true };
            match name {
                "O" => self.ordered(t),
                "N" => matches!(
                    *self.open(t),
                    Type::Int | Type::Float | Type::Duration | Type::Size | Type::Error | Type::Never
                ),
                "J" => self.unjsonable(t).is_none() && !matches!(**t, Type::Nothing),
                "P" => self.prints(t),
                "E" => self.enum_of(t).is_some(),
                _ => true,
            }
        })
    }

    pub fn has_method(&self, t: &Ty, name: &str) -> bool {
        !matches!(*self.open(t), Type::Optional(_)) && self.method(t, name).is_some()
    }

    /// The method of a type with a name like this.
    pub fn method_near(&self, t: &Ty, name: &str) -> Option<&'static str> {
        let all: Vec<&'static str> = head(&self.open(t))
            .and_then(|h| BY_HEAD.get(h))
            .into_iter()
            .chain(BY_HEAD.get("Any"))
            .flatten()
            .map(|s| s.name)
            .collect();
        foreign(name, &all)
            .or_else(|| nearest(name, all.iter().copied()).and_then(|n| all.iter().copied().find(|a| *a == n)))
            .or_else(|| {
                let words = FOREIGN.iter().flat_map(|(names, _)| names.split(' '));
                nearest(name, words.filter(|w| w.len() > 4)).and_then(|word| foreign(word, &all))
            })
    }

    /// `x.name(args)` on a value.
    pub fn method_call(
        &mut self,
        got: hir::Expr,
        name: &ast::Ident,
        optional: bool,
        args: &[ast::NamedArg],
        span: Span,
    ) -> hir::Expr {
        if is_error(&got.ty) || name.name.is_empty() {
            self.check_loose(args);
            return bad(span);
        }
        let whole = self.open(&got.ty);
        let inner = match &*whole {
            Type::Optional(t) if optional => t.clone(),
            _ => got.ty.clone(),
        };
        let maybe = optional && matches!(*whole, Type::Optional(_));
        if optional && !maybe && !matches!(*whole, Type::Json | Type::None) {
            let shown = self.show(&got.ty);
            self.report(
                Diagnostic::warning(
                    codes::TYPE_NEVER_MISSING,
                    "this is never missing",
                    got.span,
                    format!("this is `{shown}`"),
                )
                .help("write `.` instead of `?.`"),
            );
        }
        let Some((signature, vars)) = self.method(&inner, &name.name) else {
            self.check_loose(args);
            self.no_method(&got, &inner, name);
            return bad(span);
        };
        self.apply(got, signature, vars, maybe, (name, args), span)
    }

    fn apply(
        &mut self,
        got: hir::Expr,
        signature: &'static Signature,
        mut vars: Vec<Option<Ty>>,
        maybe: bool,
        call: (&ast::Ident, &[ast::NamedArg]),
        span: Span,
    ) -> hir::Expr {
        let (name, args) = call;
        self.saw_method(signature, &vars, name, args, span);
        let Some(slots) = self.method_slots(signature, name, args) else {
            self.check_loose(args);
            return bad(span);
        };
        let mut effect = Effect::Pure;
        let mut out: Vec<Option<hir::Expr>> = signature.params.iter().map(|_| None).collect();
        // Functions last: the other arguments say what they take.
        let order = |functions: bool| {
            signature
                .params
                .iter()
                .enumerate()
                .filter(move |(_, p)| matches!(*p.ty, Type::Function { .. }) == functions)
        };
        for (i, p) in order(false).chain(order(true)) {
            let Some(arg) = slots.get(i).copied().flatten() else { continue };
            let role = format!("`{}` of `.{}`", p.name, signature.name);
            let e = self.method_arg(arg, &p.ty, signature.reads, &mut vars, &role);
            if let Type::Function { effect: e, .. } = &*e.ty {
                effect = effect.max(*e);
            }
            if let Some(slot) = out.get_mut(i) {
                *slot = Some(e);
            }
        }
        if !self.kinds_hold(&vars) {
            let key = vars.iter().zip(VARIABLES).find(|(v, n)| v.is_some() && matches!(*n, "O" | "N"));
            let shown = key.and_then(|(v, _)| v.as_ref()).map(|t| self.show(t)).unwrap_or_default();
            self.error(
                codes::TYPE_COMPARE,
                span,
                format!("`{shown}` has no order, so `.{}` cannot use it", signature.name),
                "",
                "give a number, text, duration, size or time",
            );
            return bad(span);
        }
        if effect > Effect::Pure {
            self.note_effect(effect, span, || format!("the function in `.{}`", signature.name));
        }
        if self.meets_secrets(&got.ty, signature, &vars) {
            self.secrets_compared(span, &format!("`.{}` compares", signature.name));
            return bad(span);
        }
        let ret = {
            let filled: Vec<Option<Ty>> = vars.iter().map(|v| Some(v.clone().unwrap_or_else(ty::never))).collect();
            self.resolved(&signature.ret, &filled).unwrap_or_else(ty::error)
        };
        let ret = if maybe { ty::optional(ret) } else { ret };
        // Left-out arguments stand at the end, so the rest keeps its places.
        let args: Vec<hir::Expr> = std::iter::once(got).chain(out.into_iter().map_while(|e| e)).collect();
        let full = format!("{}.{}", signature.head, signature.name);
        node(ExprKind::Method { name: full.into(), args, optional: maybe }, ret, span)
    }

    /// Whether the method would compare Secrets: items with one another, keys, what a set holds.
    fn meets_secrets(&self, got: &Ty, signature: &Signature, vars: &[Option<Ty>]) -> bool {
        let secret = |t: &Ty| self.holds_secret(t);
        let of = |name: &str| vars.iter().zip(VARIABLES).find(|(_, n)| **n == *name).and_then(|(v, _)| v.as_ref());
        let items = signature.head == "List"
            && ["contains", "index_of", "unique", "remove", "to_set"].contains(&signature.name);
        of("K").is_some_and(secret)
            || (items && secret(got))
            || (matches!(*signature.ret, Type::Set(_)) && (of("T").is_some_and(secret) || of("U").is_some_and(secret)))
    }

    /// Reports that Secrets would be compared.
    pub fn secrets_compared(&mut self, span: Span, what: &str) {
        self.error(
            codes::TYPE_SECRET,
            span,
            format!("{what}, and a Secret cannot be compared"),
            "holds a Secret",
            "comparing would tell something of its value; signature checks belong to an event's `verify`",
        );
    }

    /// Which argument goes to which parameter.
    fn method_slots<'a>(
        &mut self,
        s: &Signature,
        name: &ast::Ident,
        args: &'a [ast::NamedArg],
    ) -> Option<Vec<Option<&'a ast::Expr>>> {
        let mut slots: Vec<Option<&ast::Expr>> = vec![None; s.params.len()];
        let mut next = 0;
        for a in args {
            let at = match &a.name {
                None => {
                    next += 1;
                    next - 1
                }
                Some(n) => match s.params.iter().position(|p| p.name == n.name) {
                    Some(i) => i,
                    None => {
                        let known: Vec<SmolStr> = s.params.iter().map(|p| p.name.clone()).collect();
                        self.unknown(&format!("argument of `.{}`,", s.name), n, &known, "");
                        return None;
                    }
                },
            };
            match slots.get_mut(at) {
                Some(slot) => *slot = Some(&a.value),
                None => {
                    self.wrong_count(s, name, args.len());
                    return None;
                }
            }
        }
        let gap = slots.iter().zip(&s.params).any(|(slot, p)| slot.is_none() && !p.optional);
        if gap {
            self.wrong_count(s, name, args.len());
            return None;
        }
        // A later argument by name without the one before it cannot be handed on.
        let holes = slots.iter().skip_while(|s| s.is_some()).any(Option::is_some);
        if holes {
            self.error(
                codes::TYPE_ARGUMENTS,
                name.span,
                format!("give the arguments of `.{}` before this one too", s.name),
                "",
                "",
            );
            return None;
        }
        Some(slots)
    }

    fn wrong_count(&mut self, s: &Signature, name: &ast::Ident, got: usize) {
        let params: Vec<String> = s.params.iter().map(|p| format!("{}: {}", p.name, self.show(&p.ty))).collect();
        let least = s.params.iter().filter(|p| !p.optional).count();
        let most = s.params.len();
        let wanted = match (least, most) {
            (0, 0) => "no arguments".to_owned(),
            (1, 1) => "one argument".to_owned(),
            (a, b) if a == b => format!("{a} arguments"),
            (a, b) => format!("{a} to {b} arguments"),
        };
        self.error(
            codes::TYPE_ARGUMENTS,
            name.span,
            format!("`.{}` takes {wanted}, not {got}", s.name),
            "",
            if most == 0 { String::new() } else { format!("it takes `({})`", params.join(", ")) },
        );
    }

    fn method_arg(
        &mut self,
        arg: &ast::Expr,
        param: &Ty,
        reads: bool,
        vars: &mut Vec<Option<Ty>>,
        role: &str,
    ) -> hir::Expr {
        let Type::Function { params, ret, .. } = &**param else {
            let known = self.resolved(param, vars);
            let want = known.map_or(Want::Any, Want::Ty);
            let got = self.expr(arg, &want);
            // What the receiver says stands, except that an empty list takes any item.
            if let Type::Param(i, _) = &**param
                && let Some(Some(t)) = vars.get(*i as usize)
                && !matches!(**t, Type::Never)
            {
                let t = t.clone();
                return match self.fit(&got.ty, &t) {
                    Some(_) => self.coerce(got, &t, role),
                    None if self.join(&t, &got.ty).is_some()
                        && self.fit(&t, &got.ty) == Some(super::fit::Fit::Same) =>
                    {
                        self.unify(param, &got.ty, vars);
                        got
                    }
                    None => self.coerce(got, &t, role),
                };
            }
            self.unify(param, &got.ty, vars);
            return match self.resolved(param, vars) {
                Some(t) => self.coerce(got, &t, role),
                None => got,
            };
        };
        let known: Vec<Ty> = params.iter().map(|p| self.resolved(p, vars).unwrap_or_else(ty::error)).collect();
        let result = match &**ret {
            Type::Param(..) => None,
            _ => self.resolved(ret, vars),
        };
        let effect = if reads { Effect::Reads } else { Effect::Pure };
        let wanted =
            ty::of(Type::Function { params: known.clone(), ret: result.clone().unwrap_or_else(ty::error), effect });
        let got = self.expr(arg, &Want::Ty(wanted.clone()));
        self.unify(param, &got.ty, vars);
        if let Type::Function { params: taken, ret: given, effect: e } = &*got.ty {
            if *e > effect {
                let what = verb(*e);
                self.error(
                    codes::EFFECT_EXCEEDED,
                    arg.span,
                    format!("the function for {role} must be pure, and this one {what}"),
                    what,
                    "read before the call, or go through the items with a `for` loop",
                );
                return bad(got.span);
            }
            if taken.len() != params.len() {
                // Reported with the function.
                return bad(got.span);
            }
            let closed = ty::of(Type::Function { params: known, ret: result.unwrap_or_else(|| given.clone()), effect });
            let own = *e;
            let checked = self.coerce(got, &closed, role);
            return match &*checked.ty {
                // The effect of this very function counts, not the most it could have.
                Type::Function { params, ret, .. } => {
                    let t = ty::of(Type::Function { params: params.clone(), ret: ret.clone(), effect: own });
                    hir::Expr { ty: t, ..checked }
                }
                _ => checked,
            };
        }
        self.coerce(got, &wanted, role)
    }

    /// Checks arguments that belong to nothing, so that their own mistakes are reported and their names count as read.
    pub fn check_loose(&mut self, args: &[ast::NamedArg]) {
        for a in args {
            if !matches!(a.value.kind, ast::ExprKind::Lambda { .. } | ast::ExprKind::Name(_)) {
                self.expr(&a.value, &Want::Any);
            } else if let ast::ExprKind::Name(n) = &a.value.kind {
                self.find_local(&n.name);
            }
        }
    }

    fn no_method(&mut self, got: &hir::Expr, inner: &Ty, name: &ast::Ident) {
        let opened = self.open(inner);
        if let Type::Optional(t) = &*opened {
            if self.method(t, &name.name).is_some() {
                self.unopened(got, &format!(".{}()", name.name), Some(name), got.span);
                return;
            }
            let t = t.clone();
            return self.no_method_of(&t, name);
        }
        self.no_method_of(&opened, name);
    }

    fn no_method_of(&mut self, t: &Ty, name: &ast::Ident) {
        let shown = self.show(t);
        if !self.signatures_of(t, &name.name).is_empty() {
            self.error(
                codes::TYPE_METHOD,
                name.span,
                format!("`.{}` does not work on a `{shown}`", name.name),
                "",
                "its items have no order, or are no numbers; use `.map(…)` first, or a method that ends with `_by`",
            );
            return;
        }
        let field = self.fields_of(t).is_some_and(|f| f.iter().any(|f| f.name == name.name));
        let mut d = Diagnostic::error(
            codes::TYPE_METHOD,
            format!("`{shown}` has no method `.{}()`", name.name),
            name.span,
            "no such method",
        );
        d = if field {
            d.help(format!("`{}` is a field: leave the parentheses out", name.name))
        } else if let Some(near) = self.method_near(t, &name.name) {
            d.help(format!("did you mean `.{near}()`?"))
                .fix(format!("write `{near}`"), vec![(name.span, near.to_owned())])
        } else if matches!(**t, Type::Json) {
            d.help("convert Json first: `(… as Text)`")
        } else {
            d
        };
        self.report(d);
    }
}

impl Checker {
    /// Notes a call of a method, with what is known of its types.
    fn saw_method(
        &mut self,
        s: &'static Signature,
        vars: &[Option<Ty>],
        name: &ast::Ident,
        args: &[ast::NamedArg],
        span: Span,
    ) {
        if self.index.is_none() {
            return;
        }
        let target = Target::Method(s.head.into(), s.name.into());
        let known = |c: &Self, t: &Ty| c.resolved(t, vars).unwrap_or_else(|| t.clone());
        let param = |p: &Param| ParamInfo {
            name: p.name.clone(),
            ty: known(self, &p.ty),
            default: p.optional.then_some(crate::ids::ConstId(u32::MAX)),
            span: Span::default(),
            docs: String::new(),
        };
        let params: Vec<ParamInfo> = s.params.iter().map(param).collect();
        self.saw_name(name.span, Some(target.clone()));
        self.saw_call(span, Some(target), &params, args);
    }

    /// The methods that a value of this type has, each once, those of the type itself first.
    pub fn methods_of(&self, t: &Ty) -> Vec<&'static crate::methods::Method> {
        let own = head(&self.open(t)).and_then(|h| BY_HEAD.get(h));
        let any = BY_HEAD.get("Any");
        let mut out: Vec<&'static crate::methods::Method> = Vec::new();
        for s in own.into_iter().chain(any).flatten() {
            if out.iter().any(|m| m.name == s.name) || !self.method(t, s.name).is_some_and(|(f, _)| std::ptr::eq(f, *s))
            {
                continue;
            }
            let receiver = METHODS.iter().zip(SIGNATURES.iter()).find(|(_, o)| std::ptr::eq(*o, *s)).map(|(m, _)| m);
            out.extend(receiver);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_of_the_table_is_read() {
        assert_eq!(SIGNATURES.len(), METHODS.len());
        for (s, m) in SIGNATURES.iter().zip(METHODS.iter()) {
            assert_eq!((s.name, s.params.len()), (m.name, count(m.signature)), "{}", m.signature);
        }
    }

    fn count(signature: &str) -> usize {
        let params = signature.split(") ->").next().unwrap_or_default();
        regex::Regex::new(r"[(,] ?\w+: ").unwrap().find_iter(params).count()
    }
}
