//! Tokens of RFC 7515's appendix, and what is made of them.

use ring::hmac;

use super::*;

/// All three say `{"iss":"joe", "exp":1300819380, "http://example.com/is_root":true}`.
const EXP: u64 = 1_300_819_380;
const PAYLOAD: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const HS256: (&str, &str) =
    ("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
const SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const RS256: (&str, &str) = (
    "eyJhbGciOiJSUzI1NiJ9",
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
);
const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const ES256: (&str, &str) = (
    "eyJhbGciOiJFUzI1NiJ9",
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
);
const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

fn rsa() -> String {
    format!(r#"{{"kty":"RSA","n":"{N}","e":"AQAB"}}"#)
}

fn p256(more: &str) -> String {
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"{more}}}"#)
}

fn secret() -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(SECRET).unwrap()
}

fn set(entries: &[String]) -> Vec<Key> {
    keys::of_set(&format!(r#"{{"keys":[{}]}}"#, entries.join(","))).unwrap()
}

fn tokens(keys: Vec<Key>, settings: Jwt) -> Tokens {
    Tokens { keys, settings }
}

fn all() -> Tokens {
    let mut keys = set(&[rsa(), p256("")]);
    keys.push(Key::of_secret(&secret()).unwrap());
    tokens(keys, Jwt { user_claim: "iss".into(), ..Jwt::default() })
}

fn of((header, signature): (&str, &str)) -> String {
    format!("{header}.{PAYLOAD}.{signature}")
}

/// One of our own secret that says this.
fn signed(header: &str, payload: &str) -> String {
    let text = [header, payload].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes())).join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret());
    let signature = Base64UrlUnpadded::encode_string(hmac::sign(&key, text.as_bytes()).as_ref());
    format!("{text}.{signature}")
}

