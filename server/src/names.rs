//! Names, display names and passwords: which are acceptable, and which names are the same name.
//!
//! RFC 8265 UsernameCaseMapped (section 3.3) for login names: width and case are mapped, the rest is refused, so
//! that two people can never have the same name in two spellings of letters. Where RFC 8265 keeps apart what reads
//! alike in another case (ß and SS), [`fold`] puts it together. Never looks anything up.

use castle::limits::{
    DISPLAY_NAME_CHARS_MAX, NAME_CHARS_MAX, NAME_CHARS_MIN, PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN,
};
use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::Profile as _;

/// Longest name looked at before it is normalized, bytes: four for each character.
const NAME_BYTES_MAX: usize = NAME_CHARS_MAX * 4;

/// What attackers try first, of 8 bytes and more. A floor, not a policy: the throttle does the rest.
const COMMON_PASSWORDS: [&str; 40] = [
    "password",
    "password1",
    "password12",
    "password123",
    "passw0rd",
    "12345678",
    "123456789",
    "1234567890",
    "87654321",
    "987654321",
    "0987654321",
    "11111111",
    "00000000",
    "88888888",
    "12341234",
    "11223344",
    "qwertyui",
    "qwertyuiop",
    "qwerty123",
    "qwerty12",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "zaq12wsx",
    "asdfghjk",
    "asdfghjkl",
    "abcd1234",
    "abc12345",
    "a1b2c3d4",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "trustno1",
    "welcome1",
    "letmein1",
    "changeme",
    "castle123",
];

/// The one spelling of a login name; or what is wrong with it.
pub fn normalize(name: &str) -> Result<String, &'static str> {
    const LENGTH: &str = "must have 3 to 32 characters";
    if name.len() > NAME_BYTES_MAX {
        return Err(LENGTH);
    }
    let name = UsernameCaseMapped::new()
        .enforce(name)
        .map_err(|_| "must consist of letters, digits and printable ASCII without blanks (RFC 8265)")?;
    let length = name.chars().count();
    if (NAME_CHARS_MIN..=NAME_CHARS_MAX).contains(&length) { Ok(name.into_owned()) } else { Err(LENGTH) }
}

/// What two names have in common that differ in case alone, by full case folding: `name` (normalized) is unique
/// by it. Not for people to see.
pub fn fold(name: &str) -> String {
    name.to_uppercase().to_lowercase().replace('ς', "σ")
}

/// A display name without blanks around it, `None` if it is empty; or what is wrong with it.
pub fn display(name: &str) -> Result<Option<String>, &'static str> {
    let name = name.trim();
    if name.chars().count() > DISPLAY_NAME_CHARS_MAX {
        return Err("must have at most 64 characters");
    }
    if name.chars().any(|c| c.is_control() || is_deceptive(c)) {
        return Err("must not contain control characters");
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// Characters that nobody sees and that change how others are read: they turn a row around, or end it.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether `password` is good enough for the guest `name` (normalized); or what is wrong with it.
pub fn password(password: &str, name: &str) -> Result<(), &'static str> {
    password_length(password)?;
    let folded = password.to_lowercase();
    if folded.contains(name) && folded.len() < name.len() + PASSWORD_BYTES_MIN {
        return Err("must be more than the name");
    }
    let first = folded.chars().next();
    if folded.chars().all(|c| Some(c) == first) || COMMON_PASSWORDS.contains(&folded.as_str()) {
        return Err("is one of those everybody tries first");
    }
    Ok(())
}

