//! Fair play, as stories and as properties over seeded queues.

use super::*;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

const NOBODY: [[u128; 2]; 0] = [];
const NO_SESSION: [SessionId; 0] = [];

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn guest(number: u128) -> GuestId {
    GuestId::from_bits(number)
}

fn session(number: u128) -> SessionId {
    SessionId::from_bits(number)
}

fn criteria(tags: &[&str], languages: &[&str]) -> Criteria {
    let words = |words: &[&str]| words.iter().map(|&word| Arc::from(word)).collect();
    Criteria { tags: words(tags), languages: words(languages), ..Criteria::default() }
}

fn ticket(number: u128, criteria: Criteria) -> Join {
    Join { session: session(number), guest: guest(number), request_id: format!("request {number}"), criteria }
}

/// A queue, and the guests of the pairings it makes.
struct Queue(Matchmaker);

impl Queue {
    fn new() -> Self {
        Self(Matchmaker::new(MatchConfig::default()))
    }

    fn settle(&mut self, now: Duration) -> Vec<[u128; 2]> {
        self.0.tick(now);
        std::iter::from_fn(|| self.0.next_pairing(now))
            .map(|pair| pair.map(|paired| paired.guest.to_bits()))
            .collect()
    }

    fn join(&mut self, now: Duration, number: u128, criteria: Criteria) -> Vec<[u128; 2]> {
        assert_eq!(self.0.join(now, ticket(number, criteria)), Ok(Joined::Queued));
        self.settle(now)
    }
}

#[test]
fn whoever_waits_longest_is_paired_first_and_at_once() {
    let mut queue = Queue::new();
    assert_eq!(queue.join(secs(1), 1, criteria(&["chess"], &[])), NOBODY);
    assert_eq!(queue.join(secs(2), 2, criteria(&["go"], &[])), NOBODY);
    assert_eq!(queue.join(secs(3), 3, criteria(&["go", "chess"], &[])), [[1, 3]]);
    assert_eq!(queue.0.len(), 1);
}

#[test]
fn wishes_are_given_up_step_by_step() {
    let mut queue = Queue::new();
    queue.join(secs(0), 1, criteria(&["chess"], &["de"]));
    queue.join(secs(0), 2, criteria(&[], &["de"]));
    assert_eq!(queue.settle(Duration::from_millis(4999)), NOBODY);
    assert_eq!(queue.settle(secs(5)), [[1, 2]], "a partner without tags will do");

    let mut queue = Queue::new();
    queue.join(secs(0), 1, criteria(&["chess"], &["de"]));
    queue.join(secs(3), 2, criteria(&["go"], &["de"]));
    assert_eq!(queue.settle(secs(15)), NOBODY, "the younger still wishes for go");
    assert_eq!(queue.settle(secs(18)), [[1, 2]], "tags are given up");

    let mut queue = Queue::new();
    queue.join(secs(0), 1, criteria(&[], &["de"]));
    queue.join(secs(0), 2, criteria(&[], &["fr"]));
    assert_eq!(queue.settle(secs(29)), NOBODY);
    assert_eq!(queue.0.next_deadline(), Some(secs(30)));
    assert_eq!(queue.settle(secs(30)), [[1, 2]], "languages are given up");
}

#[test]
fn what_is_required_is_never_given_up() {
    let required = Criteria { tags_required: true, ..criteria(&["chess"], &["de"]) };
    let mut queue = Queue::new();
    queue.join(secs(0), 1, required.clone());
    queue.join(secs(0), 2, Criteria::default());
    queue.join(secs(0), 3, criteria(&["go"], &["de"]));
    assert_eq!(queue.settle(secs(5)), [[2, 3]], "and who requires nothing takes somebody else");
    assert_eq!(queue.settle(secs(3_600)), NOBODY);
    assert_eq!(queue.join(secs(3_600), 4, criteria(&["chess"], &["de", "fr"])), [[1, 4]]);

    let mut queue = Queue::new();
    let speaks = |language| Criteria { languages_required: true, ..criteria(&["chess"], &[language]) };
    queue.join(secs(0), 1, speaks("de"));
    queue.join(secs(0), 2, speaks("fr"));
    assert_eq!(queue.settle(secs(3_600)), NOBODY);
    assert_eq!(
        queue.join(secs(3_600), 3, criteria(&["go"], &["fr"])),
        NOBODY,
        "the new one still wishes for go"
    );
    assert_eq!(queue.settle(secs(3_615)), [[2, 3]], "the wish that is not required is given up as ever");
}

