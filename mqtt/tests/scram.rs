//! SCRAM-SHA-256: the vector of RFC 7677, both sides against each other, and every message gone wrong.
#![expect(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use mqtt::scram::{
    Challenge, Client, ClientFirst, Credentials, MAX_ITERATIONS, MAX_MESSAGE, Nonce, ScramError, ServerProof,
};

const USER: &str = "user";
const PASSWORD: &str = "pencil";
const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SALT: &[u8] =
    &[0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81];
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn nonce(text: &str) -> Nonce {
    Nonce::new(text).unwrap()
}

fn credentials() -> Credentials {
    Credentials::derive(PASSWORD, SALT, 4_096).unwrap()
}

fn client() -> Client {
    Client::new(USER, PASSWORD, nonce(CLIENT_NONCE)).unwrap()
}

fn proof() -> ServerProof {
    client().answer(SERVER_FIRST.as_bytes()).unwrap().0
}

fn challenge() -> Challenge {
    let first = ClientFirst::parse(CLIENT_FIRST.as_bytes()).unwrap();
    first.challenge(credentials(), &nonce(SERVER_NONCE)).0
}

/// A login of a user by both sides; the credentials are what the Server has of this user.
fn login(user: &str, password: &str, credentials: Credentials) -> Result<(), ScramError> {
    let client = Client::new(user, password, Nonce::from_random(&[1; 18]))?;
    let first = ClientFirst::parse(client.first().as_bytes())?;
    let (challenge, server_first) = first.challenge(credentials, &Nonce::from_random(&[2; 18]));
    let (proof, client_final) = client.answer(server_first.as_bytes())?;
    proof.check(challenge.check(client_final.as_bytes())?.as_bytes())
}

#[test]
fn the_example_of_rfc_7677_comes_out_to_the_letter() {
    let client = client();
    assert_eq!(client.first(), CLIENT_FIRST);
    let first = ClientFirst::parse(CLIENT_FIRST.as_bytes()).unwrap();
    assert_eq!(first.user(), USER);
    let (challenge, server_first) = first.challenge(credentials(), &nonce(SERVER_NONCE));
    assert_eq!(server_first, SERVER_FIRST);
    let (proof, client_final) = client.answer(server_first.as_bytes()).unwrap();
    assert_eq!(client_final, CLIENT_FINAL);
    let server_final = challenge.check(client_final.as_bytes()).unwrap();
    assert_eq!(server_final, SERVER_FINAL);
    proof.check(server_final.as_bytes()).unwrap();
}

#[test]
fn credentials_are_written_as_postgresql_writes_them_and_read_back() {
    let text = credentials().to_string();
    assert_eq!(
        text,
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
         wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    );
    assert_eq!(text.parse(), Ok(credentials()));
    assert!(!format!("{:?}", credentials()).contains("W22"), "secrets are not shown");
}

