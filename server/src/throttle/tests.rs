//! The throttle: what each kind of bucket stops, and what it may never do.

use super::*;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::net::Ipv4Addr;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const AWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

fn throttle() -> Throttle {
    Throttle::new(&ThrottleConfig::default())
}

fn stranger(from: IpAddr, name: &str) -> Attempt {
    Attempt::Stranger { from, name: name.to_owned() }
}

fn device(device: u128) -> Attempt {
    Attempt::Device { of: GuestId::from_bits(1), device }
}

/// A wrong password is tried, if it may be.
fn fails(throttle: &mut Throttle, now: Instant, attempt: &Attempt) -> Result<(), (Duration, Allowance)> {
    throttle.take(now, attempt)?;
    throttle.settle(attempt);
    Ok(())
}

fn v4(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n))
}

fn exhausted(now: Instant) -> Throttle {
    let mut throttle = throttle();
    for _ in 0..PAIR.burst {
        assert_eq!(fails(&mut throttle, now, &stranger(HOME, "alice")), Ok(()));
    }
    throttle
}

#[test]
fn after_a_burst_one_attempt_is_allowed_each_refill() {
    let now = Instant::now();
    let mut throttle = exhausted(now);
    let attempt = stranger(HOME, "alice");
    assert_eq!(throttle.take(now, &attempt), Err((PAIR.refill, PAIR)));
    assert_eq!(throttle.take(now + PAIR.refill, &attempt), Ok(()));
    assert_eq!(throttle.take(now + PAIR.refill, &attempt), Err((PAIR.refill, PAIR)));
}

#[test]
fn other_names_and_other_addresses_are_not_hindered_by_a_few_wrong_passwords() {
    let now = Instant::now();
    let mut throttle = exhausted(now);
    assert_eq!(throttle.take(now, &stranger(AWAY, "alice")), Ok(()));
    assert_eq!(throttle.take(now, &stranger(HOME, "bob")), Ok(()));
}

#[test]
fn one_address_cannot_try_one_password_on_every_name() {
    let now = Instant::now();
    let mut throttle = throttle();
    for n in 0..ADDRESS.burst {
        assert_eq!(throttle.take(now, &stranger(HOME, &n.to_string())), Ok(()));
    }
    assert_eq!(throttle.take(now, &stranger(HOME, "one more")), Err((ADDRESS.refill, ADDRESS)));
    assert_eq!(throttle.take(now, &stranger(AWAY, "one more")), Ok(()));
}

#[test]
fn a_flood_on_a_name_from_everywhere_does_not_keep_its_own_device_out() {
    let now = Instant::now();
    let mut throttle = throttle();
    let taken = (0..1000).filter(|&n| throttle.take(now, &stranger(v4(n), "alice")).is_ok()).count();
    assert_eq!(taken, NAME.burst as usize);
    assert_eq!(throttle.take(now, &stranger(HOME, "alice")), Err((NAME.refill, NAME)));
    assert_eq!(throttle.take(now, &device(7)), Ok(()));
    for _ in 1..DEVICE.burst {
        assert_eq!(throttle.take(now, &device(7)), Ok(()));
    }
    assert_eq!(throttle.take(now, &device(7)), Err((DEVICE.refill, DEVICE)), "which has a bound of its own");
    assert_eq!(throttle.take(now, &device(8)), Ok(()));
}

#[test]
fn a_right_password_forgives_the_pair_and_gives_the_others_one_attempt_back() {
    let now = Instant::now();
    let mut throttle = exhausted(now);
    throttle.take(now + PAIR.refill, &stranger(HOME, "alice")).unwrap();
    throttle.forgive(now + PAIR.refill, &stranger(HOME, "alice"));
    for _ in 0..PAIR.burst {
        assert_eq!(throttle.take(now, &stranger(HOME, "alice")), Ok(()));
    }
    let mine = stranger(HOME, "mallory");
    let mut guesses = 0;
    // Between two guesses at another name each, the owner of an account logs in to it.
    while throttle.take(now, &stranger(HOME, &guesses.to_string())).is_ok() {
        guesses += 1;
        if throttle.take(now, &mine).is_ok() {
            throttle.forgive(now, &mine);
        }
    }
    assert!(guesses < ADDRESS.burst, "{guesses}");
}

#[test]
fn a_right_password_lets_no_more_be_under_way_at_once() {
    let now = Instant::now();
    for mine in [device(7), stranger(HOME, "mallory")] {
        let mut throttle = throttle();
        for _ in 0..DEVICE.burst {
            assert_eq!(throttle.take(now, &mine), Ok(()));
        }
        for _ in 0..100 {
            throttle.forgive(now, &mine);
            assert_eq!(throttle.take(now, &mine), Ok(()), "one for the one that has ended");
            assert!(throttle.take(now, &mine).is_err(), "and no more");
        }
        for _ in 1..DEVICE.burst {
            throttle.settle(&mine);
        }
        throttle.forgive(now, &mine);
        for _ in 0..DEVICE.burst {
            assert_eq!(throttle.take(now, &mine), Ok(()), "with the last one all is forgiven");
        }
    }
}

