//! What diagnostics show of log lines, with names and without.

use super::*;

fn without_all(names: &[&str]) -> Scrubber {
    Scrubber::of_all(names.iter().map(|name| (*name).to_owned()))
}

fn cleans(scrubber: &Scrubber, texts: &[(&str, &str)]) {
    for (text, clean) in texts {
        assert_eq!(scrubber.clean(text), *clean, "{text}");
    }
}

#[test]
fn secrets_go_always_and_names_addresses_and_ids_unless_they_may_stay() {
    let all = without_all(&["Ada", "ada", "Zoë Müller", "host.example"]);
    cleans(
        &all,
        &[
            ("ADA calls Adam", "[name] calls Adam"),
            ("from ZOË MÜLLER.", "from [name]."),
            ("peer=192.0.2.7:5000 ok", "peer=[address] ok"),
            ("[2001:db8::1]:443", "[address]"),
            ("at 10.0.0.1, and fe80::1", "at [address], and [address]"),
            ("https://host.example:1/?invite=abc", "https://[address]"),
            ("token=eyJhbGciOiJFZERTQSIsInR5cCI6", "token=[secret]"),
            ("call cal_0123456789abcdef0123456789abcdef is up", "call cal_[id] is up"),
            (
                "23:59:01.123456 castle_desktop::engine::task 720p30",
                "23:59:01.123456 castle_desktop::engine::task 720p30",
            ),
        ],
    );
    let secrets = Scrubber::of_secrets();
    cleans(
        &secrets,
        &[
            ("ADA 192.0.2.7 gst_01", "ADA 192.0.2.7 gst_01"),
            ("server=turn:h.example:3478?transport=udp", "server=turn:h.example:3478?transport=udp"),
            ("castle://h:1/?invite=abc&pin=x", "castle://h:1"),
            ("https://ada:secret@h:1/x", "https://h:1"),
            ("k eyJhbGciOiJFZERTQSIsInR5cCI6.", "k [secret]"),
            ("credential=dGhpcyBpcyAxIHNlY3JldA==", "credential=[secret]=="),
        ],
    );
}

#[test]
fn relays_go_by_whatever_they_are_named_and_the_way_to_them_stays() {
    cleans(
        &without_all(&["relay1"]),
        &[
            ("server=turn:203.0.113.9:3478?transport=udp", "server=turn:[address]?transport=udp"),
            ("server=turns:turn.example.org:443?transport=tcp", "server=turns:[address]?transport=tcp"),
            ("TURN:[2001:db8::7]:3478", "TURN:[address]"),
            ("stun:relay9", "stun:[address]"),
            ("(turn:relay9:3478)", "(turn:[address])"),
            ("TURN over UDP at turn.example.org:3478", "TURN over UDP at [address]"),
            ("TURN over UDP at relay1:3478", "TURN over UDP at [name]:3478"),
            ("the name turn.example.org is not known", "the name [address] is not known"),
            ("in turn: nothing, return:5", "in turn: nothing, return:5"),
        ],
    );
}

#[test]
fn addresses_go_in_whatever_way_they_are_written() {
    cleans(
        &without_all(&[]),
        &[
            ("203.0.113.9->198.51.100.7:80", "[address]->[address]"),
            ("10.0.0.0/8 10.0.0.1-10.0.0.9", "[address]/8 [address]-[address]"),
            ("udp:10.0.0.1:5 V4(10.0.0.1:5)", "udp:[address] V4([address])"),
            ("/10.0.0.1:80/x?to=10.0.0.2&by=10.0.0.3", "/[address]/x?to=[address]&by=[address]"),
            ("::ffff:10.0.0.1 addr:fe80::1 [fe80::1%eth0]:5", "[address] addr:[address] [address]"),
            ("remote:fe80::1 node:2001:db8::7 code::feed", "remote:[address] node:[address] code::feed"),
            ("fe80::1%wlan0: 2001:db8::1.", "[address]: [address]."),
            ("http://[2001:db8::1]:8080/a b", "http://[address] b"),
            ("see (https://h.example/a,b;c'd) there", "see (https://[address]) there"),
            ("münchen.example:443 пример.рф xn--e1afmkfd.xn--p1ai", "[address] [address] [address]"),
            ("mail ada@h.example ada@h", "mail [address] [address]"),
            ("192%2E0%2E2%2E7 https%3A%2F%2Fh%2F turn%253Ah9", "[address] [address] [address]"),
            (
                "std::fs::read face.rs settings.json 0.21.1 1.5ms",
                "std::fs::read face.rs settings.json 0.21.1 1.5ms",
            ),
            ("org.freedesktop.secrets 12:00:01 50% 3.5 dB.", "org.freedesktop.secrets 12:00:01 50% 3.5 dB."),
        ],
    );
}

#[test]
fn names_of_several_words_names_within_names_and_names_that_share_a_word_go_whole() {
    let names =
        ["Ada", "Ada Lovelace", "Lovelace Byron King", "/home/ada", "HD Webcam (046d:0825)", "İpek Öz"];
    cleans(
        &without_all(&names),
        &[
            ("Ada Lovelace and ada", "[name] and [name]"),
            ("ada lovelace byron king calls", "[name] calls"),
            ("Lovelace alone, Adamant", "Lovelace alone, Adamant"),
            ("open /home/ada/x", "open [name]/x"),
            ("camera HD Webcam (046d:0825) is gone", "camera [name] is gone"),
            ("by İPEK ÖZ.", "by [name]."),
            ("ada,ada ada", "[name],[name] [name]"),
        ],
    );
}

#[test]
fn names_go_in_every_script_and_with_whatever_looks_like_an_address_in_them() {
    let names = ["ΝΙΚΟΣ", "Ольга", "דנה כהן", "विकास", "田中", "Ana's iPhone", "J.Doe of Ana", "113"];
    cleans(
        &without_all(&names),
        &[
            ("Νίκος, Νικος ΝΙΚΟΣ", "Νίκος, [name] [name]"),
            ("ОЛЬГА: המצלמה דנה כהן נותקה", "[name]: המצלמה [name] נותקה"),
            ("विकास (田中)", "[name] ([name])"),
            (
                "Camera Ana's iPhone was disconnected. Plug it in.",
                "Camera [name] was disconnected. Plug it in.",
            ),
            ("Camera Ana%27s%20iPhone is gone", "Camera [address] is gone"),
            ("J.Doe of Ana calls", "[name] calls"),
            ("from 203.0.113.9:5000", "from [address]"),
        ],
    );
}

#[test]
fn a_text_is_gone_through_once_however_many_names_there_are() {
    let names = (0..50_000).map(|number| format!("guest{number} of many"));
    let all = Scrubber::of_all(names.chain(["ada".into()]));
    let text = "guest49999 of many met ada; ".repeat(2000);
    assert_eq!(all.clean(&text), "[name] met [name]; ".repeat(2000));
    let hidden = format!("%{}", "25".repeat(100_000));
    assert_eq!(
        all.clean(&hidden),
        hidden,
        "what is put into links over and over again is not followed for long"
    );
}
