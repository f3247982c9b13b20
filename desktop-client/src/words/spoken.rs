//! Languages that people speak, by the names that their speakers give them. Owns no sentence: the app itself speaks fewer.

/// Tag as BCP 47 has it, and what its speakers call it; those in Latin letters first, each part in its order.
pub const SPOKEN: [(&str, &str); 60] = [
    ("af", "Afrikaans"),
    ("az", "Azərbaycanca"),
    ("id", "Bahasa Indonesia"),
    ("ms", "Bahasa Melayu"),
    ("bs", "Bosanski"),
    ("ca", "Català"),
    ("cs", "Čeština"),
    ("cy", "Cymraeg"),
    ("da", "Dansk"),
    ("de", "Deutsch"),
    ("et", "Eesti"),
    ("en", "English"),
    ("es", "Español"),
    ("eo", "Esperanto"),
    ("eu", "Euskara"),
    ("fr", "Français"),
    ("ga", "Gaeilge"),
    ("gl", "Galego"),
    ("ha", "Hausa"),
    ("hr", "Hrvatski"),
    ("ig", "Igbo"),
    ("is", "Íslenska"),
    ("it", "Italiano"),
    ("sw", "Kiswahili"),
    ("lv", "Latviešu"),
    ("lt", "Lietuvių"),
    ("hu", "Magyar"),
    ("mt", "Malti"),
    ("nl", "Nederlands"),
    ("no", "Norsk"),
    ("pl", "Polski"),
    ("pt", "Português"),
    ("ro", "Română"),
    ("sq", "Shqip"),
    ("sk", "Slovenčina"),
    ("sl", "Slovenščina"),
    ("so", "Soomaali"),
    ("fi", "Suomi"),
    ("sv", "Svenska"),
    ("tl", "Tagalog"),
    ("vi", "Tiếng Việt"),
    ("tr", "Türkçe"),
    ("yo", "Yorùbá"),
    ("el", "Ελληνικά"),
    ("bg", "Български"),
    ("ru", "Русский"),
    ("sr", "Српски"),
    ("uk", "Українська"),
    ("hy", "Հայերեն"),
    ("he", "עברית"),
    ("ar", "العربية"),
    ("fa", "فارسی"),
    ("ur", "اردو"),
    ("am", "አማርኛ"),
    ("bn", "বাংলা"),
    ("hi", "हिन्दी"),
    ("th", "ไทย"),
    ("ko", "한국어"),
    ("zh", "中文"),
    ("ja", "日本語"),
];

/// What speakers of the language of this tag call it; the tag itself where it is not known.
pub fn own_name(tag: &str) -> &str {
    SPOKEN.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag)).map_or(tag, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_one_tag_and_is_told_by_its_own_name() {
        for (place, (tag, name)) in SPOKEN.iter().enumerate() {
            assert!(SPOKEN[..place].iter().all(|(other, called)| other != tag && called != name), "{tag}");
            assert_eq!(own_name(&tag.to_uppercase()), *name);
        }
        for language in crate::words::LANGUAGES {
            assert_eq!(own_name(language.tag), language.own_name);
        }
        assert_eq!(own_name("tlh"), "tlh", "what was typed before there was a list");
    }
}