#[test]
fn two_of_whom_one_blocked_the_other_do_not_meet() {
    let mut queue = Queue::new();
    queue.0.set_apart(guest(2), guest(1), true);
    queue.join(secs(0), 1, Criteria::default());
    assert_eq!(queue.join(secs(0), 2, Criteria::default()), NOBODY);
    assert_eq!(queue.settle(secs(3_600)), NOBODY);
    queue.0.set_apart(guest(1), guest(2), false);
    assert_eq!(queue.settle(secs(3_600)), [[1, 2]], "at once when it is taken back");
}

#[test]
fn news_of_places_cost_the_same_however_many_wait() {
    let mut config = MatchConfig::default();
    (config.news.front, config.news.at_once) = (10, 100);
    let mut queue = Queue(Matchmaker::new(config));
    for number in 0..1_000 {
        queue.join(secs(0), number, criteria(&[&format!("tag {number}")], &[]));
    }
    let mut told = BTreeMap::new();
    for second in 1..=10 {
        let news = queue.0.news(secs(second));
        assert!(news.len() <= 110, "{} were told at once", news.len());
        for (session, place) in news {
            told.insert(session.to_bits(), place.position);
        }
    }
    assert!((0..1_000).all(|number| told[&number] == number as usize + 1), "everybody was told in turn");
    queue.0.leave(session(0));
    let front: Vec<_> =
        queue.0.news(secs(11)).into_iter().take(10).map(|(_, place)| place.position).collect();
    assert_eq!(front, (1..=10).collect::<Vec<_>>(), "the front learns of each change at once");
    assert!((1..500).all(|number| queue.0.leave(session(number))));
    for second in 12..=20 {
        told.extend(
            queue
                .0
                .news(secs(second))
                .into_iter()
                .map(|(session, place)| (session.to_bits(), place.position)),
        );
    }
    assert!(
        (500..1_000).all(|number| told[&number] == number as usize - 499),
        "and the others in their turn"
    );
    assert_eq!(queue.0.tell_place(secs(21), session(999)).map(|place| place.position), Some(500));
}

#[test]
fn the_same_two_do_not_meet_again_within_the_cool_down() {
    let mut queue = Queue::new();
    queue.join(secs(0), 1, Criteria::default());
    assert_eq!(queue.join(secs(0), 2, Criteria::default()), [[1, 2]]);
    queue.0.match_over(secs(10), [guest(1), guest(2)], [false; 2]);
    queue.join(secs(10), 1, Criteria::default());
    assert_eq!(queue.join(secs(10), 2, Criteria::default()), NOBODY);
    assert_eq!(queue.join(secs(11), 3, Criteria::default()), [[1, 3]], "others are free to meet");
    queue.join(secs(12), 1, Criteria::default());
    assert_eq!(queue.0.cooled_at.first().map(|&(at, _)| at), Some(secs(70)));
    assert_eq!(queue.settle(secs(69)), NOBODY);
    assert_eq!(queue.settle(secs(70)), [[2, 1]]);
}

#[test]
fn two_devices_of_one_guest_never_meet() {
    let mut queue = Queue::new();
    queue.join(secs(0), 1, Criteria::default());
    let other_device = Join { session: session(100), ..ticket(1, Criteria::default()) };
    assert_eq!(queue.0.join(secs(0), other_device), Ok(Joined::Queued));
    assert_eq!(queue.settle(secs(60)), NOBODY);
    assert_eq!(queue.join(secs(61), 2, Criteria::default()), [[1, 2]]);
    assert_eq!(queue.0.leave_all(guest(1)), [session(100)]);
}

#[test]
fn a_repeated_request_keeps_its_place() {
    let mut queue = Queue::new();
    queue.join(secs(0), 1, criteria(&["chess"], &[]));
    queue.join(secs(1), 2, criteria(&["go"], &[]));
    assert_eq!(queue.0.join(secs(2), ticket(1, Criteria::default())), Ok(Joined::Kept));
    let place = queue.0.tell_place(secs(2), session(1)).expect("it waits");
    assert_eq!((place.position, place.waiting), (1, 2));
    let another = Join { request_id: "another".to_owned(), ..ticket(1, Criteria::default()) };
    assert_eq!(queue.0.join(secs(2), another), Err(Error::AlreadyQueued));
    let call = CallId::from_bits(7);
    queue.0.leave(session(1));
    queue.0.note_found(session(1), "request 1".to_owned(), call);
    assert_eq!(queue.0.join(secs(3), ticket(1, Criteria::default())), Ok(Joined::Found(call)));
}

#[test]
fn a_pause_keeps_the_place() {
    let mut queue = Queue::new();
    queue.join(secs(0), 1, Criteria::default());
    queue.0.set_ringing(guest(1), true);
    assert_eq!(queue.join(secs(1), 2, criteria(&["go"], &[])), NOBODY);
    queue.0.set_attached(secs(2), session(2), false);
    queue.0.set_ringing(guest(1), false);
    assert_eq!(queue.settle(secs(10)), NOBODY, "nobody is paired with a guest whose stream is broken");
    queue.0.set_attached(secs(11), session(2), true);
    assert_eq!(queue.settle(secs(11)), [[1, 2]]);
}

