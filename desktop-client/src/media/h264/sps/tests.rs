//! Parameter sets as encoders write them, and as nobody should.

use super::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Writes a set bit by bit.
#[derive(Default)]
struct Writer {
    bits: Vec<bool>,
}

impl Writer {
    fn put(&mut self, number: u32, count: u32) -> &mut Self {
        self.bits.extend((0..count).rev().map(|bit| number >> bit & 1 == 1));
        self
    }

    fn ue(&mut self, number: u32) -> &mut Self {
        let length = (number + 1).ilog2();
        self.put(0, length).put(number + 1, length + 1)
    }

    /// The unit, with the bytes that keep start codes out of it.
    fn unit(&mut self) -> Vec<u8> {
        self.put(1, 1);
        let (mut unit, mut zeros) = (vec![0x67], 0);
        for bits in self.bits.chunks(8) {
            let byte = bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at));
            if zeros >= 2 && byte <= 3 {
                unit.push(3);
                zeros = 0;
            }
            unit.push(byte);
            zeros = if byte == 0 { zeros + 1 } else { 0 };
        }
        unit
    }
}

/// A set of the baseline profile up to its size, with `references`.
fn begun(profile: u32, references: u32) -> Writer {
    let mut writer = Writer::default();
    writer.put(profile, 8).put(0xE0, 8).put(31, 8).ue(0);
    if profile == HIGH {
        writer.ue(1).ue(0).ue(0).put(0, 2);
    }
    writer.ue(0).ue(2).ue(references).put(0, 1);
    writer
}

/// Of pictures in whole macroblocks, with what is cut off on the right and below, pixels.
fn sized(across: u32, down: u32, cut: (u32, u32)) -> Vec<u8> {
    let mut writer = begun(66, 1);
    writer.ue(across - 1).ue(down - 1).put(0b11, 2);
    writer.put(u32::from(cut != (0, 0)), 1);
    if cut != (0, 0) {
        writer.ue(0).ue(cut.0 / 2).ue(0).ue(cut.1 / 2);
    }
    writer.put(0, 1).unit()
}

#[test]
fn a_size_is_that_of_the_macroblocks_less_what_is_cut_off() {
    let read =
        |unit: &[u8]| Sps::parse(unit).map(|sps| (sps.coded_width, sps.coded_height, sps.width, sps.height));
    assert_eq!(read(&sized(80, 45, (0, 0))), Some((1280, 720, 1280, 720)));
    assert_eq!(read(&sized(120, 68, (0, 8))), Some((1920, 1088, 1920, 1080)));
    assert_eq!(read(&sized(1, 1, (14, 14))), Some((16, 16, 2, 2)));
    assert_eq!(read(&sized(240, 135, (0, 0))), Some((3840, 2160, 3840, 2160)), "read, for others to refuse");
    assert_eq!(read(&sized(1, 1, (16, 0))), None, "nothing is left");
    assert_eq!(read(&sized(1, 1, (9000, 0))), None);
    assert_eq!(read(&sized(5000, 1, (0, 0))), None, "no level has such pictures");
}

#[test]
fn what_an_encoder_of_others_wrote_is_understood() {
    // Constrained baseline, level 3.1, 640x360, by x264.
    let unit = [
        0x67, 0x42, 0xC0, 0x1E, 0xD9, 0x00, 0xA0, 0x2F, 0xF9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00,
        0x00, 0x03, 0x00, 0x3C, 0x0F, 0x16, 0x2E, 0x48,
    ];
    let sps = Sps::parse(&unit).expect("a set");
    assert_eq!((sps.width, sps.height, sps.coded_height), (640, 360, 368));
}

#[test]
fn colours_are_those_that_are_said_and_else_of_bt601() {
    let told = |write: &dyn Fn(&mut Writer)| {
        let mut writer = begun(66, 1);
        writer.ue(9).ue(9).put(0b110, 3).put(1, 1);
        write(&mut writer);
        let sps = Sps::parse(&writer.unit()).expect("a set");
        (sps.matrix, sps.range)
    };
    let of = |full, matrix| {
        told(&move |writer| {
            writer.put(0b00, 2).put(1, 1).put(5, 3).put(full, 1).put(1, 1).put(6, 8).put(6, 8).put(matrix, 8);
        })
    };
    assert_eq!(of(0, 6), (ColorMatrix::Bt601, ColorRange::Limited));
    assert_eq!(of(1, 6), (ColorMatrix::Bt601, ColorRange::Full));
    assert_eq!(of(0, 1), (ColorMatrix::Bt709, ColorRange::Limited));
    let silent = told(&|writer| {
        writer.put(0, 3);
    });
    assert_eq!(silent, Default::default(), "nothing is said");
    let wide = told(&|writer| {
        writer.put(1, 1).put(255, 8).put(0x0004_0003, 32).put(0b10, 2).put(1, 1).put(5, 3).put(0b10, 2);
    });
    assert_eq!(wide, (ColorMatrix::Bt601, ColorRange::Full), "pixels that are not square stand before it");
}

#[test]
fn what_calls_never_have_is_refused() {
    let with = |profile, references, tail: u32| {
        let mut writer = begun(profile, references);
        writer.ue(9).ue(9).put(tail, 4);
        Sps::parse(&writer.unit())
    };
    assert!(
        with(66, 1, 0b1100).is_some() && with(77, 16, 0b1100).is_some() && with(100, 4, 0b1100).is_some()
    );
    assert_eq!(with(66, 17, 0b1100), None, "more references than any level has");
    assert_eq!(with(66, 1, 0b0000), None, "interlaced");
    assert_eq!(with(122, 1, 0b1100), None, "another profile");
    let mut deep = Writer::default();
    deep.put(100, 8).put(0, 8).put(31, 8).ue(0).ue(1).ue(2).ue(2).put(0, 2);
    assert_eq!(Sps::parse(&deep.unit()), None, "ten bits");
    assert_eq!(Sps::parse(&[0x68, 0x42, 0xE0, 0x1F]), None, "another unit");
}

#[test]
fn a_set_that_is_cut_short_or_changed_never_panics() {
    let good = sized(120, 68, (0, 8));
    for length in 0..good.len() - 1 {
        assert_eq!(Sps::parse(&good[..length]), None, "{length}");
    }
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..20_000 {
        let mut unit = good.clone();
        for _ in 0..=random.next_u32() % 4 {
            let at = random.next_u32() as usize % unit.len();
            unit[at] = random.next_u32() as u8;
        }
        if let Some(sps) = Sps::parse(&unit) {
            assert!((1..=sps.coded_width).contains(&sps.width), "{sps:?}");
            assert!((1..=sps.coded_height).contains(&sps.height), "{sps:?}");
        }
        let noise: Vec<u8> = (0..random.next_u32() % 64).map(|_| random.next_u32() as u8).collect();
        Sps::parse(&[&[0x67, 100, 0, 31], &noise[..]].concat());
    }
}
