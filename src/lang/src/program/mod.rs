//! The typed tree lowered to bytecode and tables; content-addressed.
