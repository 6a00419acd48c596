//! The example of every built-in method is true.

use rrb_lang::methods::METHODS;
use rrb_lang::value::Value;

use super::kit::{call, try_program};

#[test]
fn the_example_of_every_method_is_true() {
    let mut wrong = Vec::new();
    for m in METHODS {
        let text = format!("fn holds() -> Bool {{ {} }}\n", m.example);
        match try_program(&text).map(|p| call(&p, "holds", vec![])) {
            Ok(Ok(Value::Bool(true))) => {}
            Ok(other) => wrong.push(format!("{}.{}: {other:?}\n    {}", m.receiver, m.name, m.example)),
            Err(said) => wrong.push(format!("{}.{}: {said}", m.receiver, m.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
