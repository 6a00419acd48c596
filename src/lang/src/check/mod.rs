//! The checker: names, types, effects. Tree in, typed tree and diagnostics out.