fn says(payload: &str) -> String {
    signed(r#"{"alg":"HS256"}"#, payload)
}

fn check(tokens: &Tokens, token: &str) -> Result<Identity, String> {
    tokens.check(token.as_bytes(), EXP - 60, Instant::START)
}

fn why(tokens: &Tokens, token: &str) -> String {
    check(tokens, token).expect_err(token)
}

fn with(settings: Jwt) -> Tokens {
    tokens(vec![Key::of_secret(&secret()).unwrap()], settings)
}

#[test]
fn the_examples_of_the_standard_count_until_they_expire() {
    let tokens = all();
    for token in [HS256, RS256, ES256].map(of) {
        let identity = check(&tokens, &token).unwrap();
        assert_eq!(&*identity.user, "joe");
        assert_eq!(identity.until, Some(Instant::START + Duration::from_secs(60)));
        assert!(tokens.vouchers().contains(&identity.grant.expect("a grant").key));
        assert_eq!(tokens.check(token.as_bytes(), EXP, Instant::START).unwrap_err(), "the token has expired");
    }
    assert_eq!(tokens.vouchers(), all().vouchers(), "the same keys have the same numbers");
}

#[test]
fn what_was_changed_does_not_count() {
    let tokens = all();
    for (header, signature) in [HS256, RS256, ES256] {
        let other = Base64UrlUnpadded::encode_string(br#"{"iss":"eve","exp":1300819380}"#);
        let zeros = Base64UrlUnpadded::encode_string(&vec![0; signature.len() * 3 / 4]);
        for token in [
            format!("{header}.{other}.{signature}"),
            format!("{header}.{PAYLOAD}.{}", &signature[..signature.len() - 4]),
            format!("{header}.{PAYLOAD}.{zeros}"),
            format!("{header}.{PAYLOAD}."),
        ] {
            let why = why(&tokens, &token);
            assert!(why.starts_with("the token's signature is "), "{token}: {why}");
        }
    }
    for token in
        ["", ".", "..", "a.b.c", "e30.e30.", "....", &format!("{}.x", of(HS256)), &"e".repeat(20_000)]
    {
        assert!(check(&tokens, token).is_err(), "{token}");
    }
}

/// RFC 8725, 2.1: what a token calls its algorithm is the word of whoever made it.
#[test]
fn a_key_is_of_one_algorithm_and_there_is_none_for_none() {
    let tokens = tokens(set(&[rsa(), p256("")]), Jwt { user_claim: "iss".into(), ..Jwt::default() });
    let public = [N, X].map(|text| Base64UrlUnpadded::decode_vec(text).unwrap());
    for alg in ["HS256", "none", "None", "", "HS512", "ES384", "PS256", "rs256"] {
        let header = Base64UrlUnpadded::encode_string(format!(r#"{{"alg":"{alg}"}}"#).as_bytes());
        // Signed with the public keys as if they were secrets.
        let forged = public.iter().map(|key| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key);
            let tag = hmac::sign(&key, format!("{header}.{PAYLOAD}").as_bytes());
            Base64UrlUnpadded::encode_string(tag.as_ref())
        });
        for signature in forged.chain([String::new()]) {
            let why = why(&tokens, &format!("{header}.{PAYLOAD}.{signature}"));
            assert!(why.contains("algorithm") || why == "there is no key for HS256", "{alg}: {why}");
        }
    }
    assert!(check(&tokens, &of(HS256)).is_err());
    let none = signed(r#"{"alg":"none"}"#, r#"{"iss":"eve","exp":9999999999}"#);
    assert!(why(&all(), &none).contains("algorithm"));
}

#[test]
fn a_named_key_is_the_only_one_that_is_asked() {
    let named = |name: &str| tokens(set(&[p256(&format!(r#","kid":"{name}""#))]), all().settings);
    assert!(check(&named("a"), &of(ES256)).is_ok(), "a token that names none");
    let header = r#"{"alg":"ES256","kid":"b"}"#;
    let token = signed(header, r#"{"iss":"joe","exp":9999999999}"#);
    assert_eq!(why(&named("a"), &token), "the token names a key that is not known");
    assert_eq!(why(&named("b"), &token), "the token's signature is wrong");
    let critical =
        signed(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, r#"{"sub":"joe","exp":9999999999}"#);
    assert!(why(&with(Jwt::default()), &critical).contains("critical"));
}

#[test]
fn keys_that_cannot_be_used_are_left_out_or_refused() {
    let used = set(&[
        p256(r#","use":"enc""#),
        p256(r#","alg":"ES512""#),
        rsa().replace("}", r#","alg":"PS256"}"#),
        r#"{"kty":"oct","k":"AAAA"}"#.into(),
        r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#.into(),
        p256(r#","alg":"ES256","use":"sig","kid":"1","more":true"#),
    ]);
    assert_eq!(used.len(), 1);
    for bad in [
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(),
        r#"{"kty":"RSA","e":"AQAB"}"#.into(),
        r#"{"kty":"RSA","n":"AAAA","e":"AQAB"}"#.into(),
        p256("").replace(X, "AAAA"),
        p256("").replace(Y, "!"),
    ] {
        assert!(keys::of_set(&format!(r#"{{"keys":[{bad}]}}"#)).is_err(), "{bad}");
    }
    assert!(keys::of_set("[]").is_err() && keys::of_set("").is_err());
    let short = format!("{:#}", Key::of_secret(&[1; 31]).unwrap_err());
    assert!(short.contains("32 bytes") && Key::of_secret(&[1; 32]).is_ok(), "{short}");
    let (line, plain) = ([&[1; 32][..], b"\r\n"].concat(), [1; 32]);
    assert_eq!(Key::of_secret(&line).unwrap().number, Key::of_secret(&plain).unwrap().number);
}

#[test]
fn times_are_needed_and_are_numbers() {
    let plain = with(Jwt::default());
    let now = EXP - 60;
    assert!(check(&plain, &says(r#"{"sub":"joe","exp":1300819380.5,"nbf":1300819320}"#)).is_ok());
    for (payload, words) in [
        (r#"{"sub":"joe"}"#.to_owned(), "has no exp"),
        (r#"{"sub":"joe","exp":"9999999999"}"#.into(), "exp is no number"),
        (r#"{"sub":"joe","exp":null}"#.into(), "exp is no number"),
        (format!(r#"{{"sub":"joe","exp":{now}}}"#), "has expired"),
        (r#"{"sub":"joe","exp":-5}"#.into(), "has expired"),
        (format!(r#"{{"sub":"joe","exp":{EXP},"nbf":{}}}"#, now + 1), "does not count yet"),
        (format!(r#"{{"sub":"joe","exp":{EXP},"nbf":"0"}}"#), "nbf is no number"),
        ("[]".into(), "no JSON object"),
    ] {
        let why = why(&plain, &says(&payload));
        assert!(why.contains(words), "{payload}: {why}");
    }
    let far = check(&plain, &says(r#"{"sub":"joe","exp":1e300}"#)).unwrap();
    assert_eq!(far.until, Some(Instant::START + LONGEST));
    let lenient = with(Jwt { leeway_s: 10, ..Jwt::default() });
    assert!(
        check(&lenient, &says(&format!(r#"{{"sub":"joe","exp":{},"nbf":{}}}"#, now - 5, now + 5))).is_ok()
    );
}

#[test]
fn a_token_for_others_or_of_others_does_not_count() {
    let said = |more: &str| says(&format!(r#"{{"sub":"joe","exp":{EXP}{more}}}"#));
    let plain = with(Jwt::default());
    assert!(check(&plain, &said("")).is_ok());
    assert!(why(&plain, &said(r#","aud":"other""#)).contains("audience"), "RFC 7519, 4.1.3");
    let ours =
        with(Jwt { audience: vec!["us".into(), "we".into()], issuer: Some("id".into()), ..Jwt::default() });
    for good in [r#","aud":"us","iss":"id""#, r#","aud":["x","we"],"iss":"id""#] {
        assert!(check(&ours, &said(good)).is_ok(), "{good}");
    }
    for bad in [
        "",
        r#","aud":"us""#,
        r#","iss":"id""#,
        r#","aud":"u","iss":"id""#,
        r#","aud":[],"iss":"id""#,
        r#","aud":7,"iss":"id""#,
        r#","aud":["us",7],"iss":"id""#,
        r#","aud":"us","iss":"idx""#,
        r#","aud":"us","iss":["id"]"#,
    ] {
        assert!(check(&ours, &said(bad)).is_err(), "{bad}");
    }
}

#[test]
fn claims_name_the_user_and_what_it_may() {
    let settings = Jwt { groups_claim: "realm.roles".into(), ..Jwt::default() };
    let tokens = with(settings);
    let said = |more: &str| says(&format!(r#"{{"exp":{EXP},{more}}}"#));
    let full = r#""sub":"joe","realm":{"roles":["a","b"]},"publish":["x/+"],"subscribe":"y/%u/#""#;
    let grant = check(&tokens, &said(full)).unwrap().grant.unwrap();
    let filters = |list: &[&str]| Some(list.iter().map(|text| text.parse().unwrap()).collect());
    let expected =
        Grant::new(grant.key, vec!["a".into(), "b".into()], filters(&["x/+"]), filters(&["y/%u/#"]));
    assert_eq!(*grant, expected);
    let bare = check(&tokens, &said(r#""sub":"joe""#)).unwrap().grant.unwrap();
    assert_eq!(*bare, Grant::new(bare.key, Vec::new(), None, None), "no bounds");
    let nothing = check(&tokens, &said(r#""sub":"joe","publish":[]"#)).unwrap().grant.unwrap();
    assert_ne!(nothing, bare, "an empty list is nothing at all");
    for bad in [
        r#""other":"joe""#,
        r#""sub":7"#,
        r#""sub":"""#,
        r#""sub":"anonymous""#,
        r#""sub":"joe","realm":{"roles":7}"#,
        r#""sub":"joe","publish":["a/#/b"]"#,
        r#""sub":"joe","subscribe":{"a":"b"}"#,
        r#""sub":"joe","publish":[7]"#,
    ] {
        assert!(check(&tokens, &said(bad)).is_err(), "{bad}");
    }
}

#[test]
fn settings_that_would_let_others_tokens_in_are_refused() {
    let path = || Some("keys.json".into());
    let shared = Jwt { jwks_file: path(), ..Jwt::default() };
    assert!(check_settings(&Jwt::default()).unwrap_err().to_string().contains("needs secret_file"));
    assert!(check_settings(&shared).unwrap_err().to_string().contains("needs audience"));
    assert!(check_settings(&Jwt { audience: vec!["us".into()], ..shared }).is_ok());
    assert!(check_settings(&Jwt { secret_file: path(), leeway_s: 301, ..Jwt::default() }).is_err());
    assert!(check_settings(&Jwt { secret_file: path(), ..Jwt::default() }).is_ok());
}
