//! Well-typed bodies of functions, built from small ones: a strategy for each type and depth, shared, so that they shrink part by part.

use proptest::prelude::*;
use proptest::strategy::Union;

type Source = BoxedStrategy<String>;

/// Strategies for expressions of one depth.
#[derive(Clone)]
struct Level {
    int: Source,
    boolean: Source,
    text: Source,
    list: Source,
    option: Source,
    duration: Source,
    float: Source,
    level: Source,
    point: Source,
}

fn any_of(list: Vec<Source>) -> Source {
    Union::new(list).boxed()
}

fn words(list: &'static [&'static str]) -> Source {
    prop::sample::select(list).prop_map(str::to_owned).boxed()
}

fn leaves() -> Level {
    Level {
        int: any_of(vec![
            words(&["a", "b", "0", "1", "p.x", "xs.len()"]),
            (-9_i64..100).prop_map(|n| format!("({n})")).boxed(),
            words(&["9_223_372_036_854_775_807", "4_611_686_018_427_387_904"]),
        ]),
        boolean: words(&["true", "false", "a < b", "xs.is_empty()"]),
        text: words(&["t", "p.y", "\"\"", "\"a,b\"", "\"ñ${a}\""]),
        list: words(&["xs", "[a, b]", "xs.take(0)", "[1, 2, 3]", "[3, ..xs]"]),
        option: words(&["o", "xs.first()", "t.to_int()", "xs.take(0).first()"]),
        duration: words(&["0s", "5m", "1h30m", "90s", "a.seconds()"]),
        float: words(&["0.0", "1.5", "85%", "b.to_float()"]),
        level: words(&["l", "Level.low", "Level.burning(since: a, by: t)"]),
        point: words(&["p", "{ x: a, y: t }"]),
    }
}

/// Puts parts into the places `@` of a template, in order.
macro_rules! form {
    ($template:literal, $($part:expr),+) => {
        ($($part.clone(),)+).prop_map(|parts| fill($template, parts)).boxed()
    };
}

trait Parts {
    fn list(self) -> Vec<String>;
}
macro_rules! parts {
    ($($name:ident)+) => {
        impl Parts for ($(parts!(@ $name),)+) {
            #[allow(non_snake_case)]
            fn list(self) -> Vec<String> {
                let ($($name,)+) = self;
                vec![$($name),+]
            }
        }
    };
    (@ $name:ident) => { String };
}
parts!(A);
parts!(A B);
parts!(A B C);
parts!(A B C D);

fn fill(template: &str, parts: impl Parts) -> String {
    let mut parts = parts.list().into_iter();
    let mut out = String::new();
    for c in template.chars() {
        match c {
            '@' => out.push_str(&parts.next().unwrap_or_default()),
            c => out.push(c),
        }
    }
    out
}

fn ints(n: &Level) -> Source {
    let op = words(&["+", "-", "*", "mod"]);
    any_of(vec![
        form!("(@ @ @)", n.int, op, n.int),
        form!("if @ { @ } else { @ }", n.boolean, n.int, n.int),
        form!("(@ ?? @)", n.option, n.int),
        form!("(@).abs()", n.int),
        form!("(@).div(@)", n.int, n.int),
        form!("(@).max(@).min(@)", n.int, n.int, n.int),
        form!("(@)[@]", n.list, n.int),
        form!("(@).sum()", n.list),
        form!("(@).sum_by(a => @)", n.list, n.int),
        form!("(@).fold(@, (a, b) => @)", n.list, n.int, n.int),
        form!("(@).len()", n.text),
        form!("(@).milliseconds()", n.duration),
        form!("(@).x", n.point),
        form!("match @ { 0 => @, 1..9 => @, n => n - 1 }", n.int, n.int, n.int),
        form!("match @ { none => @, n if n > 2 => n, n => n * 2 }", n.option, n.int),
        form!("match @ { [] => @, [x] => x, [x, y, ..] => x - y }", n.list, n.int),
        form!("match @ { low | high => @, burning(since, by: _) => since }", n.level, n.int),
        form!("match @ { { x: 0, .. } => @, { x, y: _ } => x }", n.point, n.int),
        form!("(try { half(@) } catch f { @ })", n.int, n.int),
        form!("(if let n = @ { n } else { @ })", n.option, n.int),
        form!("pick(@, @)", n.list, n.int),
        form!("half(@)", n.int),
        form!("count((@) mod 30)", n.int),
        form!("seek(@)", n.list),
        form!("(if @ { @ } else { fail @ })", n.boolean, n.int, n.text),
    ])
}

fn booleans(n: &Level) -> Source {
    let compare = words(&["==", "!=", "<", "<=", ">", ">="]);
    any_of(vec![
        form!("(@ @ @)", n.int, compare, n.int),
        form!("(@ @ @)", n.text, compare, n.text),
        form!("(@ @ @)", n.duration, compare, n.duration),
        form!("(@ @ @)", n.float, compare, n.float),
        form!("(@ and @)", n.boolean, n.boolean),
        form!("(@ or @)", n.boolean, n.boolean),
        form!("(not @)", n.boolean),
        form!("(@ == none)", n.option),
        form!("(@ == @)", n.list, n.list),
        form!("(@ == @)", n.point, n.point),
        form!("(@ != @)", n.option, n.option),
        form!("(@ in @)", n.int, n.list),
        form!("(@ not in @..=@)", n.int, n.int, n.int),
        form!("(@ is 1..=5)", n.int),
        form!("(@ is not burning(..))", n.level),
        form!("(@ is { x: 0, .. })", n.point),
        form!("(@).any(a => @)", n.list, n.boolean),
        form!("(@).all(a => @)", n.list, n.boolean),
        form!("(@).contains(@)", n.text, n.text),
        form!("(@ is n if false)", n.int).prop_map(|_| "false".to_owned()).boxed(),
    ])
}

