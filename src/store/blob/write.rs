//! Content into a blob. In: pieces of content. Out: pieces of the blob, one chunk behind. Memory: a chunk, and zstd's window of 2 MiB.

use aws_lc_rs::rand;
use zstd::{
    stream::raw::{Encoder, InBuffer, Operation, OutBuffer},
    zstd_safe::CParameter,
};

use super::{BlobFault, CHUNK, Codec, Keys, MAGIC, SALT, VERSION, chunks::Chunks};

/// The level that zstd itself takes: more costs several times the processor for a few per cent of mail, most of which is base64.
const LEVEL: i32 = 3;

/// Octets that zstd gives at a time.
const PIECE: usize = 64 * 1024;

/// Writes one blob.
pub struct Writer {
    packer: Option<Encoder<'static>>,
    chunks: Option<Chunks>,
    /// Packed, and not sealed yet.
    waiting: Vec<u8>,
}

impl Writer {
    /// Begins the blob of the message `id`: the header goes to `out`. With keys, it is encrypted with the newest.
    pub fn begin(codec: Codec, keys: &Keys, id: &str, out: &mut Vec<u8>) -> Result<Self, BlobFault> {
        let mut header = MAGIC.to_vec();
        header.extend([VERSION, codec.octet(), u8::from(keys.newest().is_some())]);
        let mut chunks = None;
        match keys.newest() {
            None => header.push(0),
            Some(key) => {
                header.push(u8::try_from(key.id.len()).map_err(|_| BlobFault::Encrypt)?);
                header.extend(key.id.as_bytes());
                let mut salt = [0; SALT];
                rand::fill(&mut salt).map_err(|_| BlobFault::Encrypt)?;
                header.extend(salt);
                let own = key.of_blob(&salt).ok_or(BlobFault::Encrypt)?;
                chunks = Some(Chunks::new(own, key.id.clone(), &header, id));
            }
        }
        out.extend(header);
        let packer = match codec {
            Codec::Plain => None,
            Codec::Zstd => Some(packer().map_err(|fault| BlobFault::Unpack(fault.to_string()))?),
        };
        Ok(Self { packer, chunks, waiting: Vec::new() })
    }

    /// More content. What can be written goes to `out`.
    pub fn write(&mut self, content: &[u8], out: &mut Vec<u8>) -> Result<(), BlobFault> {
        match &mut self.packer {
            None => self.waiting.extend_from_slice(content),
            Some(packer) => {
                let mut from = InBuffer::around(content);
                while from.pos() < content.len() {
                    run(&mut self.waiting, |into| packer.run(&mut from, into))?;
                }
            }
        }
        self.flush(out)
    }

    /// The rest.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), BlobFault> {
        if let Some(packer) = &mut self.packer {
            while run(&mut self.waiting, |into| packer.finish(into, true))? > 0 {}
        }
        self.flush(out)?;
        if let Some(mut chunks) = self.chunks.take() {
            out.extend(chunks.seal(std::mem::take(&mut self.waiting), true)?);
        }
        Ok(())
    }

    /// Whole chunks, but for one that may turn out to be the last.
    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), BlobFault> {
        let Some(chunks) = &mut self.chunks else {
            out.append(&mut self.waiting);
            return Ok(());
        };
        while self.waiting.len() > CHUNK {
            let rest = self.waiting.split_off(CHUNK);
            let chunk = std::mem::replace(&mut self.waiting, rest);
            out.extend(chunks.seal(chunk, false)?);
        }
        Ok(())
    }
}

fn packer() -> std::io::Result<Encoder<'static>> {
    let mut packer = Encoder::new(LEVEL)?;
    // Without a cipher it is what finds a bit that the disk flipped, at once and not at the end.
    packer.set_parameter(CParameter::ChecksumFlag(true))?;
    Ok(packer)
}

/// One step of zstd, whose output goes behind `into`. Says what it says.
fn run(
    into: &mut Vec<u8>,
    step: impl FnOnce(&mut OutBuffer<'_, [u8]>) -> std::io::Result<usize>,
) -> Result<usize, BlobFault> {
    let mut piece = [0; PIECE / 4];
    let mut buffer = OutBuffer::around(&mut piece[..]);
    let left = step(&mut buffer).map_err(|fault| BlobFault::Unpack(fault.to_string()))?;
    into.extend_from_slice(buffer.as_slice());
    Ok(left)
}
