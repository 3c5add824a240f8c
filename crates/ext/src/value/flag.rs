//! Options without a value.

use super::{Value, ValueCx, ValueError};
use crate::args::Arity;
use oxtables_base::sample::Rng;

/// The value of an option that has none: being given is all it says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flag;

impl Value for Flag {
    const SYNTAX: &'static str = "";
    const ARITY: Arity = Arity::None;

    fn parse(_: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        Ok(Self)
    }
    fn save(&self, _: &mut Vec<u8>) {}
    fn sample(_: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        Vec::new()
    }
}