fn others(n: &Level) -> Level {
    Level {
        int: ints(n),
        boolean: booleans(n),
        text: any_of(vec![
            form!("\"<${@}|${@}>\"", n.int, n.boolean),
            form!("\"${@}${@}\"", n.text, n.duration),
            form!("(@).reverse()", n.text),
            form!("(@).take(@)", n.text, n.int),
            form!("(@).join(@)", n.list, n.text),
            form!("(@).split(\",\").join(@)", n.text, n.text),
            form!("(@).to_text()", n.int),
            form!("(@).y", n.point),
            form!("(if @ { @ } else { @ })", n.boolean, n.text, n.text),
            form!("match @ { low => @, burning(_, by) => by, _ as v => \"${@}\" }", n.level, n.text, n.int),
            form!("(try { let q = @  \"${q}\" } catch f { f.message })", n.int),
        ]),
        list: any_of(vec![
            form!("[@, @]", n.int, n.int),
            form!("[..@, @, ..@]", n.list, n.int, n.list),
            form!("(@).map(a => @)", n.list, n.int),
            form!("(@).filter(b => @)", n.list, n.boolean),
            form!("(@).sort()", n.list),
            form!("(@).reverse().unique()", n.list),
            form!("(@).take(@)", n.list, n.int),
            form!("(@).drop(@)", n.list, n.int),
            form!("(@).slice(@, @)", n.list, n.int, n.int),
            form!("(@).push(@)", n.list, n.int),
            form!("(@ + @)", n.list, n.list),
            form!("(if @ { @ } else { @ })", n.boolean, n.list, n.list),
            form!("(@).to_map(a => a mod 3, b => @).values()", n.list, n.int),
        ]),
        option: any_of(vec![
            form!("(@).get(@)", n.list, n.int),
            form!("(@).max()", n.list),
            form!("(@).last()", n.list),
            form!("(@).first(a => @)", n.list, n.boolean),
            form!("(@).index_where(a => @)", n.list, n.boolean),
            form!("(@).map(a => @)", n.option, n.int),
            form!("(@).filter(a => @)", n.option, n.boolean),
            form!("(@ ?? @)", n.option, n.option),
        ]),
        duration: any_of(vec![
            form!("(@ + @)", n.duration, n.duration),
            form!("(@ - @)", n.duration, n.duration),
            form!("(@ mod @)", n.duration, n.duration),
            form!("(@ * @)", n.duration, n.int),
            form!("(@ * @)", n.int, n.duration),
            form!("(@).seconds()", n.int),
        ]),
        float: any_of(vec![
            form!("(@ + @)", n.float, n.float),
            form!("(@ * @)", n.float, n.int),
            form!("(@ / @)", n.int, n.int),
            form!("(@ / @)", n.duration, n.duration),
            form!("(@ / @)", n.float, n.float),
            form!("(-@)", n.float),
        ]),
        level: any_of(vec![
            form!("Level.burning(since: @, by: @)", n.int, n.text),
            form!("(if @ { @ } else { @ })", n.boolean, n.level, n.level),
        ]),
        point: any_of(vec![form!("{ x: @, y: @ }", n.int, n.text), form!("{ ..@, x: @ }", n.point, n.int)]),
    }
}

/// Small ones first: that is the way they shrink.
fn deeper(small: &Level, made: Level) -> Level {
    let both = |a: &Source, b: Source| Union::new_weighted(vec![(1, a.clone()), (3, b)]).boxed();
    Level {
        int: both(&small.int, made.int),
        boolean: both(&small.boolean, made.boolean),
        text: both(&small.text, made.text),
        list: both(&small.list, made.list),
        option: both(&small.option, made.option),
        duration: both(&small.duration, made.duration),
        float: both(&small.float, made.float),
        level: both(&small.level, made.level),
        point: both(&small.point, made.point),
    }
}

/// A body and the type it gives.
pub fn body(depth: usize) -> BoxedStrategy<(String, &'static str)> {
    let n = (0..depth).fold(leaves(), |small, _| deeper(&small, others(&small)));
    let typed = |s: &Source, ty: &'static str| s.clone().prop_map(move |e| (format!("({e})"), ty)).boxed();
    let statements =
        (n.int.clone(), n.list.clone(), n.boolean.clone(), n.int.clone()).prop_map(|(start, xs, stop, add)| {
            (format!("var s = {start}  for x in {xs} {{ if {stop} {{ break }}  s = (s + x).min({add}) }}  s"), "Int")
        });
    Union::new(vec![
        typed(&n.int, "Int"),
        typed(&n.boolean, "Bool"),
        typed(&n.text, "Text"),
        typed(&n.list, "List<Int>"),
        typed(&n.option, "Int?"),
        typed(&n.duration, "Duration"),
        typed(&n.float, "Float"),
        statements.boxed(),
    ])
    .boxed()
}
