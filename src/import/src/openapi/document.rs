//! A description's tree with its references. Nothing outside of it is ever read.

use serde_json::{Map, Value};

use crate::{pointer, report::Notes};

/// How many references may follow each other.
const MAX_CHAIN: usize = 32;

/// An object of the description and its place.
#[derive(Debug, Clone)]
pub struct At<'a> {
    pub value: &'a Value,
    /// JSON pointer of the place where it stands, behind all references.
    pub place: String,
}

impl<'a> At<'a> {
    /// The members; none when it is no object.
    pub fn object(&self) -> Option<&'a Map<String, Value>> {
        self.value.as_object()
    }

    /// A member with its place.
    pub fn get(&self, name: &str) -> Option<At<'a>> {
        let value = self.value.get(name)?;
        Some(At { value, place: pointer::join(&self.place, name) })
    }

    /// An item of a list with its place.
    pub fn item(&self, index: usize) -> Option<At<'a>> {
        let value = self.value.get(index)?;
        Some(At { value, place: pointer::join(&self.place, &index.to_string()) })
    }

    /// The items of a list, each with its place; none when it is no list.
    pub fn items(&self) -> Vec<At<'a>> {
        let count = self.value.as_array().map_or(0, Vec::len);
        (0..count).filter_map(|i| self.item(i)).collect()
    }

    /// The members of an object, each with its place. Extensions (`x-…`) are not among them.
    pub fn members(&self) -> Vec<(&'a str, At<'a>)> {
        let members = self.object().into_iter().flatten();
        members
            .filter(|(name, _)| !name.starts_with("x-"))
            .map(|(name, value)| (name.as_str(), At { value, place: pointer::join(&self.place, name) }))
            .collect()
    }

    /// A member that is a text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.value.get(name)?.as_str()
    }

    /// Whether a member is `true`, also where somebody wrote it as text.
    pub fn flag(&self, name: &str) -> bool {
        match self.value.get(name) {
            Some(Value::Bool(b)) => *b,
            Some(Value::String(s)) => s == "true",
            _ => false,
        }
    }

    /// The reference that it is, if it is one.
    pub fn reference(&self) -> Option<&'a str> {
        self.text("$ref")
    }
}

/// The whole description.
#[derive(Debug)]
pub struct Document<'a> {
    root: &'a Value,
}

impl<'a> Document<'a> {
    pub fn new(root: &'a Value) -> Self {
        Self { root }
    }

    /// The root.
    pub fn root(&self) -> At<'a> {
        At { value: self.root, place: String::new() }
    }

    /// What stands at a pointer.
    pub fn at(&self, pointer: &str) -> Option<At<'a>> {
        Some(At { value: self.root.pointer(pointer)?, place: pointer.to_owned() })
    }

    /// Follows references until something stands there. None, with a note, when nothing does.
    pub fn resolve(&self, at: At<'a>, notes: &mut Notes) -> Option<At<'a>> {
        let first = at.place.clone();
        let mut at = at;
        for _ in 0..MAX_CHAIN {
            let Some(reference) = at.reference() else { return Some(at) };
            match self.target(reference) {
                Ok(next) => at = next,
                Err(why) => {
                    notes.left_out("ref", &first, format!("`$ref` to `{reference}` {why}"));
                    return None;
                }
            }
        }
        notes.left_out(
            "ref",
            &first,
            format!("references that lead to references, more than {MAX_CHAIN} times or in a circle"),
        );
        None
    }

    /// What a reference names.
    fn target(&self, reference: &str) -> Result<At<'a>, &'static str> {
        let Some(fragment) = reference.strip_prefix('#') else {
            // Swagger 1 and some tools write the bare name of a definition.
            let bare = !reference.contains(['/', '.', '#', ':']);
            let named = ["/components/schemas", "/definitions"].into_iter();
            return named
                .filter(|_| bare)
                .find_map(|folder| self.at(&pointer::join(folder, reference)))
                .ok_or("leads out of this file; rrb reads one file and fetches nothing: put the files into one first");
        };
        let path = pointer::of_fragment(fragment);
        if let Some(at) = self.at(&path).or_else(|| self.at(fragment)) {
            return Ok(at);
        }
        self.unescaped(&path).ok_or("leads nowhere")
    }

    /// Names in a reference that nobody escaped: `#/paths//pets/{id}/get`. Tried for the parts that such names stand in.
    fn unescaped(&self, path: &str) -> Option<At<'a>> {
        let rest = path.strip_prefix("/paths/")?;
        let paths = self.root.get("paths")?.as_object()?;
        let fits =
            |name: &&String| rest.strip_prefix(name.as_str()).is_some_and(|r| r.is_empty() || r.starts_with('/'));
        let name = paths.keys().filter(fits).max_by_key(|n| n.len())?;
        let behind = rest.strip_prefix(name.as_str())?;
        self.at(&format!("{}{behind}", pointer::join("/paths", name)))
    }
}
