//! A model and an adapter become one file.

use crate::arguments::{MergeAdapterArguments, Stored};
use crate::exit::{Exit, Stop};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::run;
use lunette::model::{Recipe, merge as write};
use lunette::source::FileModel;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

/// Writes beside the wanted place first: what is there under its name is whole.
pub fn merge(arguments: &MergeAdapterArguments) -> Result<Exit, Stop> {
    let out = &arguments.out;
    if out.exists() {
        return Err(Stop::Fault(format!("{} is there already; name another, or remove it", out.display())));
    }
    if !arguments.adapter_scale.is_finite() {
        return Err(Stop::Fault("--adapter-scale must be a number".into()));
    }
    let model = run::model(arguments.model.as_ref())?;
    let adapter = run::adapter(&arguments.adapter, "--adapter")?;
    let unfinished = out.with_added_extension("unfinished");
    let written = fill(arguments, &model, adapter, &unfinished)
        .and_then(|()| fs::rename(&unfinished, out).map_err(|error| unwritable(out, error)));
    if written.is_err() {
        // It may not have been made at all.
        let _ = fs::remove_file(&unfinished);
    }
    written.map(|()| Exit::Done)
}

fn fill(
    arguments: &MergeAdapterArguments,
    model: &Path,
    adapter: std::rc::Rc<lunette::model::Adapter>,
    to: &Path,
) -> Result<(), Stop> {
    let recipe = match arguments.quantization {
        Stored::Same => Recipe::AsTheBase,
        Stored::F16 => Recipe::F16,
        Stored::Q8 => Recipe::Q8_0,
        Stored::Q4KM => Recipe::Q4_K_M,
    };
    let base = FileModel::open(model)?;
    let interrupt = Interrupt::listen()?;
    let mut progress = Progress::new(arguments.quiet, false);
    let file = File::create(to).map_err(|error| unwritable(to, error))?;
    let mut shown = |p| progress.loading(p);
    let merged =
        write(&base, adapter, arguments.adapter_scale, recipe, BufWriter::new(file), &mut shown, &interrupt);
    let file = pollster::block_on(merged);
    progress.clear();
    // Else a full disk could go unnoticed.
    let file = file?.into_inner().map_err(|error| unwritable(to, error.into_error()))?;
    file.sync_all().map_err(|error| unwritable(to, error))
}

fn unwritable(path: &Path, error: std::io::Error) -> Stop {
    Stop::Fault(format!("{} cannot be written: {error}", path.display()))
}
