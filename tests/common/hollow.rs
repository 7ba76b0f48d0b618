//! Models of published shapes whose weights are zeros, made as they are read: for what depends on shapes alone.

#![allow(dead_code)]

use futures::future::LocalBoxFuture;
use lunette::Result;
use lunette::gguf::Writer;
use lunette::quant::BlockType;
use lunette::source::{ByteStream, ModelBytes};
use metadata::metadata;
use shape::{Mix, Shape};
use std::cell::Cell;
use std::future::ready;
use std::rc::Rc;

#[path = "../../benches/synth/metadata.rs"]
mod metadata;
#[path = "../../benches/synth/shape.rs"]
mod shape;
#[path = "../../benches/synth/vocabulary.rs"]
mod vocabulary;

/// Name, dimensions (innermost first), type.
pub type Tensor = (String, Vec<u64>, BlockType);

/// A file of a header and zeros.
pub struct Hollow {
    /// The header, and the rope factors where there are any: these must be numbers.
    start: Rc<Vec<u8>>,
    len: u64,
    /// Zeros that were asked for.
    given: Rc<Cell<u64>>,
}

impl Hollow {
    /// The first `layers` layers of a shape in a quantization, as `cargo xtask synth` knows them.
    pub fn new(shape: &str, quant: &str, layers: usize) -> Hollow {
        let mix = Mix::named(quant).expect("a quantization");
        let mut shape = Shape::named(shape).expect("a shape");
        shape.layers = layers;
        let tensors = shape.tensors(mix).expect("tensors");
        let mut file = Hollow::with(metadata(&shape, mix, quant), &tensors);
        let start = [&file.start[..], &BlockType::F32.quantize(&shape.rope_factors())].concat();
        file.start = Rc::new(start);
        file
    }

    /// A header and the zeros of its tensors.
    pub fn with(mut header: Writer, tensors: &[Tensor]) -> Hollow {
        let mut data = 0;
        for (name, dims, block_type) in tensors {
            header.tensor(name, dims, *block_type);
            let blocks = dims.iter().product::<u64>() / block_type.block_len() as u64;
            data += (blocks * block_type.block_bytes() as u64).next_multiple_of(32);
        }
        let start = header.header();
        Hollow { len: start.len() as u64 + data, start: Rc::new(start), given: Rc::default() }
    }

    /// How many bytes of weights were read.
    pub fn given(&self) -> u64 {
        self.given.get()
    }
}

impl ModelBytes for Hollow {
    fn parts(&self) -> usize {
        1
    }

    fn open(&self, _: usize) -> LocalBoxFuture<'_, Result<Box<dyn ByteStream>>> {
        let stream = Zeros {
            start: Some(self.start.clone()),
            left: self.len - self.start.len() as u64,
            len: self.len,
            given: self.given.clone(),
        };
        Box::pin(ready(Ok(Box::new(stream) as Box<dyn ByteStream>)))
    }
}

struct Zeros {
    start: Option<Rc<Vec<u8>>>,
    left: u64,
    len: u64,
    given: Rc<Cell<u64>>,
}

impl ByteStream for Zeros {
    fn size(&self) -> Option<u64> {
        Some(self.len)
    }

    fn next(&mut self) -> LocalBoxFuture<'_, Result<Option<Vec<u8>>>> {
        const CHUNK: u64 = 4 << 20;
        let chunk = self.start.take().map(|start| start.to_vec()).or_else(|| {
            let n = self.left.min(CHUNK);
            self.left -= n;
            self.given.set(self.given.get() + n);
            (n > 0).then(|| vec![0; n as usize])
        });
        Box::pin(ready(Ok(chunk)))
    }
}
