//! The heads that go to the app.

use crate::support::{App, Gate};

#[test]
fn the_app_sees_these_bytes() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send("GET /orders/7?x=1&access_token=secret&y=%20 HTTP/1.1\r\nHost: shop.test:8080\r\nX-Own: a  b\r\nAccept: */*\r\nX-Own: c\r\n\r\n");
    let told = client.response().expect(200).json();
    assert_eq!(told["target"], "/orders/7?x=1&y=%20");
    let request = app.only_request();
    let id = request.field("x-request-id").unwrap();
    assert_eq!(
        request.head,
        format!(
            "GET /orders/7?x=1&y=%20 HTTP/1.1\r\nHost: shop.test:8080\r\nX-Own: a  b\r\nAccept: */*\r\nX-Own: c\r\n\
             X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: shop.test:8080\r\nX-Request-Id: {id}\r\n"
        )
    );
}
