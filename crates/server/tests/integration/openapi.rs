//! The API's description is a contract: a change of it is seen in review, and the pages' types are made from it.

use expect_test::expect_file;

#[test]
fn the_document_is_the_committed_one() {
    // To take a wanted change over: UPDATE_EXPECT=1 cargo test -p server openapi
    let mut document = server::openapi();
    document.push('\n');
    expect_file!["../../openapi.json"].assert_eq(&document);
}