#[test]
fn a_lost_stream_is_held_while_its_session_is_attached() {
    let mut queue = Queue::new();
    queue.join(secs(0), 1, Criteria::default());
    queue.0.stream_lost(secs(1), session(1));
    assert_eq!(queue.0.next_deadline(), Some(secs(5)).min(Some(secs(6))));
    queue.0.set_attached(secs(3), session(1), false);
    assert_eq!(queue.0.tick(secs(20)), NO_SESSION, "without its session it lives as long as that");
    queue.0.set_attached(secs(20), session(1), true);
    assert_eq!(queue.0.tick(secs(24)), NO_SESSION);
    assert_eq!(queue.0.tick(secs(25)), [session(1)]);
    assert!(queue.0.is_empty());

    queue.join(secs(30), 2, Criteria::default());
    queue.0.stream_lost(secs(31), session(2));
    assert_eq!(queue.0.join(secs(32), ticket(2, Criteria::default())), Ok(Joined::Kept));
    assert_eq!(queue.0.tick(secs(60)), NO_SESSION, "it came back");
}

#[test]
fn the_faithful_partner_of_a_no_show_returns_with_their_time() {
    let mut queue = Queue::new();
    queue.join(secs(0), 1, criteria(&["chess"], &[]));
    queue.join(secs(10), 2, criteria(&["go"], &[]));
    assert_eq!(queue.join(secs(12), 3, criteria(&["chess", "go"], &[])), [[1, 3]]);
    queue.0.match_over(secs(27), [guest(1), guest(3)], [true, false]);
    queue.join(secs(28), 1, criteria(&["draughts"], &[]));
    let place = queue.0.tell_place(secs(28), session(1)).expect("it waits");
    assert_eq!((place.position, place.waiting), (2, 2), "12 s had gone by, 18 s for the other");
    assert_eq!(queue.0.tickets.keys().map(|key| key.0).collect::<Vec<_>>(), [secs(10), secs(16)]);
}

#[test]
fn a_full_queue_says_so() {
    let mut queue = Matchmaker::new(MatchConfig { queue_max: 1, ..MatchConfig::default() });
    assert_eq!(queue.join(secs(0), ticket(1, Criteria::default())), Ok(Joined::Queued));
    let refused = queue.join(secs(0), ticket(2, Criteria::default()));
    assert_eq!(refused, Err(Error::QueueFull { limit: 1 }));
}