#[test]
fn however_attempts_end_the_throttle_forgets_that_they_were_under_way() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let now = Instant::now();
    let mut throttle = throttle();
    let mut under_way: Vec<Attempt> = Vec::new();
    for _ in 0..10_000 {
        let attempt = any_attempt(&mut random);
        if throttle.take(now, &attempt).is_ok() {
            under_way.push(attempt);
        }
        for of in [device(0), stranger(v4(0), "alice")] {
            let count = under_way.iter().filter(|attempt| **attempt == of).count();
            assert!(count <= PAIR.burst as usize);
        }
        if !under_way.is_empty() && random.random_bool(0.7) {
            let ended = under_way.swap_remove(random.random_range(0..under_way.len()));
            match random.random_range(0..3) {
                0 => throttle.forgive(now, &ended),
                1 => throttle.settle(&ended),
                _ => throttle.give_back(now, &ended),
            }
        }
    }
    for ended in under_way {
        throttle.settle(&ended);
    }
    assert_eq!(throttle.under_way, BTreeMap::new());
}

#[test]
fn a_whole_ipv6_network_counts_as_one_address() {
    let now = Instant::now();
    let mut throttle = throttle();
    let address = |host: u128| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) | host));
    for host in 0..u128::from(PAIR.burst) {
        assert_eq!(throttle.take(now, &stranger(address(host), "alice")), Ok(()));
    }
    assert!(throttle.take(now, &stranger(address(99), "alice")).is_err());
    assert_eq!(throttle.take(now, &stranger(address(1 << 64), "alice")), Ok(()));
    let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
    assert_eq!(network(mapped), HOME, "an IPv4 address is itself on a socket for both");
}

#[test]
fn a_flood_of_names_and_addresses_does_not_grow_it() {
    let now = Instant::now();
    let mut throttle = exhausted(now);
    for n in 0..2 * DEBTS_MAX as u32 {
        assert_eq!(throttle.take(now, &stranger(v4(n), &n.to_string())), Ok(()));
        assert_eq!(throttle.take(now, &device(n.into())), Ok(()));
    }
    assert_eq!(throttle.debts(), 4 * DEBTS_MAX);
    assert_eq!(
        throttle.take(now, &stranger(HOME, "alice")),
        Err((PAIR.refill, PAIR)),
        "the most indebted is kept"
    );
}

/// Some seconds of tries by a few guests and a few attackers, at random.
fn any_attempt(random: &mut ChaCha8Rng) -> Attempt {
    match random.random_range(0..10) {
        0 | 1 => device(random.random_range(0..3)),
        2 => Attempt::Code(v4(random.random_range(0..6))),
        _ => stranger(v4(random.random_range(0..6)), ["alice", "bob", "nobody"][random.random_range(0..3)]),
    }
}

/// How often an attempt of this kind may succeed within `span`.
fn most(allowance: Allowance, span: Duration) -> u128 {
    u128::from(allowance.burst) + span.as_millis() / allowance.refill.as_millis()
}

#[test]
fn whatever_is_tried_the_allowances_hold_and_who_waits_as_told_gets_in() {
    for seed in 0..200 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let start = Instant::now();
        let mut now = start;
        let mut throttle = throttle();
        let mut taken: Vec<Attempt> = Vec::new();
        for _ in 0..400 {
            now += Duration::from_millis(random.random_range(0..400));
            let attempt = any_attempt(&mut random);
            let before = throttle.clone();
            match throttle.take(now, &attempt) {
                Ok(()) => taken.push(attempt),
                Err((wait, _)) => {
                    assert!(throttle == before, "seed {seed}: a refused attempt extends nothing");
                    assert_eq!(throttle.clone().take(now + wait, &attempt), Ok(()), "seed {seed}");
                    let early = now + wait.saturating_sub(Duration::from_nanos(1));
                    assert!(throttle.clone().take(early, &attempt).is_err(), "seed {seed}: told too long");
                }
            }
            assert!(throttle.debts() <= 6 * 3 + 6 + 3 + 3, "seed {seed}");
        }
        let span = now - start;
        let count = |meant: &dyn Fn(&Attempt) -> bool| taken.iter().filter(|a| meant(a)).count() as u128;
        for n in 0..6 {
            let is_from = |a: &Attempt| matches!(a, Attempt::Stranger { from, .. } | Attempt::Code(from) if *from == v4(n));
            assert!(count(&is_from) <= most(ADDRESS, span), "seed {seed}");
        }
        for asked in ["alice", "bob", "nobody"] {
            let is_for = |a: &Attempt| matches!(a, Attempt::Stranger { name, .. } if name == asked);
            assert!(count(&is_for) <= most(NAME, span), "seed {seed}");
            for n in 0..6 {
                let pair = stranger(v4(n), asked);
                assert!(count(&|a| *a == pair) <= most(PAIR, span), "seed {seed}");
            }
        }
        for n in 0..3 {
            assert!(count(&|a| *a == device(n)) <= most(DEVICE, span), "seed {seed}");
        }
    }
}

#[test]
fn a_right_password_never_makes_a_wait_longer() {
    for seed in 0..200 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut now = Instant::now();
        let mut throttle = throttle();
        for _ in 0..200 {
            now += Duration::from_millis(random.random_range(0..100));
            let attempt = any_attempt(&mut random);
            if throttle.take(now, &attempt).is_ok() && random.random_bool(0.3) {
                let other = any_attempt(&mut random);
                let wait = |throttle: &Throttle| {
                    throttle.clone().take(now, &other).err().map(|(wait, _)| wait).unwrap_or_default()
                };
                let before = wait(&throttle);
                throttle.forgive(now, &attempt);
                assert!(wait(&throttle) <= before, "seed {seed}");
            }
        }
    }
}
