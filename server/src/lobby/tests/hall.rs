//! Who sees whom in the hall, what blocks change in it, and what looking for it costs.

use super::*;

impl Story {
    /// Comes as `guest`, kept from `others` by blocks of theirs.
    fn comes_blocking(&mut self, who: u128, others: &[u128]) {
        let party = Party { guest: guest(who), session: session(who), attached: true };
        let blocked = others.iter().copied().map(GuestId::from_bits).collect();
        let wish = Wish::default();
        self.input(Input::SessionBegan(Beginning {
            party,
            wish,
            blocked,
            blocked_by: vec![],
            current_call: None,
        }));
    }

    fn blocks(&mut self, by: u128, whom: u128) {
        let (by, whom) = (GuestId::from_bits(by), GuestId::from_bits(whom));
        self.input(Input::Blocked { by, whom });
    }

    /// The changes of the hall that the session is told: who changed, who left, and how many there are.
    fn news(&self, on: u128) -> Vec<(Vec<u128>, Vec<u128>, usize)> {
        let mine = |effect: &Effect| match effect {
            Effect::Hall(to, delta) if to.contains(&session(on)) => {
                let changed = delta.change.changed.iter().map(|row| row.guest.id.to_bits()).collect();
                let left = delta.change.left.iter().map(|left| left.to_bits()).collect();
                Some((changed, left, delta.guest_count))
            }
            _ => None,
        };
        self.told.iter().filter_map(mine).collect()
    }
}

#[test]
fn a_block_looks_to_the_blocked_as_if_the_other_had_gone() {
    let told_when = |happens: &dyn Fn(&mut Story)| {
        let mut story = Story::with(3);
        story.at(secs(5)).at(secs(10)).sees(1);
        happens(&mut story);
        assert!(!story.told.contains(&Effect::ShowHall(session(1))), "no snapshot gives it away");
        story.news(1)
    };
    let gone = told_when(&|story| story.input(Input::SessionEnded(session(2), Departure::Left)));
    assert_eq!(gone, [(vec![], vec![2], 1)]);
    assert_eq!(told_when(&|story| story.blocks(2, 1)), gone);
}

#[test]
fn a_block_taken_back_looks_as_if_the_other_had_come() {
    let mut story = Story::with(3);
    story.blocks(2, 1);
    story
        .at(secs(5))
        .at(secs(10))
        .input(Input::Unblocked { by: GuestId::from_bits(2), whom: GuestId::from_bits(1) });
    assert_eq!(story.news(1), [(vec![2], vec![], 2)]);
    assert_eq!(story.sees(1).len(), 2);
}

#[test]
fn whoever_blocked_a_guest_comes_changes_and_leaves_unseen_by_them() {
    let mut story = Story::with(3);
    story.at(secs(5)).at(secs(10)).sees(1);
    story.comes_blocking(4, &[1]);
    assert_eq!((story.news(1), story.news(3).len()), (vec![], 1), "others see who comes");
    for (at, happens) in [
        (20, Input::Command(session(4), Command::SetAvailability(Wish::Invisible))),
        (30, Input::Command(session(4), Command::SetAvailability(Wish::Available))),
        (40, Input::SessionEnded(session(4), Departure::Left)),
    ] {
        story.at(secs(at)).input(happens);
        assert_eq!((story.news(1), story.news(3).len()), (vec![], 1), "at {at} s");
    }
    story.at(secs(50)).input(Input::SessionEnded(session(3), Departure::Left));
    assert_eq!(story.news(1), [(vec![], vec![3], 1)], "what concerns them not they are told as before");
    assert_eq!(story.sees(1), [(2, Shown::Available)]);
}

#[test]
fn who_comes_invisible_was_never_seen_and_what_they_wish_elsewhere_holds() {
    let mut story = Story::with(1);
    let comes = |story: &mut Story, on: u128, wish: Wish| {
        let party = Party { guest: guest(2), session: session(on), attached: true };
        let (blocked, blocked_by) = (vec![], vec![]);
        story.input(Input::SessionBegan(Beginning { party, wish, blocked, blocked_by, current_call: None }));
    };
    story.at(secs(10));
    comes(&mut story, 2, Wish::Invisible);
    assert_eq!((story.news(1), story.sees(1)), (vec![], vec![]));
    let me = story.lobby.scene(session(2)).expect("it is there").me;
    assert_eq!(me.availability, Availability::Wished(Wish::Invisible));
    comes(&mut story, 20, Wish::Available);
    assert_eq!((story.news(1), story.sees(1)), (vec![], vec![]), "another device shows nobody");
}

#[test]
fn a_guest_who_changes_is_told_at_once_though_the_count_of_a_large_hall_may_wait() {
    let mut story = Story::with(250);
    story.at(secs(5)).at(secs(10)).sees(1);
    let undisturbed = || Command::SetAvailability(Wish::DoNotDisturb);
    story.does(10, undisturbed());
    assert_eq!(story.news(1), [(vec![10], vec![], 249)]);
    story.at(secs(11)).comes(990, 990);
    assert_eq!(story.news(1), [], "beyond the page there is one more, which can wait");
    story.at(secs(12)).does(100, undisturbed());
    assert_eq!(story.news(1), [(vec![100], vec![], 250)]);
}

#[test]
fn what_is_asked_for_without_end_is_looked_for_when_it_is_shown() {
    let mut story = Story::with(500);
    story.at(secs(10));
    story.lobby.rows_looked_at_anew();
    for number in 1..=250 {
        let watch = Watch { number, query: "guest".to_owned(), after: None };
        story.does(1, Command::WatchHall(watch));
        assert_eq!(story.told, [Effect::ShowHall(session(1))]);
    }
    assert_eq!(story.lobby.rows_looked_at_anew(), 0);
    let shown = story.lobby.hall_snapshot(session(1)).expect("it is there");
    assert_eq!((shown.watch, shown.guest_count), (250, 499));
    assert_eq!(story.lobby.rows_looked_at_anew(), 500, "once");
}

#[test]
fn ten_thousand_who_come_cost_each_a_few_frames() {
    const LOUD: u128 = 1;
    let mut story = Story::with(0);
    let (mut frames, mut rows) = (0, 0);
    for number in 1..=10_000 {
        story.now += Duration::from_millis(1);
        // All have blocked somebody who is away, and some the loud one, who is there.
        let away = 1_000_000 + number;
        let blocked = if number % 100 == 0 { vec![away, LOUD] } else { vec![away] };
        story.comes_blocking(number, &blocked);
        story.lobby.scene(session(number)).expect("the session is there");
        for effect in &story.told {
            if let Effect::Hall(to, delta) = effect {
                frames += to.len();
                rows += delta.change.changed.len() + delta.change.left.len();
            }
        }
    }
    let looked_at = story.lobby.rows_looked_at_anew();
    println!("{frames} frames made of {rows} rows, {looked_at} rows looked at");
    assert!(frames > 1_000 && frames < 100_000, "{frames} frames, and not one for each of each");
    assert!(rows < 20_000, "{rows} rows");
    // 200 for each who comes, who is shown a page; and little more for the changes.
    assert!(looked_at < 10_000 * 201 + 300_000, "{looked_at} rows looked at");
}
