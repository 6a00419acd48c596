//! Text and TOML → values of a setting's type.
