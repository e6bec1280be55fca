//! Frames that pass and frames that do not, in pieces of every size.

use super::*;

/// A masked frame with these first two bits and code, and so many bytes.
fn frame(first: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(0x80 | len as u8),
        126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend([1, 2, 3, 4]);
    bytes.extend((0..len).map(|at| at as u8));
    bytes
}

const TEXT: u8 = 0x81;
const FIRST: u8 = 0x02;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// What passes of these bytes when they come in pieces of a size.
fn passed(bytes: &[u8], piece: usize, own: &[u8]) -> (Vec<u8>, Result<(), Violation>) {
    let mut frames = Frames::new(Peer::Client, false, 100_000);
    let (mut out, mut own) = (Vec::new(), own.to_vec());
    for piece in bytes.chunks(piece) {
        if let Err(violation) = frames.follow(piece, &mut out, &mut own) {
            return (out, Err(violation));
        }
    }
    (out, Ok(()))
}

#[test]
fn good_frames_pass_byte_for_byte_however_they_come() {
    let bytes = [
        frame(TEXT, 0),
        frame(TEXT, 1),
        frame(TEXT, 125),
        frame(TEXT, 126),
        frame(TEXT, 65_535),
        frame(TEXT, 65_536),
        frame(FIRST, 3),
        frame(PING, 125),
        frame(MORE, 0),
        frame(PONG, 0),
        frame(LAST, 70_000),
        frame(CLOSE, 2),
    ]
    .concat();
    for piece in [1, 2, 3, 7, 14, 15, 4096, bytes.len()] {
        let (out, found) = passed(&bytes, piece, b"");
        assert_eq!(found, Ok(()), "pieces of {piece}");
        assert!(out == bytes, "pieces of {piece}");
    }
}

#[test]
fn bad_frames_do_not_pass_and_good_ones_before_them_do() {
    let unmasked = vec![TEXT, 1, b'a'];
    let long_ping = frame(PING, 126);
    for (name, bad, expected) in [
        ("unmasked", unmasked, Violation::Protocol),
        ("reserved bit", frame(0xC1, 1), Violation::Protocol),
        ("reserved data", frame(0x83, 1), Violation::Protocol),
        ("reserved control", frame(0x8B, 1), Violation::Protocol),
        ("long ping", long_ping, Violation::Protocol),
        ("ping in parts", frame(0x09, 1), Violation::Protocol),
        ("rest of nothing", frame(LAST, 1), Violation::Protocol),
        (
            "two messages at once",
            [frame(FIRST, 1), frame(FIRST, 1)].concat(),
            Violation::Protocol,
        ),
        ("too long", frame(TEXT, 100_001), Violation::TooLong),
        (
            "too long in parts",
            [frame(FIRST, 60_000), frame(LAST, 40_001)].concat(),
            Violation::TooLong,
        ),
    ] {
        let good = frame(TEXT, 5);
        for piece in [1, 4096] {
            let (out, found) = passed(&[good.clone(), bad.clone()].concat(), piece, b"");
            assert_eq!(found, Err(expected), "{name} in pieces of {piece}");
            assert!(out.starts_with(&good), "{name}");
        }
    }
}

#[test]
fn a_length_that_no_machine_has_is_too_long() {
    let mut bytes = vec![TEXT, 0xFF];
    bytes.extend(u64::MAX.to_be_bytes());
    bytes.extend([0; 4]);
    assert_eq!(passed(&bytes, 14, b"").1, Err(Violation::TooLong));
}

#[test]
fn own_frames_come_between_two_frames() {
    let bytes = [frame(TEXT, 10), frame(TEXT, 10)].concat();
    let own = ping(Peer::Agent);
    let first = frame(TEXT, 10);
    for piece in 1..=bytes.len() {
        let mut frames = Frames::new(Peer::Client, false, 100);
        let (mut out, mut own_left) = (Vec::new(), Vec::new());
        for (index, piece) in bytes.chunks(piece).enumerate() {
            if index == 1 {
                own_left = own.clone();
            }
            frames.follow(piece, &mut out, &mut own_left).unwrap();
        }
        let at_end = [bytes.clone(), own.clone()].concat();
        let between = [first.clone(), own.clone(), first.clone()].concat();
        // Nothing has passed yet while a head is not complete.
        let before = [own.clone(), bytes.clone()].concat();
        let never = piece == bytes.len() && out == bytes;
        assert!(
            never || out == before || out == at_end || out == between,
            "pieces of {piece}"
        );
    }
}

#[test]
fn pongs_to_own_pings_are_swallowed_and_others_pass() {
    let own = ping(Peer::Agent);
    // A client's pong has the ping's payload, masked.
    let mut pong = own.clone();
    pong[0] = PONG;
    for (byte, mask) in pong[2..6].iter_mut().zip([9, 8, 7, 6]) {
        *byte = mask;
    }
    for (at, byte) in pong[6..].iter_mut().enumerate() {
        *byte ^= [9, 8, 7, 6][at % 4];
    }
    let other = frame(PONG, 4);
    let bytes = [pong, other.clone()].concat();
    for piece in [1, 5, 100] {
        assert_eq!(passed(&bytes, piece, b""), (other.clone(), Ok(())));
    }
}

#[test]
fn behind_a_close_frame_nothing_passes() {
    let close = frame(CLOSE, 2);
    let bytes = [close.clone(), frame(TEXT, 10)].concat();
    assert_eq!(passed(&bytes, 3, b""), (close, Ok(())));
}
