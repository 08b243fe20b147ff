//! Tar archives as they lie on disk: names and places of their members, never their contents.
//!
//! Reads ustar, pax, and the long names, large sizes and sparse files of GNU tar. Source: POSIX.1-2017, `pax`,
//! "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar Format" and "GNU Extensions".

use std::io::{self, Read, Seek, SeekFrom};

use self::header::{Header, Special};

mod header;
#[cfg(test)]
mod tests;

/// Bytes of a header, and what contents are padded to.
const BLOCK: u64 = 512;
/// Bytes of the longest name or pax header that is believed.
const MAX_EXTRA_BYTES: u64 = 1 << 20;

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    /// A file whose holes are left out, so that its bytes do not stand there in one piece.
    Sparse,
    /// A device, a pipe, a volume label.
    Other,
}

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Place among the members, from 1.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// First byte of its contents in the file.
    pub(super) at: u64,
    /// Bytes of its contents.
    pub(super) len: u64,
}

/// Why no further member can be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// The system says so.
    Read(io::Error),
    /// The archive is damaged behind the members so far; the name is that of the member which is cut off, if known.
    Damaged { name: Option<String>, what: String },
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

fn damaged(what: impl Into<String>) -> Fault {
    Fault::Damaged {
        name: None,
        what: what.into(),
    }
}

/// The members of an archive in their order; ends behind the first fault.
pub(super) struct Members<R> {
    input: R,
    /// Next byte to read.
    at: u64,
    /// End of the archive in the file.
    end: u64,
    number: usize,
    done: bool,
}

impl<R: Read + Seek> Members<R> {
    /// The members of an archive that lies in `start..end` of a file.
    pub(super) fn new(input: R, start: u64, end: u64) -> Self {
        Self {
            input,
            at: start,
            end,
            number: 0,
            done: false,
        }
    }

    fn read(&mut self) -> Result<Option<Member>, Fault> {
        let (mut long_name, mut extended) = (None, header::Extended::default());
        loop {
            let Some(block) = self.block()? else {
                return Ok(None);
            };
            let header = Header::parse(&block).map_err(damaged)?;
            match header.special() {
                Some(Special::LongName) => {
                    let bytes = self.extra(header.size)?;
                    long_name = Some(header::text(&bytes));
                }
                Some(Special::Extended) => {
                    let bytes = self.extra(header.size)?;
                    extended = header::Extended::parse(&bytes).map_err(damaged)?;
                }
                // What holds for every member is no name and no size.
                Some(Special::Ignored) => self.skip(header.size)?,
                None => return self.member(&header, long_name, extended).map(Some),
            }
        }
    }

    fn member(
        &mut self,
        header: &Header,
        long_name: Option<String>,
        extended: header::Extended,
    ) -> Result<Member, Fault> {
        let name = extended.path.or(long_name);
        let name = name.unwrap_or_else(|| header.name.clone());
        if header.has_more_holes {
            self.holes()?;
        }
        let kind = match header.kind(&name) {
            Kind::File if extended.is_sparse => Kind::Sparse,
            kind => kind,
        };
        let len = match kind {
            // Their size says nothing about what follows.
            Kind::Folder | Kind::Link => 0,
            Kind::Other if header.is_device() => 0,
            _ => extended.size.unwrap_or(header.size),
        };
        self.number += 1;
        let at = self.at;
        match self.skip(len) {
            Err(Fault::Damaged { what, .. }) => Err(Fault::Damaged {
                name: Some(name),
                what,
            }),
            Err(read) => Err(read),
            Ok(()) => Ok(Member {
                number: self.number,
                name,
                kind,
                at,
                len,
            }),
        }
    }

    /// The next header; `None` at the end of the archive.
    fn block(&mut self) -> Result<Option<[u8; BLOCK as usize]>, Fault> {
        let left = self.end.saturating_sub(self.at);
        if left == 0 {
            return Ok(None);
        }
        if left < BLOCK {
            return Err(damaged(format!(
                "it is cut off in a header at byte {}",
                self.at
            )));
        }
        let mut block = [0; BLOCK as usize];
        self.input.read_exact(&mut block)?;
        self.at += BLOCK;
        Ok((block != [0; BLOCK as usize]).then_some(block))
    }

    /// Blocks behind the header of a sparse file that tell of further holes.
    fn holes(&mut self) -> Result<(), Fault> {
        const HAS_MORE: usize = 504;
        while let Some(block) = self.block()? {
            if block[HAS_MORE] == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Contents of a member that is about the next one.
    fn extra(&mut self, len: u64) -> Result<Vec<u8>, Fault> {
        if len > MAX_EXTRA_BYTES.min(self.end.saturating_sub(self.at)) {
            return Err(damaged(format!("a name of {len} bytes")));
        }
        let mut bytes = vec![0; len as usize];
        self.input.read_exact(&mut bytes)?;
        self.at += len;
        self.skip_padding(len)?;
        Ok(bytes)
    }

    fn skip(&mut self, len: u64) -> Result<(), Fault> {
        let left = self.end.saturating_sub(self.at);
        if len > left {
            return Err(damaged(format!(
                "it is cut off: {left} of {len} bytes are there"
            )));
        }
        self.move_by(len)?;
        self.skip_padding(len)
    }

    fn skip_padding(&mut self, len: u64) -> Result<(), Fault> {
        let padding = (BLOCK - len % BLOCK) % BLOCK;
        // A last member whose padding is cut off is whole.
        self.move_by(padding.min(self.end.saturating_sub(self.at)))
    }

    fn move_by(&mut self, len: u64) -> Result<(), Fault> {
        self.at += len;
        match i64::try_from(len) {
            Ok(step) => self.input.seek_relative(step)?,
            Err(_) => {
                self.input.seek(SeekFrom::Start(self.at))?;
            }
        }
        Ok(())
    }
}

impl<R: Read + Seek> Iterator for Members<R> {
    type Item = Result<Member, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.read().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}
