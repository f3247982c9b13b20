//! Who asks too much: what is heard of them, and what others notice of it.

use super::stories::PEER;
use super::*;

#[test]
fn a_flood_is_answered_briefly_and_takes_nothing_from_calls() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.allocate(&mut bench);
    ada.bind(&mut bench, 0x4000, address(PEER));
    let allocate = Writer::request(Method::Allocate, [1; 12]).transport(UDP).finish(None);
    bench.seconds += 10;
    let mut answered = 0;
    for number in 0..100_000_u32 {
        let ip = IpAddr::from([192, 0, 3 + (number % 1000 / 250) as u8, (number % 250) as u8]);
        let flood = Client { from: SocketAddr::new(ip, (number / 1000) as u16 + 1), ..client(0) };
        for sent in bench.client_sent(flood, &allocate) {
            let Sent::Client(Kind::Answer, bytes) = sent else { panic!("{sent:?}") };
            assert!(bytes.len() <= 4 * allocate.len(), "{} for {}", bytes.len(), allocate.len());
            answered += 1;
        }
    }
    assert_eq!(answered, 5_000, "of 100,000 in one moment from 1,000 addresses");
    assert_eq!(bench.client_sent(ada.client, &channel_data(0x4000, b"call")).len(), 1);
    assert_eq!(
        ada.ask(&mut bench, Method::Refresh, |writer| writer).code,
        0,
        "a call's requests count apart"
    );
    assert!(bench.machine.unproven.len() <= 1001);
    let one = Client { from: address("192.0.9.200:1"), ..client(0) };
    bench.seconds += 10;
    let heard = (0..10_000).filter(|_| !bench.client_sent(one, &allocate).is_empty()).count();
    assert_eq!(heard, 400, "one address has its burst and no more");
    let mut ben = Caller::new(&bench, 2, guest(2));
    ben.allocate(&mut bench);
}

/// A flood of 20,000 requests with addresses that were made up, `victim`'s among them.
fn made_up_flood(bench: &mut Bench, victim: IpAddr) {
    let allocate = Writer::request(Method::Allocate, [1; 12]).transport(UDP).finish(None);
    for number in 0..20_000_u32 {
        let made_up = IpAddr::from([192, 0, 3 + (number % 1000 / 250) as u8, (number % 250) as u8]);
        let ip = if number.is_multiple_of(2) { victim } else { made_up };
        let flood = Client { from: SocketAddr::new(ip, (number / 1000) as u16 + 1), ..client(0) };
        bench.client_sent(flood, &allocate);
    }
}

#[test]
fn a_flood_of_made_up_addresses_keeps_nobody_from_a_stream() {
    let mut bench = Bench::new(|_| {});
    bench.seconds += 10;
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.client.stream = true;
    made_up_flood(&mut bench, ada.client.from.ip());
    let mut ben = Caller::new(&bench, 2, guest(2));
    let bare = Writer::request(Method::Allocate, [1; 12]).transport(UDP).finish(None);
    assert_eq!(bench.client_sent(ben.client, &bare), [], "datagrams wait for the flood to pass");
    ada.allocate(&mut bench);
    ben.client.stream = true;
    ben.allocate(&mut bench);
}

#[test]
fn a_flood_of_made_up_addresses_keeps_no_call_from_renewing_its_nonce() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.allocate(&mut bench);
    ada.ask(&mut bench, Method::Refresh, |writer| writer.lifetime(3600));
    bench.wait(access::NONCE_TTL_S - 1);
    ada.ask(&mut bench, Method::Refresh, |writer| writer.lifetime(3600));
    bench.wait(1);
    made_up_flood(&mut bench, ada.client.from.ip());
    let stale = ada.nonce.clone();
    assert_eq!(ada.ask(&mut bench, Method::Refresh, |writer| writer.lifetime(3600)).code, 0);
    assert_ne!(ada.nonce, stale, "it was over, and shows all the same whose it was");
}

#[test]
fn guests_behind_a_trusted_proxy_are_not_one_guest() {
    let proxy = "198.51.100.7/32";
    for (proxies, heard) in [(vec![proxy.parse().unwrap()], 600), (Vec::new(), 400)] {
        let mut bench = Bench::new(|settings| settings.proxies.networks = proxies);
        bench.seconds += 10;
        let bare = Writer::request(Method::Allocate, [1; 12]).transport(UDP).finish(None);
        let answered = (0..600_u16).filter(|number| {
            !bench.client_sent(Client { stream: true, ..client(*number) }, &bare).is_empty()
        });
        assert_eq!(answered.count(), heard);
        let one = Client { stream: true, ..client(700) };
        let answered = (0..600).filter(|_| !bench.client_sent(one, &bare).is_empty());
        assert!(answered.count() <= 400, "a connection has its own bound");
    }
}
