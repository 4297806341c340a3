//! Settings that no next hop can be built from.

use super::*;

fn fault(next_hops: Vec<NextHopSettings>) -> String {
    let settings = Settings {
        next_hops,
        hostname: "portaria.example".into(),
        connect_timeout: Duration::from_secs(1),
        reply_timeout: Duration::from_secs(1),
    };
    NextHops::new(settings).err().map(|fault| fault.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn impossible_settings_are_refused() {
    let good = || one(&["mbx1.example:25", "[2001:db8::1]:25"]);
    let required =
        |addresses: &[&str]| NextHopSettings { tls: TlsWish::Required, ca: Some("/dev/null".into()), ..one(addresses) };
    for (next_hops, expected) in [
        (vec![good()], ""),
        (vec![], ""),
        (vec![good(), good()], "next hop mailbox: the name is used twice"),
        (vec![one(&[])], "next hop mailbox: it has no address"),
        (vec![one(&["mbx1.example"])], "next hop mailbox: not an address of the form host:port: mbx1.example"),
        (vec![NextHopSettings { max_connections: 0, ..good() }], "next hop mailbox: max_connections is 0"),
        (
            vec![NextHopSettings { server_name: Some("not a name".into()), ..good() }],
            "next hop mailbox: not a name that a certificate can carry: not a name",
        ),
        (vec![required(&["mbx1.example:25"])], "next hop mailbox: no usable certificate authority found"),
    ] {
        assert_eq!(fault(next_hops), expected);
    }
    let unreadable = NextHopSettings { ca: Some("/nonexistent/ca.pem".into()), ..required(&["mbx1.example:25"]) };
    assert!(fault(vec![unreadable]).starts_with("next hop mailbox: cannot read certificates: "));
}

/// Under opportunistic TLS a host need be no name that a certificate could carry: none is checked.
#[tokio::test]
async fn opportunistic_tls_takes_any_host() {
    let any = NextHopSettings { tls: TlsWish::Opportunistic, ..one(&["-mbx-.example:25"]) };
    assert_eq!(fault(vec![any]), "");
}
