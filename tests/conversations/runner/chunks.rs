//! What a client said by chunks, read once more: naively, from all that it said. It knows nothing of the code under test.

/// The content of the transaction of this number (from 0, by MAIL), if it came by BDAT: its chunks joined, its last line ended.
pub fn by_chunks(stream: &[u8], transaction: usize) -> Option<Vec<u8>> {
    let (mut contents, mut between, mut rest): (Vec<Option<Vec<u8>>>, _, _) = (Vec::new(), false, stream);
    while let Some(end) = find(rest, b"\r\n") {
        let line = String::from_utf8_lossy(&rest[..end]).to_uppercase();
        rest = &rest[end + 2..];
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "MAIL" | "RCPT" if between => {}
            "MAIL" => contents.push(None),
            "DATA" if between => between = false,
            "DATA" => rest = find(rest, b"\r\n.\r\n").map_or(&rest[rest.len()..], |end| &rest[end + 5..]),
            "BDAT" => {
                let (chunk, behind) = rest.split_at(words[1].parse::<usize>().ok()?.min(rest.len()));
                rest = behind;
                let last = contents.last_mut()?;
                // Behind the last one, or behind what ended it, a chunk belongs to nothing.
                if between || last.is_none() {
                    last.get_or_insert_default().extend_from_slice(chunk);
                    between = words.get(2) != Some(&"LAST");
                }
            }
            "RSET" => between = false,
            _ => {}
        }
    }
    let mut content = contents.into_iter().nth(transaction)??;
    if !content.is_empty() && !content.ends_with(b"\r\n") {
        content.extend_from_slice(b"\r\n");
    }
    Some(content)
}

fn find(octets: &[u8], needle: &[u8]) -> Option<usize> {
    octets.windows(needle.len()).position(|window| window == needle)
}