/// Whether `password` may be hashed at all; or what is wrong with it.
pub fn password_length(password: &str) -> Result<(), &'static str> {
    if (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&password.len()) {
        Ok(())
    } else {
        Err("must have 8 to 1024 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one_name() {
        for (spelling, name) in [
            ("alice", "alice"),
            ("Alice", "alice"),
            ("ALICE", "alice"),
            ("ａｌｉｃｅ", "alice"),
            ("Ａｌｉｃｅ", "alice"),
            ("Zoe\u{308}", "zoë"),
            ("ZOË", "zoë"),
            ("a\u{323}\u{307}bc", "ạ\u{307}bc"),
            ("a\u{307}\u{323}bc", "ạ\u{307}bc"), // marks in another order
            ("ｱﾘｽ", "アリス"),
            ("ñandú-7", "ñandú-7"),
            ("Ивáн", "ивáн"),
            ("أليس", "أليس"),
            ("fußball", "fußball"), // RFC 8265 keeps it apart from fussball; `fold` does not
            ("a.b_c@d", "a.b_c@d"),
        ] {
            assert_eq!(normalize(spelling).as_deref(), Ok(name), "{spelling}");
            assert_eq!(normalize(name).as_deref(), Ok(name), "{name} stays as it is");
        }
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        let (long, huge) = ("a".repeat(33), "a".repeat(1_000_000));
        for bad in [
            "",
            "al",
            "alice ",
            " alice",
            "al ice",
            "alice\t",
            "alice\n",
            "alice\r\n",
            "alice\u{0}",
            "alice\u{7f}",
            "alice\u{85}",
            "alice\u{a0}",
            "alice\u{3000}",
            "alice\u{200b}",
            "alice\u{200c}",
            "alice\u{200d}",
            "alice\u{2060}",
            "alice\u{feff}",
            "al\u{ad}ice",
            "alice\u{fe0f}",
            "\u{202e}ecila",
            "alice\u{202c}",
            "\u{2066}alice\u{2069}",
            "aliceأ",
            "1أليس1a",
            "ﬁona",
            "\u{212b}se", // the sign for angstrom
            "ǆura",
            "ⅳ-alice",
            "x²y²z²",
            "①②③",
            "™mark",
            "𝐚𝐥𝐢𝐜𝐞",
            "🙂🙂🙂",
            "alice🙂",
            "♔king",
            "alice\u{e000}",
            "alice\u{fffd}",
            "alice\u{fdd0}",
            "alice\u{e0061}",
            "\u{0}\u{0}\u{0}",
            &long,
            &huge,
        ] {
            assert!(normalize(bad).is_err(), "{bad:.40?}");
        }
        assert_eq!(normalize(&"a".repeat(32)).map(|name| name.len()), Ok(32));
        assert_eq!(normalize(&"界".repeat(32)).map(|name| name.chars().count()), Ok(32));
        assert!(normalize(&"界".repeat(33)).is_err());
    }

    #[test]
    fn names_that_differ_in_case_alone_fold_to_one() {
        for (one, other) in [
            ("straße", "STRASSE"),
            ("straße", "STRAẞE"),
            ("οδος", "ΟΔΟΣ"),
            ("οδοσ", "ΟΔΟΣ"),
            ("ǰon", "J\u{30c}on"),
            ("ılık", "ILIK"),
            ("ALICE", "ａｌｉｃｅ"),
        ] {
            let [one, other] = [one, other].map(|name| fold(&normalize(name).unwrap()));
            assert_eq!(one, other);
            assert_eq!(fold(&one), one, "folding twice folds no further");
        }
        assert_ne!(fold("alice"), fold("alìce"));
    }

    #[test]
    fn passwords_have_a_floor_and_a_ceiling() {
        for bad in ["", "1234567", "Password1", "aaaaaaaaaa", "margaret", "Margaret12", &"x1".repeat(513)] {
            assert!(password(bad, "margaret").is_err(), "{bad:.40}");
        }
        for good in ["correct horse", "margaret rides at dawn", &"x1".repeat(512), "пароль-замок"]
        {
            assert_eq!(password(good, "margaret"), Ok(()), "{good:.40}");
        }
    }

    #[test]
    fn a_display_name_is_trimmed_and_one_line() {
        assert_eq!(display("  Alice B. "), Ok(Some("Alice B.".to_owned())));
        assert_eq!(display("  "), Ok(None));
        for bad in ["a\nb", "a\u{202e}b", "a\u{2066}b", "\u{200b}", "a\u{2028}b", "\u{1b}[31m"] {
            assert!(display(bad).is_err(), "{bad:?}");
        }
        assert!(display("👩\u{200d}🚀 عربي").is_ok());
        assert!(display(&"é".repeat(65)).is_err());
        assert!(display(&"é".repeat(64)).is_ok());
    }
}
