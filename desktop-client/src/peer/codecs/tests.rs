//! Descriptions of all kinds of ends, and the one codec that comes of each.

use super::*;

const ALL: &[VideoCodec] = &[VideoCodec::Vp8, VideoCodec::H264];
const AUDIO: &str = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n";
const VP8: &str = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n";
const RTX: &str = "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";

fn h264(payload_type: u8, parameters: &str) -> String {
    format!(
        "a=rtpmap:{payload_type} H264/90000\r\na=rtcp-fb:{payload_type} nack\r\na=fmtp:{payload_type} {parameters}\r\n"
    )
}

fn video(formats: &str, lines: &[&str]) -> String {
    format!("m=video 9 UDP/TLS/RTP/SAVPF {formats}\r\na=mid:1\r\na=sendrecv\r\n{}", lines.concat())
}

const EXACT: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
const BASELINE: &str = "level-asymmetry-allowed=1; packetization-mode=1; profile-level-id=42001F";
const MODE_0: &str = "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f";
const HIGH: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f";

fn offered(section: &str) -> Result<(String, Option<VideoCodec>), NoCodec> {
    narrow(&format!("{AUDIO}{section}"), Said::InAnOffer, None, ALL)
}

#[test]
fn vp8_is_taken_wherever_it_stands_and_nothing_else_stays() {
    let exact = h264(125, EXACT);
    let section =
        video("125 97 96 98", &[&exact, RTX, VP8, "a=rtpmap:98 VP9/90000\r\n", "a=ssrc:7 cname:x\r\n"]);
    let narrowed = offered(&section).expect("a codec");
    let wanted = format!("{AUDIO}{}", video("96", &[VP8, "a=ssrc:7 cname:x\r\n"]));
    assert_eq!(narrowed, (wanted, Some(VideoCodec::Vp8)));
}

#[test]
fn h264_is_taken_where_there_is_no_vp8_and_first_the_kind_that_is_made_here() {
    let (baseline, exact, none) = (h264(102, BASELINE), h264(125, EXACT), h264(127, MODE_0));
    let section = video("127 102 125 98", &[&none, &baseline, &exact, "a=rtpmap:98 VP9/90000\r\n"]);
    let narrowed = offered(&section).expect("a codec");
    assert_eq!(narrowed, (format!("{AUDIO}{}", video("125", &[&exact])), Some(VideoCodec::H264)));
    let narrowed = offered(&video("127 102", &[&none, &baseline])).expect("a codec");
    assert_eq!(narrowed, (format!("{AUDIO}{}", video("102", &[&baseline])), Some(VideoCodec::H264)));
}

#[test]
fn an_end_without_a_codec_of_ours_is_refused() {
    for lines in [h264(125, MODE_0), h264(125, HIGH), h264(125, "profile-level-id=42e01f"), h264(125, "")] {
        assert_eq!(offered(&video("125", &[&lines])), Err(NoCodec), "{lines}");
    }
    assert_eq!(offered(&video("98", &["a=rtpmap:98 VP9/90000\r\n"])), Err(NoCodec));
    let sdp = video("125", &[&h264(125, EXACT)]);
    assert_eq!(narrow(&sdp, Said::InAnOffer, None, &[VideoCodec::Vp8]), Err(NoCodec), "a build without it");
}

#[test]
fn where_no_codec_is_in_common_the_pictures_are_named_unknown_and_the_sound_as_it_was() {
    let section = video("125 98", &[&h264(125, MODE_0), "a=rtpmap:98 VP9/90000\r\n"]);
    let without = without_pictures(&format!("{AUDIO}{section}"));
    let unknown = section.replace("H264", "unknown").replace("VP9", "unknown");
    assert_eq!(without, format!("{AUDIO}{unknown}"));
    assert!(without_pictures("m=video 9 x 96\na=rtpmap:96 \na=rtpmap:x").contains("96"));
}

#[test]
fn what_comes_first_in_an_answer_is_what_will_be_sent() {
    let exact = h264(125, EXACT);
    let answer = |formats| narrow(&video(formats, &[&exact, VP8]), Said::InAnAnswer, None, ALL);
    assert_eq!(answer("125 96"), Ok((video("125", &[&exact]), Some(VideoCodec::H264))));
    assert_eq!(answer("96 125"), Ok((video("96", &[VP8]), Some(VideoCodec::Vp8))));
}

#[test]
fn what_was_agreed_on_stays_whatever_is_offered_later() {
    let exact = h264(125, EXACT);
    let both = format!("{AUDIO}{}{}", video("96 125", &[VP8, &exact]), video("96 125", &[VP8, &exact]));
    let narrowed = narrow(&both, Said::InAnOffer, Some(VideoCodec::H264), ALL);
    let wanted = format!("{AUDIO}{}{}", video("125", &[&exact]), video("125", &[&exact]));
    assert_eq!(narrowed, Ok((wanted, Some(VideoCodec::H264))));
    let other = format!("{AUDIO}{}{}", video("125", &[&exact]), video("96", &[VP8]));
    let narrowed = narrow(&other, Said::InAnOffer, None, ALL);
    assert_eq!(
        narrowed,
        Ok((other, Some(VideoCodec::H264))),
        "a screen in another codec is left to be refused"
    );
}

