//! A blob into content. In: octets of the blob, however they were cut. Out: pieces of content of at most 64 KiB, so that a small blob
//! that unpacks to gigabytes costs no memory, and no more time than the length that its row says.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use zstd::{
    stream::raw::{Decoder, InBuffer, Operation, OutBuffer},
    zstd_safe::DParameter,
};

use super::{
    BlobFault, Keys, MAGIC, SALT, VERSION,
    chunks::{Chunks, SEALED, TAG},
    keys::is_id,
};

/// Octets of content that are given at a time.
const PIECE: usize = 64 * 1024;

/// Octets that a packed frame may make us keep (RFC 8878 §5 asks for 8 MiB; we write 2): log2.
const WINDOW: u32 = 23;

/// Reads one blob.
pub struct Reader {
    keys: Arc<Keys>,
    id: String,
    /// What content may be long, and what of it is left.
    limit: u64,
    left: u64,
    input: BytesMut,
    /// Nothing more will come in.
    ended: bool,
    stage: Stage,
}

enum Stage {
    Header,
    /// A blob from before: content, and nothing else.
    Bare,
    Body(Box<Body>),
}

struct Body {
    chunks: Option<Chunks>,
    /// The last chunk was opened.
    last: bool,
    unpacker: Option<Decoder<'static>>,
    /// Opened, and not unpacked yet.
    packed: BytesMut,
    /// The unpacker has more than it could give.
    full: bool,
    /// The frame has ended.
    whole: bool,
}

impl Reader {
    /// Of the message `id`, whose row says that it has `limit` octets.
    pub fn new(keys: Arc<Keys>, id: &str, limit: u64) -> Self {
        let (input, stage) = (BytesMut::new(), Stage::Header);
        Self { keys, id: id.to_owned(), limit, left: limit, input, ended: false, stage }
    }

    /// More octets of the blob.
    pub fn feed(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
    }

    /// There are no more.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next piece of content. None: more octets are wanted, or, behind [`Reader::end`], there is no more, and the blob was whole.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>, BlobFault> {
        if matches!(self.stage, Stage::Header) && !self.read_header()? {
            return Ok(None);
        }
        let piece = match &mut self.stage {
            Stage::Header => return Ok(None),
            Stage::Bare => split(&mut self.input),
            Stage::Body(body) => body.next_piece(&mut self.input, self.ended)?,
        };
        if let Some(piece) = &piece {
            self.left = self.left.checked_sub(piece.len() as u64).ok_or(BlobFault::TooLong(self.limit))?;
        }
        Ok(piece)
    }

    /// Says whether it was there.
    fn read_header(&mut self) -> Result<bool, BlobFault> {
        let begins = self.input.iter().zip(&MAGIC).all(|(octet, magic)| octet == magic);
        if !begins || (self.ended && self.input.is_empty()) {
            self.stage = Stage::Bare;
            return Ok(true);
        }
        let wait = |ended: bool| if ended { Err(BlobFault::Cut) } else { Ok(false) };
        let Some([version, codec, cipher, id_length]) = self.input.get(MAGIC.len()..MAGIC.len() + 4) else {
            return wait(self.ended);
        };
        let unknown = |what, found: &u8| BlobFault::Unknown { what, found: *found };
        if *version != VERSION {
            return Err(unknown("version", version));
        }
        let unpacker = match codec {
            0 => None,
            1 => Some(unpacker().map_err(|fault| BlobFault::Unpack(fault.to_string()))?),
            _ => return Err(unknown("codec", codec)),
        };
        let id_from = MAGIC.len() + 4;
        let id_end = id_from + usize::from(*id_length);
        let (length, chunks) = match (cipher, id_length) {
            (0, 0) => (id_from, None),
            (1, 1..) => {
                let length = id_end + SALT;
                let (Some(key_id), Some(salt), Some(header)) =
                    (self.input.get(id_from..id_end), self.input.get(id_end..length), self.input.get(..length))
                else {
                    return wait(self.ended);
                };
                if !is_id(key_id) {
                    return Err(unknown("key id", id_length));
                }
                let key_id = String::from_utf8_lossy(key_id).into_owned();
                let Some(key) = self.keys.named(&key_id).and_then(|key| key.of_blob(salt)) else {
                    return Err(BlobFault::NoKey(key_id));
                };
                (length, Some(Chunks::new(key, key_id, header, &self.id)))
            }
            (0 | 1, _) => return Err(unknown("key id", id_length)),
            _ => return Err(unknown("cipher", cipher)),
        };
        self.input.advance(length);
        let (last, packed, full, whole) = (false, BytesMut::new(), false, false);
        self.stage = Stage::Body(Box::new(Body { chunks, last, unpacker, packed, full, whole }));
        Ok(true)
    }
}

impl Body {
    fn next_piece(&mut self, input: &mut BytesMut, ended: bool) -> Result<Option<Bytes>, BlobFault> {
        loop {
            if self.packed.is_empty() && !self.full {
                self.open(input, ended)?;
            }
            if self.packed.is_empty() && !self.full {
                let cut = ended && self.unpacker.is_some() && !self.whole;
                return if cut { Err(BlobFault::Cut) } else { Ok(None) };
            }
            let piece = match &mut self.unpacker {
                None => split(&mut self.packed),
                Some(_) => self.unpack()?,
            };
            if piece.is_some() {
                return Ok(piece);
            }
        }
    }

    /// What can be opened of the input goes to `packed`.
    fn open(&mut self, input: &mut BytesMut, ended: bool) -> Result<(), BlobFault> {
        let Some(chunks) = &mut self.chunks else {
            self.packed = input.split();
            return Ok(());
        };
        // Until something came out: of a first chunk that does not open nothing does, and the next one is to say why. Left there, the end
        // of the blob would look like the end of content.
        while self.packed.is_empty() {
            // A chunk behind which something stands is not the last; only the end of the blob says which is.
            if input.len() > SEALED {
                let chunk = input.split_to(SEALED);
                self.packed = BytesMut::from(&chunks.open(chunk.to_vec(), false)?[..]);
            } else if ended && !self.last {
                if input.len() < TAG {
                    return Err(BlobFault::Cut);
                }
                self.last = true;
                self.packed = BytesMut::from(&chunks.open(input.split().to_vec(), true)?[..]);
            } else {
                break;
            }
        }
        Ok(())
    }

    fn unpack(&mut self) -> Result<Option<Bytes>, BlobFault> {
        let Some(unpacker) = &mut self.unpacker else { return Ok(None) };
        if self.whole {
            return Err(BlobFault::Trailing);
        }
        let mut piece = vec![0; PIECE];
        let (mut from, mut into) = (InBuffer::around(&self.packed[..]), OutBuffer::around(&mut piece[..]));
        let hint = unpacker.run(&mut from, &mut into).map_err(|fault| BlobFault::Unpack(fault.to_string()))?;
        let (read, given) = (from.pos(), into.pos());
        self.packed.advance(read);
        self.whole = hint == 0;
        self.full = given == PIECE && !self.whole;
        piece.truncate(given);
        Ok((given > 0).then(|| piece.into()))
    }
}

fn split(octets: &mut BytesMut) -> Option<Bytes> {
    let length = octets.len().min(PIECE);
    (length > 0).then(|| octets.split_to(length).freeze())
}

fn unpacker() -> std::io::Result<Decoder<'static>> {
    let mut unpacker = Decoder::new()?;
    unpacker.set_parameter(DParameter::WindowLogMax(WINDOW))?;
    Ok(unpacker)
}
