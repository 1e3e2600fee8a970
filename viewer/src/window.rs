//! The window: what `viewer watch --window` shows, and the keys that lift and lower the masks.
//!
//! Two sides meet in an [`inbox`], where the newest frame wins. The network's side ([`feed`]) takes verified frames, opens and composes
//! them ([`masks`]) as it is wished ([`wish`]), and says how the stream stands ([`view`]). The window's side ([`app`]) turns that into a
//! [`scene`] and paints it ([`paint`]) into plain pixels, which needs no display; only [`app`] and [`display`] know the window system.
//!
//! Painting, from below: where things lie ([`fit`]), pixels ([`canvas`]), letters ([`text`]), the scaled picture ([`scaled`]), the frame
//! around what is unlocked ([`outline`]).

pub mod wish;

pub mod view;

pub mod masks;

pub mod inbox;

pub mod feed;

pub mod fit;

pub mod canvas;

pub mod text;

pub mod scaled;

pub mod outline;

mod look;

pub mod scene;

mod bar;
mod cards;

pub mod paint;

pub mod keys;

pub mod app;

pub mod display;
