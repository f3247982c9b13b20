//! Tokens: ours are read back, all others are refused.

use super::*;

const NOW: SystemTime = UNIX_EPOCH;

fn key(id: &str, seed: u8) -> SigningKey {
    SigningKey { id: id.to_owned(), seed: [seed; 32], created_at: NOW, verifies_until: None }
}

fn signer() -> AccessSigner {
    AccessSigner::new(vec![key("k1", 7)])
}

fn issue(signer: &AccessSigner) -> (String, SystemTime) {
    signer.issue(NOW, GuestId::from_bits(1), LoginId::from_bits(2), Role::Guest)
}

#[test]
fn an_access_token_says_who_and_until_when() {
    let signer = signer();
    let (token, expires_at) = issue(&signer);
    assert_eq!(expires_at, NOW + ACCESS_TTL);
    let access = signer.verify(NOW, &token).unwrap();
    assert_eq!(
        access,
        Access { guest: GuestId::from_bits(1), login: LoginId::from_bits(2), role: Role::Guest, expires_at }
    );
}

#[test]
fn an_access_token_ends_on_the_second() {
    let signer = signer();
    let (token, expires_at) = issue(&signer);
    assert!(signer.verify(expires_at - Duration::from_secs(1), &token).is_ok());
    assert_eq!(signer.verify(expires_at, &token), Err(Error::TokenExpired));
}

#[test]
fn after_a_rotation_the_old_key_verifies_until_its_tokens_have_expired() {
    let signer = signer();
    let (old, _) = issue(&signer);
    let rotated_at = NOW + Duration::from_mins(5);
    let until = rotated_at + ACCESS_TTL;
    signer.replace(vec![key("k2", 8), SigningKey { verifies_until: Some(until), ..key("k1", 7) }]);
    let (last, _) = AccessSigner::new(vec![key("k1", 7)]).issue(
        rotated_at,
        GuestId::from_bits(1),
        LoginId::from_bits(2),
        Role::Guest,
    );
    let (new, _) = issue(&signer);
    let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid;
    assert_eq!((kid(&old), kid(&new)), (Some("k1".to_owned()), Some("k2".to_owned())));
    assert!(signer.verify(rotated_at, &old).is_ok() && signer.verify(rotated_at, &new).is_ok());
    assert!(signer.verify(until - Duration::from_secs(1), &last).is_ok(), "signed just before the rotation");
    assert_eq!(signer.verify(until, &last), Err(Error::TokenExpired));
    // Who stole the old key signs what lasts longer: refused when its time is over.
    let (forged, _) = AccessSigner::new(vec![key("k1", 7)]).issue(
        until - Duration::from_secs(60),
        GuestId::from_bits(1),
        LoginId::from_bits(2),
        Role::Admin,
    );
    assert_eq!(signer.verify(until, &forged), Err(Error::TokenInvalid));
    signer.replace(vec![key("k2", 8)]);
    assert_eq!(signer.verify(NOW, &old), Err(Error::TokenInvalid), "the key is gone");
    assert_eq!(signer.verify(until, &old), Err(Error::TokenExpired), "refresh, do not log in anew");
}

