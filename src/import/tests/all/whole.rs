//! One description with most of what there is, whole.

use crate::support::checked;

#[test]
fn a_shop() {
    let imported = checked(include_str!("../descriptions/shop.yaml"));
    insta::assert_snapshot!(imported.text);
    insta::assert_snapshot!(imported.report.to_text());
}
