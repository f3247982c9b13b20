//! Names of devices that people can tell apart: a number behind those that are there already. Pure.

/// The names in their order, no two of them the same: `Webcam`, `Webcam (2)`.
pub(crate) fn told_apart(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let mut own = name.clone();
        for number in 2.. {
            if !all.contains(&own) {
                break;
            }
            own = format!("{name} ({number})");
        }
        all.push(own);
    }
    all
}

/// Whether `name` is `first` with a number behind it.
pub(crate) fn is_numbered(name: &str, first: &str) -> bool {
    let number = name.strip_prefix(first).and_then(|rest| rest.strip_prefix(" (")?.strip_suffix(')'));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_are_the_same_whatever_devices_call_themselves() {
        let apart = |names: &[&str]| told_apart(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(apart(&["a", "b"]), ["a", "b"]);
        assert_eq!(apart(&["a", "b", "a", "a"]), ["a", "b", "a (2)", "a (3)"]);
        assert_eq!(apart(&["a", "a (2)", "a"]), ["a", "a (2)", "a (3)"], "one is called so by itself");
        assert_eq!(apart(&["a", "a", "a (2)"]), ["a", "a (2)", "a (2) (2)"]);
    }

    #[test]
    fn a_number_behind_a_name_is_known_as_such() {
        assert!(is_numbered("USB (2)", "USB") && is_numbered("USB (12)", "USB"));
        for other in ["USB", "USB (rear)", "USB 2", "USB (2) left", "other (2)"] {
            assert!(!is_numbered(other, "USB"), "{other}");
        }
    }
}
