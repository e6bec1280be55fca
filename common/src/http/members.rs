//! Headers that are lists, read one member at a time.
//!
//! A malformed member does not invalidate the others: a cookie of another
//! application may contain any byte, and must not hide the session beside it.

use std::str;

use ::http::{HeaderMap, header::AsHeaderName};

/// The members of a header, from all of its lines, without the spaces around
/// them. `None` stands for a member that is not UTF-8.
pub fn members(
    headers: &HeaderMap,
    name: impl AsHeaderName,
    separator: u8,
) -> impl Iterator<Item = Option<&str>> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(move |line| line.as_bytes().split(move |byte| *byte == separator))
        .map(|member| str::from_utf8(member).ok().map(str::trim))
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderValue, header};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[Vec<u8>]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    #[test]
    fn members_come_in_order_from_all_lines() {
        let headers = headers(&[b"a=1; b=\xff ;c=3".to_vec(), b"".to_vec(), b"d".to_vec()]);
        let found: Vec<_> = members(&headers, header::COOKIE, b';').collect();
        assert_eq!(found, [Some("a=1"), None, Some("c=3"), Some(""), Some("d")]);
        assert_eq!(members(&headers, header::VIA, b',').count(), 0);
    }

    proptest! {
        /// Bytes that a header may hold and that end no member.
        #[test]
        fn no_member_hides_another(
            before in vec(vec(0x20u8..=0xff, 0..8), 0..4),
            after in vec(vec(0x20u8..=0xff, 0..8), 0..4),
            is_split: bool,
        ) {
            let allowed = |bytes: &Vec<u8>| -> Vec<u8> {
                let allowed = |byte: &u8| *byte != b';' && *byte != 0x7f;
                bytes.iter().copied().filter(allowed).collect()
            };
            let good = vec![b"session=good".to_vec()];
            let all: Vec<Vec<u8>> = before.iter().map(allowed)
                .chain(good)
                .chain(after.iter().map(allowed))
                .collect();
            let lines = if is_split { all } else { vec![all.join(&b';')] };
            let headers = headers(&lines);
            let found: Vec<_> = members(&headers, header::COOKIE, b';').collect();
            prop_assert_eq!(found.len(), before.len() + 1 + after.len());
            prop_assert_eq!(found[before.len()], Some("session=good"));
        }
    }
}
