//! `castle-desktop devices`: what there is to see, hear and share with, by the values that `--camera`, `--mic`, `--speaker`
//! and `--screen` take.

use crate::media::camera;
use crate::media::screen;
use crate::media::sound_device;
use serde::Serialize;
use std::fmt::Write as _;

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// How it is named on the command line.
    pub spec: String,
    /// What it calls itself.
    pub name: String,
}

/// All that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// For `--camera`.
    pub cameras: Vec<Listed>,
    /// For `--mic`.
    pub microphones: Vec<Listed>,
    /// For `--speaker`.
    pub speakers: Vec<Listed>,
    /// For `--screen`: displays, then windows.
    pub screens: Vec<Listed>,
    /// Why nothing of the screen can be shared, where nothing can.
    pub screens_fault: Option<String>,
}

impl Listing {
    /// Asks the system. Takes a moment.
    pub fn look() -> Self {
        let numbered = |names: Vec<String>| {
            let listed = |(number, name)| Listed { spec: format!("device:{number}"), name };
            names.into_iter().enumerate().map(listed).collect()
        };
        let camera = |camera: camera::DeviceInfo| Listed {
            spec: camera::CameraSpec::Device(camera.number).to_string(),
            name: camera.name,
        };
        let (screens, screens_fault) = match screen::list() {
            Ok(screens) => (screens, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Self {
            cameras: camera::list_devices().into_iter().map(camera).collect(),
            microphones: numbered(sound_device::list_microphones().unwrap_or_default().names),
            speakers: numbered(sound_device::list_speakers().unwrap_or_default().names),
            screens: screens
                .into_iter()
                .map(|screen| Listed { spec: screen.spec.to_string(), name: screen.name })
                .collect(),
            screens_fault,
        }
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut table = String::new();
        let groups = [
            ("cameras", &self.cameras),
            ("microphones", &self.microphones),
            ("speakers", &self.speakers),
            ("screens", &self.screens),
        ];
        for (name, devices) in groups {
            let none = if devices.is_empty() { " none" } else { "" };
            writeln!(table, "{name}:{none}").expect("text takes all that is written");
            for Listed { spec, name } in devices {
                writeln!(table, "  {spec:<18} {name}").expect("text takes all that is written");
            }
        }
        if let Some(fault) = &self.screens_fault {
            writeln!(table, "  ({fault})").expect("text takes all that is written");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_device_as_the_command_line_takes_it() {
        let listed = |spec: &str, name: &str| Listed { spec: spec.into(), name: name.into() };
        let listing = Listing {
            cameras: vec![listed("device:2", "Integrated Camera")],
            screens_fault: Some("there is no display that could be shared".into()),
            ..Listing::default()
        };
        let table = listing.table();
        assert!(
            table.starts_with("cameras:\n  device:2           Integrated Camera\nmicrophones: none\n"),
            "{table}"
        );
        assert!(table.ends_with("screens: none\n  (there is no display that could be shared)\n"), "{table}");
    }
}