/// How often each ticket was overtaken: somebody who came later got a partner it could have had.
fn count_overtaken(
    queue: &Matchmaker,
    now: Duration,
    [first, second]: [Key; 2],
    overtaken: &mut BTreeMap<Key, u32>,
) {
    for &key in queue.tickets.keys().filter(|&&key| key != first && key != second) {
        let by_second = key < second && queue.compatible(now, key, first);
        let by_first = key < first && queue.compatible(now, key, second);
        if by_first || by_second {
            *overtaken.entry(key).or_default() += 1;
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one schedule, told in order")]
fn fair_play_holds_over_seeded_queues() {
    const TAGS: [&str; 3] = ["chess", "go", "draughts"];
    const LANGUAGES: [&str; 3] = ["de", "fr", "en"];
    let mut pairings = 0;
    for seed in 0..2_000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut queue = Matchmaker::new(MatchConfig::default());
        let (mut now, mut requests, mut overtaken) = (Duration::ZERO, 0_u32, BTreeMap::new());
        let (mut joined, mut left, mut matched) = (0, 0, 0);
        for _ in 0..60 {
            now += Duration::from_millis(rng.random_range(0..4_000));
            left += queue.tick(now).len();
            let who = rng.random_range(0..12_u128);
            match rng.random_range(0..12) {
                10.. => queue.set_apart(guest(who), guest((who + 1) % 12), rng.random_bool(0.5)),
                0..6 => {
                    requests += 1;
                    let mut pick = |words: &[&str; 3]| -> Vec<Arc<str>> {
                        words.iter().filter(|_| rng.random_bool(0.3)).map(|&word| Arc::from(word)).collect()
                    };
                    let criteria = Criteria {
                        tags: pick(&TAGS).into_iter().collect(),
                        languages: pick(&LANGUAGES).into_iter().collect(),
                        ..Criteria::default()
                    };
                    let criteria = Criteria {
                        tags_required: !criteria.tags.is_empty() && rng.random_bool(0.3),
                        languages_required: !criteria.languages.is_empty() && rng.random_bool(0.3),
                        ..criteria
                    };
                    let device = session(who * 2 + u128::from(rng.random_bool(0.2)));
                    let join = Join {
                        session: device,
                        guest: guest(who),
                        request_id: requests.to_string(),
                        criteria,
                    };
                    joined += usize::from(queue.join(now, join) == Ok(Joined::Queued));
                }
                6 => left += usize::from(queue.leave(session(who * 2))),
                7 => queue.set_ringing(guest(who), rng.random_bool(0.5)),
                8 => queue.set_attached(now, session(who * 2), rng.random_bool(0.7)),
                _ => queue.stream_lost(now, session(who * 2)),
            }
            loop {
                let before: BTreeMap<SessionId, Key> = queue.by_session.clone();
                let shadow = Shadow::of(&queue);
                let Some(pair) = queue.next_pairing(now) else { break };
                let keys = [0, 1].map(|at| before[&pair[at].session]);
                assert_ne!(pair[0].guest, pair[1].guest, "seed {seed}: paired with themselves");
                assert!(keys[0] < keys[1], "seed {seed}: the longer-waiting is first");
                let shadow = shadow.into_queue();
                assert!(shadow.compatible(now, keys[0], keys[1]), "seed {seed}: paired against the rules");
                count_overtaken(&shadow, now, keys, &mut overtaken);
                matched += 2;
                pairings += 1;
                for paired in &pair {
                    left += queue.leave_all(paired.guest).len();
                }
                queue.match_over(now, [pair[0].guest, pair[1].guest], [rng.random_bool(0.5), false]);
            }
            assert!(overtaken.values().all(|&times| times <= 3), "seed {seed}: {overtaken:?}");
            let keys: Vec<Key> = queue.tickets.keys().copied().collect();
            for (at, &a) in keys.iter().enumerate() {
                for &b in &keys[at + 1..] {
                    assert!(!queue.compatible(now, a, b), "seed {seed}: {a:?} and {b:?} wait side by side");
                }
            }
            assert_eq!(joined, queue.len() + left + matched, "seed {seed}: tickets are conserved");
        }
        let overtakes: u32 = overtaken.values().sum();
        assert_eq!(overtakes, 0, "seed {seed}: nobody is overtaken at all");
        left += queue.clear().len();
        assert_eq!((joined, queue.index.len()), (left + matched, 0), "seed {seed}: nothing stays behind");
    }
    assert!(pairings > 10_000, "the seeds made only {pairings} pairings");
}

/// The queue as it was before a pairing, for asking the rules.
struct Shadow(Matchmaker);

impl Shadow {
    fn of(queue: &Matchmaker) -> Self {
        let mut shadow = Matchmaker::new(queue.config.clone());
        shadow.cooling.clone_from(&queue.cooling);
        shadow.apart.clone_from(&queue.apart);
        for (&key, ticket) in &queue.tickets {
            let copy = Ticket {
                session: ticket.session,
                guest: ticket.guest,
                request_id: String::new(),
                wishes: Wishes::new(ticket.wishes.criteria().clone()),
                ringing: ticket.ringing,
                attached: ticket.attached,
                unheard_since: None,
                told: None,
            };
            shadow.tickets.insert(key, copy);
        }
        Self(shadow)
    }

    fn into_queue(self) -> Matchmaker {
        self.0
    }
}

#[test]
fn a_decision_looks_at_the_same_however_many_wait() {
    let looks = [1_000_u128, 100_000].map(|waiting| {
        let config = MatchConfig { queue_max: usize::MAX, ..MatchConfig::default() };
        let mut queue = Queue(Matchmaker::new(config));
        for number in 0..waiting {
            // Nobody shares a tag, so all of them wait.
            let [tag, language] = [format!("tag {number}"), format!("language {}", number % 50)];
            assert_eq!(queue.join(secs(1), number, criteria(&[&tag], &[&language])), NOBODY);
        }
        let decisions = (0..1_000_u128).map(|number| {
            let partner = number * waiting / 1_000;
            let [tag, language] = [format!("tag {partner}"), format!("language {}", partner % 50)];
            let join = ticket(1_000_000 + number, criteria(&[&tag, "another"], &[&language]));
            let before = queue.0.index.looks.get();
            queue.0.join(secs(2), join).expect("there is room");
            assert!(queue.0.next_pairing(secs(2)).is_some(), "the one with the tag is there");
            queue.0.index.looks.get() - before
        });
        decisions.max().expect("some were made")
    });
    assert_eq!(looks[0], looks[1], "a hundred times as many wait");
    assert!(looks[0] > 0 && looks[0] < 50, "and few are looked at: {looks:?}");
}
