//! Which types are sent and which are received, and which of them JSON does not spell as rrb does.

use crate::openapi::shape::{Body, Declared, Direction, Shape, TypeId};

/// What is known of each type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Use {
    pub sent: bool,
    pub received: bool,
    /// It takes a function to read it.
    pub decodes: bool,
    /// It takes a function to write it.
    pub encodes: bool,
}

/// For all types.
#[derive(Debug)]
pub struct Usage {
    all: Vec<Use>,
}

impl Usage {
    /// From what requests hold and what replies and events hold.
    pub fn new(types: &mut [Declared], sent: &[Shape], received: &[Shape]) -> Self {
        let mut usage = Self { all: vec![Use::default(); types.len()] };
        usage.reach(types, sent, |u| &mut u.sent);
        usage.reach(types, received, |u| &mut u.received);
        usage.loosen(types);
        usage.spelled_otherwise(types);
        usage
    }

    pub fn of(&self, id: TypeId) -> Use {
        self.all.get(id).copied().unwrap_or_default()
    }

    /// Whether it takes more than `as` to read this.
    pub fn decodes(&self, shape: &Shape) -> bool {
        shape.declared().is_some_and(|id| self.of(id).decodes)
    }

    /// Whether it is written otherwise than a value of its type as JSON.
    pub fn encodes(&self, shape: &Shape) -> bool {
        shape.declared().is_some_and(|id| self.of(id).encodes)
    }

    fn reach(&mut self, types: &[Declared], from: &[Shape], mark: impl Fn(&mut Use) -> &mut bool) {
        let mut open: Vec<TypeId> = from.iter().filter_map(Shape::declared).collect();
        while let Some(id) = open.pop() {
            let Some(known) = self.all.get_mut(id) else { continue };
            if std::mem::replace(mark(known), true) {
                continue;
            }
            open.extend(types.get(id).map(|t| below(&t.body)).unwrap_or_default());
        }
    }

    /// A field that only replies have cannot be asked of who sends, and the other way round.
    fn loosen(&mut self, types: &mut [Declared]) {
        for (declared, known) in types.iter_mut().zip(&self.all) {
            let Body::Record(fields) = &mut declared.body else { continue };
            for field in fields {
                let absent = match field.direction {
                    Direction::Received => known.sent,
                    Direction::Sent => known.received,
                    Direction::Both => false,
                };
                if absent {
                    field.required = false;
                }
            }
        }
    }

    /// Until nothing changes: a type with such a type in it is one.
    fn spelled_otherwise(&mut self, types: &[Declared]) {
        for (declared, known) in types.iter().zip(self.all.iter_mut()) {
            match &declared.body {
                Body::Record(fields) => {
                    let renamed = fields.iter().any(|f| f.name != f.wire);
                    known.decodes = renamed;
                    // What is not there is left out rather than null.
                    known.encodes = renamed || fields.iter().any(|f| !f.required);
                }
                Body::Enum(variants) => {
                    let exact = variants.iter().all(|v| v.name == v.wire);
                    known.decodes = known.received || !exact;
                    known.encodes = known.received || !exact;
                }
                Body::Union(_) => {
                    known.decodes = true;
                    known.encodes = true;
                }
                Body::Open => {}
            }
        }
        // From those to all that hold them.
        let mut holders: Vec<Vec<TypeId>> = vec![Vec::new(); types.len()];
        for (id, declared) in types.iter().enumerate() {
            for part in below(&declared.body) {
                if let Some(list) = holders.get_mut(part) {
                    list.push(id);
                }
            }
        }
        self.spread(&holders, |u| &mut u.decodes);
        self.spread(&holders, |u| &mut u.encodes);
    }

    fn spread(&mut self, holders: &[Vec<TypeId>], mark: impl Fn(&mut Use) -> &mut bool) {
        let mut open: Vec<TypeId> =
            (0..self.all.len()).filter(|id| self.all.get_mut(*id).is_some_and(|u| *mark(u))).collect();
        while let Some(id) = open.pop() {
            for holder in holders.get(id).into_iter().flatten() {
                if let Some(known) = self.all.get_mut(*holder)
                    && !std::mem::replace(mark(known), true)
                {
                    open.push(*holder);
                }
            }
        }
    }
}

/// The types that a type is made of.
pub fn below(body: &Body) -> Vec<TypeId> {
    match body {
        Body::Record(fields) => fields.iter().filter_map(|f| f.shape.declared()).collect(),
        Body::Union(union) => union.cases.iter().filter_map(|c| c.shape.declared()).collect(),
        Body::Enum(_) | Body::Open => Vec::new(),
    }
}
