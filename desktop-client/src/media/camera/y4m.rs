//! Y4M files (YUV4MPEG2) as a source: 4:2:0, 8 bit, played in a loop.
//!
//! The format is a line of parameters, then frames of a `FRAME` line and three planes each, as mjpegtools and ffmpeg
//! write it. The offsets of all frames are found at opening, so that frame N can be read again at any time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::colour::Colours;
use super::{CameraError, FrameRate, FrameSource, PictureFormat};
use crate::media::frame::{ColorRange, FrameInfo, FramePool, Plane, VideoFrame, copy_plane};

/// An open Y4M file.
pub struct Y4mFile {
    path: PathBuf,
    file: BufReader<File>,
    header: Header,
    /// Where the samples of each frame begin.
    frames: Vec<u64>,
    samples: Vec<u8>,
    pool: FramePool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    format: PictureFormat,
    range: ColorRange,
}

/// Longest line of parameters that we read: real ones have below 100 bytes.
const MAX_LINE_BYTES: u64 = 1024;
/// Longest side that we accept.
const MAX_SIDE: usize = 4096;
/// Frames of one file that we index (over nine hours at 30 per second).
const MAX_FRAMES: usize = 1_000_000;

impl Y4mFile {
    /// Opens `path`, checks its header and finds its frames.
    pub fn open(path: &Path) -> Result<Self, CameraError> {
        let fail = |reason: String| CameraError::File { path: path.to_owned(), reason };
        let mut file = BufReader::new(File::open(path).map_err(|error| fail(error.to_string()))?);
        let line = read_line(&mut file).map_err(fail)?;
        let header = Header::parse(&line).map_err(fail)?;
        let PictureFormat { width, height, .. } = header.format;
        let size = width * height + 2 * width.div_ceil(2) * height.div_ceil(2);
        let frames = find_frames(&mut file, size as u64).map_err(fail)?;
        let samples = vec![0; size];
        Ok(Self { path: path.to_owned(), file, header, frames, samples, pool: FramePool::new() })
    }

    /// How many frames the file has.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }
}

impl FrameSource for Y4mFile {
    fn format(&self) -> PictureFormat {
        self.header.format
    }

    fn frame(&mut self, number: u32) -> Result<VideoFrame, CameraError> {
        let offset = self.frames[number as usize % self.frames.len()];
        let read =
            self.file.seek(SeekFrom::Start(offset)).and_then(|_| self.file.read_exact(&mut self.samples));
        read.map_err(|error| CameraError::File { path: self.path.clone(), reason: error.to_string() })?;
        let PictureFormat { width, height, .. } = self.header.format;
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let (y, chroma) = self.samples.split_at(width * height);
        let (u, v) = chroma.split_at(half_width * half_height);
        let info = FrameInfo { number: Some(number), ..FrameInfo::default() };
        let colours = Colours { range: self.header.range, ..Colours::default() };
        Ok(self.pool.draw(width, height, info, |planes| {
            copy_plane(planes.y, planes.y_stride, Plane { data: y, stride: width }, width, height);
            for (into, data) in [(&mut *planes.u, u), (&mut *planes.v, v)] {
                let from = Plane { data, stride: half_width };
                copy_plane(into, planes.uv_stride, from, half_width, half_height);
            }
            colours.carry(planes);
        }))
    }
}

impl Header {
    fn parse(line: &str) -> Result<Self, String> {
        let mut words = line.split(' ');
        if words.next() != Some("YUV4MPEG2") {
            return Err("it is not a Y4M file".into());
        }
        let (mut width, mut height, mut rate, mut range) = (0, 0, FrameRate::whole(25), ColorRange::Limited);
        for word in words.filter(|word| !word.is_empty()) {
            let (tag, value) = word.split_at_checked(1).ok_or("its header is not ASCII")?;
            match tag {
                "W" => width = parse_side(value)?,
                "H" => height = parse_side(value)?,
                "F" => rate = parse_rate(value)?,
                "C" if !matches!(value, "420" | "420jpeg" | "420mpeg2" | "420paldv") => {
                    return Err(format!("its pixels are {value}, and only 8-bit 4:2:0 is supported"));
                }
                "I" if !matches!(value, "p" | "?") => return Err("it is interlaced".into()),
                "X" if value == "COLORRANGE=FULL" => range = ColorRange::Full,
                _ => {}
            }
        }
        if width == 0 || height == 0 {
            return Err("its header gives no size".into());
        }
        Ok(Self { format: PictureFormat { width, height, rate }, range })
    }
}

fn parse_side(text: &str) -> Result<usize, String> {
    let side = text.parse().ok().filter(|side| (2..=MAX_SIDE).contains(side));
    side.ok_or_else(|| format!("a side of {text} pixels is not supported"))
}

fn parse_rate(text: &str) -> Result<FrameRate, String> {
    let parse = || {
        let (frames, seconds) = text.split_once(':')?;
        Some(FrameRate { frames: frames.parse().ok()?, seconds: seconds.parse().ok()? })
    };
    let sane = |rate: &FrameRate| rate.seconds > 0 && (0.1..=240.0).contains(&rate.fps());
    parse().filter(sane).ok_or_else(|| format!("{text} is not a frame rate"))
}

fn read_line(file: &mut impl BufRead) -> Result<String, String> {
    let mut line = Vec::new();
    file.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
    if line.pop() != Some(b'\n') {
        return Err("it ends early, or a line in it is too long".into());
    }
    String::from_utf8(line).map_err(|_| "its header is not text".into())
}

/// The offset of the samples of each whole frame; a last one cut short is left out.
fn find_frames(file: &mut BufReader<File>, size: u64) -> Result<Vec<u64>, String> {
    let length = file.get_ref().metadata().map_err(|error| error.to_string())?.len();
    let mut frames = Vec::new();
    loop {
        let at = file.stream_position().map_err(|error| error.to_string())?;
        if at >= length || frames.len() == MAX_FRAMES {
            break;
        }
        let line = read_line(file)?;
        if line != "FRAME" && !line.starts_with("FRAME ") {
            return Err(format!("no frame begins at byte {at}"));
        }
        let samples = at + line.len() as u64 + 1;
        if samples + size > length {
            break;
        }
        frames.push(samples);
        file.seek_relative(size as i64).map_err(|error| error.to_string())?;
    }
    if frames.is_empty() { Err("it holds no frame".into()) } else { Ok(frames) }
}