#[test]
fn sections_that_are_refused_or_not_there_agree_on_nothing() {
    let refused = video("98", &["a=rtpmap:98 VP9/90000\r\n"]).replace("m=video 9", "m=video 0");
    for sdp in [AUDIO.to_owned(), format!("{AUDIO}{refused}"), String::new()] {
        assert_eq!(narrow(&sdp, Said::InAnAnswer, None, ALL), Ok((sdp.clone(), None)));
        let kept = Some(VideoCodec::Vp8);
        assert_eq!(narrow(&sdp, Said::InAnAnswer, kept, ALL), Ok((sdp.clone(), kept)));
    }
    let bundled = video("96", &[VP8, "a=bundle-only\r\n"]).replace("m=video 9", "m=video 0");
    assert_eq!(narrow(&bundled, Said::InAnOffer, None, ALL), Ok((bundled.clone(), Some(VideoCodec::Vp8))));
}

#[test]
fn rubbish_is_refused_or_left_as_it_is() {
    for sdp in
        ["m=video", "m=video ", "m=video 9", "\nm=video 9 x", "\nm=video 9 x 96", "m=\nm=\n\n", "\u{0}"]
    {
        for said in [Said::InAnOffer, Said::InAnAnswer] {
            assert!(narrow(sdp, said, None, ALL).is_ok_and(|(same, _)| same == sdp) || sdp.contains(" 9"));
        }
    }
    for parameters in ["profile-level-id=4", "profile-level-id=4\u{e9}\u{e9}", "packetization-mode", ";;=;=="]
    {
        assert_eq!(
            exactness(&format!("packetization-mode=1;{parameters}")).is_some(),
            !parameters.contains("id=4")
        );
    }
}

#[test]
fn streams_are_told_by_their_type() {
    assert_eq!(of_type("video/VP8"), Some(VideoCodec::Vp8));
    assert_eq!(of_type("video/h264"), Some(VideoCodec::H264));
    assert!(["audio/opus", "", "VP8", "video/", "video/VP9"].iter().all(|name| of_type(name).is_none()));
}

/// What the decoder of an end that offers this one format takes.
fn taken(payload_type: u8, lines: &str) -> Option<Limits> {
    let (narrowed, codec) = offered(&video(&payload_type.to_string(), &[lines])).expect("a codec");
    assert!(codec.is_some());
    limits(&narrowed)
}

#[test]
fn what_a_decoder_takes_is_that_of_its_level_and_what_is_said_beside_it_only_raises_it() {
    let with = |parameters: &str| taken(125, &h264(125, &format!("packetization-mode=1{parameters}")));
    let level = |level| Some(Limits::of_level(0xe0, level));
    assert_eq!(with(";profile-level-id=42e01f"), level(31));
    assert_eq!(with(";profile-level-id=42E00B"), level(11));
    assert_eq!(with(""), level(31), "as browsers take it");
    assert_eq!(with(";profile-level-id=42e00b;max-fs=99;max-mbps=1;max-br=1"), level(11));
    let raised = with(";profile-level-id=42e00b;max-fs=3600;max-mbps=108000;max-br=2000");
    assert_eq!(raised, Some(Limits::NONE.with_frame(3_600).with_rates(108_000, 2_000)));
    assert_eq!(with(";profile-level-id=42e00b;max-fs=-1;max-br=99999999999"), level(11), "rubbish");
}

#[test]
fn what_a_decoder_of_vp8_takes_is_what_it_says() {
    assert_eq!(taken(96, VP8), Some(Limits::NONE));
    let small = format!("{VP8}a=fmtp:96 max-fr=15;max-fs=1200\r\n");
    assert_eq!(taken(96, &small), Some(Limits { fps: 15, ..Limits::NONE.with_frame(1_200) }));
    assert_eq!(limits(AUDIO), None, "nothing is said of pictures");
}

#[test]
fn parameter_sets_of_a_description_are_those_of_the_camera_and_of_the_screen() {
    let said = |sets: &str| h264(125, &format!("{EXACT};sprop-parameter-sets={sets}"));
    let sets_of = |sections: &[String]| parameter_sets(&format!("{AUDIO}{}", sections.concat()));
    let (camera, screen) = (said("Z0LAH9oBQBboQAAA,aM48gA=="), said("Z0LAFA==,aM4="));
    let sections = [video("125", &[&camera]), video("125", &[&screen])];
    let [of_camera, of_screen] = sets_of(&sections);
    assert_eq!(of_camera.iter().map(|set| set[0] & 0x1F).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(of_camera[1], [0x68, 0xce, 0x3c, 0x80][..]);
    assert_eq!(of_screen, [&[0x67, 0x42, 0xc0, 0x14][..], &[0x68, 0xce]]);
    assert_eq!(sets_of(&sections[..1]), [of_camera, vec![]]);
    assert_eq!(sets_of(&[video("96", &[VP8])]), [const { Vec::<Bytes>::new() }; 2]);
    let closed = video("125", &[&screen]).replace("m=video 9", "m=video 0");
    assert_eq!(sets_of(&[sections[0].clone(), closed])[1], Vec::<Bytes>::new(), "nothing comes by it");
}

#[test]
fn parameter_sets_that_are_odd_are_none() {
    let long = "Z0LAH9oBQBboQAAA,".repeat(20) + "aM48gA==";
    let large = STANDARD.encode([0x67; SET_BYTES_MAX + 1]);
    for odd in ["", ",", "Z0LAH", "Z0LAH!==", "ZULAH9o=", "Z0LAH9oBQBboQAAA,,aM48gA==", "Zw==", &long, &large]
    {
        let section = video("125", &[&h264(125, &format!("{EXACT};sprop-parameter-sets={odd}"))]);
        assert_eq!(parameter_sets(&section)[0], Vec::<Bytes>::new(), "{odd}");
    }
    assert_eq!(parameter_sets("m=video \nm=video 9"), [const { Vec::<Bytes>::new() }; 2]);
}
