//! What the tests of the primitives share.

use rrb_engine::world::World;
use rrb_lang::syntax::ast::Effect;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, Millis, NativeCall, Repeat};

use super::{LiveConfig, LiveWorld};

/// A call to perform.
pub struct Call {
    call: NativeCall,
    config: LiveConfig,
}

impl Call {
    pub fn new(native: &str) -> Self {
        let call = NativeCall {
            native: native.into(),
            args: vec![],
            effect: Effect::Reads,
            repeat: Repeat::Always,
            key: None,
            attempt: 1,
            deadline: None,
            action: native.into(),
            instance: "default".into(),
        };
        Self { call, config: LiveConfig::default() }
    }

    pub fn arg(mut self, name: &str, value: Value) -> Self {
        self.call.args.push((name.into(), value));
        self
    }

    pub fn text(self, name: &str, value: impl AsRef<str>) -> Self {
        self.arg(name, Value::text(value.as_ref()))
    }

    pub fn key(mut self, key: &str) -> Self {
        self.call.key = Some(key.into());
        self
    }

    pub fn deadline(mut self, at: Millis) -> Self {
        self.call.deadline = Some(at);
        self
    }

    pub fn config(mut self, f: impl FnOnce(&mut LiveConfig)) -> Self {
        f(&mut self.config);
        self
    }

    pub fn into_call(self) -> NativeCall {
        self.call
    }

    /// In a world of its own.
    pub async fn perform(self) -> EffectOutcome {
        LiveWorld::new(self.config).perform(&self.call).await
    }
}

/// The value of a success whose record, if it is one, has the fields that its primitive declares.
pub fn done(outcome: EffectOutcome) -> Value {
    match outcome {
        EffectOutcome::Done(value) => value,
        other => panic!("{other:?}"),
    }
}

/// The failure.
pub fn failed(outcome: EffectOutcome) -> Failure {
    match outcome {
        EffectOutcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// Holds a record to the fields of `type NAME = { … }` in the declarations of `module`, in order.
pub fn assert_shape(value: &Value, module: &str, name: &str) {
    let Value::Record(record) = value else { panic!("{value:?}") };
    let (_, _, text) = rrb_lang::stdlib::natives().iter().find(|(m, ..)| *m == module).unwrap();
    let code: String = text.lines().filter(|l| !l.trim_start().starts_with("///")).map(|l| format!("{l}\n")).collect();
    let code = code.split(&format!("type {name} = {{")).nth(1).unwrap().split('}').next().unwrap();
    let declared: Vec<&str> = code.split(',').filter_map(|f| Some(f.split_once(':')?.0.trim())).collect();
    assert_eq!(record.names.iter().map(|n| n.as_str()).collect::<Vec<_>>(), declared, "{name}");
}
