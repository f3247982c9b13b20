//! The theme as egui takes it. Chooses nothing: what stands here has its value in `theme.rs`.

use super::{DARK, LIGHT, Palette, font, letters, motion, size, space};
use eframe::egui::{self, CornerRadius, Margin, Shadow, Stroke, TextStyle, Theme, ThemePreference, Vec2};

impl Palette {
    fn visuals(&self, mut visuals: egui::Visuals) -> egui::Visuals {
        let radius = CornerRadius::same(size::RADIUS);
        visuals.panel_fill = self.ground;
        visuals.window_fill = self.raised;
        visuals.window_stroke = Stroke::new(size::LINE, self.line);
        visuals.window_shadow = Shadow::NONE;
        visuals.popup_shadow = Shadow::NONE;
        visuals.window_corner_radius = radius;
        visuals.menu_corner_radius = radius;
        visuals.extreme_bg_color = self.field;
        visuals.text_edit_bg_color = Some(self.field);
        visuals.faint_bg_color = self.raised;
        visuals.override_text_color = Some(self.ink);
        visuals.weak_text_color = Some(self.soft);
        visuals.hyperlink_color = self.accent_ink;
        visuals.error_fg_color = self.error_ink;
        visuals.selection.bg_fill = self.selected();
        visuals.selection.stroke = Stroke::new(size::FOCUS, self.focus);
        // A mark that blinks would draw the whole window twice a second.
        visuals.text_cursor.blink = false;
        visuals.text_cursor.stroke = Stroke::new(size::LINE_SIGN, self.accent_ink);
        for (widget, fill) in [
            (&mut visuals.widgets.noninteractive, self.raised),
            (&mut visuals.widgets.inactive, self.raised),
            (&mut visuals.widgets.hovered, self.hover),
            (&mut visuals.widgets.active, self.hover),
            (&mut visuals.widgets.open, self.hover),
        ] {
            widget.bg_fill = fill;
            widget.weak_bg_fill = fill;
            widget.bg_stroke = Stroke::new(size::LINE, self.line);
            widget.fg_stroke = Stroke::new(size::LINE_CHOSEN, self.ink);
            widget.corner_radius = radius;
            widget.expansion = 0.0;
        }
        visuals
    }
}

/// Gives the context both themes, and lets the system choose between them.
pub fn install(ctx: &egui::Context) {
    for (theme, palette, visuals) in
        [(Theme::Light, LIGHT, egui::Visuals::light()), (Theme::Dark, DARK, egui::Visuals::dark())]
    {
        let mut style = (*ctx.style_of(theme)).clone();
        style.visuals = palette.visuals(visuals);
        style.spacing.item_spacing = Vec2::splat(space::S);
        style.spacing.button_padding = Vec2::new(space::M, space::S);
        style.spacing.interact_size.y = size::CONTROL_SMALL;
        style.spacing.tooltip_width = size::COLUMN;
        style.spacing.menu_margin = Margin::same(space::S as i8);
        style.interaction.selectable_labels = false;
        style.animation_time = motion::QUICK;
        for (text, points) in [
            (TextStyle::Small, letters::SMALL),
            (TextStyle::Body, letters::BODY),
            (TextStyle::Button, letters::BUTTON),
            (TextStyle::Heading, letters::HEADING),
        ] {
            style.text_styles.insert(text, font(points));
        }
        ctx.set_style_of(theme, style);
    }
    ctx.set_theme(ThemePreference::System);
}
