//! What one picture hides: what the config says for it, and what was found in it.

use std::sync::Arc;

use wire::label::{Label, Labels};
use wire::region::Region;

use super::coarse::{fitting, whole};
use super::grid::{Claim, Grid};

/// To how many blocks face masks are rounded when there would be too many regions, one after the other.
const COARSER: [u16; 4] = [2, 4, 8, 16];

/// What the config hides in one picture.
#[derive(Debug, Clone)]
pub(super) struct Hidden {
    grid: Grid,
    /// What the labels of its regions are called.
    labels: Arc<Labels>,
    claims: Arc<[Claim]>,
}

impl Hidden {
    /// Of claims that fit into a frame together with a mask over the whole of it.
    pub(super) const fn new(grid: Grid, labels: Arc<Labels>, claims: Arc<[Claim]>) -> Self {
        Self { grid, labels, claims }
    }

    pub(super) const fn labels(&self) -> &Arc<Labels> {
        &self.labels
    }

    /// The same and more.
    pub(super) fn and(&self, more: &[Claim]) -> Self {
        let claims = self.claims.iter().chain(more).copied().collect();
        Self { claims: fitting(self.grid, claims).into(), ..self.clone() }
    }

    /// Its regions with those of what was found; `None` where they would be too many however coarse.
    pub(super) fn with(&self, found: &[Claim]) -> Option<Vec<Region>> {
        let coarser = |step: u16| {
            let coarse: Vec<Claim> =
                found.iter().map(|claim| Claim { track: 0, blocks: self.grid.coarsen(claim.blocks, step), ..*claim }).collect();
            self.regions(&coarse)
        };
        // Never less masked: what is too finely cut is covered by larger rectangles.
        self.regions(found).or_else(|| coarser(1)).or_else(|| COARSER.into_iter().find_map(coarser))
    }

    /// Regions that hide everything: what the config names under its labels, the rest under `whole-frame`.
    pub(super) fn everything(&self) -> Vec<Region> {
        // One rectangle is always possible; it is never needed, since the claims were made to fit.
        let one = || self.grid.regions(&[whole(self.grid)]);
        self.regions(&[whole(self.grid)]).or_else(one).unwrap_or_default()
    }

    /// Claims on the blocks of the faces among these regions.
    pub(super) fn faces(&self, regions: &[Region]) -> Vec<Claim> {
        regions.iter().filter(|region| region.label == Label::FACE).map(|region| self.grid.claim(region)).collect()
    }

    fn regions(&self, more: &[Claim]) -> Option<Vec<Region>> {
        self.grid.regions(&self.claims.iter().chain(more).copied().collect::<Vec<_>>())
    }
}
