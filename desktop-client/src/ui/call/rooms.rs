//! Where cards and notices have room over a call. Pure, but for the height of what is said.

use super::super::notices;
use super::super::theme::{size, space};
use super::super::widgets::mirrored;
use super::Draft;
use crate::view::CallView;
use eframe::egui::{Rect, Ui, Vec2, pos2};

/// The room of cards and that of notices, from `below` the title on: notices lie above the face, or beside an open card,
/// or, where the stage is too narrow for both, below it. Nothing that is to be pressed lies under them.
pub(super) fn apart(
    ui: &Ui,
    draft: &Draft,
    call: &CallView,
    (stage, cards, below): (Rect, Rect, f32),
    told: &notices::Floating,
) -> (Rect, Rect) {
    let others = [call.sharing, call.path_lost || call.peer_reconnecting];
    let others = others.into_iter().filter(|other| *other).count() as f32 * (size::CONTROL + space::S);
    let free = stage.with_min_y(below).with_max_y(stage.bottom() - space::S - others);
    let Some(card) = draft.card() else {
        // On the lowest stages they may lie over the title, which nobody presses.
        let free = if free.height() < size::NOTICE_LEAST { stage.shrink(space::S) } else { free };
        return (cards, free);
    };
    let left = mirrored(cards, stage).left() - stage.left() + 2.0 * space::M + card;
    if stage.width() - left >= size::NOTICE_BESIDE {
        return (cards, mirrored(free.with_min_x(stage.left() + left), stage));
    }
    let foot = free.with_min_y(free.bottom() - told.size(ui, free).y);
    (cards.with_max_y(foot.top() - space::S), foot)
}

/// What of the `free` room notices have that would take so much of it: all but the `own` picture, beside it or below or
/// above it, where they would meet.
pub(super) fn around(own: Rect, free: Rect, notices: Vec2) -> Rect {
    let corner = pos2(free.center().x - notices.x / 2.0, free.top());
    let own = own.expand(space::S);
    if !Rect::from_min_size(corner, notices).intersects(own) {
        return free;
    }
    let larger = |one: Rect, other: Rect| if one.area() >= other.area() { one } else { other };
    let beside = larger(free.with_max_x(own.left()), free.with_min_x(own.right()));
    let along = larger(free.with_min_y(own.bottom()), free.with_max_y(own.top()));
    if beside.width() >= size::NOTICE_BESIDE {
        beside
    } else if along.height() >= size::NOTICE_LEAST {
        along
    } else {
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::vec2;

    fn rect(left: f32, top: f32, width: f32, height: f32) -> Rect {
        Rect::from_min_size(pos2(left, top), vec2(width, height))
    }

    #[test]
    fn notices_give_way_to_the_own_picture_wherever_it_was_put() {
        let wanted = vec2(size::NOTICE, 200.0);
        for wide in [420.0, 640.0, 960.0] {
            let free = rect(0.0, 60.0, wide, 480.0);
            for step in 0..100 {
                let (across, down) = (f32::from(step % 10_u8) / 9.0, f32::from(step / 10_u8) / 9.0);
                let own = rect(16.0 + across * (wide - 192.0), 16.0 + down * 380.0, 160.0, 90.0);
                let left = around(own, free, wanted);
                let width = wanted.x.min(left.width() - 2.0 * space::M);
                let height = wanted.y.min(left.height());
                let told = rect(left.center().x - width / 2.0, left.top(), width, height);
                assert!(!told.intersects(own), "{own} in {free}: {told}");
                assert!(free.contains_rect(told) && width > 200.0 && height >= size::NOTICE_LEAST, "{told}");
            }
        }
        let free = rect(0.0, 60.0, 960.0, 480.0);
        assert_eq!(around(rect(760.0, 60.0, 160.0, 90.0), free, wanted), free, "they do not meet");
    }
}