#[test]
fn tokens_that_are_not_ours_are_invalid() {
    let signer = signer();
    let (token, _) = issue(&signer);
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let encode = |json: &str| BASE64_URL_SAFE_NO_PAD.encode(json);
    let none = encode(r#"{"alg":"none","typ":"JWT","kid":"k1"}"#);
    let hmac_header = encode(r#"{"alg":"HS256","typ":"JWT","kid":"k1"}"#);
    // The classic confusion: HMAC keyed with the public key.
    let public = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
    let forged = hmac(public.as_bytes(), &[hmac_header.as_bytes(), b".", claims.as_bytes()]);
    let forged = BASE64_URL_SAFE_NO_PAD.encode(forged.finalize().into_bytes());
    let foreign = issue(&AccessSigner::new(vec![key("k1", 8)])).0;
    let other_kid = issue(&AccessSigner::new(vec![key("k2", 7)])).0;
    let promoted = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let promoted = encode(&promoted.replace("\"guest\"", "\"admin\""));
    for bad in [
        String::new(),
        "a.b.c".to_owned(),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{hmac_header}.{claims}.{forged}"),
        format!("{header}.{promoted}.{signature}"),
        format!("{header}.{claims}."),
        token[..token.len() - 1].to_owned(),
        token[..token.len() / 2].to_owned(),
        foreign,
        other_kid,
        "x".repeat(100_000),
    ] {
        assert_eq!(signer.verify(NOW, &bad), Err(Error::TokenInvalid), "{bad:.80}");
    }
}

#[test]
fn a_token_of_our_key_for_something_else_is_invalid() {
    let signer = signer();
    let ours = serde_json::json!({
        "iss": ISSUER, "aud": ISSUER, "sub": GuestId::from_bits(1).to_string(),
        "sid": LoginId::from_bits(2).to_string(), "jti": "1", "role": "guest", "iat": 0, "exp": 900,
    });
    let signed = |claims: &serde_json::Value| {
        let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &Key::from(key("k1", 7)).encoding).unwrap()
    };
    assert!(signer.verify(NOW, &signed(&ours)).is_ok());
    for (claim, value) in [
        ("iss", "another castle".into()),
        ("aud", "another service".into()),
        ("aud", serde_json::json!(["another service"])),
        ("sub", "gst_1".into()),
        ("sub", LoginId::from_bits(2).to_string().into()),
        ("sid", "".into()),
        ("role", "owner".into()),
        ("exp", "tomorrow".into()),
        ("exp", u64::MAX.into()),
    ] {
        let mut claims = ours.clone();
        claims[claim] = value;
        assert_eq!(signer.verify(NOW, &signed(&claims)), Err(Error::TokenInvalid), "{claims}");
        let mut without = ours.clone();
        without.as_object_mut().unwrap().remove(claim);
        assert_eq!(signer.verify(NOW, &signed(&without)), Err(Error::TokenInvalid), "{without}");
    }
}

#[test]
fn a_refresh_token_is_read_back_and_a_changed_one_is_not() {
    let minter = RefreshMinter::new([1; 32]);
    let token = minter.fresh(LoginId::from_bits(9));
    let read = minter.read(token.reveal()).unwrap();
    assert!(read == token);
    assert_eq!(read.hash(), token.hash());
    assert!(RefreshMinter::new([2; 32]).read(token.reveal()).is_none());
    let mut changed = token.reveal().to_owned().into_bytes();
    changed[40] = if changed[40] == b'A' { b'B' } else { b'A' };
    assert!(minter.read(std::str::from_utf8(&changed).unwrap()).is_none());
    for bad in ["", "!", &token.reveal()[1..], &"A".repeat(10_000)] {
        assert!(minter.read(bad).is_none(), "{bad:.80}");
    }
}

#[test]
fn a_successor_depends_on_the_token_and_the_request() {
    let minter = RefreshMinter::new([1; 32]);
    let token = minter.fresh(LoginId::from_bits(9));
    let successor = |request| minter.successor(&token, request).reveal().to_owned();
    assert_eq!(successor("r1"), successor("r1"));
    assert_ne!(successor("r1"), successor("r2"));
    assert_ne!(successor(""), successor(""));
    assert!(minter.read(&successor("r1")).is_some());
}

#[test]
fn a_call_token_proves_its_call_for_a_day_and_nothing_else() {
    let signer = CallSigner::new([3; 32]);
    let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
    for (role, connected_at) in [(CallRole::Offerer, None), (CallRole::Answerer, Some(now))] {
        let proof = CallProof {
            call: CallId::from_bits(1),
            offerer: GuestId::from_bits(2),
            answerer: GuestId::from_bits(3),
            role,
            matched: role == CallRole::Offerer,
            relay_only: role == CallRole::Answerer,
            created_at: now - Duration::from_secs(60),
            connected_at,
            issued_at: now,
        };
        let token = signer.sign(&proof);
        assert_eq!(signer.verify(now, &token), Some(proof));
        assert_eq!(signer.verify(now + CALL_TTL, &token), None);
        assert_eq!(CallSigner::new([4; 32]).verify(now, &token), None);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(signer.verify(now, &changed), None, "changed at {at}");
        }
    }
    assert_eq!(signer.verify(now, ""), None);
}