#[test]
fn malformed_credentials_are_refused() {
    let good = credentials().to_string();
    for (from, to) in [
        ("SCRAM-SHA-256$", ""),
        ("SCRAM-SHA-256", "SCRAM-SHA-1"),
        ("SCRAM-SHA-256", "scram-sha-256"),
        ("$4096", "$0"),
        ("$4096", "$"),
        ("$4096", "$+4096"),
        ("$4096", "$04096"),
        ("$4096", "$4294967296"),
        ("$4096", "$1000001"),
        (":W22ZaJ0SNY7soEsUEjb6gQ==", ""),
        (":W22ZaJ0SNY7soEsUEjb6gQ==", ":"),
        ("W22ZaJ0SNY7soEsUEjb6gQ==", "W22ZaJ0SNY7soEsUEjb6gQ"),
        ("W22ZaJ0SNY7soEsUEjb6gQ==", "W22ZaJ0SNY7soEsUEjb6gR=="),
        ("$WG5d", "$WG-d"),
        ("$WG5d", "$"),
        (":wfPL", ":"),
        (":wfPL", "wfPL"),
        ("2dU=", "2dU= "),
        ("2dU=", "2dU=:AAAA"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        assert!(bad.parse::<Credentials>().is_err(), "{bad}");
    }
}

#[test]
fn only_the_right_password_logs_in() {
    assert_eq!(login(USER, PASSWORD, credentials()), Ok(()));
    assert_eq!(login(USER, "pencils", credentials()), Err(ScramError::Proof));
    assert_eq!(login("a,b=c", PASSWORD, credentials()), Ok(()));
}

#[test]
fn a_name_with_comma_and_equals_sign_arrives_as_it_is() {
    let client = Client::new("a,b=c=2C", PASSWORD, nonce("x")).unwrap();
    assert_eq!(client.first(), "n,,n=a=2Cb=3Dc=3D2C,r=x");
    assert_eq!(ClientFirst::parse(client.first().as_bytes()).unwrap().user(), "a,b=c=2C");
}

#[test]
fn one_word_typed_in_two_ways_is_one_password() {
    let composed = Credentials::derive("Gr\u{fc}n\u{a0}IX", SALT, 4_096).unwrap();
    assert_eq!(login(USER, "Gru\u{308}n \u{2168}\u{ad}", composed), Ok(()));
    assert_eq!(Credentials::derive("be\u{7}ll", SALT, 4_096), Err(ScramError::Unprepared));
    assert_eq!(Credentials::derive("", SALT, 4_096), Err(ScramError::Unprepared));
    assert_eq!(Credentials::derive(PASSWORD, SALT, 0), Err(ScramError::Iterations(0)));
    assert!(Credentials::derive(PASSWORD, SALT, MAX_ITERATIONS + 1).is_err());
    assert!(Credentials::derive(PASSWORD, b"", 4_096).is_err());
    assert!(Client::new("", PASSWORD, nonce("x")).is_err());
    assert!(Client::new(USER, "", nonce("x")).is_err());
}

#[test]
fn an_unknown_user_is_asked_like_a_known_one_and_never_gets_in() {
    let secret = [7; 32];
    let mock = Credentials::mock(&secret, "nobody", 4_096);
    assert_eq!(mock, Credentials::mock(&secret, "nobody", 4_096), "the salt is the same each time");
    assert_ne!(mock.salt, Credentials::mock(&secret, "noone", 4_096).salt);
    assert_ne!(mock.salt, Credentials::mock(&[8; 32], "nobody", 4_096).salt);
    assert_eq!((mock.salt.len(), mock.iterations), (SALT.len(), 4_096));
    assert_eq!(login("nobody", PASSWORD, mock), Err(ScramError::Proof));
}

#[test]
fn a_server_that_does_not_know_the_user_is_found_out() {
    let wrong = Credentials { server_key: [0; 32], ..credentials() };
    assert_eq!(login(USER, PASSWORD, wrong), Err(ScramError::Signature));
}

#[test]
fn a_client_first_message_may_say_y_itself_and_extensions() {
    for good in ["y,,n=user,r=abc", "n,a=user,n=user,r=abc", "n,,n=user,r=abc,x=1,Y=a=b"] {
        assert_eq!(ClientFirst::parse(good.as_bytes()).unwrap().user(), USER, "{good}");
    }
}

#[test]
fn a_malformed_client_first_message_is_refused() {
    use ScramError as E;
    for (bad, error) in [
        ("p=tls-unique,,n=user,r=abc", E::ChannelBinding),
        ("n,,m=x,n=user,r=abc", E::Extension),
        ("n,a=other,n=user,r=abc", E::AuthorizationIdentity),
        ("n,,n=us\u{7}er,r=abc", E::Unprepared),
        ("n,,n=,r=abc", E::Unprepared),
    ] {
        assert_eq!(ClientFirst::parse(bad.as_bytes()), Err(error), "{bad}");
    }
    for bad in [
        "",
        "n",
        "n,",
        "n,,",
        ",,n=user,r=abc",
        "x,,n=user,r=abc",
        "nn,,n=user,r=abc",
        "n,user,n=user,r=abc",
        "n,,n=user",
        "n,,r=abc,n=user",
        "n,,n=user,",
        "n,,n=user,r=",
        "n,,n=user,r=a\u{e4}",
        "n,,n=user,r=a b",
        "n,,n=us=er,r=abc",
        "n,,n=us=2cer,r=abc",
        "n,,n=user=,r=abc",
        "n,,user,r=abc",
        "n,,n=user,r=abc,",
        "n,,n=user,r=abc,x",
        "n,,n=user,r=abc,x=",
        "n,,n=user,r=abc,1=x",
        "n,,n=us\0er,r=abc",
    ] {
        let parsed = ClientFirst::parse(bad.as_bytes());
        assert!(matches!(parsed, Err(ScramError::Malformed(_))), "{bad}: {parsed:?}");
    }
    assert!(ClientFirst::parse(b"n,,n=\xff,r=abc").is_err());
    let long = format!("n,,n={},r=abc", "x".repeat(MAX_MESSAGE));
    assert!(ClientFirst::parse(long.as_bytes()).is_err());
}

#[test]
fn a_malformed_server_first_message_is_refused() {
    let nonce = "r=rOprNGfwEbeRWgbNEkqO";
    for (bad, error) in [
        (SERVER_FIRST.replace("r=r", "r=x"), ScramError::Nonce),
        (SERVER_FIRST.replace("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", ""), ScramError::Nonce),
        (SERVER_FIRST.replace("4096", "4095"), ScramError::Iterations(4_095)),
        (SERVER_FIRST.replace("4096", "1000001"), ScramError::Iterations(1_000_001)),
        (format!("m=x,{SERVER_FIRST}"), ScramError::Extension),
    ] {
        assert_eq!(client().answer(bad.as_bytes()).map(|_| ()), Err(error), "{bad}");
    }
    for bad in [
        String::new(),
        nonce.to_owned(),
        format!("{nonce}x,s=,i=4096"),
        format!("{nonce}x,s=W22,i=4096"),
        format!("{nonce}x,i=4096,s=AAAA"),
        format!("{nonce}x,s=AAAA"),
        format!("{nonce}x,s=AAAA,i="),
        format!("{nonce}x,s=AAAA,i=-4096"),
        format!("{nonce}x,s=AAAA,i=04096"),
        format!("{nonce}x,s=AAAA,i=99999999999"),
        format!("{nonce}x,s=AAAA,i=4096,"),
        format!("{nonce}x\n,s=AAAA,i=4096"),
        "e=other-error".to_owned(),
    ] {
        let answer = client().answer(bad.as_bytes()).map(|_| ());
        assert!(matches!(answer, Err(ScramError::Malformed(_))), "{bad}: {answer:?}");
    }
    assert!(client().answer(&[0xff]).is_err());
    assert!(
        client().answer(format!("{SERVER_FIRST},x=unknown").as_bytes()).is_ok(),
        "extensions are passed over"
    );
}

#[test]
fn a_malformed_client_final_message_is_refused() {
    for (from, to, error) in [
        ("c=biws", "c=eSws", ScramError::ChannelBinding), // y,,
        ("$k0,", "$k1,", ScramError::Nonce),
        ("p=dHzb", "p=eHzb", ScramError::Proof),
        ("c=biws", "m=x,c=biws", ScramError::Extension),
    ] {
        let bad = CLIENT_FINAL.replace(from, to);
        assert_eq!(challenge().check(bad.as_bytes()), Err(error), "{bad}");
    }
    for (from, to) in [
        ("c=biws,", ""),
        ("c=biws", "c="),
        ("c=biws", "c=biw"),
        ("p=dHzb", "dHzb"),
        ("p=dHzb", "p="),
        ("dVQ=", "dVQ"),
        ("dVQ=", "dVQ=,x=1"),
        (",r=", ",s="),
        (",p=", ",x,p="),
    ] {
        let bad = CLIENT_FINAL.replace(from, to);
        let checked = challenge().check(bad.as_bytes());
        assert!(matches!(checked, Err(ScramError::Malformed(_))), "{bad}: {checked:?}");
    }
    assert!(challenge().check(b"").is_err());
    assert!(challenge().check(&[0xff; 3]).is_err());
    assert!(challenge().check(SERVER_FINAL.as_bytes()).is_err());
}

#[test]
fn a_malformed_server_final_message_is_refused() {
    let refused = Err(ScramError::Refused("invalid-proof".to_owned()));
    assert_eq!(proof().check(b"e=invalid-proof,x=1"), refused);
    let wrong = SERVER_FINAL.replace("6rri", "7rri");
    assert_eq!(proof().check(wrong.as_bytes()), Err(ScramError::Signature));
    for bad in ["", "v", "v=", "v=6rri", "x=6rri", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4"] {
        let checked = proof().check(bad.as_bytes());
        assert!(matches!(checked, Err(ScramError::Malformed(_))), "{bad}: {checked:?}");
    }
    assert!(proof().check(format!("{SERVER_FINAL},x=1").as_bytes()).is_ok());
}

#[test]
fn a_nonce_has_only_letters_that_may_stand_in_one() {
    for bad in ["", "a,b", "a b", "\u{e4}", "a\0"] {
        assert!(Nonce::new(bad).is_err(), "{bad:?}");
    }
    assert_ne!(Nonce::from_random(&[0; 18]), Nonce::from_random(&[1; 18]));
}
