//! What a call was like: the figures of the bot's report. Pure.

mod psnr;

pub use psnr::psnr_y;
