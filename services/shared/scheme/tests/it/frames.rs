//! Messages in a stream.

use proptest::prelude::*;
use scheme::{Deframer, FrameError, KEEP_ALIVE, LARGEST_FRAME, frame};

fn all(deframer: &mut Deframer) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| deframer.next_frame().unwrap()).collect()
}

#[test]
fn the_length_comes_first_the_higher_byte_before_the_lower() {
    assert_eq!(frame(&[7; 3]), Ok(vec![0, 3, 7, 7, 7]));
    assert_eq!(frame(&[7; 0x0102]).unwrap()[..2], [1, 2]);
}

#[test]
fn nothing_and_too_much_are_no_frames() {
    assert_eq!(frame(&[]), Err(FrameError::Empty));
    assert!(frame(&[0; LARGEST_FRAME]).is_ok());
    assert_eq!(frame(&[0; LARGEST_FRAME + 1]), Err(FrameError::TooLarge));
}

#[test]
fn signs_of_life_are_passed_over() {
    let mut deframer = Deframer::new();
    deframer
        .push(&[KEEP_ALIVE.as_slice(), &KEEP_ALIVE, &frame(b"one").unwrap(), &KEEP_ALIVE].concat());

    assert_eq!(all(&mut deframer), [b"one"]);
    assert_eq!(deframer.waiting(), 0);
}

#[test]
fn a_stream_that_was_wrong_stays_wrong_and_keeps_nothing() {
    let mut deframer = Deframer::new();
    deframer.push(&[0x20, 0x01]);

    assert_eq!(deframer.next_frame(), Err(FrameError::TooLarge));
    deframer.push(&frame(b"one").unwrap());
    assert_eq!(deframer.next_frame(), Err(FrameError::TooLarge));
    assert_eq!(deframer.waiting(), 0);
}

proptest! {
    #[test]
    fn messages_come_out_as_they_went_in_however_the_stream_is_cut(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..10),
        cut in 1..64_usize,
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| frame(message).unwrap()).collect();
        let mut deframer = Deframer::new();
        let mut found = Vec::new();
        for piece in stream.chunks(cut) {
            deframer.push(piece);
            found.extend(all(&mut deframer));
        }

        prop_assert_eq!(found, messages);
        prop_assert_eq!(deframer.waiting(), 0);
    }
}
