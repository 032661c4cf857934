//! Lets only those in who may use the server: who shows its key, or, where it has none, who is on this
//! machine.
//!
//! A server without a key listens on this machine alone. A page in a browser here is not from here, and
//! its scripts can reach the server all the same: a name of the page's own domain, resolved to this
//! machine (DNS rebinding), makes the server part of the page. The request then says that name.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Server;
use super::error::ApiError;

/// Passes a request on when it shows the key; where there is none to show, when it is not sent to a
/// name that could be anybody's.
pub(super) async fn require_key(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if let Some(key) = &server.api_key {
        let shown = request.headers().get(header::AUTHORIZATION);
        if !shown.is_some_and(|shown| key.is_shown_by(shown.as_bytes())) {
            return Err(ApiError::unauthorized());
        }
    } else if !is_sent_to_this_machine(request.headers()) {
        return Err(ApiError::foreign_host());
    }
    Ok(next.run(request).await)
}

/// Whether the host that a request was sent to is an address or `localhost`, which no one else can make
/// a name of their own. Browsers always say it.
fn is_sent_to_this_machine(headers: &HeaderMap) -> bool {
    headers.get_all(header::HOST).iter().all(|host| {
        let host: Option<Authority> = host.to_str().ok().and_then(|host| host.parse().ok());
        host.is_some_and(|host| is_address_or_localhost(host.host()))
    })
}

/// An IPv6 address is in brackets there.
fn is_address_or_localhost(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn is_let_in(hosts: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for &host in hosts {
            headers.append(header::HOST, HeaderValue::from_static(host));
        }
        is_sent_to_this_machine(&headers)
    }

    #[test]
    fn addresses_and_localhost_are_this_machine() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "192.168.0.7",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(is_let_in(&[host]), "{host}");
        }
        assert!(is_let_in(&[]), "no browser leaves it out");
    }

    #[test]
    fn any_other_name_may_be_anybody_s() {
        for host in [
            "example.com",
            "example.com:8080",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "127.0.0.1@example.com",
            "",
            ":8080",
            "two words",
        ] {
            assert!(!is_let_in(&[host]), "{host}");
        }
        assert!(!is_let_in(&["localhost", "example.com"]));
    }
}
