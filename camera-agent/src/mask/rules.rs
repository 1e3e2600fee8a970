//! What the config hides in every picture, whatever a detector finds.

use std::sync::Arc;

use wire::label::{Label, Labels};

use super::coarse::{fitting, whole};
use super::grid::{Blocks, Claim, Grid};
use super::shape::Shape;
use super::{Config, Fixed, Mode};
use crate::picture::Size;

/// The rules of one config.
pub(super) struct Rules {
    mode: Mode,
    fixed: Vec<Fixed>,
    zones: Vec<Shape>,
    drawn_for: Option<Size>,
    side: u16,
    labels: Arc<Labels>,
    /// For the size that was asked for last.
    known: Option<(Size, Arc<[Claim]>)>,
}

impl Rules {
    pub(super) fn new(config: &Config) -> Self {
        let Config { mode, fixed, zones, drawn_for, labels, grid, .. } = config;
        let (fixed, zones, labels) = (fixed.clone(), zones.clone(), Arc::clone(labels));
        Self { mode: *mode, fixed, zones, drawn_for: *drawn_for, side: *grid, labels, known: None }
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    /// What the labels of the claims are called.
    pub(super) const fn labels(&self) -> &Arc<Labels> {
        &self.labels
    }

    pub(super) fn grid(&self, size: Size) -> Grid {
        Grid::new(size, self.side)
    }

    /// What is claimed in a picture of that size; `first` is the size of the first picture. Fits into a frame, together with a mask over the
    /// whole of it.
    pub(super) fn claims(&mut self, size: Size, first: Size) -> Arc<[Claim]> {
        if let Some((known, claims)) = &self.known
            && *known == size
        {
            return Arc::clone(claims);
        }
        let claims: Arc<[Claim]> = fitting(self.grid(size), self.drawn(size, first)).into();
        self.known = Some((size, Arc::clone(&claims)));
        claims
    }

    fn drawn(&self, size: Size, first: Size) -> Vec<Claim> {
        let grid = self.grid(size);
        let drawn_for = self.drawn_for.unwrap_or(first);
        let across = f32::from(size.width()) / f32::from(drawn_for.width());
        let down = f32::from(size.height()) / f32::from(drawn_for.height());
        let scaled = |shape: &Shape| (size != drawn_for).then(|| shape.scaled(across, down));
        let mut claims = Vec::new();
        for Fixed { label, shape } in &self.fixed {
            let mut claim = |shape: &Shape| {
                claims.extend(shape.touched(grid).into_iter().map(|blocks| Claim { label: *label, track: 0, blocks }));
            };
            claim(shape);
            if let Some(shape) = scaled(shape) {
                claim(&shape);
            }
        }
        match self.mode {
            Mode::Masks => {}
            Mode::Inverse => {
                // In a picture of another size only what is shown either way is shown.
                let mut shown = Shown::new(grid);
                for zone in &self.zones {
                    shown.add(&zone.inside(grid), scaled(zone).map(|zone| zone.inside(grid)).as_deref());
                }
                let outside = grid.runs(|column, row| (!shown.block(column, row)).then_some(()));
                claims.extend(outside.into_iter().map(|((), blocks)| Claim { label: Label::OUTSIDE, track: 0, blocks }));
            }
            Mode::All => claims.push(whole(grid)),
        }
        claims
    }

    /// The claims under the labels of an epoch that is still running: what it does not know goes under `whole-frame`.
    pub(super) fn claims_under(&mut self, size: Size, first: Size, running: &Labels) -> Vec<Claim> {
        let claims = self.claims(size, first);
        let known = |label: Label| self.labels.name(label).and_then(|name| running.find(name)).unwrap_or(Label::WHOLE_FRAME);
        claims.iter().map(|claim| Claim { label: known(claim.label), ..*claim }).collect()
    }
}

/// Blocks that lie in a zone.
struct Shown {
    columns: usize,
    blocks: Vec<bool>,
}

impl Shown {
    fn new(grid: Grid) -> Self {
        let all = grid.all();
        Self { columns: all.right.into(), blocks: vec![false; usize::from(all.right) * usize::from(all.bottom)] }
    }

    /// Adds the blocks of a zone, those that are also among the others where there are any.
    fn add(&mut self, zone: &[Blocks], others: Option<&[Blocks]>) {
        for blocks in zone {
            for row in blocks.top..blocks.bottom {
                for column in blocks.left..blocks.right {
                    let shown = others.is_none_or(|others| others.iter().any(|other| other.has(column, row)));
                    if let Some(block) = self.blocks.get_mut(usize::from(row) * self.columns + usize::from(column)) {
                        *block |= shown;
                    }
                }
            }
        }
    }

    fn block(&self, column: u16, row: u16) -> bool {
        self.blocks.get(usize::from(row) * self.columns + usize::from(column)).copied().unwrap_or(false)
    }
}
