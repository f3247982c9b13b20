//! The contrast of every pair of colours that a screen puts together.

use super::*;

fn luminance(color: Color32) -> f64 {
    let linear = |channel: u8| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
}

fn contrast(a: Color32, b: Color32) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn contrast_is_measured_as_the_guidelines_say() {
    assert!((contrast(Color32::WHITE, Color32::BLACK) - 21.0).abs() < 1e-9);
    assert!((contrast(rgb(0x777777), Color32::WHITE) - 4.48).abs() < 0.01);
}

#[test]
fn every_text_can_be_read_on_its_ground() {
    for (theme, palette) in [("light", LIGHT), ("dark", DARK), ("stage", STAGE)] {
        for (name, ink, ground) in palette.text_pairs() {
            let ratio = contrast(ink, ground);
            assert!(ratio >= 4.5, "{theme}: {name} has a contrast of {ratio:.2}:1");
        }
    }
}

#[test]
fn every_sign_stands_out_from_its_ground() {
    for (theme, palette) in [("light", LIGHT), ("dark", DARK), ("stage", STAGE)] {
        for (name, ink, ground) in palette.sign_pairs() {
            let ratio = contrast(ink, ground);
            assert!(ratio >= 3.0, "{theme}: {name} has a contrast of {ratio:.2}:1");
        }
    }
}
